"""Jobs: exports, reports and scorings that wait for the worker, run, and end.

A job is run by one attempt at a time. Only the holder of the worker's lease changes what is stored of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, insert, select, update

from experiment_server.models import Job
from experiment_server.models.job import JOB_KINDS
from stimuli.errors import UserError

#: attempts that a worker may die in, before the job is thought to be the reason
MOST_ATTEMPTS = 3
#: options that are not a job's to have -> why
_REFUSED_OPTIONS = {
    "--out": "the worker decides where a job's output goes",
    "--force": "a job's output has a folder of its own and replaces nothing",
    "--quiet": "nobody reads what a job's command prints",
    "--json": "nobody reads what a job's command prints",
}


@dataclass(frozen=True)
class JobRow:
    """A job as the services know it; see models/job.py."""

    id: int
    kind: str
    arguments: tuple[str, ...]
    state: str
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None


_COLUMNS = (
    Job.id,
    Job.kind,
    Job.arguments,
    Job.state,
    Job.attempts,
    Job.created_at,
    Job.started_at,
    Job.finished_at,
    Job.error,
)


def _row(columns: Sequence[Any]) -> JobRow:
    key, kind, arguments, *rest = columns
    return JobRow(key, kind, tuple(arguments), *rest)


def check(kind: str, arguments: Sequence[str]) -> None:
    """Raise UserError for a command that cannot be a job, or an option that no job has."""
    if kind not in JOB_KINDS:
        raise UserError(f"{kind} cannot be a job; jobs are {', '.join(JOB_KINDS)}")
    for argument in arguments:
        reason = _REFUSED_OPTIONS.get(argument.partition("=")[0])
        if reason is not None:
            raise UserError(f"{reason}; leave {argument} out")


def add(connection: Connection, kind: str, arguments: Sequence[str], now: datetime) -> int:
    """Let a command wait for the worker; returns the job's id. Raises UserError as ``check`` does."""
    check(kind, arguments)
    values = {"kind": kind, "arguments": list(arguments), "state": "queued", "attempts": 0, "created_at": now}
    return connection.execute(insert(Job).values(values).returning(Job.id)).scalar_one()


def every(connection: Connection) -> list[JobRow]:
    """All jobs, the oldest first."""
    return [_row(row) for row in connection.execute(select(*_COLUMNS).order_by(Job.id))]


def by_id(connection: Connection, job_id: int) -> JobRow:
    """A job. Raises UserError if there is none of that id."""
    row = connection.execute(select(*_COLUMNS).where(Job.id == job_id)).one_or_none()
    if row is None:
        raise UserError(f"there is no job {job_id}; see: python manage.py jobs list")
    return _row(row)


def following(connection: Connection) -> JobRow | None:
    """The job to run next: one that a worker left running, else the oldest that waits; None if none does."""
    left_first = case((Job.state == "running", 0), else_=1)
    statement = select(*_COLUMNS).where(Job.state.in_(("running", "queued"))).order_by(left_first, Job.id)
    row = connection.execute(statement.limit(1)).one_or_none()
    return None if row is None else _row(row)


def begin(connection: Connection, job: JobRow, now: datetime) -> None:
    """Note that an attempt begins."""
    _change(connection, job, state="running", attempts=job.attempts + 1, started_at=now)


def put_back(connection: Connection, job: JobRow) -> None:
    """Let a job wait again whose worker was told to stop; that attempt does not count."""
    _change(connection, job, state="queued", attempts=job.attempts)


def finish(connection: Connection, job: JobRow, now: datetime) -> None:
    """Note that a job is done: its output is in place."""
    _change(connection, job, state="done", finished_at=now)


def fail(connection: Connection, job: JobRow, sentence: str, now: datetime) -> None:
    """Note that a job has failed, and why, in one sentence."""
    _change(connection, job, state="failed", finished_at=now, error=sentence)


def _change(connection: Connection, job: JobRow, **values: Any) -> None:
    connection.execute(update(Job).where(Job.id == job.id).values(**values))
