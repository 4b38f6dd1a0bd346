"""Kinds of simulated participants: those who look, and three kinds of those who do not.

The careless kinds are our own idea of carelessness; docs/simulate.md says what each one does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from experiment_server.design.observer import ObservedAnswer, Observer, Population
from experiment_server.design.observer_hands import Hand, Hands
from experiment_server.design.observer_words import VAGUE
from stimuli.conditions import Condition

#: what is typed by those who type anything
MASHED = ("asd", "sdf", "ok", "jkl", "x", "aaa", "hgf", "no", "yes", "asdf")


class Mind(Protocol):
    """Whoever looks at a picture, or does not, and answers."""

    def answer(
        self,
        concept: str,
        condition: Condition,
        source: str,
        alternatives: Sequence[str] | None,
        rng: Random,
        *,
        easy: bool = False,
    ) -> ObservedAnswer:
        """Answer one trial, by typing or, given alternatives, by choosing one."""


@dataclass(frozen=True)
class Person:
    """A participant: what answers, what it is typed with, and how the page is attended to.

    ``leaves``: probability that the page is left during a trial; ``heeds``: that a question about the
    instructions, or an answer that is told, is right.
    """

    kind: str
    mind: Mind
    hand: Hand
    leaves: float
    heeds: float


@dataclass(frozen=True)
class Inattentive:
    """Looks away in a share of the trials, and then says anything, often the same; slower than others."""

    observer: Observer
    away: float
    habits: tuple[str, ...]

    def answer(
        self,
        concept: str,
        condition: Condition,
        source: str,
        alternatives: Sequence[str] | None,
        rng: Random,
        *,
        easy: bool = False,
    ) -> ObservedAnswer:
        """Look, or say something all the same."""
        if rng.random() >= self.away:
            return self.observer.answer(concept, condition, source, alternatives, rng, easy=easy)
        rt = 1.3 * self.observer.latency(rng, recognised=False)
        if self.observer.dont_know and rng.random() < 0.3:
            return ObservedAnswer("", True, rt, None, False)
        if alternatives is not None:
            return ObservedAnswer(rng.choice(alternatives), False, rt, None, False)
        text = rng.choice(self.habits if rng.random() < 0.6 else (*VAGUE, *self.observer.concepts))
        return ObservedAnswer(text, False, rt, rt * rng.uniform(0.4, 0.8), False)


@dataclass(frozen=True)
class Clicker:
    """Answers at once and at random: any alternative, any of a few strings, or "don't know"."""

    strings: tuple[str, ...]
    dont_know: bool
    latency_ms: float = 220.0

    def answer(
        self,
        concept: str,
        condition: Condition,
        source: str,
        alternatives: Sequence[str] | None,
        rng: Random,
        *,
        easy: bool = False,
    ) -> ObservedAnswer:
        """Answer without a look."""
        del concept, condition, source, easy
        rt = self.latency_ms * math.exp(rng.gauss(0.0, 0.35))
        if self.dont_know and rng.random() < 0.2:
            return ObservedAnswer("", True, rt, None, False)
        if alternatives is not None:
            return ObservedAnswer(rng.choice(alternatives), False, rt, None, False)
        return ObservedAnswer(rng.choice(self.strings), False, rt, rt, False)


@dataclass(frozen=True)
class Machine:
    """A model's answers: the concept's name, well spelt, for most pictures, degraded ones too."""

    observer: Observer
    latency_ms: float

    def answer(
        self,
        concept: str,
        condition: Condition,
        source: str,
        alternatives: Sequence[str] | None,
        rng: Random,
        *,
        easy: bool = False,
    ) -> ObservedAnswer:
        """Name the picture as a model does; an object where it fails."""
        recognised = rng.random() < self.observer.probability(concept, condition, source, easy=easy)
        wrong = "object" if alternatives is None else rng.choice(alternatives)
        rt = self.latency_ms * math.exp(rng.gauss(0.0, 0.2))
        text = concept if recognised else wrong
        return ObservedAnswer(text, False, rt, rt if alternatives is None else None, recognised)


@dataclass(frozen=True)
class Draw:
    """What a person is drawn from. ``minds`` and ``manners`` are apart, so that answers stay the same."""

    people: Population
    minds: Random
    manners: Random
    concepts: tuple[str, ...]
    dont_know: bool
    hands: Hands = field(default_factory=Hands)

    def observer(self) -> Observer:
        """Draw an attentive observer."""
        return self.people.draw(self.minds, self.concepts, dont_know=self.dont_know)


def attentive(draw: Draw) -> Person:
    """Looks at every picture. Two in five leave the page once or twice."""
    hand = draw.hands.draw(draw.manners)
    leaves = 0.02 if draw.manners.random() < 0.4 else 0.0
    return Person("attentive", draw.observer(), hand, leaves, 0.98)


def inattentive(draw: Draw) -> Person:
    """Looks away in 50 to 90% of the trials; half of them leave the page in half of those."""
    hand = draw.hands.draw(draw.manners)
    away = draw.manners.uniform(0.5, 0.9)
    habits = tuple(draw.manners.sample(VAGUE, 2))
    leaves = away / 2 if draw.manners.random() < 0.5 else 0.02
    return Person("inattentive", Inattentive(draw.observer(), away, habits), hand, leaves, 1 - away)


def clicker(draw: Draw) -> Person:
    """Answers at random, as fast as the page lets."""
    strings = tuple(draw.manners.sample(MASHED, draw.manners.randint(2, 6)))
    hand = Hand(interval_ms=draw.manners.uniform(60, 110), corrects=0.0)
    return Person("clicker", Clicker(strings, draw.dont_know), hand, 0.0, 0.3)


def paster(draw: Draw) -> Person:
    """Lets a model answer, and brings its words into the page in one of five ways.

    Those who copy by hand leave the page for it in most trials; programs do not.
    """
    able = replace(draw.observer(), ability=3.0, foreign=False)
    way = draw.manners.choices(("paste", "insert", "value", "robot", "metronome"), (4.0, 2.0, 1.0, 1.5, 1.5))[
        0
    ]
    by_hand = way == "paste"
    mind = Machine(able, 9000.0 if by_hand else 2500.0)
    return Person("paster", mind, Hand(way=way), 0.9 if by_hand else 0.0, 1.0)


#: kind of participant -> how one is drawn
KINDS: dict[str, Callable[[Draw], Person]] = {
    "attentive": attentive,
    "inattentive": inattentive,
    "clicker": clicker,
    "paster": paster,
}
