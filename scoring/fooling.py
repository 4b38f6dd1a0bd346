"""How often an attack makes a model take a picture for something else, against noise of the same size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from scoring.statistics import CONFIDENCE, bootstrap_counts, central_interval

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

#: draws of sources for the intervals of mean probabilities
DRAWS = 2000


@dataclass(frozen=True)
class Estimate:
    """A number over n sources with its 95% interval; None where there is no source."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Fooling:
    """How an attack went; the source is what is counted, and what intervals resample.

    ``fooled``: of the pictures that the model names rightly when clean, the share that it names otherwise
    after the attack; with a target, of those that it does not take for the target when clean, the share
    that it does. ``fooled_by_noise`` is the same with noise of the same size, the null. The probabilities
    are means over all pictures of that of the shown concept, or of the target.
    """

    fooled: Estimate
    fooled_by_noise: Estimate
    probability_clean: Estimate
    probability_attacked: Estimate
    probability_noise: Estimate


def fooling(
    clean: Floats, attacked: Floats, noise: Floats, shown: Integers, target: int | None = None, seed: int = 0
) -> Fooling:
    """Sum up probabilities (n, concepts) of clean, attacked and noisy pictures of ``shown`` (n,) concepts."""
    rows = np.arange(len(clean))
    wanted = shown if target is None else np.full(len(clean), target)
    counted = (clean.argmax(axis=1) == wanted) == (target is None)
    means = [mean(values[rows, wanted], seed) for values in (clean, attacked, noise)]
    shares = [
        share(((values.argmax(axis=1) == wanted) == (target is not None))[counted])
        for values in (attacked, noise)
    ]
    return Fooling(*shares, *means)


def share(hits: npt.NDArray[np.bool_]) -> Estimate:
    """Share of hits with Wilson's interval (Wilson 1927).

    >>> one = share(np.array([True, True, False, True]))
    >>> one.value, round(one.low, 4), round(one.high, 4), one.n
    (0.75, 0.3006, 0.9544, 4)
    """
    if not hits.size:
        return Estimate(None, None, None, 0)
    interval = binomtest(int(hits.sum()), hits.size).proportion_ci(CONFIDENCE, "wilson")
    return Estimate(float(hits.mean()), float(interval.low), float(interval.high), hits.size)


def mean(values: Floats, seed: int = 0) -> Estimate:
    """Mean with the central interval of its bootstrap."""
    if not values.size:
        return Estimate(None, None, None, 0)
    counts = bootstrap_counts(np.zeros(values.size, np.intp), DRAWS, np.random.default_rng(seed))
    interval = central_interval(counts @ values / values.size)
    return Estimate(float(values.mean()), interval.low, interval.high, values.size)
