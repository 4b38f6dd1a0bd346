"""docs/schema.md names every table and column, and what NULL means, as the models have them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Table, UniqueConstraint

from experiment_server.models import Base
from experiment_server.models.event import EVENT_KINDS

PAGE = Path(__file__).parents[3] / "docs" / "schema.md"
TABLES = list(Base.metadata.sorted_tables)


def sections() -> dict[str, str]:
    parts = re.split(r"^## (\w+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def columns_on_page(table: str) -> dict[str, str]:
    """Column -> what the page says NULL means."""
    rows = re.findall(r"^\| `(\w+)` \|.*\|([^|]*)\|$", sections()[table], flags=re.MULTILINE)
    return {name: null.strip() for name, null in rows}


def test_every_table_has_its_section() -> None:
    assert set(sections()) == {table.name for table in TABLES}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_described(table: Table) -> None:
    on_page = columns_on_page(table.name)
    assert list(on_page) == [column.name for column in table.columns]
    said = {name for name, null in on_page.items() if null}
    assert said == {column.name for column in table.columns if column.nullable}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_unique_constraints_and_foreign_keys_are_described(table: Table) -> None:
    section = " ".join(sections()[table.name].split())
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            assert f"`{', '.join(constraint.columns.keys())}`" in section.partition("| column")[0]
    for key in table.foreign_keys:
        assert f"→ `{key.target_fullname}`" in section
    for index in table.indexes:
        assert f"`{', '.join(index.columns.keys())}`" in section.partition("| column")[0]


def test_every_kind_of_event_is_described() -> None:
    assert all(f"`{kind}`" in sections()["event"] for kind in EVENT_KINDS)
