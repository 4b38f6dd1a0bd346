"""How reliably observers tell stimuli apart: split halves, one observer alone, and how many are needed.

Observers of a stimulus are halved at random, and the means of the halves are correlated over stimuli;
Spearman and Brown (1910, British Journal of Psychology 3) take the correlation of halves to the reliability
of all. All of it can be had within cells (a concept in a condition), where only differences between pictures
of the same kind count: a model that knows which conditions are hard explains nothing there.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.observations import Matrix
from scoring.alignment.observer_pairs import NO_SPREAD, ONE_OBSERVER, TWO_OBSERVERS
from scoring.statistics import CONFIDENCE, Floats, Integers, members, numbered

#: reasons for which there is no reliability
RATED_ONCE = "fewer_than_2_stimuli_with_2_observers"
NO_VARIATION = "stimuli_do_not_differ"

#: random splits that a split-half reliability averages
SPLITS = 200
#: smaller sums of squares are rounding
_ROUNDING = 1e-12


def spearman_brown(reliability: float, factor: float) -> float:
    """The reliability of ``factor`` times as many observers.

    >>> round(spearman_brown(0.5, 2), 3)
    0.667
    """
    return factor * reliability / (1 + (factor - 1) * reliability)


def raters_needed(single: float, target: float) -> float:
    """How many observers a stimulus needs for a reliability of ``target``, from that of ``single`` ones.

    NaN where a single one has none.

    >>> raters_needed(0.2, 0.8)
    16.0
    """
    if not 0 < single < 1:
        return math.nan
    return round(target * (1 - single) / (single * (1 - target)), 9)


def split_half(matrix: Matrix, *, within_cell: bool = False, draws: int = SPLITS, seed: int = 0) -> Estimate:
    """Split-half reliability of the stimuli's mean scores, by Spearman and Brown; null 0.

    ``matrix.values`` (O, S) are right or wrong, or credit; NaN where an observer did not see a stimulus. Each
    stimulus's observers are halved at random, ``draws`` times, whoever is left over going to either half; the
    mean correlation of the halves' means is taken to all observers. Within cells, each half's mean over the
    cell is taken off. Stimuli with fewer than two observers are left out. Interval as ``attenuation``.
    """
    parts = _parts(matrix, within_cell)
    half = math.nan if parts.reason else _mean_correlation(parts, draws, np.random.default_rng(seed))
    found = _estimate(parts, spearman_brown(half, 2), parts.raters)
    how = f"Spearman-Brown of {draws:,} random halves, seed {seed}; {found.method}"
    return found if found.reason and math.isnan(found.value) else replace(found, method=how)


def attenuation(matrix: Matrix, *, within_cell: bool = True) -> Estimate:
    """The share of the variance of stimuli's mean scores that is not the observers' noise; null 0.

    1 - mean(s²/n) / variance of the means, within cells or over all, as ``scoring.reliability`` has it for
    images; what a correlation with the means is divided by the root of. 0 or less where noise explains all.

    The interval is for other observers and these stimuli: -log(1 - r) ± t·SE, SE from leaving out each of the
    n observers in turn, all to the reliability of as many observers as there are (Efron and Stein 1981,
    Annals of Statistics 9(3), 586-596), t with n - 1 degrees of freedom. Observers drawn again would stand in
    both halves, or be one observer fewer: without self-pairs such intervals are 2.7 times too wide with 7
    observers.
    """
    parts = _parts(matrix, within_cell)
    value = math.nan if parts.reason else float(_everybody(parts).reliability[0])
    return _estimate(parts, value, parts.raters)


def single_rater(matrix: Matrix, *, within_cell: bool = True) -> Estimate:
    """The reliability of one observer's scores: the variance between stimuli over it and that within them.

    The null is 0; the interval is that of ``attenuation``, for one observer.
    """
    parts = _parts(matrix, within_cell)
    value = math.nan if parts.reason else float(_everybody(parts).single[0])
    return _estimate(parts, value, 1.0)


class _Parts(NamedTuple):
    """Scores (O, S) of stimuli that two observers saw, 0 where ``seen`` is; each one's ``cell``; why not."""

    score: Floats
    seen: Floats
    cell: Integers
    reason: str

    @property
    def observers(self) -> int:
        return len(self.score)

    @property
    def raters(self) -> float:
        """The harmonic mean of how many observers a stimulus has; NaN without stimuli."""
        number = self.seen.sum(axis=0)
        return float(1 / np.mean(1 / number)) if number.size else math.nan


class _Components(NamedTuple):
    """By draw: the variance between stimuli, that within a stimulus, and the noise in a mean."""

    between: Floats
    within: Floats
    noise: Floats

    @property
    def single(self) -> Floats:
        """The reliability of one observer, NaN where nothing varies."""
        return _share(self.between, self.between + self.within)

    @property
    def reliability(self) -> Floats:
        """The reliability of the means, NaN where they do not vary."""
        return _share(self.between, self.between + self.noise)


def _share(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > _ROUNDING))


def _parts(matrix: Matrix, within_cell: bool) -> _Parts:
    there = ~np.isnan(matrix.values)
    rated = there.sum(axis=0) >= 2
    rating = there[:, rated].any(axis=1)
    score = np.where(there, matrix.values, 0.0)[np.ix_(rating, rated)]
    number = matrix.concept * (int(matrix.condition.max(initial=0)) + 1) + matrix.condition
    cell = number[rated] if within_cell else np.zeros(int(rated.sum()), dtype=np.intp)
    cell = numbered(cell)
    observers = int(there.any(axis=1).sum())
    free = cell.size - np.unique(cell).size
    reason = ONE_OBSERVER if observers < 2 else RATED_ONCE if free < 1 else ""
    return _Parts(score, there[np.ix_(rating, rated)].astype(np.float64), cell, reason)


def _everybody(parts: _Parts) -> _Components:
    return _components(parts, np.ones((1, parts.observers)))


def _components(parts: _Parts, times: Floats) -> _Components:
    """Variance components when observers are there ``times`` (draws, O), no observer paired with himself.

    The mean product of two different observers' scores of a stimulus is its squared mean without noise; what
    the square of the mean has more is the noise in it. Stimuli without two different observers are left out.
    """
    n, again = times @ parts.seen, times**2 @ parts.seen
    sums, squares = times @ parts.score, times @ parts.score**2
    pairs = n**2 - again
    there = pairs > 0
    product = np.divide(sums**2 - times**2 @ parts.score**2, pairs, out=np.zeros(n.shape), where=there)
    mean = np.divide(sums, n, out=np.zeros(n.shape), where=there)
    within = np.divide(squares, n, out=np.zeros(n.shape), where=there) - product
    number = np.maximum(there.sum(axis=1), 1)
    noise = np.where(there, mean**2 - product, 0.0).sum(axis=1) / number
    spread = _pooled_variance(mean, there.astype(np.float64), parts.cell)
    return _Components(spread - noise, np.where(there, within, 0.0).sum(axis=1) / number, noise)


def _pooled_variance(mean: Floats, there: Floats, cell: Integers) -> Floats:
    """The variance (draws,) of means (draws, S) within cells, of the stimuli that are ``there``."""
    member = members(cell, int(cell.max()) + 1).T
    size = there @ member
    middle = np.divide((there * mean) @ member, size, out=np.zeros(size.shape), where=size > 0)
    squares = (there * (mean - middle[:, cell]) ** 2).sum(axis=1)
    freedom = size.sum(axis=1) - (size > 0).sum(axis=1)
    return np.asarray(np.divide(squares, freedom, out=np.full(len(mean), np.nan), where=freedom > 0))


def _mean_correlation(parts: _Parts, splits: int, rng: np.random.Generator) -> float:
    """The mean over random splits of the correlation of halves' means, within cells."""
    packed = _packed(parts)
    n = (~np.isnan(packed)).sum(axis=0)
    member = members(parts.cell, int(parts.cell.max()) + 1)
    size = member.sum(axis=1)
    found = np.full(splits, np.nan)
    for split in range(splits):
        halves = (column - (member @ column / size)[parts.cell] for column in _halves(packed, n, rng))
        found[split] = _correlation(*halves)
    known = found[~np.isnan(found)]
    return float(known.mean()) if known.size else math.nan


def _packed(parts: _Parts) -> Floats:
    """The scores of each stimulus (columns), one after the other, and NaN below."""
    stimulus, observer = np.nonzero(parts.seen.T)
    n = np.bincount(stimulus)
    packed = np.full((int(n.max()), n.size), np.nan)
    packed[np.arange(stimulus.size) - (np.cumsum(n) - n)[stimulus], stimulus] = parts.score[
        observer, stimulus
    ]
    return packed


def _halves(packed: Floats, n: Integers, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Means (S,) of two random halves of the scores of each stimulus, of which there are ``n`` (S,)."""
    there = ~np.isnan(packed)
    order = np.where(there, rng.random(packed.shape), np.inf)
    half = (n + rng.integers(2, size=n.size)) // 2
    last = np.take_along_axis(np.sort(order, axis=0), half[None] - 1, axis=0)
    score = np.where(there, packed, 0.0)
    one = np.where(order <= last, score, 0.0).sum(axis=0)
    return one / half, (score.sum(axis=0) - one) / (n - half)


def _correlation(x: Floats, y: Floats) -> float:
    """Correlation of two columns whose mean is 0; NaN where one does not vary."""
    scale = math.sqrt(float((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > _ROUNDING else math.nan


def _estimate(parts: _Parts, value: float, raters: float) -> Estimate:
    """A reliability of ``raters`` observers a stimulus with its interval, or why there is none."""
    n = parts.observers
    if parts.reason or math.isnan(value):
        return missing(parts.reason or NO_VARIATION, n, "observers")
    error = _jackknifed(parts, raters)
    reason = TWO_OBSERVERS if n < 3 else "" if error > _ROUNDING and value < 1 else NO_SPREAD
    low, high = (math.nan, math.nan) if reason else _on_log(value, error, n)
    method = "t from leaving out each observer"
    return Estimate(value, low, high, n, "observers", null=0.0, method=method, reason=reason)


def _jackknifed(parts: _Parts, raters: float) -> float:
    """The standard error of -log(1 - r), r the reliability of ``raters`` observers; 0 where there is none."""
    single = _components(parts, 1 - np.eye(parts.observers)).single
    odds = 1 + raters * single / np.maximum(1 - single, _ROUNDING)
    known = np.log(odds[odds > _ROUNDING])
    return float(known.std() * math.sqrt(known.size - 1)) if known.size else 0.0


def _on_log(value: float, error: float, n: int) -> tuple[float, float]:
    """The ends of a reliability on the scale of -log(1 - r)."""
    reach = float(student.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    centre = -math.log1p(-value)
    return 1 - math.exp(reach - centre), 1 - math.exp(-reach - centre)
