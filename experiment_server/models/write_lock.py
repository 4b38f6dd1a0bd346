"""Who may write to a SQLite database next: a queue over threads and processes.

SQLite has one writer. Those that wait for it sleep for up to a tenth of a second between two attempts, so
that one of them may wait for seconds while others come and go. Here they ask often and in turn: the threads
of a process wait for each other, and one of them for the other processes.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy.exc import OperationalError

#: seconds between two attempts to get ahead of other processes
INTERVAL = 0.0003


class WriteLock:
    """The turn to write to one database; the lock that decides is still SQLite's own.

    It is a lock on a file beside the database, which the kernel releases when a process dies. Each turn opens
    the file anew, so that processes which were forked do not share a turn.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()

    @contextmanager
    def held(self, seconds: float) -> Iterator[None]:
        """Have the turn while the block runs. Raises OperationalError after waiting for ``seconds``."""
        until = time.monotonic() + seconds
        if not self._threads.acquire(timeout=seconds):
            raise _locked()
        try:
            with self._before_other_processes(until):
                yield
        finally:
            self._threads.release()

    @contextmanager
    def _before_other_processes(self, until: float) -> Iterator[None]:
        """Where there can be no such file or lock, SQLite's own lock is enough, and it says what is wrong."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            yield
            return
        try:
            with suppress(OSError):
                _lock(handle, until)
            yield
        finally:
            os.close(handle)


def _lock(handle: int, until: float) -> None:
    """Ask until it is granted: a wait in the kernel would have no end if its holder were stopped."""
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise _locked() from None
            time.sleep(INTERVAL)


def _locked() -> OperationalError:
    """What SQLite says too when it has waited for too long."""
    return OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
