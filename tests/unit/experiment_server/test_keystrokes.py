from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest

from experiment_server.design.keystrokes import by_touch, counted, key_times, machine_typed, pasted

#: a hand's uneven intervals, ms
UNEVEN = (210, 95, 140, 320, 110, 180, 90, 260)
DESK = {"viewport": [1440, 800], "touch": False}


def typed(*intervals: float, first: float = 1200, **more: Any) -> dict[str, Any]:
    """What a page at a desk sends of keys so far apart."""
    return {**DESK, "key_times_ms": list(accumulate(intervals, initial=first)), "largest_insert": 0, **more}


HONEST = {
    "by hand": ("sailboat", typed(*UNEVEN)),
    "one finger": ("sailboat", typed(*(9 * gap for gap in UNEVEN))),
    "the fastest hands": ("sailboat", typed(62, 48, 71, 55, 90, 66, 58, 80)),
    "two keys rolled together": ("sailboat", typed(210, 3, 140, 2, 110, 180, 90, 260)),
    "backspace held down": ("sail", typed(210, 95, 140, *(33,) * 20, 180, 90, 120, 160)),
    "a slip put right": ("sailboat", typed(*UNEVEN, 140, 90, 130)),
    "more keys than are noted": ("a " * 60 + "sail", typed(*(50,) * 80)),
    "dead keys": ("velér\N{LATIN SMALL LETTER O WITH ACUTE}", typed(200, 90, 300, 120)),
    "a word that a desk's spelling aid put in": (
        "sailboat",
        typed(210, largest_insert=8, largest_insert_by="replacement"),
    ),
    "dictation into a composition": ("sailboat", typed(largest_insert=8, largest_insert_by="composition")),
}
PHONES = {
    "a word suggested": typed(220, 180, touch=True, largest_insert=6, largest_insert_by="composition"),
    "a word swiped": typed(touch=True, largest_insert=9, largest_insert_by="text"),
    "a keyboard that tells of no keys": {"touch": True, "key_times_ms": [], "largest_insert": 1},
    "a page that did not say what points at it": {
        "viewport": [390, 740],
        "key_times_ms": [],
        "largest_insert": 9,
    },
    "a tablet's page that did not say what points at it": {
        "viewport": [1194, 834],
        "key_times_ms": [],
        "largest_insert": 9,
    },
    "a page that says nothing of its window": {"key_times_ms": [], "largest_insert": 9},
}
MACHINES = {
    "keys a millisecond apart": typed(*(1,) * 8),
    "keys as even as a clock": typed(*(50, 51, 49, 50, 51, 50, 49, 50)),
    "the whole text at once": typed(largest_insert=8, largest_insert_by="text"),
    "the whole text at once, in older pages": typed(largest_insert=8),
    "a text from nowhere": typed(largest_insert=0),
    "written by a script": typed(largest_insert=8, largest_insert_by="script"),
    "written by a script, on a phone": typed(touch=True, largest_insert=8, largest_insert_by="script"),
}


@pytest.mark.parametrize("case", HONEST)
def test_hands_at_a_desk_are_believed(case: str) -> None:
    response, client = HONEST[case]
    assert not machine_typed(response, client)


@pytest.mark.parametrize("case", PHONES)
def test_phones_are_never_doubted(case: str) -> None:
    assert not machine_typed("sailboat", PHONES[case])


@pytest.mark.parametrize("case", MACHINES)
def test_what_no_hand_types(case: str) -> None:
    assert machine_typed("sailboat", MACHINES[case]) is True


def test_short_words_tell_nothing() -> None:
    assert machine_typed("dog", MACHINES["the whole text at once"]) is None


def test_a_paste_is_judged_as_a_paste() -> None:
    client = {**MACHINES["written by a script"], "pastes": 1}
    assert machine_typed("sailboat", client) is None
    assert pasted(client)
    assert pasted({"drops": 2})
    assert not pasted({"pastes": 0, "drops": 0})


def test_an_answer_without_key_times_was_not_measured() -> None:
    assert machine_typed("sailboat", {**DESK, "largest_insert": 0}) is None


@pytest.mark.parametrize("value", [None, "3", True, -1, [1], {}, 1e300, float("inf"), float("nan"), 10**400])
def test_what_is_no_count_counts_nothing(value: object) -> None:
    assert counted({"pastes": value}, "pastes") == 0
    assert key_times({"key_times_ms": [value]}) == []


def test_key_times_are_put_in_order_and_the_first_are_kept() -> None:
    assert key_times({"key_times_ms": [300, 100.5, 200]}) == [100.5, 200, 300]
    assert len(key_times({"key_times_ms": list(range(10_000))}) or []) == 60
    assert key_times({"key_times_ms": "100,200"}) is None


@pytest.mark.parametrize(
    ("client", "touched"),
    [
        ({"touch": True, "viewport": [1440, 800]}, True),
        ({"touch": False, "viewport": [390, 740]}, False),
        ({"touch": "no", "viewport": [1440, 800]}, False),
        ({"viewport": [820, 1180]}, True),
        ({"viewport": []}, True),
        ({"viewport": "1440"}, True),
        ({}, True),
    ],
)
def test_what_points_at_the_page(client: dict[str, Any], touched: bool) -> None:
    assert by_touch(client) is touched
