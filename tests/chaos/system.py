"""The system that is killed: the server, the worker and the database, each started again when it dies."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from experiment_server.settings import Settings
from tests.functional.adaptive_study import ADAPTIVE, TEST, make_adaptive_study, study_toml
from tests.functional.postgres_process import PostgresProcess, wait_until_gone
from tests.functional.server_fixture import ROOT, SECRET, create_from, environment

#: as service managers wait before they start a service again
RESTART_SECONDS = 0.1
START_SECONDS = 60.0
#: no program takes these ports for its own end of a connection, so that a dead server's stays free
PORTS = range(20_000, 32_000)
#: more than a test can use up
UNLIMITED = 1_000_000
#: eight of the test trials are adaptive, so that there is something to choose between two answers
STUDY = (
    study_toml("free_text", places=1_000_000)
    .replace('"adaptive"', '"small"')
    .replace(f"test = {TEST}", "test = 12")
    .replace(f"trials = {ADAPTIVE}", "trials = 8")
    .replace("minutes = 30", "minutes = 1")
)


class Supervised:
    """A ``manage.py`` process that is started again whenever it ends, as a service manager does."""

    def __init__(self, arguments: Sequence[str], settings: Settings, log: Path) -> None:
        self._command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        self._environment = {
            **environment(settings),
            "INTERPSCORE_REQUESTS_PER_MINUTE": str(UNLIMITED),
            "INTERPSCORE_ARRIVALS_PER_MINUTE": str(UNLIMITED),
        }
        self.log = log
        #: ends that nobody's SIGKILL explains: it could not start, or failed
        self.failed = 0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._children: set[psutil.Process] = set()
        self._thread = threading.Thread(target=self._keep_running)

    def start(self) -> None:
        """Start it, and keep it running until ``stop``."""
        self._thread.start()

    def _keep_running(self) -> None:
        while (process := self._start_once()) is not None:
            if process.wait() != -signal.SIGKILL and not self._ending.is_set():
                self.failed += 1
            self._ending.wait(RESTART_SECONDS)

    def _start_once(self) -> subprocess.Popen[bytes] | None:
        with self._lock, self.log.open("ab") as log:
            if self._ending.is_set():
                return None
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            return self._process

    @property
    def said(self) -> str:
        """All that it wrote, in all its lives."""
        return self.log.read_text(errors="replace")

    def process(self) -> subprocess.Popen[bytes]:
        """The process, once there is one."""
        deadline = time.monotonic() + START_SECONDS
        while self._process is None or self._process.poll() is not None:
            assert time.monotonic() < deadline, f"it does not start:\n{self.said}"
            time.sleep(0.01)
        return self._process

    def children(self) -> list[psutil.Process]:
        """The processes that it forked and that are alive."""
        with suppress(psutil.NoSuchProcess):
            found: list[psutil.Process] = psutil.Process(self.process().pid).children(recursive=True)
            self._children.update(found)
            return found
        return []

    def kill(self) -> None:
        """SIGKILL to the process alone. Those that it forked are on their own."""
        self.children()
        self.process().kill()

    def kill_all(self) -> None:
        """SIGKILL to the process and all that it forked, at once."""
        self.children()
        with suppress(ProcessLookupError):
            os.killpg(self.process().pid, signal.SIGKILL)

    def kill_child(self, rng: random.Random) -> None:
        """SIGKILL to one of the processes that it forked."""
        deadline = time.monotonic() + START_SECONDS
        while not (children := self.children()):
            assert time.monotonic() < deadline, f"no child:\n{self.said}"
            time.sleep(0.01)
        with suppress(psutil.NoSuchProcess):
            rng.choice(children).kill()

    def stop(self) -> None:
        """End it and everything that it ever forked."""
        with self._lock:
            self._ending.set()
        process = self._process
        if process is not None and process.poll() is None:
            self.kill_all()
        self._thread.join()
        for child in self._children:
            with suppress(psutil.NoSuchProcess):
                child.kill()


@dataclass(frozen=True)
class System:
    """All parts of a running InterpScore."""

    port: int
    settings: Settings
    server: Supervised
    worker: Supervised
    #: None where the database is a SQLite file
    postgres: PostgresProcess | None

    def wait_until_it_answers(self) -> None:
        """Return when the server reaches its database. Fails if that takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while not _is_healthy(self.port):
            assert time.monotonic() < deadline, self.server.said[-5000:]
            time.sleep(0.05)


@contextmanager
def running_system(backend: str, folder: Path) -> Iterator[System]:
    """A study and everything that serves it, on ``sqlite`` or ``postgres``, while the block runs."""
    with ExitStack() as parts:
        postgres = parts.enter_context(PostgresProcess()) if backend == "postgres" else None
        url = postgres.new_database() if postgres else f"sqlite:///{folder / 'chaos.sqlite3'}"
        settings = Settings.model_validate(
            {"data_dir": folder / "data", "database_url": url, "secret_key": SECRET}
        )
        create_from(settings, make_adaptive_study(folder / "study", STUDY))
        port = free_port()
        parts.callback(end_leftovers, folder)
        server = Supervised(["serve", "--port", str(port)], settings, folder / "server.log")
        worker = Supervised(["worker", "--every", "0.5"], settings, folder / "worker.log")
        for part in (server, worker):
            parts.callback(part.stop)
            part.start()
        system = System(port, settings, server, worker, postgres)
        system.wait_until_it_answers()
        yield system


def end_leftovers(folder: Path) -> None:
    """End the commands of jobs whose worker was killed; they name the test's own folder."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(word.startswith(f"{folder}/") for word in process.cmdline()):
                process.kill()
                wait_until_gone([process])


def free_port() -> int:
    """A port at which nothing listens, and which stays free while its server is down."""
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
