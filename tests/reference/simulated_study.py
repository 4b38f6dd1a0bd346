"""A simulated study with known truth, in the published shape: as a trial table and as cells.

Each image has a quality that people and units see with noise of their own. A labelled unit fires for
most clean images of its concept, and less when they are degraded; all else looks exponential to it, with
zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr
from scipy.stats import gamma

from scoring.cells import Cells
from scoring.statistics import Floats, Integers
from tests.reference.published_data import COLUMNS, STARTS, write

CONCEPTS = (
    *("arabic alphabet", "australia", "droplets", "fashion model", "fire"),
    *("mushrooms", "puppies", "raised hand", "sailboat", "trump"),
)
CONDITIONS = ("clean", "level 1", "level 2", "level 3")
#: the published numbers of the conditions, and of the dreams
LEVELS = (5, 1, 2, 3)
DREAMS = 4

#: on the logit scale: how easy a condition is (accuracies near the published .63 .49 .59 .46), a dream, and
#: the standard deviations of concepts, participants and images' qualities
EASE = (0.75, -0.05, 0.53, -0.2)
DREAM_EASE = -2.2
CONCEPT_SD, PARTICIPANT_SD, QUALITY_SD = 0.5, 0.6, 1.3

#: the share of an image's quality, and of a unit's noise, that its source has in all conditions
SHARED = 0.5
#: the share of images to which a unit is silent
ZEROS = 0.25
#: what a degraded picture leaves of a unit's response to other concepts
FADED = (1.0, 0.6, 0.7, 0.5)


@dataclass(frozen=True)
class Unit:
    """What a unit is like; without a ``concept`` it is noise.

    It responds ``gain`` times as much to its concept, of which a degraded condition keeps the share ``kept``,
    but for the share ``missed`` of its images, which are like any other. ``human`` correlates its response
    to an image with the image's quality.
    """

    concept: int | None = None
    gain: float = 12.0
    kept: tuple[float, ...] = (1.0, 0.24, 0.3, 0.18)
    missed: float = 0.1
    human: float = 0.6


@dataclass(frozen=True)
class Design:
    """The shape of a study. ``participants`` of None answer one picture each.

    A participant sees one condition, as in the published study.
    """

    sources: int = 27
    concepts: int = 10
    participants: int | None = 110


#: the labelled units of a study of the published shape; those further down miss more of their concept
LABELLED = tuple(
    Unit(
        number,
        gain=12 + number,
        missed=0.02 * number,
        kept=(1.0, *(share * (1 - 0.02 * number) for share in (0.24, 0.3, 0.18))),
    )
    for number in range(10)
)


@dataclass(frozen=True)
class Study:
    """One simulated study.

    ``concept`` (S,); ``activation`` (K, S, U); ``image`` (n,) numbers each response's image, condition * S +
    source, dreams following; ``participant`` (n,) and ``correct`` (n,) 0 or 1. ``dreams`` (D, U) are the
    activations of dreams, of which each labelled unit has four.
    """

    design: Design
    units: tuple[Unit, ...]
    concept: Integers
    activation: Floats
    dreams: Floats
    image: Integers
    participant: Integers
    correct: Floats

    @property
    def pairs(self) -> dict[int, str]:
        """The labelled units and their concepts."""
        return {
            place: CONCEPTS[unit.concept] for place, unit in enumerate(self.units) if unit.concept is not None
        }

    @cached_property
    def cells(self) -> Cells:
        """The study's cells, dreams left out."""
        shape = self.activation.shape[:2]
        size = shape[0] * shape[1]
        pictures = self.image < size
        image, correct = self.image[pictures], self.correct[pictures]
        count = np.bincount(image, minlength=size).astype(float)
        mean = np.bincount(image, correct, minlength=size) / count
        variance = mean * (1 - mean) * count / (count - 1)
        return Cells(
            concepts=CONCEPTS[: self.design.concepts],
            sources=tuple(f"{number:06d}" for number in range(shape[1])),
            conditions=CONDITIONS,
            units=tuple(range(len(self.units))),
            concept=self.concept,
            activation=self.activation,
            recognition=mean.reshape(shape),
            responses=count.reshape(shape),
            variance=variance.reshape(shape),
        )

    @cached_property
    def responses(self) -> pd.DataFrame:
        """One row for each response to a picture: participant, source, concept, condition, correct."""
        count = self.concept.size
        size = len(CONDITIONS) * count
        kept = self.image < size
        condition, source = np.divmod(self.image[kept], count)
        return pd.DataFrame(
            {
                "participant": self.participant[kept],
                "source": source,
                "concept": self.concept[source],
                "condition": condition,
                "correct": self.correct[kept],
            }
        )

    def frame(self, channels: Sequence[int] | None = None) -> pd.DataFrame:
        """The trial table in the published form; ``channels`` name the units (default 0, 1, …)."""
        labels = self._images().iloc[self.image].reset_index(drop=True)
        correct = self.correct.astype(bool)
        words = np.where(correct, labels["ground_truth"] + ",thing", "dog,NA")
        columns = {
            "level": labels["level"],
            "batch": 0,
            "PROLIFIC_PID": [f"{person:024x}" for person in self.participant],
            "image_filename": "https://example.org/" + labels["name"],
            "image_basename": labels["name"],
            "response": 0,
            "response_clean": words,
            "ground_truth": labels["ground_truth"],
            "trial_category": "experiment",
            "hard_correct": correct,
            "soft_correct": correct,
            "annotation": words,
            "annotation_string": words,
        }
        values = np.concatenate([self.activation.reshape(-1, len(self.units)), self.dreams])[self.image]
        names = [f"activation_{unit}" for unit in channels or range(len(self.units))]
        frame = pd.DataFrame(columns)[list(COLUMNS)]
        return pd.concat([frame, pd.DataFrame(values, columns=names)], axis=1)

    def csv(self, path: Path) -> Path:
        """Write the trial table."""
        return write(self.frame(), path)

    def _images(self) -> pd.DataFrame:
        """Level, concept and file name of each image."""
        place = np.arange(self.concept.size) % self.design.sources + 1
        rows = [
            (level, CONCEPTS[own], _name(CONCEPTS[own], level, int(number)))
            for level in LEVELS
            for own, number in zip(self.concept, place, strict=True)
        ]
        rows += [
            (DREAMS, concept, f"neuron_{unit}_{start}.jpg")
            for unit, concept in self.pairs.items()
            for start in STARTS
        ]
        return pd.DataFrame(rows, columns=["level", "ground_truth", "name"])


def simulate(
    rng: np.random.Generator, design: Design | None = None, units: Sequence[Unit] = LABELLED
) -> Study:
    """Simulate a study."""
    chosen = design or Design()
    concept = np.repeat(np.arange(chosen.concepts), chosen.sources)
    quality = _shared(rng, concept.size)
    activation = np.stack([_activation(rng, unit, concept, quality) for unit in units], axis=2)
    places = [place for place, unit in enumerate(units) if unit.concept is not None]
    owners = np.repeat(np.array(places, np.intp), len(STARTS))
    dreams = background(rng.random((owners.size, len(units))))
    dreams[np.arange(owners.size), owners] += [3 * units[int(place)].gain for place in owners]
    ease = EASE_OF_CONCEPTS[concept] + np.array(EASE)[:, None] + QUALITY_SD * quality
    image, participant, correct = _answers(rng, ease, owners.size, chosen.participants)
    return Study(chosen, tuple(units), concept, activation, dreams, image, participant, correct)


#: how easy each concept is to name
EASE_OF_CONCEPTS = CONCEPT_SD * np.array([0.3, -1.4, 0.9, -0.5, 1.5, 0.1, -0.2, -1.0, 0.6, -0.3])


def true_accuracy(concept: int, condition: int) -> float:
    """The mean accuracy of other participants on other pictures of a concept (Gauss-Hermite)."""
    point, weight = np.polynomial.hermite_e.hermegauss(80)
    logit = EASE_OF_CONCEPTS[concept] + EASE[condition] + np.hypot(QUALITY_SD, PARTICIPANT_SD) * point
    return float(expit(logit) @ weight / weight.sum())


def background(quantile: Floats) -> Floats:
    """Activation by its quantile: exponential, 0 below a quarter of the images."""
    return np.asarray(np.maximum(-np.log1p(-np.minimum(quantile, 1 - 1e-12)) + np.log1p(-ZEROS), 0))


def noise_units(rng: np.random.Generator, study: Study, number: int) -> Floats:
    """Exponential units (K, S, number) that know nothing, image by image."""
    return rng.exponential(size=(*study.activation.shape[:2], number))


def shuffled_units(rng: np.random.Generator, study: Study, number: int) -> Floats:
    """The labelled units (K, S, number) with their sources exchanged, each time anew."""
    count = study.concept.size
    given = [rng.permutation(count) for _ in range(number)]
    return np.stack(
        [study.activation[:, order, place % len(study.units)] for place, order in enumerate(given)], axis=2
    )


def _name(concept: str, level: int, number: int) -> str:
    kind = "clean" if level == 5 else f"noisy_level{level}"
    return f"{concept.replace(' ', '_')}_{kind}_{number}.jpg"


def _shared(rng: np.random.Generator, count: int) -> Floats:
    """Standard normal (K, S), correlated between the conditions of a source."""
    whole = rng.normal(size=(1, count))
    part = rng.normal(size=(len(CONDITIONS), count))
    return np.asarray(np.sqrt(SHARED) * whole + np.sqrt(1 - SHARED) * part)


def _activation(rng: np.random.Generator, unit: Unit, concept: Integers, quality: Floats) -> Floats:
    """One unit's activations (K, S)."""
    noise = _shared(rng, concept.size)
    own = concept == unit.concept
    response = np.where(own, unit.human * quality + np.sqrt(1 - unit.human**2) * noise, noise)
    quantile = ndtr(response)
    found = np.asarray(background(quantile) * np.array(FADED)[:, None])
    if unit.concept is None:
        return found
    fires = own & (quantile > unit.missed)
    share = (quantile - unit.missed) / (1 - unit.missed)
    strong = unit.gain * np.array(unit.kept)[:, None] * gamma.ppf(np.clip(share, 0, 1 - 1e-12), 3) / 3
    missed = background(quantile / max(unit.missed, 1e-9))
    return np.asarray(np.where(fires, strong, np.where(own, missed, found)))


def _answers(
    rng: np.random.Generator, ease: Floats, dreams: int, participants: int | None
) -> tuple[Integers, Integers, Floats]:
    """Image, participant and correctness of each response; 5 to 16 responses an image."""
    conditions, count = ease.shape
    groups = [(k * count + np.arange(count), ease[k]) for k in range(conditions)]
    groups += [(conditions * count + np.arange(dreams), np.full(dreams, DREAM_EASE))] if dreams else []
    image, participant, logit = [], [], []
    for number, (images, easy) in enumerate(groups):
        row, person = _raters(rng, images.size, participants and participants // 5)
        image.append(images[row])
        participant.append(
            person + number * (person.max() + 1 if participants is None else participants // 5)
        )
        logit.append(easy[row] + PARTICIPANT_SD * rng.normal(size=person.max() + 1)[person])
    chance = expit(np.concatenate(logit))
    correct = (rng.random(chance.size) < chance).astype(float)
    return np.concatenate(image), np.concatenate(participant), correct


def _raters(rng: np.random.Generator, images: int, people: int | None) -> tuple[Integers, Integers]:
    """Who of a condition's people answers which image: the two ends of each response."""
    number = np.minimum(4 + rng.geometric(0.4, size=images), 16)
    if people is None:
        row = np.repeat(np.arange(images), number)
        return row, np.arange(row.size)
    order = rng.random((images, people)).argsort(axis=1)
    row, column = np.nonzero(np.arange(people) < number[:, None])
    return row, order[row, column]
