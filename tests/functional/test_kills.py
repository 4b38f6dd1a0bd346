"""Kills under load: nothing acknowledged is lost, nothing is doubled, everyone can go on.

The long form is ``make chaos``.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from experiment_server.settings import Settings
from tests.chaos.journal import Given, Visit
from tests.chaos.run import Plan, run
from tests.chaos.table import table
from tests.chaos.verdict import Sitting, Stored, Verdict, judge
from tests.functional.postgres_process import wait_until_gone
from tests.functional.server_fixture import running_server

BEGIN = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("backend", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_ten_kills_lose_and_double_nothing(backend: str, tmp_path: Path) -> None:
    result = run(Plan(backend, kills=10, participants=8, most_answers=25), tmp_path, print)
    print(table(result))
    assert result.faults == []
    assert sum(result.tally.kills.values()) == 10
    assert result.stored > 100
    given = [one for visit in result.log.visits for one in visit.given]
    assert any(one.duplicate for one in given), "no answer was sent again whose first commit had been made"
    assert {visit.outcome for visit in result.log.visits} <= {"completed", "withdrawn", "abandoned"}


def test_the_servers_workers_end_with_their_master(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "secret_key": "k" * 40})
    with running_server(settings) as killed:
        port = str(urlsplit(killed.url).port)
        while len(workers := psutil.Process(killed.process.pid).children()) < 2:
            time.sleep(0.01)
        killed.process.kill()
        killed.process.wait()
        wait_until_gone(workers)
        with running_server(settings, "--port", port) as again:
            assert again.url == killed.url
            assert requests.get(f"{again.url}/healthz", timeout=10).status_code == 200


def a_visit() -> Visit:
    """Someone who gave three answers, of which two were acknowledged."""
    given = [Given(f"uuid {n}", f"trial {n}", n, f"word {n}", False, 500.0 + n) for n in range(3)]
    given[0].acknowledged_at = given[1].acknowledged_at = 1.0
    return Visit("someone", "s", True, {"trial 0", "trial 1"}, given)


def stored(index: int, visit: Visit) -> Stored:
    """The row of one of its answers."""
    one = visit.given[index]
    at = BEGIN + timedelta(seconds=index)
    return Stored(one.response_uuid, "s", one.trial, index, one.response, one.dont_know, one.rt_ms, at)


def verdict_on(*rows: Stored, sitting: Sitting | None = None) -> Verdict:
    """The verdict on a database with these responses."""
    kept = sitting or Sitting(None, True, frozenset({"trial 0", "trial 1"}))
    return judge([a_visit()], rows, {"s": kept})


FIRST, SECOND, THIRD = (stored(index, a_visit()) for index in range(3))


def test_the_verdict_finds_nothing_wrong_where_nothing_is() -> None:
    assert verdict_on(FIRST, SECOND) == Verdict()
    assert verdict_on(FIRST, SECOND, THIRD) == Verdict()


def test_the_verdict_finds_a_lost_answer() -> None:
    assert verdict_on(FIRST).lost == ["session s: the answer uuid 1 to trial 1"]


def test_the_verdict_finds_lost_steps() -> None:
    lost = verdict_on(FIRST, SECOND, sitting=Sitting(None, False, frozenset({"trial 0"}))).lost
    assert lost == ["session s: the consent", "session s: that 1 trials were presented"]
    assert judge([a_visit()], [FIRST, SECOND], {}).lost == ["session s itself"]
    ended = replace(a_visit(), outcome="completed")
    kept = {"s": Sitting(None, True, frozenset({"trial 0", "trial 1"}))}
    assert judge([ended], [FIRST, SECOND], kept).lost == ["session s: that it was completed; it is None"]


def test_the_verdict_finds_a_doubled_answer() -> None:
    again = replace(SECOND, response_uuid="another")
    found = verdict_on(FIRST, SECOND, again)
    assert found.doubled == ["trial trial 1: 2 rows", "session and index ('s', 1): 2 rows"]
    assert found.altered == ["session s: nobody gave the answer another"]
    assert verdict_on(FIRST, SECOND, SECOND).doubled[0] == "response_uuid uuid 1: 2 rows"


@pytest.mark.parametrize(
    "row",
    [
        replace(SECOND, response="word 2"),
        replace(SECOND, rt_ms=1.0),
        replace(SECOND, dont_know=True),
        replace(SECOND, trial="trial 7"),
        replace(SECOND, session="t"),
    ],
)
def test_the_verdict_finds_an_altered_answer(row: Stored) -> None:
    assert verdict_on(FIRST, row).altered == [
        f"session {row.session}: the answer uuid 1 is not as it was given"
    ]


def test_the_verdict_finds_answers_out_of_order() -> None:
    assert verdict_on(SECOND, FIRST).out_of_order == ["session s: [1, 0]"]
    late = replace(FIRST, received_at=BEGIN + timedelta(minutes=1))
    assert verdict_on(late, SECOND).out_of_order == ["session s: [1, 0]"]
    assert verdict_on(FIRST, replace(THIRD, trial_index=2)).out_of_order == ["session s: [0, 2]"]
