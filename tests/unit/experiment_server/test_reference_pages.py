"""docs/settings.md and docs/study-file.md name every setting and every key, with their defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from experiment_server.design.study_file import StudyFile
from experiment_server.settings import Settings

DOCS = Path(__file__).parents[3] / "docs"


def table_in(annotation: object) -> type[BaseModel] | None:
    """The table inside ``Table``, ``Table | None`` or ``tuple[Table, ...]``; None for a plain value."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def keys(table: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every key of the file, dotted, with its default (None where there is none to write)."""
    for name, field in table.model_fields.items():
        inner = table_in(field.annotation)
        if inner is not None:
            yield from keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", "needed" if field.is_required() else field.default


def rows(page: str) -> dict[str, list[str]]:
    """First cell, without its quotes -> the other cells."""
    lines = re.findall(r"^\| `([\w.]+)` \|(.*)\|$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}


def test_every_key_of_a_study_file_is_described_with_its_default() -> None:
    described = rows("study-file.md")
    expected = dict(keys(StudyFile))
    assert set(described) == set(expected)
    for name, default in expected.items():
        shown = described[name][1].strip("`")
        if name == "lexicon.file":
            assert shown == "no lexicon"
        elif isinstance(default, bool):
            assert shown == str(default).lower()
        elif isinstance(default, (str, int)):
            assert shown == str(default)


def test_every_setting_is_described() -> None:
    described = rows("settings.md")
    assert set(described) == {f"INTERPSCORE_{name.upper()}" for name in Settings.model_fields}
    assert {row[0].strip("`") for row in described.values()} == set(Settings.model_fields)
