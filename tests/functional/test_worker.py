"""``manage.py worker``: one acts; it gives places back and runs jobs, wherever it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import psutil
import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text, update

from experiment_server.context import utc_now
from experiment_server.job_process import JobsFolder
from experiment_server.models import Caller, Event, Job, Lease, Session, Study, Trial
from experiment_server.models.database import reading, writing
from experiment_server.services import jobs, studies
from experiment_server.services.jobs import JobRow
from experiment_server.settings import Settings
from experiment_server.worker import ACTS, WAITS, Worker
from stimuli.files import sha256_of_file
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import ROOT, Here, Participant, environment
from tests.functional.test_serve import HEAVY

#: seconds between two rounds of the tests' workers; a lease lasts three times as long
EVERY = 0.5
#: seconds after which what is waited for will not come any more
PATIENCE = 60.0
#: times that a worker is killed in the middle of a job, on each backend
KILLS = 1


@dataclass
class InProcess:
    """A worker in the test's process, with the test's clock; ``said`` keeps its lines."""

    worker: Worker
    said: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, here: Here, settings: Settings, every: float = 5.0) -> InProcess:
        said: list[str] = []
        return cls(Worker(settings, here.engine, every, said.append, lambda _: False, here.clock), said)

    def round(self) -> list[str]:
        """Do a round; returns what was said in it."""
        before = len(self.said)
        self.worker.round()
        return self.said[before:]

    def until(self, end: str) -> None:
        """Do rounds until something is said that begins so."""
        wait_for(lambda: any(line.startswith(end) for line in self.round()), end)


def wait_for(done: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait until something holds. Fails the test if it never does."""
    deadline = time.monotonic() + patience
    while not done():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def vanish(here: Here, rng: Random, number: int, name: str = "gone") -> list[str]:
    """Participants who leave at any point; returns the sessions that a worker must end."""
    with writing(here.engine) as connection:
        connection.execute(update(Study).values(places=1000))
    left = []
    for one in range(number):
        someone = here.participant(f"{name} {one}")
        if go_some_way(someone, rng):
            left.append(str(someone.state["session"]))
    return left


def go_some_way(someone: Participant, rng: Random) -> bool:
    """Go through a study and stop at a random point; false if the session is not one to be abandoned."""
    if rng.random() < 0.2:
        return True
    someone.consent()
    for trial in someone.trials()[: rng.randrange(9)]:
        if rng.random() < 0.8:
            someone.post(f"/trials/{trial['trial']}/presented")
        if rng.random() < 0.15:
            return True
        someone.answer(trial)
    if rng.random() < 0.1:
        someone.post("/session/withdraw")
        return False
    return bool(someone.trials())


def abandoned(engine: Engine) -> Counter[str]:
    """Session -> how many events say that it was abandoned."""
    with reading(engine) as connection:
        statement = select(Event.session_id).where(Event.kind == "abandoned")
        return Counter(connection.execute(statement).scalars())


def once(session_ids: list[str]) -> dict[str, int]:
    return dict.fromkeys(session_ids, 1)


def test_no_place_is_lost_when_participants_vanish(here: Here, settings: Settings) -> None:
    left = vanish(here, Random(3), 30)
    assert 15 < len(left) < 30
    worker = InProcess.of(here, settings)
    assert worker.round() == [ACTS]
    here.clock.forward(minutes=31)
    assert worker.round() == [f"Sessions of the study small that were left: {len(left)}."]
    assert worker.round() == []
    assert abandoned(here.engine) == once(left)
    check_invariants(here.engine)
    with reading(here.engine) as connection:
        status = studies.status(connection, "small")
        states = Counter(connection.execute(select(Trial.state)).scalars())
    assert status.sessions["abandoned"] == len(left)
    assert status.places_left == 1000 - status.sessions["going_on"]
    assert states["timed_out"] > 0
    assert states["abandoned"] > 0


def test_many_are_given_back_a_few_at_a_time(
    here: Here, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiment_server.services.enrol.BATCH", 4)
    left = vanish(here, Random(5), 10)
    here.clock.forward(minutes=31)
    said = InProcess.of(here, settings).round()
    assert [line[-2] for line in said[1:]] == ["4"] * (len(left) // 4) + [str(len(left) % 4)]
    assert abandoned(here.engine) == once(left)
    check_invariants(here.engine)


def test_those_of_a_closed_study_are_given_back_too(here: Here, settings: Settings) -> None:
    left = vanish(here, Random(1), 2)
    with writing(here.engine) as connection:
        connection.execute(update(Study).values(status="closed"))
    here.clock.forward(minutes=31)
    InProcess.of(here, settings).round()
    assert abandoned(here.engine) == once(left)


def test_a_picture_that_was_looked_at_times_out_unless_one_withdraws(here: Here, settings: Settings) -> None:
    looks, withdraws = here.participant("looks"), here.participant("withdraws")
    for someone in (looks, withdraws):
        someone.consent()
        someone.post(f"/trials/{someone.trials()[0]['trial']}/presented")
    withdraws.post("/session/withdraw")
    here.clock.forward(minutes=31)
    InProcess.of(here, settings).round()
    with reading(here.engine) as connection:
        statement = select(Session.outcome, Trial.state, func.count()).join(Trial)
        rows = connection.execute(statement.group_by(Session.outcome, Trial.state)).all()
    assert sorted(map(tuple, rows)) == [
        ("abandoned", "abandoned", 7),
        ("abandoned", "timed_out", 1),
        ("withdrawn", "abandoned", 8),
    ]


def test_a_second_worker_waits_and_acts_at_once_when_the_first_stops(here: Here, settings: Settings) -> None:
    first, second = InProcess.of(here, settings), InProcess.of(here, settings)
    assert first.round() == [ACTS]
    assert second.round() == [WAITS]
    assert second.round() == []
    first.worker.stop()
    assert first.said[-1] == "The worker has stopped."
    assert second.round() == [ACTS]
    with reading(here.engine) as connection:
        assert connection.execute(select(Lease.generation)).scalars().all() == [2]


def run_out(here: Here) -> None:
    """Let a lease run out that lasts for three rounds of EVERY."""
    here.clock.forward(minutes=1)
    if here.engine.dialect.name == "postgresql":
        time.sleep(3 * EVERY + 0.05)


def test_a_worker_that_lost_its_lease_changes_nothing(here: Here, settings: Settings) -> None:
    first, second = InProcess.of(here, settings, EVERY), InProcess.of(here, settings, EVERY)
    first.round()
    left = vanish(here, Random(2), 4)
    here.clock.forward(minutes=31)
    run_out(here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second.worker, "_give_back_idle", lambda: None)
        assert second.round() == [ACTS]
    assert first.round() == [WAITS]
    assert abandoned(here.engine) == {}
    assert first.round() == []
    second.round()
    assert abandoned(here.engine) == once(left)


@pytest.mark.parametrize("minutes", [-500, 500])
def test_a_clock_that_is_set_locks_nobody_out(here: Here, settings: Settings, minutes: int) -> None:
    """With SQLite the lease goes by the machine's clock, and runs out; PostgreSQL has a clock of its own."""
    first, second = InProcess.of(here, settings), InProcess.of(here, settings)
    someone = here.participant()
    first.round()
    here.clock.forward(minutes=minutes)
    loses = here.engine.dialect.name == "sqlite"
    assert second.round()[0] == (ACTS if loses else WAITS)
    assert (first.round() == [WAITS]) == loses
    assert first.round() == []
    assert (someone.get("/session").json["outcome"] is None) == (minutes < 0)
    assert len(abandoned(here.engine)) == (minutes > 0)
    check_invariants(here.engine)


def test_addresses_that_may_arrive_again_are_forgotten(here: Here, settings: Settings) -> None:
    worker = InProcess.of(here, settings)
    ages = {"old": 61, "new": 59, "disorder": -9, "future": -11}
    rows = [
        {"address_hmac": name, "allowance": 0.0, "allowance_at": here.clock.now - timedelta(seconds=age)}
        for name, age in ages.items()
    ]
    with writing(here.engine) as connection:
        connection.execute(insert(Caller), rows)
    worker.round()
    with reading(here.engine) as connection:
        kept = connection.execute(select(Caller.address_hmac)).scalars()
        assert sorted(kept) == ["disorder", "new"]


def test_a_database_that_cannot_is_waited_for(here: Here, settings: Settings) -> None:
    worker = InProcess.of(here, settings)
    with writing(here.engine) as connection:
        connection.execute(text("ALTER TABLE lease RENAME TO elsewhere"))
    (said,) = worker.round()
    assert re.fullmatch(r"The database does not answer \(.*lease.*\); trying again\.", said)
    assert worker.round() == []
    with writing(here.engine) as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO lease"))
    assert worker.round() == [ACTS]


@pytest.fixture
def finished(here: Here, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Here:
    """The small study with one who has finished, for commands to be run on it."""
    someone = here.participant("diligent")
    someone.consent()
    someone.answer_all("sailboat")
    someone.post("/session/finish")
    for name, value in environment(settings).items():
        monkeypatch.setenv(name, value)
    return here


def add(here: Here, kind: str, *arguments: str) -> int:
    with writing(here.engine) as connection:
        return jobs.add(connection, kind, arguments, here.clock())


def job(here: Here, job_id: int) -> JobRow:
    with reading(here.engine) as connection:
        return jobs.by_id(connection, job_id)


def state_of(here: Here, job_id: int) -> tuple[str, int, str | None]:
    found = job(here, job_id)
    return found.state, found.attempts, found.error


def require_whole(folder: Path) -> None:
    """Fail unless a dataset is all there, and nothing else is in the jobs' folder."""
    dataset = folder / "dataset"
    summary = json.loads((dataset / "export.json").read_text())
    assert summary["counts"]["participants_with_trials"] == 1
    for name, file in summary["files"].items():
        assert sha256_of_file(dataset / name) == file["sha256"]
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, ".lock"}
    assert [path.stat().st_mode & 0o777 for path in (folder.parent, folder)] == [0o700, 0o700]


def test_jobs_are_run_one_after_the_other_and_the_rest_goes_on(finished: Here, settings: Settings) -> None:
    here = finished
    first, second = add(here, "export", "small"), add(here, "export", "small", "--unit", "1")
    worker = InProcess.of(here, settings)
    worker.round()
    assert worker.said == [ACTS, "Job 1 (export) begins."]
    assert state_of(here, first) == ("running", 1, None)
    here.participant("leaves")
    here.clock.forward(minutes=31)
    assert "Sessions of the study small that were left: 1." in worker.round()
    worker.until("Job 1 (export) is done.")
    assert state_of(here, first) == ("done", 1, None)
    require_whole(settings.data_dir / "jobs" / "1")
    reason = "units are named but no store of activations; add --store"
    worker.until(f"Job 2 (export) has failed: {reason}")
    assert state_of(here, second) == ("failed", 1, reason)
    assert worker.round() == []
    assert {path.name for path in (settings.data_dir / "jobs").iterdir()} == {"1", ".lock"}
    assert job(here, first).finished_at == here.clock.now


def test_a_database_that_fails_while_a_job_ends_is_waited_for(
    finished: Here, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its output is in place then, and the table does not say so yet."""
    here = finished
    job_id = add(here, "export", "small")
    worker = InProcess.of(here, settings)
    worker.round()

    def cut(connection: Connection, _job: JobRow, _now: datetime) -> None:
        connection.execute(text("SELECT * FROM no_such_table"))

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "finish", cut)
        worker.until("The database does not answer")
    assert state_of(here, job_id) == ("running", 1, None)
    assert worker.round() == ["Job 1 (export) is done.", ACTS]
    assert state_of(here, job_id) == ("done", 1, None)
    require_whole(settings.data_dir / "jobs" / "1")


def left_running(here: Here, attempts: int) -> int:
    """A job whose worker died."""
    job_id = add(here, "export", "small")
    with writing(here.engine) as connection:
        connection.execute(update(Job).values(state="running", attempts=attempts, started_at=here.clock()))
    return job_id


def test_a_job_whose_output_is_in_place_is_done_without_running_again(here: Here, settings: Settings) -> None:
    job_id = left_running(here, attempts=3)
    (settings.data_dir / "jobs" / str(job_id) / "dataset").mkdir(parents=True)
    assert InProcess.of(here, settings).round()[1:] == ["Job 1 (export) was done already."]
    assert state_of(here, job_id) == ("done", 3, None)


def test_a_job_that_three_workers_died_of_fails(here: Here, settings: Settings) -> None:
    job_id = left_running(here, attempts=3)
    InProcess.of(here, settings).round()
    sentence = (
        "the worker died 3 times while it ran; run it by hand: python manage.py export small --out dataset"
    )
    assert state_of(here, job_id) == ("failed", 3, sentence)


def test_an_output_of_another_database_is_not_taken_for_the_jobs(here: Here, settings: Settings) -> None:
    job_id = add(here, "export", "small")
    folder = settings.data_dir / "jobs" / str(job_id)
    folder.mkdir(parents=True)
    InProcess.of(here, settings).round()
    sentence = f"there is a folder {folder} already; move it away, add it again"
    assert state_of(here, job_id) == ("failed", 0, sentence)


def test_a_jobs_folder_that_cannot_be_written_fails_the_job(here: Here, settings: Settings) -> None:
    job_id = add(here, "export", "small")
    (settings.data_dir / "jobs").write_text("a file")
    InProcess.of(here, settings).round()
    folder = settings.data_dir / "jobs"
    assert state_of(here, job_id) == (
        "failed",
        0,
        f"its command cannot be run: cannot write to the folder {folder} (File exists); "
        "choose another one or change its permissions",
    )


def test_a_worker_that_lost_its_lease_ends_its_command(finished: Here, settings: Settings) -> None:
    here = finished
    first, second = InProcess.of(here, settings, EVERY), InProcess.of(here, settings, EVERY)
    job_id = add(here, "export", "small")
    first.round()
    run_out(here)
    assert second.round() == [
        ACTS,
        "The command of a worker that died still runs; jobs wait until it ends.",
    ]
    assert second.round() == []
    assert first.round() == [WAITS]
    assert second.round() == ["Job 1 (export) begins."]
    assert state_of(here, job_id) == ("running", 2, None)
    second.worker.stop()
    assert second.said[-2:] == ["Job 1 (export) waits again.", "The worker has stopped."]
    assert state_of(here, job_id) == ("queued", 1, None)
    assert {path.name for path in (settings.data_dir / "jobs").iterdir()} == {".lock"}


@dataclass
class RunningWorker:
    """A real worker; what it says is in ``log``."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def says(self, line: str) -> None:
        """Wait until it has said a line."""
        wait_for(lambda: line in self.said(), f"{line} {self.log.read_text()}")

    def says_something(self) -> None:
        """Wait until it has said whether it acts or waits."""
        wait_for(lambda: bool(self.said()), "a worker says something")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


@contextmanager
def running_worker(settings: Settings, every: float = EVERY) -> Iterator[RunningWorker]:
    """Run ``manage.py worker`` while the block runs, and kill it after."""
    settings.data_dir.mkdir(exist_ok=True)
    log = settings.data_dir / f"worker-{time.monotonic_ns()}.log"
    command = [sys.executable, str(ROOT / "manage.py"), "worker", "--every", str(every)]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env={**environment(settings), "PYTHONUNBUFFERED": "1"}, stdout=stream, stderr=stream
        )
    try:
        yield RunningWorker(process, log)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def vanish_long_ago(here: Here, rng: Random, number: int, name: str = "gone") -> list[str]:
    """Participants who left an hour ago by the clock of real workers; returns those to be ended."""
    here.clock.now = utc_now()
    left = vanish(here, rng, number, name)
    with writing(here.engine) as connection:
        statement = update(Session).where(Session.id.in_(left))
        connection.execute(statement.values(last_seen_at=here.clock.now - timedelta(hours=1)))
    return left


def all_abandoned(here: Here, left: list[str]) -> None:
    """Wait until the sessions have ended, each once and with everything as it should be."""
    wait_for(lambda: len(abandoned(here.engine)) == len(left), "sessions are abandoned")
    assert abandoned(here.engine) == once(left)
    check_invariants(here.engine)


def test_of_two_workers_one_acts_and_the_other_takes_over(here: Here, settings: Settings) -> None:
    rng = Random(11)
    left = vanish_long_ago(here, rng, 6, "before")
    with running_worker(settings) as first:
        first.says(ACTS)
        with running_worker(settings) as second:
            second.says_something()
            all_abandoned(here, left)
            first.send(signal.SIGKILL)
            left += vanish_long_ago(here, rng, 4, "after a kill")
            second.says(ACTS)
            all_abandoned(here, left)
            with running_worker(settings) as third:
                third.says_something()
                second.send(signal.SIGTERM)
                assert second.process.wait(PATIENCE) == 0
                third.says(ACTS)
                assert second.said()[-1] == "The worker has stopped."
    names = json.dumps([line for worker in (first, second, third) for line in worker.said()])
    assert not [secret for secret in left if secret in names]


def test_a_worker_that_was_stopped_past_its_lease_does_nothing_twice(here: Here, settings: Settings) -> None:
    with running_worker(settings, every=1.0) as first:
        first.says(ACTS)
        time.sleep(0.3)
        first.send(signal.SIGSTOP)
        left = vanish_long_ago(here, Random(12), 5)
        with running_worker(settings, every=1.0) as second:
            second.says(ACTS)
            first.send(signal.SIGCONT)
            all_abandoned(here, left)
            first.says(WAITS)
            second.send(signal.SIGTERM)
            wait_for(lambda: first.said().count(ACTS) == 2, "the first acts again")
    assert abandoned(here.engine) == once(left)


def run_python(settings: Settings, code: str) -> list[str]:
    """Run a program with the settings in its environment; returns the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment(settings), "PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_killed_before_any_statement_it_leaves_nothing_half_done(here: Here, settings: Settings) -> None:
    """Workers that are killed before their 1st, 2nd, 3rd … statement or commit, until one comes to an end."""
    left = vanish_long_ago(here, Random(13), 24)
    code = f"""
import itertools, os, signal, time
from sqlalchemy import event
from experiment_server.models.database import connect
from experiment_server.services import enrol
from experiment_server.settings import load_settings
from experiment_server.worker import ACTS, WAITS, Worker
from tests.functional.invariants import check_invariants

enrol.BATCH = 4
settings = load_settings()

def work(statements):
    counted, said, engine = itertools.count(), [], connect(settings)
    def die_at_last(*_):
        if next(counted) == statements:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(engine, "before_cursor_execute", die_at_last)
    event.listen(engine, "commit", die_at_last)
    worker = Worker(settings, engine, 0.01, said.append, lambda _: False)
    while {ACTS!r} not in said:
        worker.round()
        time.sleep(0.005)
    os._exit(0)

for number in itertools.count():
    child = os.fork()
    if child == 0:
        work(number)
    status = os.waitpid(child, 0)[1]
    engine = connect(settings)
    check_invariants(engine)
    engine.dispose()
    if not os.WIFSIGNALED(status):
        break
print(number)
"""
    (killed,) = run_python(settings, code)
    assert int(killed) > 20
    assert abandoned(here.engine) == once(left)
    check_invariants(here.engine)


def command_of(worker: RunningWorker) -> psutil.Process:
    """The process that runs a worker's job."""
    wait_for(lambda: bool(psutil.Process(worker.process.pid).children()), "a command runs")
    return psutil.Process(worker.process.pid).children()[0]


@pytest.fixture
def orphans() -> Iterator[list[psutil.Process]]:
    """Commands whose worker was killed; they are ended with the test."""
    found: list[psutil.Process] = []
    yield found
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def test_a_job_is_not_begun_again_while_an_orphan_runs_it(
    finished: Here, settings: Settings, orphans: list[psutil.Process]
) -> None:
    here = finished
    job_id = add(here, "export", "small")
    with running_worker(settings) as first:
        orphans.append(command_of(first))
        orphans[0].suspend()
        first.send(signal.SIGKILL)
    with running_worker(settings) as second:
        second.says("The command of a worker that died still runs; jobs wait until it ends.")
        assert state_of(here, job_id) == ("running", 1, None)
        orphans[0].kill()
        second.says("Job 1 (export) begins.")
        orphans.append(command_of(second))
        second.send(signal.SIGTERM)
        assert second.process.wait(PATIENCE) == 0
        assert not orphans[1].is_running()
    assert second.said()[-2:] == ["Job 1 (export) waits again.", "The worker has stopped."]
    assert state_of(here, job_id) == ("queued", 1, None)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_job_whose_worker_is_killed_anywhere_is_done_once(
    finished: Here, settings: Settings, orphans: list[psutil.Process], seed: int
) -> None:
    here, rng = finished, Random(seed)
    job_id = add(here, "export", "small")
    with running_worker(settings) as first:
        orphans.append(command_of(first))
        time.sleep(rng.uniform(0, 4))
        first.send(signal.SIGKILL)
    with running_worker(settings):
        wait_for(lambda: job(here, job_id).state == "done", "the job is done")
    state, attempts, _ = state_of(here, job_id)
    assert (state, attempts <= 2) == ("done", True)
    require_whole(JobsFolder.of(settings).output(job(here, job_id)))


def test_a_worker_process_stays_light(here: Here, settings: Settings) -> None:
    assert len(vanish_long_ago(here, Random(1), 2)) == 2
    add(here, "export", "none")
    code = f"""
import sys
from commands.worker import worker
from experiment_server.models.database import connect
from experiment_server.settings import load_settings
from experiment_server.worker import Worker, signals
settings = load_settings()
with signals() as wait:
    worker = Worker(settings, connect(settings), 5.0, print, wait)
    worker.round()
    worker.stop()
print([module for module in {HEAVY!r} if module in sys.modules])
"""
    assert run_python(settings, code) == [
        ACTS,
        "Sessions of the study small that were left: 2.",
        "Job 1 (export) begins.",
        "Job 1 (export) waits again.",
        "The worker has stopped.",
        "[]",
    ]
