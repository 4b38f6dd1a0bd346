"""A job's command: how it is told, what is kept of its last words, and the lock that it holds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from experiment_server import job_process
from experiment_server.job_process import JobProcess, JobsFolder, by_hand, command
from experiment_server.services.jobs import JobRow
from tests.unit.experiment_server.test_leases import START

PID = Random(1).randbytes(12).hex()


def job(kind: str, *arguments: str) -> JobRow:
    return JobRow(4, kind, arguments, "running", 1, START, START, None, None)


def test_the_output_stands_where_the_command_wants_it() -> None:
    assert command(job("export", "demo"), Path("/made"))[2:] == [
        "export",
        "demo",
        "--out",
        "/made",
        "--quiet",
    ]
    assert command(job("score", "map.json"), Path("/made"))[2:] == ["score", "map.json", "/made", "--quiet"]


def test_by_hand_is_what_a_user_would_type() -> None:
    written = by_hand(job("report", "demo", "--manifest", "/a folder"))
    assert written == "python manage.py report demo --manifest '/a folder' --out report.html"
    assert by_hand(job("score", "map.json")) == "python manage.py score map.json results.csv"


@contextmanager
def running(folder: Path, program: str) -> Iterator[JobProcess]:
    """A job whose command is another program."""
    folder_of_jobs = JobsFolder(folder / "jobs")
    lock = folder_of_jobs.lock()
    assert lock is not None
    path = folder / "manage.py"
    path.write_text("import pathlib, sys, time, os, signal\nout = pathlib.Path(sys.argv[-2])\n" + program)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_process, "MANAGE", path)
        process = JobProcess(folder_of_jobs, job("export"), lock)
    yield process
    process.stop()
    process.release()


def wait(process: JobProcess) -> None:
    deadline = time.monotonic() + 30
    while not process.ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)


LAST_WORDS = {
    "sys.exit('a warning\\nError: one\\nError: the disk is full; free some')": "the disk is full; free some",
    f"sys.exit('Error: who is {PID}?')": "who is [removed]?",
    f"sys.exit('Error: sha {PID * 2}')": f"sha {PID * 2}",
    "sys.exit('Error: ' + 'long ' * 1000)": ("Error: " + "long " * 1000)[7:507],
    "raise ValueError('sailboat')": (
        "the command ended with status 1 and no word; run it by hand: python manage.py export --out dataset"
    ),
    "os.kill(os.getpid(), signal.SIGKILL)": (
        "the command ended with status -9 and no word; run it by hand: python manage.py export --out dataset"
    ),
    "": "the command ended with status 0 and no word; run it by hand: python manage.py export --out dataset",
}


@pytest.mark.parametrize("program", LAST_WORDS)
def test_a_commands_last_words(tmp_path: Path, program: str) -> None:
    with running(tmp_path, program) as process:
        wait(process)
        assert not process.succeeded
        assert process.sentence() == LAST_WORDS[program]


def test_what_is_in_place_is_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    jobs = tmp_path / "jobs"
    with running(tmp_path, "out.mkdir(); (out / 'a').write_text('whole')") as process:
        wait(process)
        assert process.succeeded
        assert not (jobs / "4").exists()
        process.make_durable()
        process.put_in_place()
        process.put_in_place()
        assert process.succeeded
    assert {str(path.relative_to(jobs)) for path in jobs.rglob("*")} == {
        ".lock",
        "4",
        "4/dataset",
        "4/dataset/a",
    }


def test_only_the_owner_can_read_what_is_made(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with running(tmp_path, "out.mkdir(); (out / 'a').write_text('whole')") as process:
            wait(process)
            process.put_in_place()
    finally:
        os.umask(before)
    jobs = tmp_path / "jobs"
    modes = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in [jobs, *jobs.rglob("*")]}
    assert {str(path): oct(mode) for path, mode in modes.items()} == {
        "jobs": "0o700",
        "jobs/.lock": "0o600",
        "jobs/4": "0o700",
        "jobs/4/dataset": "0o700",
        "jobs/4/dataset/a": "0o600",
    }


def test_the_lock_is_held_by_whoever_still_runs(tmp_path: Path) -> None:
    jobs = JobsFolder(tmp_path / "jobs")
    with running(tmp_path, "out.write_text(str(os.getpid())); time.sleep(60)"):
        assert jobs.lock() is None
    free = jobs.lock()
    assert free is not None
    os.close(free)


def test_a_command_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_process, "GRACE_SECONDS", 0.2)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nout.write_text('')\ntime.sleep(60)"
    with running(tmp_path, deaf) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "jobs" / ".4" / "dataset").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.stop()
        assert process.was_killed
        assert process._process.returncode == -signal.SIGKILL
