"""Means over pairs of observers, with observers drawn again but never paired with themselves.

An observer who is drawn twice agrees perfectly with the copy; with such pairs left in, a mean over pairs of
ten observers lies about a tenth of the way to 1 too high.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import t as student

from scoring.alignment.estimate import Estimate, missing
from scoring.statistics import CONFIDENCE, Floats

#: reasons for which there is no value, or no interval
ONE_OBSERVER = "fewer_than_2_observers"
NO_PAIR = "too_few_shared_stimuli"
TWO_OBSERVERS = "fewer_than_3_observers"
NO_SPREAD = "does_not_vary_between_draws"

#: smaller standard deviations are rounding
_ROUNDING = 1e-12


def observer_draws(observers: int, draws: int, seed: int) -> Floats:
    """Draw observers again with replacement: how often each is there, (draws, observers)."""
    chances = np.full(observers, 1 / observers)
    return np.random.default_rng(seed).multinomial(observers, chances, size=draws).astype(np.float64)


def pair_means(values: Floats, times: Floats) -> Floats:
    """Average over pairs of different observers, each there ``times`` (draws, O): (draws,).

    ``values`` (O, O) are symmetric, NaN for pairs that have none; the diagonal is never counted. NaN in draws
    without a pair.
    """
    known = ~np.isnan(values) & ~np.eye(len(values), dtype=bool)
    sums = ((times @ np.where(known, values, 0.0)) * times).sum(axis=1)
    pairs = ((times @ known.astype(np.float64)) * times).sum(axis=1)
    return np.asarray(np.divide(sums, pairs, out=np.full(len(times), np.nan), where=pairs > 0))


def pair_mean(values: Floats) -> float:
    """The mean of ``values`` (O, O) over the pairs of different observers that have one, else NaN."""
    return float(pair_means(values, np.ones((1, len(values))))[0])


def pairs_estimate(values: Floats, *, draws: int = 1000, seed: int = 0) -> Estimate:
    """The mean of an agreement in (-1, 1) over pairs of observers, for other observers of the same kind.

    ``values`` (O, O) as in ``pair_means``; the null is 0. The interval is the mean ± t·SE on the scale of
    atanh: SE from observers drawn again without self-pairs, times sqrt(n/(n - 1)), t with n - 1 degrees of
    freedom, n the observers who have a pair. Percentiles of the draws cover 87-97% with 7
    or 10 observers.
    """
    if len(values) < 2:
        return missing(ONE_OBSERVER, len(values), "observers")
    paired = (~np.isnan(values) & ~np.eye(len(values), dtype=bool)).any(axis=1)
    n = int(paired.sum())
    if not n:
        return missing(NO_PAIR, 0, "observers")
    kept = values[np.ix_(paired, paired)]
    drawn = pair_means(kept, observer_draws(n, draws, seed))
    return bootstrapped(pair_mean(kept), drawn, n, draws=draws, seed=seed)


def bootstrapped(value: float, drawn: Floats, n: int, *, draws: int, seed: int) -> Estimate:
    """An estimate in (-1, 1) from its bootstrap of ``n`` observers: t on the scale of atanh; null 0."""
    error = standard_error(drawn, n)
    reason = TWO_OBSERVERS if n < 3 else "" if error > _ROUNDING else NO_SPREAD
    low, high = (math.nan, math.nan) if reason else on_atanh(value, error, n - 1)
    method = f"t from a bootstrap of observers without self-pairs, {draws:,} draws, seed {seed}"
    return Estimate(value, low, high, n, "observers", null=0.0, method=method, reason=reason)


def standard_error(drawn: Floats, n: int) -> float:
    """The draws' standard deviation, those without a value left out, times sqrt(n/(n - 1)); 0 without any."""
    known = drawn[~np.isnan(drawn)]
    return float(known.std() * math.sqrt(n / (n - 1))) if known.size > 1 and n > 1 else 0.0


def on_atanh(value: float, error: float, freedom: float) -> tuple[float, float]:
    """The ends of value ± t·error, both taken to the scale of atanh by the delta method."""
    if not abs(value) < 1:
        return math.nan, math.nan
    reach = float(student.ppf((1 + CONFIDENCE) / 2, freedom)) * error / (1 - value**2)
    centre = math.atanh(value)
    return math.tanh(centre - reach), math.tanh(centre + reach)
