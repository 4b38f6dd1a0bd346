"""Small made-up studies for the tests of the default score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scoring.causal_effects import CausalEffects
from scoring.cells import Cells
from scoring.draws import Sampler
from scoring.metrics.sample import Causal, Sample
from scoring.reliability import reliability
from scoring.statistics import Floats


def small_cells(
    seed: int,
    sources: Sequence[int] = (9, 10, 12),
    conditions: int = 3,
    units: int = 4,
    *,
    ties: bool = True,
    missing: float = 0.0,
) -> Cells:
    """Make cells of a few sources a concept; unit 0 prefers concept 0 and follows recognition.

    ``missing`` is the share of degraded images that are not there.
    """
    rng = np.random.default_rng(seed)
    concept = np.repeat(np.arange(len(sources)), sources)
    shape = (conditions, concept.size)
    responses = rng.integers(4, 9, size=shape).astype(float)
    chance = rng.random(shape)
    score = rng.binomial(responses.astype(int), chance) / responses
    activation = rng.exponential(size=(*shape, units))
    activation[:, :, 0] += np.where(concept == 0, 1.0, 0.0) + chance
    if ties:
        activation = np.round(activation, 1)
    gone = rng.random(shape) < missing
    gone[0] = False
    activation[gone] = score[gone] = np.nan
    responses[gone] = 0
    return Cells(
        concepts=tuple(f"c{number}" for number in range(len(sources))),
        sources=tuple(f"s{number:03d}" for number in range(concept.size)),
        conditions=("clean", *(f"d{number}" for number in range(1, conditions))),
        units=tuple(range(10, 10 + units)),
        concept=concept,
        activation=activation,
        recognition=score,
        responses=responses,
        variance=score * (1 - score) * responses / (responses - 1),
    )


def sample_of(cells: Cells, times: Floats | None = None, unit: int | None = None) -> Sample:
    """All units as they are, or one unit with its sources counted ``times`` (S, m)."""
    sampler = Sampler(cells, reliability(cells))
    if unit is not None and times is not None:
        return sampler.drawn(unit, times)
    return sampler.units(np.arange(len(cells.units)))


def repeated(cells: Cells, times: Floats) -> Cells:
    """The cells with each source written out as often as it counts (S,)."""
    every = np.repeat(np.arange(len(cells.sources)), times.astype(int))
    return replace(
        cells,
        sources=tuple(f"r{number:03d}" for number in range(every.size)),
        concept=cells.concept[every],
        activation=cells.activation[:, every],
        recognition=cells.recognition[:, every],
        responses=cells.responses[:, every],
        variance=cells.variance[:, every],
    )


def made_up_effects(cells: Cells, seed: int, units: int = 30) -> CausalEffects:
    """Effects of silencing units 0, 1, … on the clean images of some cells; unit 10 drives concept 0."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=(len(cells.sources), units, len(cells.concepts)))
    effect[cells.concept == 0, 10, 0] += 3
    return CausalEffects(
        sources=cells.sources,
        concepts=cells.concepts,
        units=tuple(range(units)),
        effect=effect.astype(np.float32),
        change=np.full(effect.shape[:2], np.nan, np.float32),
        mean_activation=rng.exponential(size=units),
        weights="made up",
        method="made up",
    )


def with_causal(sample: Sample, seed: int, controls: int = 7) -> Sample:
    """Give a sample of units effects; ``controls`` further channels are what each is compared with."""
    rng = np.random.default_rng(seed)
    columns = sample.columns
    effect = rng.normal(size=(sample.concepts, sample.concept.size, columns + controls))
    others = np.tile(np.arange(columns, columns + controls), (columns, 1))
    return replace(sample, causal=Causal(effect, np.arange(columns), others))
