"""e_H: whether a unit responds more to those pictures of the concept that people recognise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scoring.metrics.sample import CONSTANT, Flags, Metric, Result, Sample, result
from scoring.metrics.selectivity import constant
from scoring.statistics import Floats, Integers, midranks

#: fewest sources of a concept in a condition that a rank correlation is taken of
FEWEST = 8

FEW = f"fewer_than_{FEWEST}_sources_in_every_condition"
NO_VARIANCE = "recognition_or_activation_does_not_vary"
UNRELIABLE = "recognition_is_not_reliable"


def human_consistency(sample: Sample) -> Result:
    """Give e_H = tanh(mean of atanh rho_k) / sqrt(reliability), kept within [-1, 1].

    rho_k is Spearman's correlation of activation and recognition over the concept's sources in condition k.
    A condition counts if it has 8 sources with an answer; one in which either does not vary is left out. A
    perfect correlation, whose atanh is infinite, counts as halfway between it and the next one possible.
    Dividing by the root of the reliability undoes what the raters' noise takes away (Spearman 1904).
    Undefined if no condition counts or varies, if recognition has no reliability above 0, and for a unit
    with one activation everywhere.
    """
    mean, number = np.zeros((2, sample.concepts, sample.columns))
    few = np.ones(sample.concepts, bool)
    for concept, condition, sources in _cells(sample):
        few[concept] = False
        rho = _correlation(sample, condition, sources)
        there = ~np.isnan(rho)
        mean[concept] += np.where(there, np.arctanh(np.where(there, rho, 0)), 0)
        number[concept] += there
    varies = number > 0
    value = np.tanh(mean / np.maximum(number, 1)) / _root(sample.reliability)
    unreliable = np.full((1, 1), not sample.reliability > 0)
    return result(
        np.clip(value, -1, 1),
        {CONSTANT: constant(sample), FEW: few[:, None], NO_VARIANCE: ~varies, UNRELIABLE: unreliable},
    )


def counted_cells(sample: Sample) -> Integers:
    """Count for each concept (C,) the conditions that have enough sources with an answer."""
    return np.bincount([concept for concept, _, _ in _cells(sample)], minlength=sample.concepts)


def _cells(sample: Sample) -> Iterator[tuple[int, int, Integers]]:
    """Yield concept, condition and the sources that were answered, where there are enough of them."""
    for condition in range(sample.conditions):
        answered = sample.present(condition) & ~np.isnan(sample.recognition[condition])
        for concept in range(sample.concepts):
            sources = np.flatnonzero(answered & (sample.concept == concept))
            if sources.size >= FEWEST:
                yield concept, condition, sources


def _correlation(sample: Sample, condition: int, sources: Integers) -> Floats:
    """Spearman's correlation (m,) over some sources, each counted its times; NaN where a side is constant."""
    times = sample.times[sources]
    half = times.sum(axis=0) / 2
    ours = midranks(sample.activation[condition][sources], times) - half
    theirs = midranks(sample.recognition[condition][sources][:, None], times) - half
    weighted = times * ours
    product = (weighted * theirs).sum(axis=0)
    spread = (weighted * ours).sum(axis=0) * (times * theirs**2).sum(axis=0)
    rho = np.divide(product, np.sqrt(spread), out=np.full(sample.columns, np.nan), where=spread > 0)
    most = _largest(sources.size)
    return np.asarray(np.clip(rho, -most, most))


def _largest(n: int) -> float:
    """Halfway between 1 and the next largest rank correlation of n things, 1 - 12/(n³ - n)."""
    return 1 - 6 / (n**3 - n)


def _root(reliability: float) -> float:
    return float(np.sqrt(reliability)) if reliability > 0 else np.nan


METRIC = Metric(
    symbol="H",
    name="human consistency",
    compute=human_consistency,
    bounds=(-1, 1),
    higher_is_better=True,
    unit_of_analysis="source",
    from_noise=True,
    citation=(
        "Spearman (1904), The proof and measurement of association between two things, American Journal of "
        "Psychology 15(1), 72-101"
    ),
)

__all__ = ["FEWEST", "METRIC", "Flags", "counted_cells", "human_consistency"]
