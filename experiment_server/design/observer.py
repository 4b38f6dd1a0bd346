"""One model of a participant: what is recognised in which condition, and what is typed then.

Recognition follows a psychometric function. With s the severity in its physical unit and t the
perturbation's threshold in the same unit, the odds of recognising are

    1 / odds = 1 / odds_clean + (s / t)^slope     (t / s where a smaller severity is the stronger one)

multiplied by exp(ability + easiness of concept, concept in this perturbation, and source), and a lapse
makes the recognised unrecognised. So a picture at the threshold is recognised in about half of the
trials, and none better than a clean one. Easiness is derived from a hash and is the same for every
participant; ability differs between participants. Nothing is learnt from trial to trial.

The thresholds of contrast, blur and noise are those of the human observers of Geirhos et al. (2018,
"Generalisation in humans and deep neural networks", 16 alternatives, 200 ms); that of pixelate is our
own choice of about 18 blocks a side. An attack is taken for noise whose SD is its largest change. What people
see in a dream is what a study is to find out: here it is as if all were at their threshold, our own choice.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import NormalDist

from experiment_server.design.observer_words import VAGUE, ConceptWords, words_for
from stimuli.conditions import Condition
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, DREAMS, PERTURBATIONS, HumanAnchors

#: width in pixels of the pictures of which the blur threshold was measured
ANCHOR_WIDTH = 224

LETTERS = "abcdefghijklmnopqrstuvwxyz"

#: logits by which a picture is easier that everybody is meant to name
EASY = 2.0
#: what those who answer in another language do not know the name for: anything, and what everybody names
FOREIGN_WORDS = {False: 0.5, True: 0.1}


@dataclass(frozen=True)
class Threshold:
    """Where recognition is at half, in the severity's unit, and the slope on the log of severity."""

    severity: float
    slope: float


#: uniform noise of width .27 at contrast .3 is a noise SD of .27 / sqrt(3) / .3 at full contrast
THRESHOLDS = {
    "gaussian_noise": Threshold(0.52, 1.3),
    "gaussian_blur": Threshold(6.0, 1.3),
    "contrast": Threshold(0.048, 1.7),
    "pixelate": Threshold(0.0625, 2.5),
    # as noise, in grey levels: .52 of 255
    "fgsm": Threshold(133.0, 1.3),
    "pgd": Threshold(133.0, 1.3),
}
OTHER_SLOPE = 1.5


@dataclass(frozen=True)
class Population:
    """Who the participants are; SDs are on the logit scale, the rest are probabilities unless said.

    ``seed`` decides how easy each concept and source is. ``rt_median_ms`` is the median response time,
    ``rt_log_sd`` the SD of its logarithm within, ``speed_log_sd`` between participants. ``naming`` are
    the odds of each way to name what was recognised, ``failing`` of each answer to what was not.
    ``width`` is the pictures' side in pixels.
    """

    seed: int = 0
    width: int = 288
    clean_odds: float = 40.0
    ability_sd: float = 0.6
    concept_sd: float = 0.4
    concept_by_perturbation_sd: float = 0.3
    source_sd: float = 0.5
    lapse: float = 0.02
    typo: float = 0.04
    second_word: float = 0.25
    foreign_speakers: float = 0.06
    dropout: float = 0.1
    reload: float = 0.1
    rt_median_ms: float = 1900.0
    rt_log_sd: float = 0.35
    speed_log_sd: float = 0.25
    naming: tuple[tuple[str, float], ...] = (
        ("name", 70.0),
        ("plural", 7.0),
        ("synonym", 13.0),
        ("superordinate", 8.0),
        ("foreign", 2.0),
    )
    failing: tuple[tuple[str, float], ...] = (
        ("dont_know", 30.0),
        ("lookalike", 25.0),
        ("other_concept", 15.0),
        ("vague", 20.0),
        ("superordinate", 10.0),
    )

    def draw(self, rng: Random, concepts: Sequence[str] = (), *, dont_know: bool = True) -> Observer:
        """Draw one participant. ``concepts``: what the study shows; ``dont_know``: may be answered."""
        return Observer(
            population=self,
            ability=rng.gauss(0.0, self.ability_sd),
            speed=math.exp(rng.gauss(0.0, self.speed_log_sd)),
            foreign=rng.random() < self.foreign_speakers,
            concepts=tuple(concepts),
            dont_know=dont_know,
        )

    def sitting(self, rng: Random, trials: int) -> Sitting:
        """Draw in which trials, if in any, a participant vanishes and reloads the page."""
        vanishes = _some_trial(rng, self.dropout, trials)
        return Sitting(vanishes, _some_trial(rng, self.reload, trials))


@dataclass(frozen=True)
class Sitting:
    """Trial indices at which a participant is gone for good, and reloads the page; None is never."""

    vanishes_at: int | None
    reloads_at: int | None

    def has_vanished(self, trial: int) -> bool:
        """Whether nobody is there any more in a trial."""
        return self.vanishes_at is not None and trial >= self.vanishes_at


@dataclass(frozen=True)
class ObservedAnswer:
    """An answer: what is meant to be typed ("" for "don't know"), and whether the concept was recognised.

    Times are from the moment at which an answer can be given: ``rt_ms`` to the choice, ``rt_first_key_ms`` to
    the first key of a typed answer, which ``observer_hands`` then types.
    """

    text: str
    dont_know: bool
    rt_ms: float
    rt_first_key_ms: float | None
    recognised: bool


@dataclass(frozen=True)
class Observer:
    """One participant. ``ability`` is on the logit scale, ``speed`` multiplies response times."""

    population: Population = field(default_factory=Population)
    ability: float = 0.0
    speed: float = 1.0
    foreign: bool = False
    concepts: tuple[str, ...] = ()
    dont_know: bool = True

    def probability(self, concept: str, condition: Condition, source: str, *, easy: bool = False) -> float:
        """Probability in [0, 1] that this participant recognises one picture. Guesses are not in it."""
        people = self.population
        shift = self.ability + easiness(people, concept, condition, source) + easy * EASY
        odds = signal_odds(people, condition)
        return (1 - people.lapse) * _logistic(math.log(odds) + shift) if odds > 0 else 0.0

    def probability_correct(
        self, concept: str, condition: Condition, source: str, alternatives: int
    ) -> float:
        """Probability of choosing the right one of n alternatives: recognised, or guessed."""
        recognised = self.probability(concept, condition, source)
        return recognised + (1 - recognised) * (1 - self._gives_up()) / alternatives

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
        """Look at one picture and answer, by typing or, given alternatives, by choosing one.

        ``easy``: it was chosen because everybody names it. Raises UserError if no psychometric function is
        known for the perturbation.
        """
        recognised = rng.random() < self.probability(concept, condition, source, easy=easy)
        if alternatives is None:
            text = self._named(concept, easy, rng) if recognised else self._failed(concept, rng)
        else:
            text = concept if recognised else self._guess(alternatives, rng)
        rt = self.latency(rng, recognised=recognised)
        first_key = rt * rng.uniform(0.4, 0.8) if text and alternatives is None else None
        return ObservedAnswer(text, text == "", rt, first_key, recognised)

    def _gives_up(self) -> float:
        odds = dict(self.population.failing)
        return odds["dont_know"] / sum(odds.values()) if self.dont_know else 0.0

    def _guess(self, alternatives: Sequence[str], rng: Random) -> str:
        return "" if rng.random() < self._gives_up() else rng.choice(alternatives)

    def _named(self, concept: str, easy: bool, rng: Random) -> str:
        words = words_for(concept)
        lacks_word = self.foreign and rng.random() < FOREIGN_WORDS[easy]
        way = "foreign" if lacks_word else _choose(self.population.naming, rng)
        if easy and way in ("synonym", "superordinate"):
            way = "name"
        text = _NAMING[way](concept, words, rng)
        if " " not in text and rng.random() < self.population.second_word:
            text = f"{text} {rng.choice(words.associates)}"
        return self._typed(text, rng)

    def _failed(self, concept: str, rng: Random) -> str:
        ways = tuple(way for way in self.population.failing if self.dont_know or way[0] != "dont_know")
        way = _choose(ways, rng)
        if way == "dont_know":
            return ""
        others = tuple(other for other in self.concepts if other != concept)
        return self._typed(_mistake(way, words_for(concept), others, rng), rng)

    def _typed(self, text: str, rng: Random) -> str:
        slipped = typo(text, rng) if rng.random() < self.population.typo else text
        return slipped.capitalize() if rng.random() < 0.15 else slipped

    def latency(self, rng: Random, *, recognised: bool) -> float:
        """Draw how long an answer takes, ms."""
        people = self.population
        median = people.rt_median_ms * self.speed * (1.0 if recognised else 1.5)
        return round(median * math.exp(rng.gauss(0.0, people.rt_log_sd)), 1)


def signal_odds(people: Population, condition: Condition) -> float:
    """Odds, in [0, clean_odds], of recognising a picture of average easiness in a condition.

    Raises UserError if no threshold is known for its perturbation.
    """
    strength = relative_severity(condition, people.width)
    if strength == math.inf:
        return 0.0
    return 1 / (1 / people.clean_odds + math.pow(strength, _threshold(condition.perturbation).slope))


def relative_severity(condition: Condition, width: int) -> float:
    """How many times its threshold a condition is: 0 for clean, 1 at the threshold, inf at no signal.

    A dream is always at its threshold. ``width``: the picture's side in pixels, with which a threshold in px
    grows.
    """
    known = PERTURBATIONS[condition.perturbation]
    if condition.severity == known.identity:
        return 0.0
    if condition.perturbation in DREAMS:
        return 1.0
    scale = width / ANCHOR_WIDTH if known.unit == "px" else 1.0
    ratio = condition.severity / (_threshold(condition.perturbation).severity * scale)
    if known.direction > 0:
        return ratio
    return 1 / ratio if ratio > 0 else math.inf


def _threshold(perturbation: str) -> Threshold:
    """The threshold of a perturbation: measured, from people's anchors, or its fourth level."""
    known = PERTURBATIONS[perturbation]
    if perturbation in THRESHOLDS or perturbation in (CLEAN, *DREAMS):
        return THRESHOLDS.get(perturbation, Threshold(1.0, OTHER_SLOPE))
    if known.human is not None:
        return Threshold(known.human.midpoint, _slope(known.human))
    if not known.levels or not known.direction:
        raise UserError(
            f"no psychometric function is known for {perturbation}; leave it out of a simulated study"
        )
    return Threshold(known.levels[min(3, len(known.levels) - 1)], OTHER_SLOPE)


def _slope(human: HumanAnchors) -> float:
    """Slope of the log odds of recognising over the log severity between two anchors, guesses taken off."""
    high, low = (_log_odds((share - 1 / 16) / (1 - 1 / 16)) for share in (0.75, 0.35))
    return (high - low) / abs(math.log(human.at_35_percent / human.at_75_percent))


def _log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def easiness(people: Population, concept: str, condition: Condition, source: str) -> float:
    """How much easier than average a picture is, in logits; the same for every participant."""
    return (
        people.concept_sd * _stable_normal(people.seed, "concept", concept)
        + people.concept_by_perturbation_sd
        * _stable_normal(people.seed, "perturbation", concept, condition.perturbation)
        + people.source_sd * _stable_normal(people.seed, "source", source)
    )


def _stable_normal(*key: object) -> float:
    """A standard normal number that depends on the key only."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return NormalDist().inv_cdf((int.from_bytes(digest[:6]) + 0.5) / 2**48)


def _logistic(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _some_trial(rng: Random, probability: float, trials: int) -> int | None:
    """An index in [0, trials) with some probability, else None; draws twice in any case."""
    happens, trial = rng.random() < probability, rng.randrange(max(trials, 1))
    return trial if happens and trials else None


def _choose(odds: Sequence[tuple[str, float]], rng: Random) -> str:
    names, weights = zip(*odds, strict=True)
    return str(rng.choices(names, weights)[0])


def _plural(concept: str, words: ConceptWords, rng: Random) -> str:
    if concept.endswith("s"):
        return concept + "es"
    return concept[:-1] + "ies" if concept.endswith("y") and concept[-2] not in "aeiou" else concept + "s"


#: way to name what was recognised -> what is meant to be typed
_NAMING: dict[str, Callable[[str, ConceptWords, Random], str]] = {
    "name": lambda concept, words, rng: concept,
    "plural": _plural,
    "synonym": lambda concept, words, rng: rng.choice(words.synonyms or (concept,)),
    "superordinate": lambda concept, words, rng: rng.choice(words.superordinates),
    "foreign": lambda concept, words, rng: rng.choice(words.foreign or (concept,)),
}


def _mistake(way: str, words: ConceptWords, others: Sequence[str], rng: Random) -> str:
    if way == "superordinate":
        return rng.choice(words.superordinates)
    if way == "other_concept" and others:
        return rng.choice(others)
    return rng.choice(words.lookalikes if way == "lookalike" and words.lookalikes else VAGUE)


def typo(text: str, rng: Random) -> str:
    """Slip once: swap two letters, leave one out, double one, or hit another; the first one is safe.

    Words of fewer than four letters are left as they are.
    """
    if len(text) < 4:
        return text
    at = rng.randrange(1, len(text) - 1)
    before, here, following, after = text[:at], text[at], text[at + 1], text[at + 2 :]
    slips = (
        before + following + here + after,
        before + following + after,
        before + here + here + following + after,
        before + rng.choice(LETTERS) + following + after,
    )
    return rng.choice(slips)
