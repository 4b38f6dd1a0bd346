from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from experiment_server.app import create_app
from experiment_server.context import EXTENSION, Server
from experiment_server.design.freeze import canonical
from experiment_server.migrations.schema import upgrade
from experiment_server.models import Study
from experiment_server.models.database import writing
from experiment_server.settings import Settings

CREDITS = [
    {"credit": "Ada Example", "credit_url": "https://example.org/ada", "licence": "CC BY 4.0"},
    {"credit": "Bo <b>Sample</b>", "credit_url": "", "licence": "MIT"},
    {"credit": "Bo <b>Sample</b>", "credit_url": "", "licence": "MIT"},
    {"credit": "", "credit_url": "", "licence": ""},
]


def definition(credits: list[dict[str, str]]) -> str:
    condition = {"perturbation": "clean", "severity": None, "level": 1, "role": "clean"}
    study = {
        "format_version": 1,
        "name": "shapes",
        "title": "Shapes & sizes",
        "concepts": ["lighthouse", "umbrella"],
        "places": 3,
        "seed": 0,
        "condition": [condition],
        "trials": {"test": 2},
        "texts": {"consent": "c", "instructions": "i", "debrief": "d"},
        "completion_codes": {"completed": "A", "no_consent": "B", "withdrawn": "C"},
    }
    return canonical({"study": study, "masks": [], "lexicon": None, "credits": credits})


def add_study(app: flask.Flask, name: str, credits: list[dict[str, str]]) -> None:
    server: Server = app.extensions[EXTENSION]
    values: dict[str, Any] = {
        "name": name,
        "title": "Shapes & sizes",
        "definition": definition(credits),
        "sha256": name.ljust(64, "0"),
        "seed": 0,
        "places": 3,
        "status": "open",
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "format_version": 1,
    }
    with writing(server.engine) as connection:
        connection.execute(insert(Study).values(values))


@pytest.fixture
def app(tmp_path: Path) -> flask.Flask:
    app = create_app(Settings(data_dir=tmp_path / "data"))
    server: Server = app.extensions[EXTENSION]
    upgrade(server.engine)
    add_study(app, "shapes", CREDITS)
    add_study(app, "uncredited", [])
    static = tmp_path / "static"
    static.mkdir()
    for name in ("app.js", "app.css", "icon.svg"):
        (static / name).write_text(f"built {name}")
    app.static_folder = str(static)
    return app


@pytest.fixture
def client(app: flask.Flask) -> FlaskClient:
    return app.test_client()


def test_page_tells_the_front_end_where_it_is(client: FlaskClient) -> None:
    reply = client.get("/s/shapes?PROLIFIC_PID=5f&STUDY_ID=a&SESSION_ID=b")
    assert reply.status_code == 200
    assert reply.mimetype == "text/html"
    assert '<body data-study="shapes" data-api="/api/v1" data-credits="/s/shapes/credits">' in reply.text
    assert "<title>Shapes &amp; sizes</title>" in reply.text
    assert reply.headers["Cache-Control"] == "no-cache"


def test_page_names_neither_the_participant_nor_an_answer(client: FlaskClient) -> None:
    text = client.get("/s/shapes?PROLIFIC_PID=5f1234&STUDY_ID=a&SESSION_ID=b").text
    assert "5f1234" not in text
    assert "lighthouse" not in text


@pytest.mark.parametrize("path", ["/s/shapes", "/s/shapes/credits", "/s/none", "/s/none/credits"])
def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(client: FlaskClient, path: str) -> None:
    reply = client.get(path)
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", reply.text)
    linked = re.findall(r'<(?:script|link)[^>]* (?:src|href)="([^"]*)"', reply.text)
    assert linked
    assert all(re.fullmatch(r"/static/[a-z.]+\?v=[0-9a-f]{12}", address) for address in linked)
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "unsafe" not in reply.headers["Content-Security-Policy"]


def test_a_new_build_has_a_new_address(client: FlaskClient, app: flask.Flask) -> None:
    before = client.get("/s/shapes").text
    assert client.get("/s/shapes").text == before
    (Path(app.static_folder or "") / "app.js").write_text("built again")
    assert client.get("/s/shapes").text != before


@pytest.mark.parametrize("path", ["/s/none", "/s/none/credits", "/s/No%20Slug"])
def test_unknown_study_is_a_page(client: FlaskClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code == 404
    assert "<h1>There is no study here</h1>" in reply.text
    assert "Please check the link that you were given." in reply.text


def test_credits_are_listed_once_and_escaped(client: FlaskClient) -> None:
    text = client.get("/s/shapes/credits").text
    assert text.count("<tr>") == 3
    assert '<a href="https://example.org/ada" rel="noreferrer">Ada Example</a>' in text
    assert text.count("Bo &lt;b&gt;Sample&lt;/b&gt;") == 1
    assert text.index("Ada Example") < text.index("Bo &lt;b&gt;")


def test_a_study_without_credits_says_so(client: FlaskClient) -> None:
    assert "No credits are recorded for this study’s pictures." in client.get("/s/uncredited/credits").text


@pytest.mark.parametrize("path", ["/s/shapes", "/s/shapes/credits", "/s/none"])
def test_without_the_built_front_end_the_page_says_what_to_do(
    client: FlaskClient, app: flask.Flask, path: str
) -> None:
    (Path(app.static_folder or "") / "app.js").unlink()
    reply = client.get(path)
    assert reply.status_code == 503
    assert reply.text == "The participants' page is not built; run `make setup` in the project's folder.\n"
