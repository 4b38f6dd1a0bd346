"""Simulated studies with a known effect of repetition, and how often its interval covers it.

``python -m tests.reference.repetition_studies`` prints the long form for each design.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scoring.repetition import Repetition, repetition_effect

#: standard deviations: of participants' ability, of pictures in a cell, of how much repetition helps somebody
ABILITY, PICTURES, OWN = 0.06, 0.06, 0.05
SOURCES = 6


@dataclass(frozen=True)
class Design:
    """A study's shape and truth. ``later``: what a later picture of a concept gains, in credit.

    ``practice`` is gained from the first trial to the last, evenly, or early on if ``levels_off``.
    ``leaving``: share of participants who leave half way, sooner the less they are able.
    """

    participants: int = 12
    concepts: int = 6
    conditions: int = 3
    times: int = 2
    later: float = 0.12
    practice: float = 0.0
    leaving: float = 0.0
    levels_off: bool = False


DESIGNS = {
    "small": Design(),
    "small, no effect, practice": Design(later=0.0, practice=0.15),
    "six participants": Design(participants=6, concepts=10),
    "larger, practice, some leave": Design(participants=30, practice=0.15, leaving=0.3),
    "four pictures of a concept": Design(participants=30, times=4),
    "practice that levels off, no effect": Design(participants=30, later=0.0, practice=0.15, levels_off=True),
}


def simulate(design: Design, rng: np.random.Generator) -> pd.DataFrame:
    """Answers, right (1) or wrong (0), in a random order of concepts; conditions and pictures at random."""
    base = rng.uniform(0.3, 0.6, (design.concepts, design.conditions))
    pictures = np.clip(rng.normal(0, PICTURES, (*base.shape, SOURCES)), -0.1, 0.1)
    return pd.concat([_participant(design, base, pictures, who, rng) for who in range(design.participants)])


def _participant(
    design: Design,
    base: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    pictures: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    who: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    ability, gain = rng.normal(0, ABILITY), design.later + rng.normal(0, OWN)
    shown = rng.permutation(np.repeat(np.arange(design.concepts), design.times))
    place = np.arange(shown.size)
    times = pd.Series(shown).groupby(shown).cumcount().to_numpy() + 1
    condition, source = (
        rng.integers(design.conditions, size=shown.size),
        rng.integers(SOURCES, size=shown.size),
    )
    along = place / shown.size
    learnt = design.practice * (1 - np.exp(-6 * along) if design.levels_off else along)
    chance = (
        base[shown, condition] + pictures[shown, condition, source] + ability + learnt + gain * (times > 1)
    )
    score = (rng.random(shown.size) < np.clip(chance, 0, 1)).astype(float)
    rows = pd.DataFrame(
        {
            "score": score,
            "participant": who,
            "concept": shown,
            "condition": condition,
            "repetition": times,
            "place": place,
        }
    )
    leaves = rng.random() < design.leaving
    return rows.head(max(3, int(shown.size * (0.5 + 2 * ability)))) if leaves else rows


def estimate(rows: pd.DataFrame, *, draws: int = 200, seed: int = 0) -> Repetition:
    """The effect of repetition in simulated rows."""
    columns = ("score", "participant", "concept", "condition", "repetition", "place")
    return repetition_effect(*(rows[name].to_numpy() for name in columns), draws=draws, seed=seed)


def table(design: Design, studies: int, seed: int = 0, draws: int = 200) -> dict[str, float]:
    """Coverage of the 95% interval, share of p below .05, mean and spread of the estimates."""
    found = [
        estimate(simulate(design, np.random.default_rng([seed, study])), draws=draws, seed=study).later
        for study in range(studies)
    ]
    values = np.array([one.estimate for one in found])
    return {
        "true": design.later,
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "covered": float(np.mean([one.low <= design.later <= one.high for one in found])),
        "p < .05": float(np.mean([one.p < 0.05 for one in found])),
    }


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rows = {name: table(design, number) for name, design in DESIGNS.items()}
    print(f"{number} studies of each design, 200 draws")
    print(pd.DataFrame(rows).T.round(3).to_string())
