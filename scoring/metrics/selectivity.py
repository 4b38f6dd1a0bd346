"""e_S: how surely a unit's activation tells clean images of a concept from those of others."""

from __future__ import annotations

import numpy as np

from scoring.metrics.sample import CONSTANT, FEW_SOURCES, Flags, Metric, Result, Sample, result
from scoring.statistics import Floats, Integers, auroc_by_group

CLEAN = 0


def selectivity(sample: Sample) -> Result:
    """Give e_S = 2·AUROC - 1 on clean images, AUROC = P(a+ > a-) + P(a+ = a-)/2.

    In [-1, 1]; 0 says that activation tells nothing. Undefined with fewer than two sources of the concept
    or of the others, and for a unit with one activation everywhere.
    """
    value = separation(sample, CLEAN)
    few = (smaller_side(sample) < 2)[:, None]
    return result(value, {CONSTANT: constant(sample), FEW_SOURCES: few})


def separation(sample: Sample, condition: int) -> Floats:
    """2·AUROC - 1 (C, m) of each concept against the rest in one condition; NaN without either."""
    there = sample.present(condition)
    ranks, times = sample.ranks_of(condition), sample.times[there]
    return 2 * auroc_by_group(ranks, times, sample.concept[there], sample.concepts) - 1


def smaller_side(sample: Sample, condition: int = CLEAN) -> Integers:
    """How many sources (C,) a concept has in a condition, or all others have if that is fewer."""
    counts = np.bincount(sample.concept[sample.present(condition)], minlength=sample.concepts)
    return np.asarray(np.minimum(counts, counts.sum() - counts))


def constant(sample: Sample) -> Flags:
    """Mark the columns (m or 1,) whose activation is the same in every image."""
    there = np.stack([sample.present(k) for k in range(sample.conditions)])
    values = sample.activation[there]
    same: Flags = values.max(axis=0) == values.min(axis=0)
    return same


METRIC = Metric(
    symbol="S",
    name="selectivity",
    compute=selectivity,
    bounds=(-1, 1),
    higher_is_better=True,
    unit_of_analysis="source",
    from_noise=True,
    citation=(
        "Bamber (1975), The area above the ordinal dominance graph and the area below the receiver operating "
        "characteristic graph, Journal of Mathematical Psychology 12(4), 387-415"
    ),
    sources=smaller_side,
    is_auroc=True,
)
