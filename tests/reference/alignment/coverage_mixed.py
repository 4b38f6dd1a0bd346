"""Whether the mixed model's intervals hold what they should: simulated studies whose truth is known.

``python -m tests.reference.alignment.coverage_mixed --studies 1000 --seed 1``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from scoring.alignment.mixed_model import MixedFit, fit_mixed

HEADER = f"{'case':44} {'estimate':22} {'truth':>6} {'mean':>6} {'covered %':>9} {'below %':>8} {'n':>5}"


@dataclass(frozen=True)
class Study:
    """What is true of a study, SDs and slope in log odds."""

    participants: int = 40
    images: int = 48
    each: int = 25
    concepts: int = 8
    conditions: int = 3
    slope: float | None = 0.4
    concept_sd: float = 0.3
    participant_sd: float = 0.8
    image_sd: float = 0.7

    def truths(self) -> dict[str, float]:
        """What is estimated, and its true value."""
        spread = {
            "SD of concepts" if self.slope is None else "SD of slopes": self.concept_sd,
            "SD of participants": self.participant_sd,
            "SD of images": self.image_sd,
        }
        if self.slope is None:
            shares = {"share of " + name[6:]: self.share(name) for name in spread}
            return spread | shares | {"condition": self.base(0)}
        return {"slope": self.slope} | spread

    def share(self, name: str) -> float:
        """The share of the latent variance."""
        own = {"SD of concepts": self.concept_sd, "SD of participants": self.participant_sd}
        return own.get(name, self.image_sd) ** 2 / (
            self.concept_sd**2 + self.participant_sd**2 + self.image_sd**2 + np.pi**2 / 3
        )

    @staticmethod
    def base(condition: int) -> float:
        """Log odds of a condition."""
        return 1.0 - 0.7 * condition


CASES = {
    "2 images a cell, slopes differ": Study(),
    "6 images a cell, slopes equal": Study(conditions=1, concept_sd=0.0),
    "no slope, slopes differ": Study(slope=0.0, conditions=1, concept_sd=0.3),
    "5 answers an image, wide spread": Study(
        participants=48, images=240, each=25, concept_sd=0.2, participant_sd=1.2, image_sd=1.2
    ),
    "no activation": Study(slope=None, conditions=2, concept_sd=0.6),
    "no activation, images alike": Study(slope=None, conditions=2, concept_sd=0.6, image_sd=0.0),
}


def simulate(study: Study, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.Series[float] | None]:
    """Answers of a study, and each image's activation; images are dealt to cells in turn."""
    cell = np.arange(study.images) % (study.concepts * study.conditions)
    concept, condition = cell % study.concepts, cell // study.concepts
    score = _scores(cell, rng)
    slope = study.slope or 0.0
    slopes = slope + rng.normal(0, study.concept_sd, study.concepts)
    ease = np.array([study.base(level) for level in range(study.conditions)])[condition]
    if study.slope is None:
        ease = ease + (slopes - slope)[concept]
    else:
        ease = ease + rng.normal(0, 0.8, cell.max() + 1)[cell] + slopes[concept] * score
    ease = ease + rng.normal(0, study.image_sd, study.images)
    shown = rng.random((study.participants, study.images)).argsort(axis=1)[:, : study.each].ravel()
    person = np.repeat(np.arange(study.participants), study.each)
    chance = expit(ease[shown] + rng.normal(0, study.participant_sd, study.participants)[person])
    frame = pd.DataFrame(
        {
            "observer": person.astype(str),
            "stimulus": shown.astype(str),
            "concept": concept[shown].astype(str),
            "condition": condition[shown].astype(str),
            "correct": rng.random(chance.size) < chance,
        }
    )
    names = pd.Index(np.arange(study.images).astype(str))
    return frame, None if study.slope is None else pd.Series(np.exp(score), names)


def _scores(cell: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    score = np.empty(cell.size)
    for number in np.unique(cell):
        there = np.flatnonzero(cell == number)
        score[there] = ndtri((rng.permutation(there.size) + 0.5) / there.size)
    return score


def intervals(fit: MixedFit) -> dict[str, tuple[float, float, float]]:
    """Value and ends of each estimate."""
    found = {}
    for row in fit.spread.to_dict("records"):
        name = "slopes" if row["effect"] == "slope" else f"{row['term']}s"
        found[f"SD of {name}"] = (row["value"], row["low"], row["high"])
        found[f"share of {name}"] = (row["share"], row["share_low"], row["share_high"])
    first = fit.fixed.iloc[0]
    place = "condition" if first["term"] == "cell" else "slope"
    found[place] = (float(first["value"]), float(first["low"]), float(first["high"]))
    return found


def coverage(name: str, studies: int, seed: int) -> Iterator[tuple[str, float, float, float, float, int]]:
    """Per estimate: truth, mean, the shares of intervals that hold it and that lie below it, their number."""
    study, found = CASES[name], []
    for number in range(studies):
        fit = fit_mixed(*simulate(study, np.random.default_rng([seed, number])))
        found.append(intervals(fit))
    for what, truth in study.truths().items():
        rows = np.array([each[what] for each in found if what in each])
        rows = rows[np.isfinite(rows).all(axis=1)]
        inside = (rows[:, 1] <= truth) & (truth <= rows[:, 2])
        below = rows[:, 2] < truth
        yield what, truth, float(rows[:, 0].mean()), float(inside.mean()), float(below.mean()), len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", choices=list(CASES), action="append")
    chosen = parser.parse_args()
    print(HEADER)
    for name in chosen.case or CASES:
        for what, truth, mean, inside, below, n in coverage(name, chosen.studies, chosen.seed):
            print(
                f"{name:44} {what:22} {truth:6.3f} {mean:6.3f} {100 * inside:9.1f} {100 * below:8.1f} {n:5}",
                flush=True,
            )


if __name__ == "__main__":
    main()
