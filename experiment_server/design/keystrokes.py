"""Whether a hand can have typed an answer, from the times of its keys and what else the browser counted.

Nothing here knows which keys were pressed. Everything is judged in the typist's favour: phones, tablets and
whatever may be one are never doubted, since their keyboards put in whole words; nor is typing with
corrections, composed characters, or a key held down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median, pstdev
from typing import Any

#: letters from which on an answer tells something about how it was typed
FEWEST_LETTERS = 4
#: keys that the page notes for one answer at most
MOST_KEYS = 60
#: fastest typists need about 60 ms for a key; two keys may roll closer, but not half of them
FASTEST_MS = 20.0
#: SD of the intervals over their mean; that of hands is about 0.3 and more
MOST_REGULAR = 0.08
#: intervals from which on their spread tells something
FEWEST_INTERVALS = 5
#: ways in which honest keyboards, dictation and spelling aids put in several characters at once
HONEST_WAYS = ("composition", "replacement")
#: CSS pixels from which on a window is taken for a desk's, where the page did not say what points at it
DESK_WIDTH = 1000


def counted(client: Mapping[str, Any], key: str) -> int:
    """A count that a browser sent; 0 for anything that is none."""
    number = _number(client.get(key))
    return 0 if number is None else int(number)


def machine_typed(response: str, client: Mapping[str, Any]) -> bool | None:
    """Whether no hand can have typed this; None where that cannot be told.

    ``client`` is what the browser sent with the answer, whatever it is: ``key_times_ms``, ``largest_insert``,
    ``largest_insert_by``, ``pastes``, ``drops``, ``touch``, ``viewport``. A paste is not judged here.
    """
    keys, letters = key_times(client), sum(map(str.isalpha, response))
    if keys is None or letters < FEWEST_LETTERS or pasted(client):
        return None
    inserted, way = counted(client, "largest_insert"), client.get("largest_insert_by")
    if way == "script" and 2 * inserted >= letters:
        return True
    if by_touch(client) or len(keys) >= MOST_KEYS or not response.isascii() or way in HONEST_WAYS:
        return None
    at_desk = client.get("touch") is False
    return _without_keys(letters, keys, inserted, at_desk) or _too_even(response.strip(), keys)


def pasted(client: Mapping[str, Any]) -> bool:
    """Whether text was pasted, or dragged in."""
    return counted(client, "pastes") > 0 or counted(client, "drops") > 0


def key_times(client: Mapping[str, Any]) -> list[float] | None:
    """When keys went down, ms since the picture's first frame, in order; None if the browser did not say."""
    sent = client.get("key_times_ms")
    if not isinstance(sent, list):
        return None
    return sorted(number for number in map(_number, sent[:MOST_KEYS]) if number is not None)


def by_touch(client: Mapping[str, Any]) -> bool:
    """Whether the answer may come from a keyboard on the screen."""
    touch = client.get("touch")
    if isinstance(touch, bool):
        return touch
    viewport = client.get("viewport")
    width = _number(viewport[0]) if isinstance(viewport, list) and viewport else None
    return width is None or width < DESK_WIDTH


def _without_keys(letters: int, keys: Sequence[float], inserted: int, at_desk: bool) -> bool:
    """Letters that came from nowhere, or all at once at a desk: most of them have no key of their own."""
    at_once = at_desk and 2 * inserted >= letters and len(keys) <= 2
    return 2 * len(keys) < letters and (inserted < 2 or at_once)


def _too_even(typed: str, keys: Sequence[float]) -> bool:
    """Keys too close together, or as even as a clock. Who corrects, or holds a key, presses more keys."""
    if len(keys) > len(typed) + 1:
        return False
    between = list(_intervals(keys[: len(typed)]))
    if len(between) < FEWEST_LETTERS - 1:
        return False
    if median(between) < FASTEST_MS:
        return True
    return len(between) >= FEWEST_INTERVALS and pstdev(between) < MOST_REGULAR * fmean(between)


def _intervals(times: Sequence[float]) -> Iterator[float]:
    return (after - before for before, after in pairwise(times))


def _number(value: object) -> float | None:
    """A count or a time of this world; None for anything else that a browser may have sent."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= 1e9 else None
