"""Resampling that metrics share: whole sources drawn again, or their activations permuted.

Everything here is pure and takes its own generator; a draw is one row of the arrays that come back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

#: coverage that an interval is meant to have
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """The central part of some draws: its ends, its median, and how many draws had no value."""

    low: float
    median: float
    high: float
    undefined: int


def bootstrap_counts(strata: Integers, draws: int, rng: np.random.Generator) -> Integers:
    """Draw things with replacement within strata, as often as each stratum has things.

    ``strata`` (n,) numbers each thing's stratum. Returns (draws, n): how often each thing was drawn.
    """
    counts = np.zeros((draws, strata.size), dtype=np.intp)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        chances = np.full(members.size, 1 / members.size)
        counts[:, members] = rng.multinomial(members.size, chances, size=draws)
    return counts


def permutations_within(strata: Integers, draws: int, rng: np.random.Generator) -> Integers:
    """Permute things within strata.

    Returns (draws, n): in draw d, thing i is given what belongs to thing ``result[d, i]``.
    """
    given = np.empty((draws, strata.size), dtype=np.intp)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        given[:, members] = rng.permuted(np.tile(members, (draws, 1)), axis=1)
    return given


def counted_quantile(values: Floats, counts: NDArray[np.number], quantile: float) -> Floats:
    """Give the linear quantile of values that are each there a number of times.

    ``values`` and ``counts`` (draws or 1, n); equals ``numpy.quantile(numpy.repeat(v, c), q)`` by row.
    Returns (draws,), NaN where the counts of a row sum to 0. Hyndman and Fan (1996), type 7.
    """
    values, counts = np.broadcast_arrays(values, counts)
    result = np.full(len(values), np.nan)
    if not values.shape[1]:
        return result
    order = np.argsort(values, axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    upto = np.cumsum(np.take_along_axis(counts, order, axis=1), axis=1)
    total = upto[:, -1]
    some = total > 0
    result[some] = _between(ranked[some], upto[some], (total[some] - 1) * quantile)
    return result


def _between(ranked: Floats, upto: NDArray[np.number], place: Floats) -> Floats:
    """Interpolate between the two order statistics around a place, counted from 0."""
    low = np.floor(place)
    share = place - low
    last = upto[:, -1] - 1
    below = _at(ranked, upto, low)
    above = _at(ranked, upto, np.minimum(low + 1, last))
    step = above - below
    value: Floats = np.where(share < 0.5, below + step * share, above - step * (1 - share))
    return value


def _at(ranked: Floats, upto: NDArray[np.number], place: Floats) -> Floats:
    index = (upto <= place[:, None]).sum(axis=1)
    return np.take_along_axis(ranked, index[:, None], axis=1)[:, 0]


def central_interval(draws: Floats, confidence: float = CONFIDENCE) -> Interval:
    """Take the central interval and the median of draws, leaving out those without a value (NaN)."""
    there = draws[~np.isnan(draws)]
    undefined = draws.size - there.size
    if there.size == 0:
        return Interval(np.nan, np.nan, np.nan, undefined)
    low, median, high = np.quantile(there, [(1 - confidence) / 2, 0.5, (1 + confidence) / 2])
    return Interval(float(low), float(median), float(high), undefined)
