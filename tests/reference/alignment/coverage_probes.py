"""Simulated studies of recognition that hangs on activations, and how often a probe's intervals cover.

``python -m tests.reference.alignment.coverage_probes --studies 1000 --seed 1`` prints the table. The true
value of ``within`` is the mean of all studies: what a probe reaches that learns from as many sources.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import kstest

from scoring.alignment.estimate import Estimate
from scoring.alignment.probes import Probe, probe
from scoring.statistics import Floats, Integers

#: taken as known in every study
RELIABILITY = Estimate(0.6, 0.4, 0.8, 48, "sources")
RATERS = 8


@dataclass(frozen=True)
class Design:
    """``signal`` is the share of a stimulus's difficulty that is a linear function of its activations."""

    concepts: int = 6
    sources: int = 8
    conditions: int = 3
    units: int = 40
    signal: float = 0.0


DESIGNS = {
    "6 concepts x 8 sources x 3, no relation": Design(),
    "6 concepts x 8 sources x 3, half": Design(signal=0.5),
    "6 concepts x 8 sources x 3, strong, 10 units": Design(signal=0.9, units=10),
    "6 concepts x 4 sources x 3, half": Design(sources=4, signal=0.5),
    "2 concepts x 16 sources x 3, half": Design(concepts=2, sources=16, signal=0.5),
    "10 concepts x 12 sources x 1, no relation": Design(concepts=10, sources=12, conditions=1),
    "10 concepts x 12 sources x 1, strong": Design(concepts=10, sources=12, conditions=1, signal=0.9),
}


class Study(NamedTuple):
    """What ``probe`` takes, in its order."""

    activation: Floats
    score: Floats
    n: Integers
    source: Integers
    concept: Integers
    condition: Integers

    def only(self, kept: NDArray[np.bool_] | Integers) -> Study:
        """Some of the stimuli."""
        labels = self.source[kept], self.concept[kept], self.condition[kept]
        return Study(self.activation[kept], self.score[kept], self.n[kept], *labels)


def simulate(design: Design, rng: np.random.Generator) -> Study:
    """Activations, half of which belong to the source, and scores; all studies have the same cells."""
    fixed = np.random.default_rng(99)
    shape = (design.concepts, design.conditions)
    typical, hard = fixed.normal(size=(*shape, design.units)), fixed.normal(size=shape)
    weights = fixed.normal(size=design.units) / design.units**0.5
    source = np.repeat(np.arange(design.concepts * design.sources), design.conditions)
    concept, condition = source // design.sources, np.arange(source.size) % design.conditions
    own, other = _half_shared(source, design.units, rng), _half_shared(source, 1, rng)[:, 0]
    ease = design.signal**0.5 * (own @ weights) + (1 - design.signal) ** 0.5 * other
    score = rng.binomial(RATERS, expit(hard[concept, condition] + ease)) / RATERS
    activation = typical[concept, condition] + own
    return Study(activation, score, np.full(source.size, RATERS), source, concept, condition)


def _half_shared(source: Integers, columns: int, rng: np.random.Generator) -> Floats:
    """Normal numbers (S, columns) with variance 1, correlated by .5 between stimuli of a source."""
    shared = rng.normal(size=(source.max() + 1, columns))[source]
    return np.asarray((shared + rng.normal(size=shared.shape)) / 2**0.5)


def studies(design: Design, number: int, seed: int, draws: int) -> list[Probe]:
    """Probes of a number of studies."""
    return [
        probe(*simulate(design, rng), RELIABILITY, draws=draws, seed=int(rng.integers(1 << 31)))
        for rng in np.random.default_rng(seed).spawn(number)
    ]


def summary(probes: list[Probe], part: str, related: bool) -> dict[str, float]:
    """How often the intervals of a part cover the mean of all, and whether p is uniform without relation."""
    rows = pd.DataFrame([vars(getattr(one, part)) for one in probes])
    true = float(rows["value"].mean())
    covered = rows["low"].le(true) & rows["high"].ge(true)
    found = {"true": true, "sd": float(rows["value"].std()), "covered %": 100 * float(covered.mean())}
    if part == "within":
        found["p<=.05 %"] = 100 * float(rows["p"].le(0.05).mean())
        found["KS p"] = np.nan if related else float(kstest(rows["p"], "uniform").pvalue)
    return found | {"n": float(len(rows))}


def main() -> None:
    """Print a row for each design and part."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name, design in DESIGNS.items():
        probes = studies(design, options.studies, options.seed, draws=19 if design.signal else 99)
        for part in ("within", "overall", "baseline"):
            numbers = "  ".join(f"{k} {v:.3g}" for k, v in summary(probes, part, design.signal > 0).items())
            print(f"{part:9s} {name:45s} {numbers}", flush=True)


if __name__ == "__main__":
    main()
