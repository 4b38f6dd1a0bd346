"""A study that goes on while it is exported: what is written is of one moment."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, event, insert, select

from experiment_server.models import Response, Session, Trial
from experiment_server.models.database import connect, set_wal, writing
from exports.datasets import export_study
from exports.report.build import Sources, write_report
from tests.functional.finished_study import BEGIN, FinishedStudy, finished_study

Change = Callable[[Connection], None]


@pytest.fixture
def study(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FinishedStudy]:
    """The session that goes on has no answer yet."""
    monkeypatch.setenv("INTERPSCORE_DATABASE_URL", database_url)
    made = finished_study(tmp_path / "study", flags=("catch",))
    set_wal(made.engine)
    going_on = select(Session.id).where(Session.outcome.is_(None))
    with writing(made.engine) as connection:
        connection.execute(delete(Response).where(Response.session_id.in_(going_on)))
    yield made
    made.engine.dispose()


def answer_one(connection: Connection) -> None:
    """Let the session that goes on answer one more trial."""
    trials = select(Trial.id, Trial.session_id).join(Session, Session.id == Trial.session_id)
    trials = trials.outerjoin(Response, Response.trial_id == Trial.id)
    trials = trials.where(Session.outcome.is_(None), Response.id.is_(None)).order_by(Trial.trial_index)
    trial = connection.execute(trials).first()
    assert trial is not None
    given: dict[str, Any] = {"response": "dog", "dont_know": False, "rt_ms": 900.0, "presented_again": False}
    ids = {"trial_id": trial.id, "session_id": trial.session_id, "response_uuid": str(uuid.uuid4())}
    connection.execute(insert(Response).values(**ids, **given, received_at=BEGIN, client={}))


def delete_one(connection: Connection) -> None:
    """Delete all answers of one more session, as its participant may wish."""
    there = select(Response.session_id).distinct().order_by(Response.session_id)
    one = connection.scalars(there.limit(1)).one()
    connection.execute(delete(Response).where(Response.session_id == one))


@contextmanager
def meanwhile(study: FinishedStudy, change: Change) -> Iterator[list[str]]:
    """Do the change from another's connection before the statement that reads the answers, and the next one.

    Gives a list with these two statements.
    """
    other = connect(study.settings)
    done: list[str] = []

    def before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if len(done) == 1 or (not done and "exposure_frames" in statement):
            with writing(other) as connection:
                change(connection)
            done.append(statement)

    event.listen(study.engine, "before_cursor_execute", before)
    try:
        yield done
    finally:
        event.remove(study.engine, "before_cursor_execute", before)
        other.dispose()


@pytest.mark.parametrize("change", [answer_one, delete_one])
def test_dataset_and_report_are_of_one_moment(study: FinishedStudy, tmp_path: Path, change: Change) -> None:
    def dataset(name: str) -> dict[str, bytes]:
        export_study(study.engine, study.name, tmp_path / name, now=BEGIN, formats=["csv"])
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    def page(name: str) -> bytes:
        write_report(study.engine, study.name, tmp_path / name, Sources(tmp_path))
        return (tmp_path / name).read_bytes()

    for write in (page, dataset):
        first = write(f"first.{write.__name__}.html")
        with meanwhile(study, change) as done:
            assert write(f"second.{write.__name__}.html") == first
        assert len(done) == 2
        assert write(f"third.{write.__name__}.html") != first
