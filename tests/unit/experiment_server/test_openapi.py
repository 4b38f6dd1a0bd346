"""The OpenAPI document has every route, and docs/participant-api.md has every code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiment_server.api.openapi import document
from experiment_server.app import create_app
from experiment_server.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "participant-api.md").read_text(encoding="utf-8")


@pytest.fixture
def described(tmp_path: Path) -> dict[str, Any]:
    app = create_app(Settings(data_dir=tmp_path))
    api = document(app)
    api["routes"] = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    return api


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_each_route_is_described(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    assert len(described["routes"]) == 12
    paths = {(path, method) for path, item in described["paths"].items() for method in item}
    assert paths == described["routes"]


def test_each_route_is_on_the_page(described: dict[str, Any]) -> None:
    for path, method in described["routes"]:
        assert f"`{method.upper()} {path.removeprefix('/api/v1')}" in PAGE


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    described.pop("routes")
    names = {reference.removeprefix("#/components/schemas/") for reference in references(described)}
    assert names == set(described["components"]["schemas"])
    assert json.loads(json.dumps(described)) == described


def test_a_path_s_parameters_are_described(described: dict[str, Any]) -> None:
    for path, item in described["paths"].items():
        for operation in item.values():
            named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))


def test_requests_are_bounded(described: dict[str, Any]) -> None:
    fields = described["components"]["schemas"]["ResponseBody"]
    assert fields["additionalProperties"] is False
    assert fields["properties"]["response"]["maxLength"] == 200
    assert fields["properties"]["rt_ms"] == {
        "maximum": 86_400_000.0,
        "minimum": 0,
        "title": "Rt Ms",
        "type": "number",
    }
    assert set(fields["required"]) == {"response_uuid", "response", "dont_know", "rt_ms"}


def test_every_code_that_the_server_gives_is_on_the_page() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "experiment_server").rglob("*.py"))
    given = set(re.findall(r'(?:conflict|exhausted|ApiError)\(\s*(?:\d+,\s*)?"(\w+)"', source))
    assert len(given) > 12
    assert not [code for code in given if f"`{code}`" not in PAGE]


def test_a_refusal_that_may_be_repeated_says_when(described: dict[str, Any]) -> None:
    replies = [
        (status, reply)
        for item in described["paths"].values()
        for operation in item.values()
        for status, reply in operation["responses"].items()
    ]
    assert {status for status, reply in replies if "Retry-After" in reply.get("headers", {})} == {
        "429",
        "503",
    }
    assert all("headers" in reply for status, reply in replies if status in ("429", "503"))
