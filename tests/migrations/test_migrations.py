"""The schema's history leads to the models, up and down, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, inspect, select, text

from experiment_server.migrations import schema
from experiment_server.models import Base, Stimulus, Study
from experiment_server.models.database import connect, reading, writing
from experiment_server.settings import Settings
from stimuli.errors import UserError
from tests.functional.server_fixture import create_from, new_postgres_database


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings)
    yield engine
    engine.dispose()


def described(engine: Engine) -> dict[str, Any]:
    """All tables as the database reports them: columns, keys, unique constraints, checks, indexes."""
    found = inspect(engine)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in found.get_columns(table)
            },
            "primary key": found.get_pk_constraint(table),
            "foreign keys": by_name(found.get_foreign_keys(table)),
            "unique": by_name(found.get_unique_constraints(table)),
            "checks": by_name(found.get_check_constraints(table)),
            "indexes": by_name(found.get_indexes(table)),
        }
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def by_name(items: Any) -> dict[str, Any]:
    return {item["name"]: item for item in items}


def test_the_migrated_schema_equals_the_models(engine: Engine) -> None:
    schema.upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_even_the_checks_and_the_names_are_those_of_the_models(engine: Engine) -> None:
    schema.upgrade(engine)
    migrated = described(engine)
    schema.downgrade(engine, "base")
    Base.metadata.create_all(engine)
    assert migrated == described(engine)


def test_each_file_is_named_after_its_revision_and_they_form_one_line() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.HERE))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    names = [Path(script.path).name for script in scripts]
    assert [name[:4] for name in names] == [script.revision for script in scripts]
    assert [script.revision for script in scripts] == sorted((one.revision for one in scripts), reverse=True)
    assert schema.newest() == scripts[0].revision


def test_up_and_down_again(engine: Engine) -> None:
    assert schema.upgrade(engine) == (None, schema.newest())
    assert schema.upgrade(engine) == (schema.newest(), schema.newest())
    schema.downgrade(engine, "base")
    assert described(engine) == {}
    assert schema.upgrade(engine) == (None, schema.newest())


def test_upgrading_keeps_the_data(engine: Engine, settings: Settings, small_study: Path) -> None:
    create_from(settings, small_study)
    schema.upgrade(engine)
    with reading(engine) as connection:
        assert connection.execute(select(Study.name)).scalar_one() == "small"
        assert connection.execute(select(func.count()).select_from(Stimulus)).scalar_one() == 44


def test_a_database_that_is_not_set_up_is_said(engine: Engine) -> None:
    with pytest.raises(UserError) as caught:
        schema.require_newest(engine)
    expected = (
        f"there is no study database at {engine.url.render_as_string()}; name the right one with "
        "INTERPSCORE_DATA_DIR or INTERPSCORE_DATABASE_URL, or make it with: "
        "python manage.py study create FILE"
    )
    assert str(caught.value) == expected


def test_a_database_of_a_newer_version_is_left_alone(engine: Engine) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (schema.upgrade, schema.require_newest):
        with pytest.raises(UserError) as caught:
            use(engine)
        assert str(caught.value) == (
            "the database is at revision 9999, which this version does not know; "
            "install the newer InterpScore that made it"
        )


def test_sqlite_keeps_a_write_ahead_log_and_syncs_every_commit(tmp_path: Path) -> None:
    engine = connect(Settings(data_dir=tmp_path))
    schema.upgrade(engine)
    with reading(engine) as connection:
        values = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert values == ["wal", 2, 1, 10_000]
    engine.dispose()


@pytest.mark.postgres
def test_postgres_waits_for_the_disk_before_a_commit_ends(postgres_server: str) -> None:
    engine = connect(Settings(database_url=new_postgres_database(postgres_server)))
    with reading(engine) as connection:
        values = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("synchronous_commit", "timezone", "statement_timeout", "lock_timeout")
        }
    assert values == {
        "synchronous_commit": "on",
        "timezone": "UTC",
        "statement_timeout": "15s",
        "lock_timeout": "10s",
    }
    engine.dispose()
