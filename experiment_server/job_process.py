"""A job's command as a process of its own, and the folders that its output is made in.

The output is made in ``jobs/.<id>`` of the data directory and put in place by one rename to ``jobs/<id>``:
what stands there is whole. One job runs at a time: who runs it holds a lock on a file, and so does the
command, which may outlive the worker that started it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from experiment_server.services.jobs import JobRow
from experiment_server.settings import Settings
from stimuli.files import make_folder

MANAGE = Path(__file__).resolve().parents[1] / "manage.py"
#: kind of job -> its output's name in the job's folder
OUTPUTS = {"export": "dataset", "report": "report.html", "score": "results.csv"}
#: umask of a job's command: what it makes is readable by its owner only
PRIVATE = 0o077
#: seconds that a command has to end when it is told to
GRACE_SECONDS = 10
#: bytes of a command's last words that are read, and characters of its sentence that are kept
TAIL_BYTES = 65_536
LONGEST_SENTENCE = 500
#: what Prolific's IDs look like; a sentence about a user's file might quote one
_PROLIFIC_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{24}(?![0-9A-Za-z])")


@dataclass(frozen=True)
class JobsFolder:
    """The folder of all jobs' outputs."""

    path: Path

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The jobs' folder in the data directory."""
        return cls(settings.data_dir.absolute() / "jobs")

    def output(self, job: JobRow) -> Path:
        """Where the job's finished output is."""
        return self.path / str(job.id)

    def unfinished(self, job: JobRow) -> Path:
        """Where the job's output is made."""
        return self.path / f".{job.id}"

    def clear(self, job: JobRow) -> None:
        """Throw away what an attempt left unfinished. The lock is held, and no command runs."""
        shutil.rmtree(self.unfinished(job), ignore_errors=True)

    def lock(self) -> int | None:
        """The open file that whoever runs a job holds; None while another process does.

        It is free again when every process that was given it has closed it or ended. Raises UserError if
        the folder cannot be written to.
        """
        lock = os.open(make_folder(self.path, private=True) / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock


class JobProcess:
    """A job that runs. ``lock`` is the jobs folder's, which this takes over and releases in the end."""

    def __init__(self, folder: JobsFolder, job: JobRow, lock: int) -> None:
        """Start the command. Raises OSError if it cannot be started."""
        self.job = job
        self._lock = lock
        self._folder = folder
        self._output = folder.output(job)
        self._unfinished = folder.unfinished(job)
        self._unfinished.mkdir(mode=0o700)
        self._made = self._unfinished / OUTPUTS[job.kind]
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by release
        self._process = subprocess.Popen(
            command(job, self._made),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            pass_fds=(lock,),
            start_new_session=True,
            umask=PRIVATE,
        )

    @property
    def ended(self) -> bool:
        """Whether the command has ended."""
        return self._process.poll() is not None

    @property
    def was_killed(self) -> bool:
        """Whether it was ended by a signal."""
        return self._process.wait() < 0

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well and made its output."""
        return self._process.wait() == 0 and (self._made.exists() or self._output.exists())

    def make_durable(self) -> None:
        """Wait until the output is safe on the disk; it is, once it is in place."""
        if not self._output.exists():
            for path in [*self._unfinished.rglob("*"), self._unfinished]:
                _sync(path)

    def put_in_place(self) -> None:
        """Give the output its name; again, it changes nothing."""
        if not self._output.exists():
            self._unfinished.rename(self._output)
            _sync(self._output.parent)

    def sentence(self) -> str:
        """Why the command failed: its own one sentence if it had one."""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = self._said.read().decode(errors="replace").splitlines()
        told = [line.removeprefix("Error: ") for line in lines if line.startswith("Error: ")]
        if told:
            return _PROLIFIC_ID.sub("[removed]", told[-1])[:LONGEST_SENTENCE]
        status = self._process.wait()
        return f"the command ended with status {status} and no word; run it by hand: {by_hand(self.job)}"

    def stop(self) -> None:
        """End the command, and all that it has started, if it still runs."""
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            if not self.ended:
                os.killpg(self._process.pid, signal.SIGTERM)
                self._process.wait(GRACE_SECONDS)
        with suppress(ProcessLookupError):
            if not self.ended:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def release(self) -> None:
        """Throw away what is unfinished, and let another job run. The command has ended."""
        self._folder.clear(self.job)
        self._said.close()
        os.close(self._lock)


def command(job: JobRow, made: Path) -> list[str]:
    """The command line that makes a job's output."""
    output = [str(made)] if job.kind == "score" else ["--out", str(made)]
    return [sys.executable, str(MANAGE), job.kind, *job.arguments, *output, "--quiet"]


def by_hand(job: JobRow) -> str:
    """What a user would type for the same output."""
    output = [OUTPUTS[job.kind]] if job.kind == "score" else ["--out", OUTPUTS[job.kind]]
    return shlex.join(["python", "manage.py", job.kind, *job.arguments, *output])


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
