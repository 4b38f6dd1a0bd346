"""The database as it was at one moment, so that the parts of what leaves fit each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from exports.exclusions import record_exclusions
from exports.studies import StudyRecord, load_study


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one moment, however long it takes and whatever is written meanwhile."""
    with engine.connect() as connection:
        is_postgres = connection.dialect.name == "postgresql"
        if is_postgres:
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            if is_postgres:
                # answers are judged between statements, which may take longer than a server may be idle
                connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            yield connection


@contextmanager
def study_snapshot(
    engine: Engine, name: str, now: datetime | None = None
) -> Iterator[tuple[Connection, StudyRecord]]:
    """A study at one moment, after what its frozen rules exclude was recorded as of ``now``.

    Whoever ends or answers their last trial between the two is judged the next time. Raises UserError if
    there is no such study.
    """
    with snapshot(engine) as connection:
        study = load_study(connection, name)
    record_exclusions(engine, study.id, now)
    with snapshot(engine) as connection:
        yield connection, load_study(connection, name)
