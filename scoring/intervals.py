"""Intervals of effect sizes from their draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from scoring.statistics import CONFIDENCE, Floats, Integers

BOUND, T_ON_ATANH, PERCENTILE = "bound", "t_on_atanh", "percentile"


class Ends(NamedTuple):
    """The ends (C,) of intervals, the kind of each ("" where there is none), and draws without a value."""

    low: Floats
    high: Floats
    kind: NDArray[np.str_]
    undefined: Integers


def percentile_ends(value: Floats, draws: Floats, tail: Floats | None = None) -> Ends:
    """The central part of the draws (C, m) that have a value; none where all of these are equal.

    ``tail`` (C,) is the share of draws left out at each end: 2.5%, or less for few sources.
    """
    undefined = np.isnan(draws).sum(axis=1)
    usable = ~np.isnan(value) & (undefined < draws.shape[1]) & (_spread(draws) > 0)
    share = np.full(value.size, (1 - CONFIDENCE) / 2) if tail is None else tail
    ends = np.where(usable, np.stack([_quantile(draws, share), _quantile(draws, 1 - share)]), np.nan)
    return Ends(ends[0], ends[1], np.where(usable, PERCENTILE, ""), undefined)


def _quantile(draws: Floats, share: Floats) -> Floats:
    """Linear quantiles (C,) at shares (C,) of the draws (C, m) that have a value; NaN where none has."""
    ranked = np.sort(draws, axis=1)
    place = share * np.maximum((~np.isnan(draws)).sum(axis=1) - 1, 0)
    below = np.floor(place).astype(np.intp)
    ends = np.stack([below, np.ceil(place).astype(np.intp)], axis=1)
    low, high = np.take_along_axis(ranked, ends, axis=1).T
    return np.asarray(low + (place - below) * (high - low))


def shrunken_tail(sources: Integers) -> Floats:
    """The tail (C,) that makes up for a bootstrap's variance, which is (n-1)/n times what it should be."""
    n = np.maximum(sources, 2)
    return np.asarray(ndtr(ndtri((1 - CONFIDENCE) / 2) * np.sqrt(n / (n - 1))))


def expanded_tail(sources: Integers) -> Floats:
    """As ``shrunken_tail``, with t too (Hesterberg 2015, The American Statistician 69(4), 371-386)."""
    n = np.maximum(sources, 2)
    return np.asarray(ndtr(student.ppf((1 - CONFIDENCE) / 2, n - 1) * np.sqrt(n / (n - 1))))


def around(value: Floats, ends: Ends) -> Ends:
    """Widen intervals that do not hold their own value, as one-sided bounds in a composite can make them."""
    return ends._replace(low=np.minimum(ends.low, value), high=np.maximum(ends.high, value))


def dominance_ends(value: Floats, draws: Floats, sources: Integers, confidence: float = CONFIDENCE) -> Ends:
    """Ends of 2P - 1 from its bootstrap: e ± t·SE on the scale of atanh, or a one-sided bound at -1 and 1.

    SE is the draws' standard deviation times sqrt(n/(n-1)), t has n - 1 degrees of freedom, n the number of
    ``sources`` (C,) of the smaller side; the delta method takes both to atanh(e). A percentile interval is
    too narrow here: with 27 sources a concept it covers 93% at e = .60 and 89% at .88, with 8 sources 78% at
    .92. A unit may miss some of its concept's pictures though none of the sample's, which no draw knows: a
    share of 1 - .05^(1/n) at most, which takes as much off e. The end nearer to 0 lies at least as far off
    as that and t·SE together, their root sum of squares; else 75% are covered where 2 or 5% are missed. At
    e = 1 all draws are 1 and say nothing: P is then at least .05^(1/n). ``docs/calibration.md`` counts.
    """
    n, spread = np.maximum(sources, 2), _spread(draws)
    low, high = _on_atanh(value, spread * np.sqrt(n / (n - 1)), n, confidence)
    there = ~np.isnan(value) & (spread > 0) & (sources >= 2)
    low, high = np.where(there, np.stack([low, high]), np.nan)
    ends = Ends(low, high, np.where(there, T_ON_ATANH, ""), np.isnan(draws).sum(axis=1))
    ends = chosen((np.abs(value) == 1) & (sources >= 2), around(value, percentile_ends(value, draws)), ends)
    return _bounded(ends, value, draws, sources, confidence)


def rank_ends(value: Floats, draws: Floats, sources: Integers, controls: Integers) -> Ends:
    """Ends of a rank among controls, in [-1, 1]: an expanded percentile interval that holds the value.

    Noise between images pulls a rank to the middle, and its draws once more; on the scale of atanh an
    interval covers as much and is up to twice as wide. At 1 in every draw, P is at least .05^(1/n), n the
    controls.
    """
    ends = around(value, percentile_ends(value, draws, expanded_tail(sources)))
    return _bounded(ends, value, draws, controls)


def _bounded(
    ends: Ends, value: Floats, draws: Floats, number: Integers, confidence: float = CONFIDENCE
) -> Ends:
    """Put one-sided bounds where the value is -1 or 1, and all draws are."""
    at_end = at_bound(value, draws) & (number >= 2)
    least = 2 * (1 - confidence) ** (1 / np.maximum(number, 2)) - 1
    low = np.where(at_end, np.where(value > 0, least, -1.0), ends.low)
    high = np.where(at_end, np.where(value > 0, 1.0, -least), ends.high)
    return ends._replace(low=low, high=high, kind=np.where(at_end, BOUND, ends.kind))


def at_bound(value: Floats, draws: Floats) -> NDArray[np.bool_]:
    """Mark the values (C,) that are -1 or 1, as all their draws (C, m) are."""
    marks: NDArray[np.bool_] = (np.abs(value) == 1) & (_spread(draws) == 0)
    return marks


def _on_atanh(value: Floats, error: Floats, n: Integers, confidence: float) -> tuple[Floats, Floats]:
    """The ends e ± t·SE on the scale of atanh, the one nearer to 0 with room for what no draw knows."""
    inside = np.where(np.abs(value) < 1, value, 0.0)
    reach = student.ppf((1 + confidence) / 2, n - 1) * error
    low, high = np.tanh(np.arctanh(inside) + np.stack([-reach, reach]) / (1 - inside**2))
    room = np.hypot(reach, inside * (1 - (1 - confidence) ** (1 / n)))
    low = np.where(inside > 0, np.minimum(low, np.maximum(inside - room, -1)), low)
    high = np.where(inside < 0, np.maximum(high, np.minimum(inside + room, 1)), high)
    return low, high


def chosen(where: NDArray[np.bool_], ends: Ends, others: Ends) -> Ends:
    """Take one set of ends where a mark (C,) holds, and others elsewhere."""
    low, high, kind, undefined = (
        np.where(where, one, other) for one, other in zip(ends, others, strict=True)
    )
    return Ends(low, high, kind, undefined)


def draws_at_bound(value: Floats, draws: Floats, sources: Integers, rng: np.random.Generator) -> Floats:
    """Replace draws (C, m) that are all -1 or 1 by ones whose 5% quantile is the one-sided bound.

    A composite of such a component is then as unsure as the component itself is.
    """
    n = np.maximum(sources, 2)[:, None]
    unsure = 2 * rng.random(draws.shape) ** (1 / n) - 1
    return np.where(at_bound(value, draws)[:, None], np.sign(value)[:, None] * unsure, draws)


def _spread(draws: Floats) -> Floats:
    """Standard deviation of the draws (C, m) that have a value; 0 where fewer than two have."""
    there = ~np.isnan(draws)
    count = np.maximum(there.sum(axis=1), 1)
    filled = np.where(there, draws, 0.0)
    mean = filled.sum(axis=1) / count
    squares = np.where(there, (draws - mean[:, None]) ** 2, 0.0).sum(axis=1)
    found = np.sqrt(squares / count)
    return np.where(found > 1e-12, found, 0.0)
