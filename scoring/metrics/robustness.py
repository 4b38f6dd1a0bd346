"""e_R: how surely the unit still tells the concept apart when its images are degraded."""

from __future__ import annotations

import numpy as np

from scoring.metrics.sample import CONSTANT, Metric, Result, Sample, result
from scoring.metrics.selectivity import CLEAN, constant, separation, smaller_side
from scoring.statistics import Integers

NO_CONDITION = "no_degraded_condition_with_2_sources_on_a_side"


def robustness(sample: Sample) -> Result:
    """Give e_R, the mean of 2·AUROC_k - 1 over the degraded conditions k.

    In [-1, 1]. A condition counts for a concept if it has two sources of it and two of the others; a unit
    that is silent in a condition has 0 there. Undefined if no condition counts, and for a unit with one
    activation everywhere.
    """
    counts = _sides(sample) >= 2
    total, number = np.zeros((sample.concepts, sample.columns)), counts.sum(axis=0)
    for k, some in zip(_degraded(sample), counts, strict=True):
        total[some] += separation(sample, k)[some]
    value = total / np.maximum(number, 1)[:, None]
    return result(value, {CONSTANT: constant(sample), NO_CONDITION: (number == 0)[:, None]})


def fewest_sources(sample: Sample) -> Integers:
    """The smallest number of sources (C,) on a side, over the conditions that count."""
    sides = _sides(sample)
    counted = np.where(sides >= 2, sides, len(sample.concept))
    return np.asarray(counted.min(axis=0, initial=len(sample.concept)))


def _degraded(sample: Sample) -> list[int]:
    return [k for k in range(sample.conditions) if k != CLEAN]


def _sides(sample: Sample) -> Integers:
    sides = [smaller_side(sample, k) for k in _degraded(sample)]
    return np.array(sides, dtype=np.intp).reshape(len(sides), sample.concepts)


METRIC = Metric(
    symbol="R",
    name="robustness",
    compute=robustness,
    bounds=(-1, 1),
    higher_is_better=True,
    unit_of_analysis="source",
    from_noise=True,
    citation=(
        "Bamber (1975), The area above the ordinal dominance graph and the area below the receiver operating "
        "characteristic graph, Journal of Mathematical Psychology 12(4), 387-415"
    ),
    sources=fewest_sources,
    is_auroc=True,
)
