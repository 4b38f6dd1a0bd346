"""Two servers, of two workers each, on one database: PostgreSQL, or one SQLite file."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import func, select, text

from experiment_server.migrations import schema
from experiment_server.models import Response
from experiment_server.models.database import connect, reading
from experiment_server.settings import Settings
from tests.functional.answering import ROOMY_STUDY, answering, require_all, unlimited
from tests.functional.server_fixture import RunningServer, answer, create_from, pid, running_server
from tests.functional.study_files import make_study

PLACES = 20
TRIALS = 8

Pair = tuple[RunningServer, RunningServer]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings that let participants be faster than people are."""
    return unlimited(tmp_path / "data", database_url)


@contextmanager
def two_servers(settings: Settings) -> Iterator[Pair]:
    """Two servers that were started at the same moment."""
    with ExitStack() as stack:
        one, other = together(2, lambda _: stack.enter_context(running_server(settings)))
        yield one, other


def together(n: int, act: Callable[[int], Any]) -> list[Any]:
    """Do something from ``n`` threads at the same moment."""
    barrier = threading.Barrier(n)

    def one(number: int) -> Any:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(one, range(n)))


def test_two_servers_are_as_one(settings: Settings, tmp_path: Path) -> None:
    """Started at once on an empty database, they set it up once; from then on it is as if there were one."""
    with two_servers(settings) as servers:
        assert [requests.get(f"{one.url}/healthz", timeout=30).status_code for one in servers] == [200, 200]
        assert versions(settings) == [schema.newest()]
        create_from(settings, make_study(tmp_path / "small"))
        create_from(settings, make_study(tmp_path / "roomy", ROOMY_STUDY.replace("small", "roomy")))
        go_to_and_fro(servers)
        answer_both(servers, settings)
        take_all_places(servers, taken=2)
        survive(servers, settings)


def versions(settings: Settings) -> list[str]:
    engine = connect(settings)
    with reading(engine) as connection:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    engine.dispose()
    return list(found)


def go_to_and_fro(servers: Pair) -> None:
    """A session whose every request goes to the other server than the one before."""
    turn = cycle(servers)
    who = {"prolific_pid": pid("traveller")}
    token = next(turn).arrive(who).json()["token"]
    assert next(turn).call("POST", "/session/consent", token, {"consented": True}).status_code == 200
    count = 0
    while trials := next(turn).call("GET", "/session/trials?limit=1", token).json()["trials"]:
        path = f"/trials/{trials[0]['trial']}"
        assert next(turn).call("POST", f"{path}/presented", token, {}).status_code == 204
        stored = next(turn).call("POST", f"{path}/response", token, answer()).json()
        count += 1
        assert (stored["duplicate"], stored["answered"]) == (False, count)
    assert next(turn).call("POST", "/session/finish", token, {}).json()["outcome"] == "completed"
    assert count == TRIALS


def answer_both(servers: Pair, settings: Settings) -> None:
    """The same answer from many connections to both servers at the same moment."""
    token = servers[0].arrive({"prolific_pid": pid("impatient")}).json()["token"]
    servers[1].call("POST", "/session/consent", token, {"consented": True})
    for trial in servers[0].call("GET", "/session/trials?limit=3", token).json()["trials"]:
        body = answer()
        send = partial(send_response, servers, f"/trials/{trial['trial']}/response", token, body)
        replies = together(8, send)
        assert [reply.status_code for reply in replies] == [200] * 8
        assert Counter(reply.json()["duplicate"] for reply in replies) == {False: 1, True: 7}
    assert responses(settings) == TRIALS + 3


def send_response(servers: Pair, path: str, token: str, body: Any, number: int) -> requests.Response:
    return servers[number % 2].call("POST", path, token, body)


def responses(settings: Settings) -> int:
    engine = connect(settings)
    with reading(engine) as connection:
        number = connection.execute(select(func.count()).select_from(Response)).scalar_one()
    engine.dispose()
    return number


def take_all_places(servers: Pair, taken: int) -> None:
    """More people than places, half of them at each server, at the same moment."""
    replies = together(30, lambda number: servers[number % 2].arrive({"prolific_pid": pid(f"p {number}")}))
    assert Counter(reply.status_code for reply in replies) == {201: PLACES - taken, 409: 30 - PLACES + taken}
    tokens = [reply.json()["token"] for reply in replies if reply.status_code == 201]
    consents = together(
        len(tokens),
        lambda number: servers[number % 2].call(
            "POST", "/session/consent", tokens[number], {"consented": True}
        ),
    )
    assert {reply.status_code for reply in consents} == {200}


def survive(servers: Pair, settings: Settings) -> None:
    """One server dies under participants who use both."""
    one, other = servers
    with answering(one.url, other.url, study="roomy") as group:
        group.go_on()
        one.kill()
        group.go_on()
    require_all(settings, group)
    assert group.unanswered > 0
    assert group.statuses[503] == 0
