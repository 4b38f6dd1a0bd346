"""Simulated studies of confusions with a known relation to a layer, and how often intervals cover it.

``python -m tests.reference.alignment.coverage_similarity --studies 1000 --seed 1`` prints the table.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import kstest

from scoring.alignment.similarity import centred_kernel_alignment, representational_similarity
from scoring.statistics import Floats

_DIMENSIONS, _NONE = 3, 0.1


@dataclass(frozen=True)
class Design:
    """``concepts`` at random places; a layer's places share a part of their variance with people's.

    Each observer answers ``answers`` times to each concept and has places that differ by ``own`` from the
    others'.
    """

    concepts: int = 10
    observers: int = 10
    answers: int = 10
    shared: float = 0.0
    own: float = 0.0
    units: int = 40


DESIGNS = {
    f"{concepts} concepts, {text}": Design(concepts=concepts, shared=shared)
    for concepts in (8, 10, 16)
    for text, shared in (("no relation", 0.0), ("half shared", 0.5), ("nearly the same", 0.95))
} | {
    "16 concepts, half shared, observers differ": Design(concepts=16, shared=0.5, own=0.5),
    "16 concepts, no relation, observers differ": Design(concepts=16, own=0.5),
    "16 concepts, half shared, 3 answers": Design(concepts=16, shared=0.5, answers=3),
}


def simulate(design: Design, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Choices (O, C, C+1) by the biased choice model, and activations (C, units)."""
    place = rng.normal(size=(design.concepts, _DIMENSIONS))
    other = rng.normal(size=place.shape)
    layer = design.shared**0.5 * place + (1 - design.shared) ** 0.5 * other
    liking = np.exp(0.3 * rng.normal(size=design.concepts))
    choices = np.stack([_answers(design, place, liking, rng) for _ in range(design.observers)])
    return choices, layer @ rng.normal(size=(_DIMENSIONS, design.units))


def _answers(design: Design, place: Floats, liking: Floats, rng: np.random.Generator) -> Floats:
    seen = place + design.own * rng.normal(size=place.shape)
    distance = np.linalg.norm(seen[:, None] - seen, axis=-1)
    likely = np.exp(-1.5 * distance) * liking
    share = (1 - _NONE) * likely / likely.sum(axis=1, keepdims=True)
    every = np.concatenate([share, np.full((len(place), 1), _NONE)], axis=1)
    return rng.multinomial(design.answers, every).astype(np.float64)


def studies(design: Design, number: int, seed: int, draws: int = 199) -> pd.DataFrame:
    """The rows of RSA and CKA of a number of studies, those refused left out."""
    tables = []
    for rng in np.random.default_rng(seed).spawn(number):
        choices, activation = simulate(design, rng)
        for compare in (representational_similarity, centred_kernel_alignment):
            seed_of_one = int(rng.integers(1 << 31))
            tables.append(compare(choices, {"layer": activation}, draws=draws, seed=seed_of_one))
    rows = pd.concat(tables, ignore_index=True)
    return rows[rows["reason"].eq("")]


def summary(rows: pd.DataFrame, related: bool) -> dict[str, float]:
    """How often intervals cover the mean value of all studies, and whether p is uniform without relation."""
    true = float(rows["value"].mean())
    covered = rows["low"].le(true) & rows["high"].ge(true)
    found = {"true": true, "sd": float(rows["value"].std()), "covered %": 100 * float(covered.mean())}
    found |= {"p<=.05 %": 100 * float(rows["p"].le(0.05).mean())}
    uniform = np.nan if related else float(kstest(rows["p"], "uniform").pvalue)
    return found | {"KS p": uniform, "ceiling": float(rows["ceiling_high"].mean()), "n": float(len(rows))}


def main() -> None:
    """Print a row for each design and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name, design in DESIGNS.items():
        rows = studies(design, options.studies, options.seed)
        for measure, part in rows.groupby("measure"):
            numbers = "  ".join(f"{k} {v:.3g}" for k, v in summary(part, design.shared > 0).items())
            print(f"{measure}  {name:45s} {numbers}", flush=True)


if __name__ == "__main__":
    main()
