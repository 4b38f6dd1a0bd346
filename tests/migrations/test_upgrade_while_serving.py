"""A database that is upgraded while servers use it: nothing is lost, and they go on."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, inspect
from sqlalchemy.engine import make_url

from experiment_server.migrations import schema
from experiment_server.models import database
from experiment_server.models.database import connect, explaining
from experiment_server.settings import Settings
from stimuli.errors import UserError
from tests.functional.answering import ROOMY_STUDY, answering, require_all, unlimited
from tests.functional.server_fixture import create_from, running_server
from tests.functional.study_files import make_study
from tests.migrations.first_version import FIRST, contents, make_first_version

#: a version after the newest; PostgreSQL's statements that were prepared before it give another type now
NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{newest}"

def upgrade():
    for table in ("session", "trial", "response"):
        op.add_column(table, sa.Column("note", sa.Text(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("trial", "public_id", type_=sa.Text())
        op.alter_column("stimulus", "width", type_=sa.BigInteger())
"""


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings that let participants be faster than people are."""
    return unlimited(tmp_path / "data", database_url)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings)
    yield engine
    engine.dispose()


def learn_next_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let upgrades in this process know one version more than servers do."""
    shutil.copytree(schema.HERE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_next.py").write_text(NEXT.format(newest=schema.newest()), encoding="utf-8")
    monkeypatch.setattr(schema, "HERE", folder)


def test_a_server_goes_on_while_its_database_is_upgraded_and_after(
    settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_from(settings, make_study(tmp_path / "study", ROOMY_STUDY))
    with running_server(settings) as server, answering(server.url) as group:
        group.go_on(100)
        learn_next_version(tmp_path / "migrations", monkeypatch)
        assert upgraded(settings, engine) == "9999"
        group.go_on(100)
    require_all(settings, group)
    assert "note" in {column["name"] for column in inspect(engine).get_columns("response")}


def upgraded(settings: Settings, engine: Engine) -> str | None:
    """Upgrade, again while others hold what it needs; returns the revision after."""
    for _ in range(10):
        try:
            with explaining(settings):
                return schema.upgrade(engine)[1]
        except UserError as error:
            assert str(error).endswith("; something else is using it; try again in a moment")  # noqa: PT017
    raise AssertionError("the upgrade never had its turn")


def test_an_upgrade_behind_a_long_transaction_is_one_sentence_and_changes_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_BUSY_MS", 300)
    monkeypatch.setattr(database, "POSTGRES_OPTIONS", "-c lock_timeout=300")
    engine = connect(settings)
    before = make_first_version(engine)
    with held(settings), pytest.raises(UserError) as caught, explaining(settings):
        schema.upgrade(engine)
    reason = {
        "sqlite": "database is locked",
        "postgresql": "canceling statement due to lock timeout",
    }[engine.dialect.name]
    where = make_url(settings.url).render_as_string()
    assert str(caught.value) == (
        f"the database {where} does not answer ({reason}); something else is using it; try again in a moment"
    )
    assert contents(engine) == before
    assert schema.upgrade(engine) == (FIRST, schema.newest())
    engine.dispose()


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """Somebody else's transaction that an upgrade has to wait for: a writer on SQLite, else a reader."""
    url = make_url(settings.url)
    if url.database is not None and url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
        return
    with psycopg.connect(settings.url.replace("+psycopg", "")) as reader:
        reader.execute("SELECT count(*) FROM session")
        yield
