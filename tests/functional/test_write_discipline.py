"""Writing: in turn on SQLite, under locks on PostgreSQL, in few statements, within a token's allowance."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text, update
from sqlalchemy.exc import OperationalError

from experiment_server.context import EXTENSION
from experiment_server.models import Event, Response, Session, Trial
from experiment_server.models.database import connect, reading, set_wal, writing
from experiment_server.models.write_lock import WriteLock
from experiment_server.services import enrol, run_trial, sessions
from experiment_server.services.sessions import Bearer
from experiment_server.settings import Settings
from tests.functional.server_fixture import (
    ROOT,
    SECRET,
    Clock,
    Here,
    Participant,
    Reply,
    answer,
    create_from,
    new_postgres_database,
    served_here,
)

HOLDER = """
import sys, time
from pathlib import Path
from experiment_server.models.write_lock import WriteLock
with WriteLock(Path(sys.argv[1])).held(10):
    print("held", flush=True)
    time.sleep(60)
"""
COUNTER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from sqlalchemy import text
from experiment_server.models import database
from experiment_server.settings import Settings
engine = database.connect(Settings(database_url=sys.argv[1]))
def one(_number):
    with database.writing(engine) as connection:
        connection.execute(text("PRAGMA busy_timeout = 0"))
        connection.execute(text("UPDATE counter SET n = n + 1"))
with ThreadPoolExecutor(4) as pool:
    list(pool.map(one, range(int(sys.argv[2]))))
"""


@contextmanager
def holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the turn to write."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_turn_ends_when_its_process_is_killed(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "lock")
    with holding(tmp_path / "lock") as process:
        with pytest.raises(OperationalError, match="database is locked"), lock.held(0.05):
            pass
        process.send_signal(signal.SIGKILL)
        with lock.held(10):
            pass


def test_a_turn_of_a_stopped_process_is_not_waited_for_without_end(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "lock")
    with holding(tmp_path / "lock") as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(OperationalError, match="database is locked"), lock.held(0.05):
            pass


def test_threads_wait_for_each_other_no_longer_than_they_are_told(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "lock")
    with lock.held(1), ThreadPoolExecutor(1) as pool, pytest.raises(OperationalError):
        pool.submit(_enter, lock, 0.05).result()
    _enter(lock, 0)


def _enter(lock: WriteLock, seconds: float) -> None:
    with lock.held(seconds):
        pass


def test_where_no_lock_file_can_be_made_the_database_decides_alone(tmp_path: Path) -> None:
    with WriteLock(tmp_path / "no such folder" / "lock").held(1):
        assert list(tmp_path.iterdir()) == []


def test_what_a_block_raises_ends_its_turn(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "lock")
    with pytest.raises(BlockingIOError), lock.held(1):
        raise BlockingIOError("of the block's own")
    _enter(lock, 0)


def test_writers_of_several_processes_never_find_the_database_locked(tmp_path: Path) -> None:
    """Not even those that would not wait for it at all."""
    url = f"sqlite:///{tmp_path / 'counter.sqlite3'}"
    engine = connect(Settings(data_dir=tmp_path, database_url=url))
    set_wal(engine)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    command = [sys.executable, "-c", COUNTER, url, "100"]
    started = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with reading(engine) as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 300
    engine.dispose()


@pytest.fixture
def statements(here: Here) -> Iterator[list[str]]:
    """The SQL that the server sends between the beginning and the end of a transaction."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(here.engine, "before_cursor_execute", note)
    yield sent
    event.remove(here.engine, "before_cursor_execute", note)


def test_an_answer_and_a_presentation_cost_few_statements(here: Here, statements: list[str]) -> None:
    someone = here.participant()
    someone.consent()
    trial = someone.trials()[0]
    at_once = here.engine.dialect.name == "postgresql"
    statements.clear()
    assert someone.post(f"/trials/{trial['trial']}/presented").status_code == 204
    assert len(statements) == (2 if at_once else 4)
    statements.clear()
    assert someone.answer(trial).status_code == 200
    assert len(statements) == (2 if at_once else 5)


def test_how_far_a_session_is_is_told_alike_everywhere(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    for number, trial in enumerate(someone.trials(), start=1):
        stored = someone.answer(trial).json
        state = someone.get("/session").json
        assert (stored["answered"], stored["total"]) == (number, state["total"])
        assert state["answered"] == number
    assert state["phase"] == "debrief"
    with reading(here.engine) as connection:
        found = connection.execute(select(Event.kind, func.count()).group_by(Event.kind)).all()
    assert dict(found) == {"arrived": 1, "consented": 1, "responded": 8, "debriefed": 1}


def bearer_of(someone: Participant) -> Bearer:
    return Bearer(someone.token, 1000)


def while_waiting(here: Here, first: Callable[[Connection], Any], then: Callable[[], Reply]) -> Reply:
    """The reply to a request that came while an earlier one was not yet committed."""
    with ThreadPoolExecutor(1) as pool:
        with writing(here.engine) as connection:
            first(connection)
            later = pool.submit(then)
            until_it_waits(here.engine)
            assert not later.done()
        return later.result()


def until_it_waits(engine: Engine) -> None:
    """Wait until a connection waits for a row; on SQLite nothing shows it, and any order gives the same."""
    waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    for _ in range(500):
        if engine.dialect.name == "sqlite":
            time.sleep(0.05)
            return
        with reading(engine) as connection:
            if connection.execute(waits).scalar_one():
                return
        time.sleep(0.01)
    raise AssertionError("the request did not wait")


def store(here: Here, someone: Participant, trial: dict[str, Any]) -> Callable[[Connection], Any]:
    """Answer a trial in a transaction that is still open."""
    server = here.app.extensions[EXTENSION]
    given = run_trial.Answer(
        answer()["response_uuid"], "teapot", False, 1.0, None, None, None, None, False, {}
    )
    return lambda connection: run_trial.respond(
        connection, server.catalogue, bearer_of(someone), trial["trial"], given, here.clock()
    )


def test_an_answer_that_waited_for_the_one_before_it_is_in_order(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first, second, *_ = someone.trials()
    reply = while_waiting(here, store(here, someone, first), lambda: someone.answer(second))
    assert (reply.status_code, reply.json["duplicate"], reply.json["answered"]) == (200, False, 2)


def test_an_answer_that_waited_for_itself_is_a_duplicate(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first = someone.trials()[0]
    reply = while_waiting(here, store(here, someone, first), lambda: someone.answer(first))
    assert (reply.status_code, reply.json["duplicate"], reply.json["answered"]) == (200, True, 1)
    assert reply.json["feedback"] == {"correct": True, "answer": "teapot"}


def test_an_answer_that_waited_for_the_withdrawal_is_refused(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first = someone.trials()[0]
    reply = while_waiting(
        here,
        lambda connection: enrol.withdraw(connection, bearer_of(someone), False, here.clock()),
        lambda: someone.answer(first),
    )
    assert (reply.status_code, reply.json["error"]["code"]) == (409, "session_finished")


def test_a_presentation_that_waited_for_the_answer_changes_nothing(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first = someone.trials()[0]
    path = f"/trials/{first['trial']}/presented"
    assert while_waiting(here, store(here, someone, first), lambda: someone.post(path)).status_code == 204
    with reading(here.engine) as connection:
        row = connection.execute(select(Trial.state, Trial.presented_at).where(Trial.trial_index == 0)).one()
    assert tuple(row) == ("responded", None)


def test_a_token_that_was_superseded_while_it_waited_does_not_hold(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first = someone.trials()[0]
    supersede = update(Session).values(token_sha256=sessions.hash_token("another"))
    reply = while_waiting(
        here, lambda connection: connection.execute(supersede), lambda: someone.answer(first)
    )
    assert (reply.status_code, reply.json["error"]["code"]) == (401, "superseded")


PER_MINUTE = 6


@pytest.fixture
def limited(settings: Settings, clock: Clock, small_study: Path) -> Iterator[Here]:
    """The small study, whose sessions may make six requests a minute."""
    create_from(settings, small_study)
    with served_here(settings.model_copy(update={"requests_per_minute": PER_MINUTE}), clock) as made:
        yield made


def exhaust(someone: Participant, left: int) -> None:
    for _ in range(left):
        assert someone.get("/session").status_code == 200


def allowance(here: Here) -> float | None:
    with reading(here.engine) as connection:
        return connection.execute(select(Session.allowance)).scalar_one()


def refused(reply: Reply) -> str:
    """That it was one request too many; returns how many seconds to wait."""
    assert reply.status_code == 429
    assert reply.json["error"] == {
        "code": "too_many_requests",
        "message": "This session made too many requests; please wait a moment.",
        "retryable": True,
    }
    return reply.headers["Retry-After"]


def test_every_request_of_a_token_takes_from_its_allowance(limited: Here) -> None:
    someone = limited.participant()
    assert allowance(limited) is None
    someone.consent()
    trial = someone.trials()[0]
    someone.get("/session")
    someone.post(f"/trials/{trial['trial']}/presented")
    body = answer()
    someone.post(f"/trials/{trial['trial']}/response", body)
    assert allowance(limited) == PER_MINUTE - 5
    assert someone.post(f"/trials/{trial['trial']}/response", body).json["duplicate"] is True
    assert allowance(limited) == 0


def test_an_exhausted_token_is_told_when_to_come_back_and_changes_nothing(limited: Here) -> None:
    someone = limited.participant()
    someone.consent()
    trial = someone.trials()[0]
    exhaust(someone, PER_MINUTE - 2)
    for method, path, body in (
        ("GET", "/session", None),
        ("GET", "/session/trials", None),
        ("POST", "/session/consent", {"consented": True}),
        ("POST", f"/trials/{trial['trial']}/presented", {}),
        ("POST", f"/trials/{trial['trial']}/response", answer()),
        ("POST", f"/trials/{'0' * 32}/response", answer()),
        ("POST", "/session/finish", {}),
        ("POST", "/session/withdraw", {}),
    ):
        assert refused(someone.call(method, path, json=body)) == "10"
    assert allowance(limited) == 0
    with reading(limited.engine) as connection:
        assert connection.execute(select(func.count()).select_from(Response)).scalar_one() == 0
        assert set(connection.execute(select(Trial.state)).scalars()) == {"assigned"}
    limited.clock.forward(minutes=9.5 / 60)
    assert refused(someone.answer(trial)) == "1"
    limited.clock.forward(minutes=0.5 / 60)
    assert someone.answer(trial).json["duplicate"] is False


def test_a_refused_request_takes_nothing(limited: Here) -> None:
    someone = limited.participant()
    someone.consent()
    _, second, *_ = someone.trials()
    for _ in range(3 * PER_MINUTE):
        assert someone.answer(second).status_code == 409
    assert allowance(limited) == PER_MINUTE - 2


def test_resuming_gives_no_new_allowance_and_others_have_their_own(limited: Here) -> None:
    someone = limited.participant()
    exhaust(someone, PER_MINUTE - 1)
    again = limited.participant()
    refused(again.get("/session"))
    assert limited.participant("another").get("/session").status_code == 200


def test_two_servers_count_together(limited: Here, settings: Settings, clock: Clock) -> None:
    someone = limited.participant()
    exhaust(someone, PER_MINUTE)
    with served_here(settings.model_copy(update={"requests_per_minute": PER_MINUTE}), clock) as other:
        refused(Participant(other.app, someone.token, {}, 200).get("/session"))


def test_a_clock_that_was_set_back_locks_nobody_out(limited: Here) -> None:
    someone = limited.participant()
    exhaust(someone, PER_MINUTE)
    limited.clock.forward(minutes=-500)
    exhaust(someone, PER_MINUTE)
    refused(someone.get("/session"))


CUT_THE_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.mark.postgres
def test_connections_that_were_cut_cost_one_retry(
    postgres_server: str, tmp_path: Path, clock: Clock, small_study: Path
) -> None:
    url = new_postgres_database(postgres_server)
    values = {"data_dir": tmp_path / "data", "database_url": url, "secret_key": SECRET}
    settings = Settings.model_validate(values)
    create_from(settings, small_study)
    with served_here(settings, clock) as here:
        someone = here.participant()
        other = connect(settings)
        with reading(other) as connection:
            connection.execute(text(CUT_THE_OTHERS))
        other.dispose()
        reply = someone.post("/session/consent", {"consented": True})
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
        assert reply.json["error"]["code"] == "database_busy"
        assert someone.consent()["phase"] == "trials"


PAGE = 4096


def write_pages(engine: Engine, pages: int) -> None:
    with writing(engine) as connection:
        connection.execute(text("INSERT INTO page VALUES (zeroblob(:size))"), {"size": pages * PAGE})


def test_the_log_is_bounded_and_shrinks_after_a_long_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiment_server.models.database.CHECKPOINT_PAGES", 50)
    monkeypatch.setattr("experiment_server.models.database.LOG_BYTES", 100 * PAGE)
    path = tmp_path / "log.sqlite3"
    engine = connect(Settings(data_dir=tmp_path, database_url=f"sqlite:///{path}"))
    set_wal(engine)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE page (filler BLOB)"))
    log = Path(f"{path}-wal")
    for _ in range(40):
        write_pages(engine, 10)
        assert log.stat().st_size < 80 * PAGE
    with reading(engine) as connection:
        connection.execute(text("SELECT count(*) FROM page"))
        write_pages(engine, 300)
    assert log.stat().st_size > 300 * PAGE
    write_pages(engine, 1)
    write_pages(engine, 1)
    assert log.stat().st_size <= 100 * PAGE
    engine.dispose()


def test_the_lock_file_is_the_owners_alone(tmp_path: Path) -> None:
    engine = connect(Settings(data_dir=tmp_path))
    with writing(engine):
        pass
    assert (tmp_path / "interpscore.sqlite3-lock").stat().st_mode & 0o777 == 0o600
    engine.dispose()
