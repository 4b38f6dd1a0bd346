"""Storing a response beside a bare INSERT and commit of the same row with the plain driver, turn by turn."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import pytest
from sqlalchemy import Column, Engine, MetaData, Table, select

from experiment_server.models import Response, Trial
from experiment_server.models.database import CHECKPOINT_PAGES, connect, writing
from experiment_server.services import enrol, identities, run_trial
from experiment_server.services.run_trial import Answer
from experiment_server.services.sessions import Bearer
from experiment_server.services.studies import Catalogue
from experiment_server.settings import Settings
from tests.benchmarks.loading import UNLIMITED, settings_for_load
from tests.benchmarks.numbers_table import Numbers
from tests.functional.server_fixture import create_from

KEY = b"0" * 32
TURNS, EACH, THREADS = 20, 60, 8
LONG_RUN, PART = 10_000, 500
#: of a session of the large study
TRIALS = 40
#: pages of a log that is moved into the database more rarely
RARER = 4_000
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

Job = Callable[[], None]


def answer() -> Answer:
    """One with all that a browser measures."""
    measured = {"width": 1280, "height": 720, "user_agent": "a browser"}
    answered = Answer(str(uuid.uuid4()), "sailboat", False, 812.5, 301.0, 499.9, 16.67, 0, False, measured)
    return replace(answered, onset_ms=9000.1, offset_ms=9500.0, exposure_frames=30, timing_flags="")


@dataclass
class WritePath:
    """Sessions whose trials wait for their answers, and the services that store them."""

    engine: Engine
    catalogue: Catalogue = field(default_factory=Catalogue)

    def jobs(self, responses: int) -> Iterator[Job]:
        """Each stores one response; those near each other are of different sessions."""
        sessions = [self.session(str(number)) for number in range(responses // TRIALS + 1)]
        for index in range(TRIALS):
            for bearer, trials in sessions:
                yield partial(self.respond, bearer, trials[index])

    def session(self, name: str) -> tuple[Bearer, list[str]]:
        """A new session that has agreed, and its trials."""
        arrival = identities.Arrival("visitor", name)
        with writing(self.engine) as connection:
            arrived = enrol.arrive(connection, self.catalogue, KEY, "small", arrival, NOW, UNLIMITED)
            bearer = Bearer(arrived.token, UNLIMITED)
            enrol.consent(connection, self.catalogue, bearer, True, NOW)
            own = select(Trial.public_id).where(Trial.session_id == arrived.session.id)
            return bearer, list(connection.execute(own.order_by(Trial.trial_index)).scalars())

    def respond(self, bearer: Bearer, trial: str) -> None:
        """What the server does with an answer, without HTTP."""
        with writing(self.engine) as connection:
            run_trial.respond(connection, self.catalogue, bearer, trial, answer(), datetime.now(UTC))


@dataclass
class Bare:
    """The plain driver, and a table with the columns, keys and indexes of responses; no references."""

    engine: Engine
    settings: Settings
    count: int = 0

    def __post_init__(self) -> None:
        columns = Response.__table__.columns
        copies = [
            Column(one.name, one.type, primary_key=one.primary_key, unique=one.unique, index=one.index)
            for one in columns
        ]
        Table("bare", MetaData(), *copies).create(self.engine)
        names = [one.name for one in columns if one.name != "id"]
        is_sqlite = self.engine.dialect.name == "sqlite"
        values = [f":{name}" if is_sqlite else f"%({name})s" for name in names]
        self.insert = f"INSERT INTO bare ({', '.join(names)}) VALUES ({', '.join(values)})"
        self.connection: Any = self._sqlite() if is_sqlite else self._postgres()

    def _sqlite(self) -> sqlite3.Connection:
        connection = sqlite3.connect(str(self.engine.url.database))
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _postgres(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.settings.url.replace("+psycopg", ""))

    def store(self) -> None:
        """Insert one row and commit."""
        self.count += 1
        row = {**vars(answer()), "client": '{"width": 1280, "height": 720, "user_agent": "a browser"}'}
        row |= {"trial_id": self.count, "session_id": "0" * 24, "received_at": str(datetime.now(UTC))}
        self.connection.execute(self.insert, row)
        self.connection.commit()


def seconds_of(act: Callable[[], object]) -> tuple[float, float]:
    """Wall time and CPU time of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


@pytest.fixture
def settings(database_url: str, large_study: Path, tmp_path: Path) -> Settings:
    made = settings_for_load(tmp_path / "data", database_url)
    create_from(made, large_study)
    return made


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = connect(settings)
    yield made
    made.dispose()


def test_write_path_beside_bare_commits(engine: Engine, settings: Settings, numbers: Numbers) -> None:
    path, bare = WritePath(engine), Bare(engine, settings)
    jobs = path.jobs((2 * TURNS + 1) * EACH)
    turns: dict[str, list[tuple[float, float]]] = {"bare": [], "one by one": [], f"{THREADS} threads": []}
    with ThreadPoolExecutor(THREADS) as pool:
        for job in islice(jobs, EACH):
            job()
        for _ in range(TURNS):
            turns["bare"].append(seconds_of(lambda: list(map(run, repeat(bare.store, EACH)))))
            turns["one by one"].append(seconds_of(lambda: list(map(run, islice(jobs, EACH)))))
            turns[f"{THREADS} threads"].append(seconds_of(lambda: list(pool.map(run, islice(jobs, EACH)))))
    add_turns(turns, "SQLite" if engine.dialect.name == "sqlite" else "PostgreSQL", numbers)
    bare.connection.close()


def run(job: Job) -> None:
    """Do it."""
    job()


def add_turns(turns: dict[str, list[tuple[float, float]]], backend: str, numbers: Numbers) -> None:
    """Note the median rates, and the median of the ratios of neighbouring turns."""
    for name, taken in turns.items():
        wall, cpu = (median(one[number] for one in taken) / EACH for number in (0, 1))
        numbers.add(
            f"responses stored, {name}", backend, f"{1 / wall:.0f} a second, {cpu * 1000:.2f} ms of CPU"
        )
        if name != "bare":
            ratio = median(plain[0] / one[0] for plain, one in zip(turns["bare"], taken, strict=True))
            numbers.add("  beside bare commits of one connection", backend, f"{ratio:.2f}", ">= 0.35")


def test_the_longest_of_many_writes_on_sqlite(
    large_study: Path, tmp_path: Path, numbers: Numbers, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[int, list[float]] = {CHECKPOINT_PAGES: [], RARER: []}
    paths = {pages: path_with_log_of(pages, large_study, tmp_path, monkeypatch) for pages in taken}
    jobs = {pages: path.jobs(LONG_RUN) for pages, path in paths.items()}
    for _ in range(LONG_RUN // PART):
        for pages, times in taken.items():
            times += [seconds_of(job)[0] * 1000 for job in islice(jobs[pages], PART)]
    for pages, times in taken.items():
        times.sort()
        p50, p99, p999 = (times[int(len(times) * part)] for part in (0.5, 0.99, 0.999))
        text = f"{times[-1]:.1f} ms (median {p50:.2f}, p99 {p99:.2f}, p99.9 {p999:.1f})"
        numbers.add(f"longest of {LONG_RUN} writes", f"SQLite, checkpoint at {pages} pages", text)
        paths[pages].engine.dispose()


def path_with_log_of(pages: int, study: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> WritePath:
    """A database of its own whose log is moved into the database at so many pages."""
    monkeypatch.setattr("experiment_server.models.database.CHECKPOINT_PAGES", pages)
    settings = settings_for_load(folder / str(pages), f"sqlite:///{folder / str(pages) / 'long.sqlite3'}")
    create_from(settings, study)
    path = WritePath(connect(settings))
    with path.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one() == pages
    return path
