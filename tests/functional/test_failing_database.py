"""A server whose disk fills, or whose database is read-only, damaged, restarted or killed.

Every refusal is "database_busy" and may be retried; what was acknowledged is there; and the server goes on
by itself when the cause is gone.
"""

from __future__ import annotations

import logging
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import requests
from sqlalchemy import event
from sqlalchemy.engine import make_url

from experiment_server.models.database import connect
from experiment_server.settings import Settings
from exports.datasets import export_study
from stimuli.errors import UserError
from tests.functional.answering import BUSY, ROOMY_STUDY, answering, require_all, unlimited
from tests.functional.postgres_process import PostgresProcess
from tests.functional.server_fixture import (
    MANAGE,
    ROOT,
    Clock,
    Here,
    RunningServer,
    create_from,
    environment,
    running_server,
    served_here,
)
from tests.functional.study_files import make_study

#: bytes by which a file may still grow that is said to be full
LITTLE = 65_536
#: that one process of a server may have open
MOST_CONNECTIONS = 20
#: superuser rights that overrule a file's permissions
OVERRULING = "-dac_override,-dac_read_search"


@pytest.fixture(scope="module")
def roomy_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, with places for everybody."""
    return make_study(tmp_path_factory.mktemp("roomy"), ROOMY_STUDY)


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Settings:
    """A SQLite database in a data directory of the test's own."""
    return unlimited(tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'test.sqlite3'}")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresProcess]:
    """A PostgreSQL that these tests may restart and kill."""
    with PostgresProcess() as process:
        yield process


@dataclass(frozen=True)
class Served:
    """A server on PostgreSQL, which goes through all that follows without being restarted."""

    settings: Settings
    server: RunningServer
    log: Path


@pytest.fixture(scope="module")
def served(
    postgres: PostgresProcess, roomy_study: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    settings = unlimited(folder / "data", postgres.new_database())
    create_from(settings, roomy_study)
    with running_server(settings, log=folder / "log") as server:
        yield Served(settings, server, folder / "log")


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 16 MiB; the test is skipped where none may be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk for the data directory."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def fill(folder: Path) -> Path:
    """Use up a file system to its last byte; returns the file that holds it all."""
    path = folder / "ballast"
    with path.open("wb", buffering=0) as stream:
        for size in (65_536, 1):
            while wrote(stream.write, bytes(size)):
                pass
    return path


def wrote(write: Callable[[bytes], int], data: bytes) -> bool:
    """Whether there was room for some bytes."""
    try:
        return write(data) == len(data)
    except OSError:
        return False


def manage(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*MANAGE, *arguments],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said that failed."""
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


def workers_of(server: RunningServer) -> list[psutil.Process]:
    """The processes that gunicorn forked."""
    workers: list[psutil.Process] = psutil.Process(server.process.pid).children()
    return workers


def test_a_full_disk_loses_nothing_and_needs_no_restart(
    disk: Path, roomy_study: Path, tmp_path: Path
) -> None:
    settings = unlimited(disk, f"sqlite:///{disk / 'test.sqlite3'}")
    create_from(settings, roomy_study)
    log = tmp_path / "log"
    with running_server(settings, log=log) as server, answering(server.url) as group:
        group.go_on()
        ballast = fill(disk)
        group.meet_refusals()
        kill_workers(server)
        group.meet_refusals()
        ballast.unlink()
        group.go_on()
    require_all(settings, group)
    assert "the database cannot: database or disk is full" in log.read_text()


def kill_workers(server: RunningServer) -> None:
    """SIGKILL to each worker; gunicorn starts new ones, which have to open the database."""
    for worker in workers_of(server):
        worker.kill()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes another process's limits")
def test_a_database_that_may_not_grow_loses_nothing(
    on_sqlite: Settings, roomy_study: Path, tmp_path: Path
) -> None:
    create_from(on_sqlite, roomy_study)
    log = tmp_path / "log"
    with running_server(on_sqlite, log=log) as server, answering(server.url) as group:
        group.go_on()
        limit_files(server, largest_file(on_sqlite.data_dir) + LITTLE)
        group.meet_refusals()
        limit_files(server, resource.RLIM_INFINITY)
        group.go_on()
    require_all(on_sqlite, group)
    assert "the database cannot: disk I/O error" in log.read_text()


def largest_file(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.iterdir())


def limit_files(server: RunningServer, size: int) -> None:
    """Let no file of the server's processes grow beyond a size, as on a disk that is full."""
    for process in workers_of(server):
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, most))


@pytest.mark.postgres
def test_a_full_tablespace_loses_nothing(postgres: PostgresProcess, served: Served) -> None:
    with small_disk(postgres.folder / "disk") as disk, tablespace(postgres, served.settings, disk):
        with answering(served.server.url) as group:
            group.go_on()
            ballast = fill(disk)
            group.meet_refusals()
            ballast.unlink()
            group.go_on()
        require_all(served.settings, group)
    assert "the database cannot: could not extend file" in served.log.read_text()


@contextmanager
def tablespace(postgres: PostgresProcess, settings: Settings, disk: Path) -> Iterator[None]:
    """Keep the responses on a disk of their own while the block runs."""
    place = disk / "space"
    place.mkdir()
    shutil.copystat(postgres.data, place)
    owner = postgres.data.stat()
    os.chown(place, owner.st_uid, owner.st_gid)
    disk.chmod(0o755)
    execute(settings, f"CREATE TABLESPACE small LOCATION '{place}'")
    execute(settings, "ALTER TABLE response SET TABLESPACE small")
    try:
        yield
    finally:
        execute(settings, "ALTER TABLE response SET TABLESPACE pg_default")
        execute(settings, "DROP TABLESPACE small")


def execute(settings: Settings, *statements: str) -> list[Any]:
    """Run statements, each a transaction of its own; returns the rows of the last one."""
    with psycopg.connect(settings.url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        rows: list[Any] = cursor.fetchall() if cursor.description else []
    return rows


def test_commands_on_a_full_disk_are_one_sentence_and_leave_nothing_half_written(
    disk: Path, small_study: Path, on_sqlite: Settings
) -> None:
    settings = unlimited(disk, f"sqlite:///{disk / 'test.sqlite3'}")
    where = f"the database {settings.url} does not answer"
    ballast = fill(disk)
    assert error_of(manage(settings, "serve", "--port", "0")) == (
        f"Error: {where} (database or disk is full); free some space on its disk\n"
    )
    said = error_of(manage(settings, "study", "create", str(small_study)))
    assert said.startswith(f"Error: cannot write {disk}/images/")
    assert said.endswith(".png (No space left on device); make room on its disk, or name another place\n")
    assert not any((disk / "images").iterdir())
    with pytest.raises(UserError) as caught:
        _ = Settings(data_dir=disk).key
    assert str(caught.value) == (
        f"cannot write {disk}/secret_key (No space left on device); "
        "make room on its disk, or name another place"
    )
    assert sorted(path.name for path in disk.iterdir()) == ["ballast", "images", "test.sqlite3"]
    ballast.unlink()
    assert create_from(settings, small_study)


def test_an_export_to_a_full_disk_is_one_sentence_and_leaves_nothing(
    disk: Path, small_study: Path, on_sqlite: Settings, clock: Clock
) -> None:
    create_from(on_sqlite, small_study)
    with served_here(on_sqlite, clock) as here:
        someone = here.participant()
        someone.consent()
        count = someone.answer_all()
        ballast = fill(disk)
        for form in ("csv", "parquet"):
            with pytest.raises(UserError) as caught:
                export_study(here.engine, "small", disk / "out", now=clock(), formats=(form,))
            assert re.fullmatch(
                rf"cannot write {disk}/\.out-\w+/trials\.{form} \(No space left on device\); "
                "make room on its disk, or name another place",
                str(caught.value),
            )
            assert [path.name for path in disk.iterdir()] == ["ballast"]
        ballast.unlink()
        assert export_study(here.engine, "small", disk / "out", now=clock())["counts"]["trials"] == count


def test_a_database_that_may_not_be_written_to(
    on_sqlite: Settings, roomy_study: Path, tmp_path: Path
) -> None:
    create_from(on_sqlite, roomy_study)
    log = tmp_path / "log"
    with (
        running_server(on_sqlite, log=log, program=without_overruling()) as server,
        answering(server.url) as group,
    ):
        group.go_on()
        with read_only(on_sqlite.data_dir):
            kill_workers(server)
            group.meet_refusals()
        group.go_on()
    require_all(on_sqlite, group)
    assert "the database cannot: attempt to write a readonly database" in log.read_text()


def without_overruling() -> tuple[str, ...]:
    """The command line as somebody for whom a file's permissions hold; the superuser gives that right up."""
    if os.geteuid() != 0:
        return MANAGE
    if shutil.which("setpriv") is None:
        pytest.skip("the superuser may write everywhere, and setpriv is not installed")
    return ("setpriv", f"--bounding-set={OVERRULING}", f"--inh-caps={OVERRULING}", *MANAGE)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take the permission to write away from a folder and its files while the block runs."""
    modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for path, mode in modes.items():
            if path.exists():
                path.chmod(mode)


def test_serving_a_read_only_database_is_one_sentence(on_sqlite: Settings, small_study: Path) -> None:
    create_from(on_sqlite, small_study)
    command = [*without_overruling(), "serve", "--port", "0"]
    with read_only(on_sqlite.data_dir):
        done = subprocess.run(
            command, env=environment(on_sqlite), capture_output=True, text=True, timeout=60, check=False
        )
    assert error_of(done) == (
        f"Error: the database {on_sqlite.url} does not answer (attempt to write a readonly database); "
        "make it, and the folder that it is in, writable\n"
    )


def test_a_damaged_database_is_refused_and_said_loudly(
    on_sqlite: Settings, small_study: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    create_from(on_sqlite, small_study)
    engine = connect(on_sqlite)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    path = on_sqlite.data_dir / "test.sqlite3"
    whole = path.read_bytes()
    with served_here(on_sqlite, clock) as here:
        path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))
        reply = here.post("/studies/small/sessions", {"visitor": "00000000-0000-4000-8000-000000000001"})
        assert (reply.status_code, reply.json) == (503, BUSY)
        path.write_bytes(whole)
        assert here.participant().status == 201
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL] == [
        "the database is DAMAGED; restore it from your backup: database disk image is malformed"
    ]


@pytest.mark.postgres
def test_a_read_only_postgres_is_refused_until_it_is_not(served: Served) -> None:
    setting = f"ALTER DATABASE {make_url(served.settings.url).database} SET default_transaction_read_only ="
    with answering(served.server.url) as group:
        group.go_on()
        execute(served.settings, f"{setting} on")
        cut(served.settings)
        group.meet_refusals()
        assert error_of(manage(served.settings, "serve", "--port", "0")) == (
            f"Error: the database {shown(served.settings)} is read-only; "
            "make it writable, or name another one\n"
        )
        execute(served.settings, "SET default_transaction_read_only = off", f"{setting} off")
        group.go_on()
    require_all(served.settings, group)
    assert "the database cannot: cannot execute" in served.log.read_text()


def shown(settings: Settings) -> str:
    """The database's address as messages have it."""
    return make_url(settings.url).render_as_string()


def cut(settings: Settings) -> None:
    """Cut every connection to the database but our own, in the middle of whatever it does."""
    execute(
        settings,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


@pytest.mark.postgres
def test_cut_connections_lose_nothing(served: Served) -> None:
    with answering(served.server.url) as group:
        for _ in range(20):
            group.go_on(3)
            cut(served.settings)
        group.go_on()
    idle(served.server, served.settings)
    with answering(served.server.url, participants=16) as more:
        more.go_on(50)
        assert connections(served.settings) <= 2 * MOST_CONNECTIONS
    assert more.statuses[503] == 0
    require_all(served.settings, group, more)


def idle(server: RunningServer, settings: Settings) -> None:
    """Cut the connections while no request is under way, and ask until each was found out and replaced."""
    cut(settings)
    statuses = [requests.get(f"{server.url}/healthz", timeout=30).status_code for _ in range(60)]
    assert set(statuses) <= {200, 503}
    assert statuses[-20:] == [200] * 20


def connections(settings: Settings) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return int(execute(settings, query)[0][0])


@pytest.mark.postgres
def test_postgres_restarted_and_killed_loses_nothing(postgres: PostgresProcess, served: Served) -> None:
    with answering(served.server.url) as group:
        group.go_on()
        postgres.restart()
        group.go_on()
        postgres.kill()
        group.meet_refusals()
        page = requests.get(f"{served.server.url}/s/small", timeout=30)
        assert (page.status_code, page.headers["Refresh"]) == (503, "3")
        assert "The server is busy; please try again in a moment." in page.text
        postgres.start()
        group.go_on()
    require_all(served.settings, group)


@pytest.mark.postgres
def test_requests_that_wait_for_a_lock_can_be_cancelled(served: Served) -> None:
    with answering(served.server.url) as group:
        group.go_on()
        with psycopg.connect(served.settings.url.replace("+psycopg", "")) as holder:
            holder.execute("LOCK TABLE response IN ACCESS EXCLUSIVE MODE")
            while group.statuses[503] < 5:
                execute(
                    served.settings,
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND wait_event_type = 'Lock'",
                )
        group.go_on()
    require_all(served.settings, group)
    assert "the database cannot: canceling statement due to user request" in served.log.read_text()


#: what PostgreSQL may say at any moment, and no fault of a request's
TROUBLES = {
    "connection_failure": "08006",
    "feature_not_supported": "0A000",
    "read_only_sql_transaction": "25006",
    "in_failed_sql_transaction": "25P02",
    "idle_in_transaction_session_timeout": "25P03",
    "serialization_failure": "40001",
    "deadlock_detected": "40P01",
    "undefined_table": "42P01",
    "disk_full": "53100",
    "out_of_memory": "53200",
    "too_many_connections": "53300",
    "lock_not_available": "55P03",
    "query_canceled": "57014",
    "admin_shutdown": "57P01",
    "cannot_connect_now": "57P03",
    "io_error": "58030",
    "internal_error": "XX000",
    "data_corrupted": "XX001",
}


@pytest.mark.postgres
def test_whatever_postgres_says_is_a_retryable_refusal(served: Served, clock: Clock) -> None:
    with served_here(served.settings, clock) as here:
        someone = here.participant()
        someone.consent()
        trial = someone.trials()[0]
        for name, state in TROUBLES.items():
            with trouble(here, state):
                reply = someone.answer(trial)
            assert (reply.status_code, reply.json, name) == (503, BUSY, name)
            assert reply.headers["Retry-After"] == "1"
        assert someone.answer(trial).json["duplicate"] is False


@contextmanager
def trouble(here: Here, state: str) -> Iterator[None]:
    """Let PostgreSQL answer every statement of the server with an error while the block runs."""
    statement = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'trouble'; END $$"

    def instead(*_arguments: Any) -> tuple[str, tuple[()]]:
        return statement, ()

    event.listen(here.engine, "before_cursor_execute", instead, retval=True)
    try:
        yield
    finally:
        event.remove(here.engine, "before_cursor_execute", instead)


@pytest.mark.postgres
def test_serving_without_postgres_is_one_sentence(postgres: PostgresProcess, served: Served) -> None:
    postgres.stop()
    try:
        said = error_of(manage(served.settings, "serve", "--port", "0"))
    finally:
        postgres.start()
    assert said.startswith(f"Error: the database {shown(served.settings)} does not answer (connection ")
    assert said.endswith("); check that it runs and that you may use it\n")
    assert said.count("\n") == 1
