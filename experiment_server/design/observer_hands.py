"""How simulated participants put in their answers: keyboards, phones, and machines that stand for hands.

Times are from the moment at which an answer can be given, in ms.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from experiment_server.design.observer import ObservedAnswer

#: how letters get into the answer
WAYS = ("keys", "paste", "insert", "value", "robot", "metronome")
#: of a held key, ms
REPEAT_MS = 33.0


@dataclass(frozen=True)
class Entry:
    """How one answer was put in, as the page sees it.

    ``largest_insert``: letters that came at once, and ``inserted_by`` how, as the page's typing.ts names it.
    """

    ended_ms: float
    key_times_ms: tuple[float, ...] = ()
    largest_insert: int = 0
    inserted_by: str | None = None
    pastes: int = 0


@dataclass(frozen=True)
class Hand:
    """What a participant types with. Intervals between keys are log-normal around ``interval_ms``.

    ``corrects``: probability that a letter is mistyped and put right. ``suggests``: that the rest of a word
    is taken from what a phone's keyboard suggests. ``way``: "keys" for people; "paste", "insert" (the whole
    text at once), "value" (written into the page by a script), "robot" (keys a millisecond apart) and
    "metronome" (50 ms apart) for machines.
    """

    interval_ms: float = 150.0
    log_sd: float = 0.45
    corrects: float = 0.04
    touch: bool = False
    suggests: float = 0.0
    way: str = "keys"

    @property
    def viewport(self) -> tuple[int, int]:
        """Width and height of the window, in CSS pixels."""
        return (390, 740) if self.touch else (1440, 780)

    @property
    def device_pixel_ratio(self) -> float:
        """Device pixels of a CSS pixel."""
        return 3.0 if self.touch else 1.0

    def enter(self, answer: ObservedAnswer, rng: Random) -> Entry:
        """Put in an answer; what is chosen or not known takes one press."""
        if answer.rt_first_key_ms is None:
            return Entry(round(answer.rt_ms, 1))
        return _ENTERING[self.way](self, answer.text, answer.rt_first_key_ms, rng)

    def type(self, text: str, start: float, rng: Random) -> Entry:
        """Type a text letter by letter, with slips and suggestions."""
        keys: list[float] = []
        inserted, at = 0, start
        for word in text.split(" "):
            typed = self._typed_letters(word, rng)
            for _ in range(typed):
                keys.append(at)
                at += self._interval(rng)
                if rng.random() < self.corrects:
                    keys.extend(self._put_right(at, rng))
                    at = keys[-1] + self._interval(rng)
            inserted = max(inserted, len(word) + 1 - typed)
        ended = at + 180 * math.exp(rng.gauss(0, 0.4))
        by = "composition" if inserted > 1 else None
        return Entry(round(ended, 1), tuple(keys), inserted if by else 0, by)

    def _typed_letters(self, word: str, rng: Random) -> int:
        """Letters of a word that are typed, the blank after it too; none of one that is swiped."""
        taken = rng.random() < self.suggests
        return min(len(word), rng.randrange(5)) if taken else len(word) + 1

    def _put_right(self, at: float, rng: Random) -> Iterator[float]:
        """The wrong letter and the key that takes it away, which some hold for a while."""
        yield at
        at += 2 * self._interval(rng)
        held = rng.randrange(2, 8) if rng.random() < 0.1 else 1
        yield from (at + REPEAT_MS * number for number in range(held))

    def _interval(self, rng: Random) -> float:
        return self.interval_ms * math.exp(rng.gauss(0, self.log_sd))


def _typed(hand: Hand, text: str, start: float, rng: Random) -> Entry:
    return hand.type(text, start, rng)


def _pasted(hand: Hand, text: str, start: float, rng: Random) -> Entry:
    del hand
    return Entry(start + rng.uniform(200, 600), (), len(text), "paste", 1)


def _inserted(hand: Hand, text: str, start: float, rng: Random) -> Entry:
    del hand
    return Entry(start + rng.uniform(5, 60), (start,), len(text), "text")


def _written(hand: Hand, text: str, start: float, rng: Random) -> Entry:
    del hand
    return Entry(start + rng.uniform(5, 60), (), len(text), "script")


def _even(delay: float, jitter: float) -> Callable[[Hand, str, float, Random], Entry]:
    def entered(hand: Hand, text: str, start: float, rng: Random) -> Entry:
        del hand
        keys = [start]
        for _ in text:
            keys.append(keys[-1] + max(0.0, rng.gauss(delay, jitter)))
        return Entry(keys[-1], tuple(keys))

    return entered


_ENTERING: dict[str, Callable[[Hand, str, float, Random], Entry]] = {
    "keys": _typed,
    "paste": _pasted,
    "insert": _inserted,
    "value": _written,
    "robot": _even(1.0, 0.5),
    "metronome": _even(50.0, 1.5),
}


@dataclass(frozen=True)
class Hands:
    """Which hands a population has; shares are probabilities, ``interval_ms`` is a median over people."""

    interval_ms: float = 150.0
    between_log_sd: float = 0.3
    phones: float = 0.2
    suggests: float = 0.4

    def draw(self, rng: Random) -> Hand:
        """Draw the hand of one participant."""
        interval = self.interval_ms * math.exp(rng.gauss(0, self.between_log_sd))
        phone, suggests = rng.random(), rng.random()
        if phone >= self.phones:
            return Hand(interval_ms=interval)
        return Hand(
            interval_ms=1.4 * interval,
            corrects=0.06,
            touch=True,
            suggests=2 * self.suggests * suggests,
        )
