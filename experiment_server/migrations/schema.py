"""Moving a database to another version of the schema.

Alembic is loaded only where there is something to move: a server that starts usually finds nothing to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from experiment_server.models.database import set_wal, writing
from stimuli.errors import UserError

if TYPE_CHECKING:
    from alembic.config import Config

HERE = Path(__file__).parent
#: the table in which Alembic notes a database's revision
NOTED = "alembic_version"
#: any number, the same in every server: PostgreSQL's advisory lock for upgrades
UPGRADE_LOCK = 7_413_001


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest() -> str:
    """The revision that this version of InterpScore works with."""
    return max(_known())


def _known() -> set[str]:
    """All revisions: each is the number that its file's name begins with."""
    return {path.name[:4] for path in (HERE / "versions").glob("[0-9][0-9][0-9][0-9]_*.py")}


def current(connection: Connection) -> str | None:
    """The revision that a database is at; None if it is empty."""
    if not inspect(connection).has_table(NOTED):
        return None
    return connection.execute(text(f"SELECT version_num FROM {NOTED}")).scalar_one_or_none()  # noqa: S608


def upgrade(engine: Engine, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring a database up to a revision, in one transaction; returns the revisions before and after.

    Raises UserError if the database was made by a newer InterpScore, or may only be read.
    """
    set_wal(engine)
    with writing(engine) as connection:
        _one_at_a_time(connection)
        before = current(connection)
        _refuse_unknown(before)
        if revision != "head" or before != newest():
            from alembic import command

            command.upgrade(_config(connection), revision)
        return before, current(connection)


def _one_at_a_time(connection: Connection) -> None:
    """Let a second server that starts now wait for the first; SQLite's write lock does so already.

    An upgrade may take as long as it needs; it waits for others' locks no longer than anybody does.
    """
    if connection.dialect.name == "postgresql":
        _refuse_read_only(connection)
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})


def _refuse_read_only(connection: Connection) -> None:
    if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
        where = connection.engine.url.render_as_string(hide_password=True)
        raise UserError(f"the database {where} is read-only; make it writable, or name another one")


def downgrade(engine: Engine, revision: str) -> None:
    """Take a database back to an older revision, or to nothing with ``base``. Its newer data is lost."""
    from alembic import command

    with writing(engine) as connection:
        command.downgrade(_config(connection), revision)


def require_newest(engine: Engine) -> None:
    """Raise UserError if the database is not at the newest revision. It makes no database."""
    at = None if _is_absent(engine) else _revision(engine)
    if at is None:
        where = engine.url.render_as_string(hide_password=True)
        raise UserError(
            f"there is no study database at {where}; name the right one with INTERPSCORE_DATA_DIR or "
            "INTERPSCORE_DATABASE_URL, or make it with: python manage.py study create FILE"
        )
    _refuse_unknown(at)
    if at != newest():
        raise UserError("the database is not set up for this version; run: python manage.py db upgrade")


def _is_absent(engine: Engine) -> bool:
    """True for a SQLite file that is not there, which connecting would create."""
    return engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists()


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return current(connection)


def _refuse_unknown(revision: str | None) -> None:
    if revision is not None and revision not in _known():
        raise UserError(
            f"the database is at revision {revision}, which this version does not know; "
            "install the newer InterpScore that made it"
        )
