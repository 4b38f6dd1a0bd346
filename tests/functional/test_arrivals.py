"""Two hundred people at once: exactly the places are given, evenly, and those left behind are given again.

``pytest -s`` with this file prints how often each stimulus and each cell was given.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Engine, func, select, update

from experiment_server.models import Session, Stimulus, Trial
from experiment_server.models.database import connect, reading, writing
from experiment_server.settings import Settings
from tests.functional.histories import check_histories
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import RunningServer, answer, create_study, pid, running_server
from tests.functional.study_files import STUDY_TOML
from tests.properties.quota import over_quota, shares

PEOPLE = 200
PLACES = 120
TEST_TRIALS = 6
TRIALS = 8
MINUTES = 30
STUDY = STUDY_TOML.replace("places = 20", f"places = {PLACES}")
#: how often a refusal that asks for it is answered by asking again, and how long before, seconds
ATTEMPTS, PAUSE = 20, 0.05


@dataclass
class Crowd:
    """People who do things at the same moment; every status that a server replied is counted."""

    server: RunningServer
    statuses: Counter[int] = field(default_factory=Counter)

    def together(self, people: Sequence[Any], act: Callable[[Any], Any]) -> list[Any]:
        """Each in a thread of their own, begun at the same moment."""
        barrier = threading.Barrier(len(people))

        def one(person: Any) -> Any:
            barrier.wait()
            return act(person)

        with ThreadPoolExecutor(len(people)) as pool:
            return list(pool.map(one, people))

    def ask(self, method: str, path: str, json: Any = None, token: str = "") -> requests.Response:
        """One request; one that the server is too busy for is sent again."""
        for _ in range(ATTEMPTS):
            reply = self.server.call(method, path, token, json)
            self.statuses[reply.status_code] += 1
            if reply.status_code != 503:
                return reply
            assert reply.json()["error"]["retryable"], reply.text
            time.sleep(PAUSE)
        raise AssertionError(f"{method} {path}: busy {ATTEMPTS} times")

    def enter(self, name: str) -> str | None:
        """Arrive and agree at once; gives the token, or None if the study is full."""
        reply = self.ask("POST", "/studies/small/sessions", {"prolific_pid": pid(name)})
        if reply.status_code == 409:
            assert reply.json()["error"]["code"] == "study_full"
            return None
        assert reply.status_code == 201, reply.text
        token: str = reply.json()["token"]
        state = self.ask("POST", "/session/consent", {"consented": True}, token)
        assert (state.status_code, state.json()["total"]) == (200, TRIALS), state.text
        return token

    def do_all(self, token: str) -> None:
        """Look at and answer every trial, and finish."""
        self.answer(token, TRIALS)
        state = self.ask("POST", "/session/finish", {}, token)
        assert state.json()["outcome"] == "completed", state.text

    def answer(self, token: str, number: int) -> None:
        """Look at and answer the next trials."""
        for trial in self.ask("GET", f"/session/trials?limit={number}", None, token).json()["trials"]:
            assert self.ask("POST", f"/trials/{trial['trial']}/presented", {}, token).status_code == 204
            reply = self.ask("POST", f"/trials/{trial['trial']}/response", answer(), token)
            assert reply.status_code == 200, reply.text

    def withdraw(self, token: str) -> None:
        assert self.ask("POST", "/session/withdraw", {}, token).json()["outcome"] == "withdrawn"


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings)
    yield engine
    engine.dispose()


def test_two_hundred_arrive_at_once(settings: Settings, engine: Engine, tmp_path: Path) -> None:
    create_study(settings, tmp_path / "study", STUDY)
    with running_server(settings) as server:
        crowd = Crowd(server)
        tokens = crowd.together([f"person {number}" for number in range(PEOPLE)], crowd.enter)
        inside = [token for token in tokens if token]
        assert len(inside) == PLACES
        check_evenness(engine, left=0)

        busy, leaving, vanishing = inside[:6], inside[6:16], inside[16:46]
        acts = [
            *((crowd.do_all, token) for token in busy),
            *((crowd.withdraw, token) for token in leaving),
            *((crowd.enter, f"late {number}") for number in range(20)),
        ]
        replies = crowd.together(acts, lambda act: act[0](act[1]))
        late = [token for token in replies if token]
        assert len(late) <= len(leaving)
        late += [token for token in crowd.together([f"later {n}" for n in range(20)], crowd.enter) if token]
        assert len(late) == len(leaving)
        check_evenness(engine, left=0)

        crowd.together(vanishing[:5], lambda token: crowd.answer(token, 3))
        forget(engine, vanishing)
        again = crowd.together([f"newcomer {number}" for number in range(60)], crowd.enter)
        assert sum(token is not None for token in again) == len(vanishing)
        assert outcomes(engine) == {
            None: PLACES - len(busy),
            "completed": len(busy),
            "withdrawn": len(leaving),
            "abandoned": len(vanishing),
        }
        check_evenness(engine, left=left_behind(engine))
    assert set(crowd.statuses) <= {200, 201, 204, 409, 503}
    print_table(engine, crowd.statuses)


def forget(engine: Engine, tokens: Sequence[str]) -> None:
    """As if these had been looked at for the last time just before the study's time-out."""
    ids = [token.partition(".")[0] for token in tokens]
    with writing(engine) as connection:
        long_ago = connection.execute(select(func.min(Session.created_at))).scalar_one()
        long_ago -= timedelta(minutes=MINUTES + 1)
        connection.execute(update(Session).where(Session.id.in_(ids)).values(last_seen_at=long_ago))


def outcomes(engine: Engine) -> dict[str | None, int]:
    with reading(engine) as connection:
        counted = select(Session.outcome, func.count().label("number")).group_by(Session.outcome)
        return {row.outcome: row.number for row in connection.execute(counted)}


def left_behind(engine: Engine) -> int:
    """Answers to test trials by those who did not finish and sit no more."""
    with reading(engine) as connection:
        statement = select(func.count()).select_from(Trial).join(Session)
        gone = Session.outcome.in_(("withdrawn", "abandoned"))
        answered = statement.where(gone, Trial.state == "responded", Trial.kind == "test")
        return connection.execute(answered).scalar_one()


def cells_and_counts(engine: Engine) -> tuple[dict[int, Hashable], dict[int, int]]:
    """The test stimuli's cells, and how often each was given."""
    columns = (Stimulus.id, Stimulus.concept, Stimulus.condition_id, Stimulus.assigned_count)
    with reading(engine) as connection:
        rows = connection.execute(select(*columns).where(Stimulus.kind == "test")).all()
    return {row.id: (row.concept, row.condition_id) for row in rows}, {
        row.id: row.assigned_count for row in rows
    }


def check_evenness(engine: Engine, left: int) -> None:
    """Everything holds, nobody sees a source twice, and no stimulus is over its quota."""
    check_invariants(engine)
    check_histories(engine)
    with reading(engine) as connection:
        statement = select(Trial.session_id, Stimulus.source).join(Stimulus)
        seen = Counter(tuple(row) for row in connection.execute(statement))
    assert max(seen.values()) == 1
    cells, counts = cells_and_counts(engine)
    assert over_quota(cells, counts, PLACES * TEST_TRIALS + left) == {}


def print_table(engine: Engine, statuses: Counter[int]) -> None:
    """How evenly it went, for whoever wants to see it."""
    cells, counts = cells_and_counts(engine)
    trials = PLACES * TEST_TRIALS + left_behind(engine)
    totals = Counter[Hashable]()
    for stimulus, cell in cells.items():
        totals[cell] += counts[stimulus]
    given = {
        "stimulus": (list(counts.values()), max(shares(cells, trials).values())),
        "cell": (list(totals.values()), trials / len(totals)),
    }
    for name, (values, share) in given.items():
        spread = f"min {min(values)} max {max(values)} mean {sum(values) / len(values):.2f} share {share:.2f}"
        print(f"{engine.dialect.name:10} each {name:8} {spread}")
    print(f"{engine.dialect.name:10} over quota {len(over_quota(cells, counts, trials))}, {dict(statuses)}")
