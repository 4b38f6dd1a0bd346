"""Real browsers under every trouble at once; the long form is ``python -m tests.chaos.browser``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.chaos.browser.journal import Pressed, Sitting
from tests.chaos.browser.run import Plan, run
from tests.chaos.browser.table import table
from tests.chaos.browser.verdict import Recorded, Verdict, judge
from tests.chaos.verdict import Sitting as Session
from tests.chaos.verdict import Stored

BEGIN = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
DONE = {"s": Session("completed", True, frozenset())}


@pytest.mark.browser
def test_every_answer_given_in_trouble_is_stored_once_and_in_order(tmp_path: Path) -> None:
    plan = Plan(sessions=3, hangs=False)
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(run, plan, tmp_path, print).result()
    print(table(result))
    assert result.faults == []
    assert result.records == 6
    journal = result.journal
    assert result.stored == sum(sitting.trials for sitting in journal.sittings) == 24
    assert len([one for sitting in journal.sittings for one in sitting.given]) > 12
    assert journal.kills.total() > 0
    assert journal.browsers.total() > 5
    assert journal.requests.total() > 20


def sitting(*, taken: bool = True, code: str | None = "DONE1") -> Sitting:
    """Somebody who gave five answers, and was perhaps not told that the last was taken."""
    pressed = [Pressed(index, text, taken or index < 4) for index, text in enumerate("abcde")]
    return Sitting("someone", pressed, trials=5, code=code)


def stored(index: int, text: str, uuid: str | None = None) -> Stored:
    """The row of an answer."""
    received = BEGIN + timedelta(seconds=10 * index)
    return Stored(uuid or text, "s", f"t{index}", index, text, False, 1.0, received)


def recorded(kind: str, seconds: int) -> Recorded:
    """The row of a record."""
    return Recorded("s", kind, BEGIN + timedelta(seconds=seconds))


ROWS = [stored(index, text) for index, text in enumerate("abcde")]
RECORDS = [recorded("warning", -5), recorded("break", 35)]


def test_the_verdict_finds_nothing_where_nothing_is() -> None:
    nothing = Verdict([], [], [], [], [], [])
    assert judge([sitting()], ROWS, RECORDS, DONE) == nothing
    asked_again = sitting(taken=False)
    asked_again.pressed.append(Pressed(4, "f", True))
    assert judge([asked_again], [*ROWS[:4], stored(4, "f")], RECORDS, DONE) == nothing


def test_the_verdict_finds_each_fault() -> None:
    assert judge([sitting(code=None)], ROWS[:4], RECORDS, DONE).lost == ["'e'"]
    assert judge([sitting()], [*ROWS, stored(4, "e", "again")], RECORDS, DONE).doubled != []
    assert judge([sitting()], [*ROWS[:4], stored(4, "x")], RECORDS, DONE).altered != []
    assert judge([sitting()], ROWS[::-1], RECORDS, DONE).out_of_order == ["session s: [4, 3, 2, 1, 0]"]
    assert judge([sitting(taken=False)], ROWS[:4], RECORDS, DONE).codes != []
    assert judge([sitting(code=None)], ROWS, RECORDS, DONE).codes != []
    left = {"s": replace(DONE["s"], outcome=None)}
    assert judge([sitting()], ROWS, RECORDS, left).codes != []
    assert judge([sitting()], ROWS, RECORDS[:1], DONE).records != []
    assert judge([sitting()], ROWS, [RECORDS[0], recorded("break", 45)], DONE).records != []
