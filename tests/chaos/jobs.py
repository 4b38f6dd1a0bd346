"""Jobs for the worker that is killed: each is done once, however often it was begun."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from experiment_server.context import utc_now
from experiment_server.job_process import OUTPUTS, JobsFolder
from experiment_server.models.database import connect, reading, writing
from experiment_server.services import jobs
from experiment_server.services.jobs import MOST_ATTEMPTS, JobRow
from experiment_server.settings import Settings
from exports.datasets import SUMMARY

#: seconds in which at least one more job must end
PATIENCE_SECONDS = 120.0
#: what jobs may fail with here: a command that reaches no database ends, and so does a job after a few deaths
GAVE_UP = f"the worker died {MOST_ATTEMPTS} times while it ran"
NO_DATABASE = "does not answer ("


def add_export(settings: Settings) -> None:
    """Let an export of the study wait for the worker, as a command does: with a connection of its own."""
    engine = connect(settings)
    try:
        with writing(engine) as connection:
            jobs.add(connection, "export", ["small", "--format", "csv"], utc_now())
    finally:
        engine.dispose()


def ended_jobs(engine: Engine) -> list[JobRow]:
    """All jobs, once none waits or runs; as they are if no more of them end."""
    seen, deadline = -1, 0.0
    while True:
        with reading(engine) as connection:
            found = jobs.every(connection)
        ended = sum(job.finished_at is not None for job in found)
        if ended > seen:
            seen, deadline = ended, time.monotonic() + PATIENCE_SECONDS
        if ended == len(found) or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


def broken_jobs(found: Sequence[JobRow], folder: JobsFolder, said: str) -> list[str]:
    """What is wrong with the jobs; ``said``: what all workers wrote."""
    return [f"job {job.id}: {fault}" for job in found if (fault := _fault(job, folder, said))]


def _fault(job: JobRow, folder: JobsFolder, said: str) -> str:
    output = folder.output(job) / OUTPUTS[job.kind]
    times = said.count(f"Job {job.id} ({job.kind}) is done.")
    if job.state == "done":
        whole = output.is_dir() and _is_whole(output)
        return (
            "" if whole and times <= 1 else f"done, its output is whole: {whole}; it was done {times} times"
        )
    if job.state == "failed" and has_excuse(job) and not output.exists():
        return ""
    return f"{job.state} after {job.attempts} attempts ({job.error}), output there: {output.exists()}"


def has_excuse(job: JobRow) -> bool:
    """True for a job that failed because of the kills."""
    return any(excuse in (job.error or "") for excuse in (GAVE_UP, NO_DATABASE))


def _is_whole(dataset: Path) -> bool:
    """True if the table and the last thing that an export writes are there."""
    return (dataset / "trials.csv").is_file() and (dataset / SUMMARY).is_file()
