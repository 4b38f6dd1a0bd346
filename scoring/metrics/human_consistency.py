"""e_H: whether a unit responds more to those pictures of the concept that people recognise."""

from __future__ import annotations

import numpy as np

from scoring.metrics.sample import CONSTANT, Metric, Result, Sample, result
from scoring.metrics.selectivity import constant
from scoring.statistics import Floats, Integers, group_midranks, members, midranks

#: fewest sources of a concept in a condition that a rank correlation is taken of
FEWEST = 8

FEW = f"fewer_than_{FEWEST}_sources_in_every_condition"
NO_VARIANCE = "recognition_or_activation_does_not_vary"
UNRELIABLE = "recognition_is_not_reliable"
UNREPEATED = "no_2_images_of_a_concept_and_condition_have_2_answers"


def human_consistency(sample: Sample) -> Result:
    """Give e_H = tanh(mean of atanh rho_k) / sqrt(reliability), kept within [-1, 1].

    rho_k is Spearman's correlation of activation and recognition over the concept's sources in condition k.
    A condition counts if it has 8 sources with an answer; one in which either does not vary is left out. A
    perfect correlation, whose atanh is infinite, counts as halfway between it and the next one possible.
    Dividing by the root of the reliability undoes what the raters' noise takes away (Spearman 1904).
    Undefined if no condition counts or varies, if recognition has no reliability, and for a unit
    with one activation everywhere.
    """
    mean, number = np.zeros((2, sample.concepts, sample.columns))
    for condition in range(sample.conditions):
        rho = _correlations(sample, condition)
        there = ~np.isnan(rho)
        mean += np.where(there, np.arctanh(np.where(there, rho, 0)), 0)
        number += there
    few = counted_cells(sample) == 0
    varies = number > 0
    value = np.tanh(mean / np.maximum(number, 1)) / _root(sample.reliability)
    unknown, unreliable = (
        np.full((1, 1), one) for one in (np.isnan(sample.reliability), sample.reliability <= 0)
    )
    return result(
        np.clip(value, -1, 1),
        {
            CONSTANT: constant(sample),
            FEW: few[:, None],
            NO_VARIANCE: ~varies,
            UNREPEATED: unknown,
            UNRELIABLE: unreliable,
        },
    )


def counted_cells(sample: Sample) -> Integers:
    """Count for each concept (C,) the conditions that have enough sources with an answer."""
    found = np.zeros(sample.concepts, np.intp)
    for condition in range(sample.conditions):
        found[np.unique(sample.concept[_counted(sample, condition)])] += 1
    return found


def _counted(sample: Sample, condition: int) -> Integers:
    """The sources that were answered in a condition, of the concepts that have enough of them."""
    answered = np.flatnonzero(sample.present(condition) & ~np.isnan(sample.recognition[condition]))
    number = np.bincount(sample.concept[answered], minlength=sample.concepts)
    return answered[number[sample.concept[answered]] >= FEWEST]


def recognition_ranks(sample: Sample) -> list[Floats]:
    """Ranks of recognition (counted sources, m) in each condition, the same for every unit."""
    return [_recognition_ranks(sample, condition) for condition in range(sample.conditions)]


def _recognition_ranks(sample: Sample, condition: int) -> Floats:
    sources = _counted(sample, condition)
    order = midranks(sample.recognition[condition][sources, None], np.ones((len(sources), 1)))
    return group_midranks(order, sample.times[sources], sample.concept[sources], sample.concepts)


def _correlations(sample: Sample, condition: int) -> Floats:
    """Spearman's correlation (C, m) in a condition over each concept's sources, each counted its times.

    NaN for a concept without enough sources, and where its activation or its recognition does not vary.
    """
    sources = _counted(sample, condition)
    concept, times = sample.concept[sources], sample.times[sources]
    once = np.ones((len(sources), 1))
    known = sample.recognition_ranks
    theirs = _recognition_ranks(sample, condition) if known is None else known[condition]
    if sample.ranks is None:
        order = midranks(sample.activation[condition][sources], once)
    else:
        order = sample.ranks[condition][sources]
    ours = group_midranks(order, times, concept, sample.concepts)
    member = members(concept, sample.concepts)
    weighted = times * ours
    product, spread = member @ (weighted * theirs), member @ (weighted * ours)
    spread = spread * (member @ (times * theirs**2))
    rho = np.divide(product, np.sqrt(spread), out=np.full(product.shape, np.nan), where=spread > 0)
    most = _largest(np.bincount(concept, minlength=sample.concepts))[:, None]
    return np.asarray(np.clip(rho, -most, most))


def _largest(n: Integers) -> Floats:
    """Halfway between 1 and the next largest rank correlation of n things, 1 - 12/(n³ - n)."""
    size = np.maximum(n, 2)
    return np.asarray(1 - 6 / (size**3 - size))


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
