"""An adaptive procedure in the manner of QUEST+: which severity tells most about a psychometric function.

The proportion of right answers at a severity s is, with x = ln s, the threshold t, and d the direction in
which severities grow harder (1: larger is harder, -1: smaller is),

    p(x) = guess + (1 - guess - lapse) / (1 + exp(d slope (x - ln t))),

so that at the threshold half is seen of what guesses and lapses leave. Threshold, slope and lapse are a grid
of possibilities, each with a probability; ``guess`` is given. Answers change the probabilities by the rule of
Bayes, and the severity is shown next after whose answer their expected entropy is smallest (Watson 2017,
QUEST+: A general multidimensional Bayesian adaptive psychometric method, Journal of Vision 17(3):10). That is
the aim "function"; with the aim "threshold" it is the entropy of the threshold alone, whatever slope
and lapse are (Prins 2013, The psi-marginal adaptive method, Journal of Vision 13(7):3).

That entropy is H(parameters) - [h(P) - sum_i w_i h(p_i)], with w_i the probability of a combination, p_i what
it predicts, P = sum_i w_i p_i, and h the entropy of a coin. The h(p_i) are computed once for a grid, and a
choice is two sums for each severity. All is a pure function of how many answers were right and wrong at each
severity, in whatever order they came. Only the standard library is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from operator import mul
from random import Random
from typing import Literal

Aim = Literal["function", "threshold"]

#: points of the grid of thresholds, evenly spaced in ln severity
THRESHOLD_POINTS = 45
#: how many times beyond the mildest and the hardest severity a threshold may lie, also where there is no such
#: severity: who is always right at an occlusion of .9 is to fit in. What lies beyond is not told
BEYOND = 3.0
#: slopes per unit of ln severity, all as likely before any answer
SLOPES = (0.6, 0.9, 1.35, 2.0, 3.0, 4.5)
#: lapses, and how likely each is before any answer: most people err seldom, some name things their own way
LAPSES = ((0.01, 0.25), (0.03, 0.25), (0.06, 0.25), (0.12, 0.15), (0.24, 0.10))
#: expected entropies that differ by less are the same, nats
SAME = 1e-9
#: probability outside of an interval, half of it on either side
OUTSIDE = 0.05


@dataclass(frozen=True)
class Grid:
    """The severities to choose from, and the psychometric functions that are held possible.

    ``severities``: at least two, positive, in the perturbation's unit; kept from the mildest to the hardest.
    ``direction``: 1 where a larger severity is harder, -1 where a smaller one is. ``guess``, in [0, 1):
    proportion right when nothing is seen, 0 for typed answers. Raises ValueError for anything else.
    """

    severities: tuple[float, ...]
    direction: int
    guess: float = 0.0
    slopes: tuple[float, ...] = SLOPES
    #: value and weight
    lapses: tuple[tuple[float, float], ...] = LAPSES

    def __post_init__(self) -> None:
        severities = tuple(sorted(set(self.severities), key=lambda one: self.direction * one))
        if self.direction not in (-1, 1):
            raise ValueError(f"direction is {self.direction}; give 1 or -1")
        if len(severities) < 2 or not all(0 < one < math.inf for one in severities):
            raise ValueError(f"severities are {self.severities}; give two or more that are above 0")
        if min(self.slopes) <= 0 or min(min(lapse) for lapse in self.lapses) <= 0:
            raise ValueError("slopes, lapses and their weights must be above 0")
        if not 0 <= self.guess < 1 - max(lapse for lapse, _ in self.lapses):
            raise ValueError(f"guess is {self.guess}; guesses and lapses must leave something to see")
        object.__setattr__(self, "severities", severities)

    @cached_property
    def thresholds(self) -> tuple[float, ...]:
        """Possible thresholds, as ln severity, ascending."""
        low = math.log(min(self.severities) / BEYOND)
        step = (math.log(max(self.severities) * BEYOND) - low) / (THRESHOLD_POINTS - 1)
        return tuple(low + step * place for place in range(THRESHOLD_POINTS))

    def proportion(self, severity: float, threshold: float, slope: float, lapse: float) -> float:
        """Proportion right at a severity; ``threshold`` as ln severity."""
        return math.exp(self.log_proportions(severity, threshold, slope, lapse)[0])

    def log_proportions(
        self, severity: float, threshold: float, slope: float, lapse: float
    ) -> tuple[float, float]:
        """Logarithms of the proportions right and wrong, neither of them lost where it is tiny."""
        z = self.direction * slope * (math.log(severity) - threshold)
        seen, unseen = _logistic(z)
        room = 1 - self.guess - lapse
        return math.log(self.guess + room * seen), math.log(lapse + room * unseen)


def _logistic(z: float) -> tuple[float, float]:
    """What is seen and what is not, each exact where it is small; no smaller than what a float can hold."""
    z = max(-700.0, min(700.0, z))
    return 1 / (1 + math.exp(z)), 1 / (1 + math.exp(-z))


@dataclass(frozen=True)
class _Tables:
    """What does not depend on answers. The inner lists go through the combinations of parameters."""

    #: (threshold as ln severity, slope, lapse)
    combinations: list[tuple[float, float, float]]
    log_prior: list[float]
    #: these are by severity
    right: list[list[float]]
    log_right: list[list[float]]
    log_wrong: list[list[float]]
    #: entropy of an answer, nats
    doubt: list[list[float]]


@lru_cache(maxsize=64)
def _tables(grid: Grid) -> _Tables:
    total = sum(weight for _, weight in grid.lapses)
    whole = [
        (threshold, slope, lapse, math.log(weight / total / len(grid.slopes) / len(grid.thresholds)))
        for threshold, slope, (lapse, weight) in product(grid.thresholds, grid.slopes, grid.lapses)
    ]
    combinations = [(threshold, slope, lapse) for threshold, slope, lapse, _ in whole]
    logs = [[grid.log_proportions(severity, *one) for one in combinations] for severity in grid.severities]
    return _Tables(
        combinations,
        [log_prior for *_, log_prior in whole],
        [[math.exp(right) for right, _ in row] for row in logs],
        [[right for right, _ in row] for row in logs],
        [[wrong for _, wrong in row] for row in logs],
        [[-math.exp(right) * right - math.exp(wrong) * wrong for right, wrong in row] for row in logs],
    )


@dataclass(frozen=True)
class Estimate:
    """A severity and how sure it is: geometric mean, 95% credible interval, SD of its natural logarithm.

    Answers tell nothing of how far beyond the severities shown it lies: a limit that lies there with more
    than 2.5% is None, and mean and SD are None where most of the probability is there, or the mean. All four
    are None where there is hardly such a severity.
    """

    severity: float | None
    low: float | None
    high: float | None
    log_sd: float | None
    #: probability that it is at or below the smallest severity shown, and at or above the largest
    below: float
    above: float
    #: probability that there is such a severity at all; the rest is given that there is
    reached: float = 1.0


@dataclass(frozen=True)
class Posterior:
    """What is believed after some answers. ``counts``: right and wrong ones by severity of the grid."""

    grid: Grid
    counts: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, grid: Grid, answers: Iterable[tuple[float, bool]] = ()) -> Posterior:
        """After answers, each a severity of the grid and whether it was right. Raises KeyError for others."""
        counts = {severity: [0, 0] for severity in grid.severities}
        for severity, right in answers:
            counts[severity][not right] += 1
        return cls(grid, tuple((right, wrong) for right, wrong in counts.values()))

    @property
    def trials(self) -> int:
        """Answers so far."""
        return sum(right + wrong for right, wrong in self.counts)

    @cached_property
    def weights(self) -> list[float]:
        """Probability of each combination of threshold, slope and lapse; they sum to 1."""
        tables = _tables(self.grid)
        logs = tables.log_prior
        for place, (right, wrong) in enumerate(self.counts):
            if right or wrong:
                rows = zip(logs, tables.log_right[place], tables.log_wrong[place], strict=True)
                logs = [log + right * a + wrong * b for log, a, b in rows]
        most = max(logs)
        weights = [math.exp(log - most) for log in logs]
        total = math.fsum(weights)
        return [weight / total for weight in weights]

    def information(self, aim: Aim = "function") -> list[float]:
        """Nats by which the answer at each severity is expected to lower the entropy."""
        tables, weights = _tables(self.grid), self.weights
        if aim == "threshold":
            of_thresholds = self._by_threshold(weights)
            return [self._about_threshold(of_thresholds, right) for right in tables.right]
        return [
            _coin(sum(map(mul, weights, right))) - sum(map(mul, weights, doubt))
            for right, doubt in zip(tables.right, tables.doubt, strict=True)
        ]

    def _about_threshold(self, of_thresholds: Sequence[float], right: Sequence[float]) -> float:
        together = self._by_threshold(list(map(mul, self.weights, right)))
        parts = zip(of_thresholds, together, strict=True)
        return _coin(sum(together)) - sum(all_ * _coin(some / all_) for all_, some in parts if all_ > 0)

    def _by_threshold(self, values: Sequence[float]) -> list[float]:
        """Sums of what belongs to the combinations, for each threshold."""
        size = len(values) // len(self.grid.thresholds)
        return [sum(values[first : first + size]) for first in range(0, len(values), size)]

    def next_severity(self, seed: str, aim: Aim = "function") -> float:
        """The severity whose answer is expected to tell most; ``seed`` decides among equals."""
        told = self.information(aim)
        most = max(told)
        best = [one for one, gain in zip(self.grid.severities, told, strict=True) if gain > most - SAME]
        return Random(seed).choice(best)  # noqa: S311 - reproducible, not secret

    @cached_property
    def threshold(self) -> Estimate:
        """The severity at which half is seen of what guesses and lapses leave."""
        points = [threshold for threshold, _, _ in _tables(self.grid).combinations]
        return _estimate(points, self.weights, self.grid.severities, 1.0)

    def at(self, target: float) -> Estimate:
        """The severity at which a proportion of the answers is right.

        Lapses may leave nothing that high, and guesses nothing that low: possibilities in which there is no
        such severity are left out, and where they are more likely than not there is no estimate.
        """
        found = [
            (_severity_at(self.grid, target, *one), weight)
            for one, weight in zip(_tables(self.grid).combinations, self.weights, strict=True)
        ]
        there = [(point, weight) for point, weight in found if point is not None]
        reached = math.fsum(weight for _, weight in there)
        if reached < 0.5:
            return Estimate(None, None, None, None, 0.0, 0.0, reached)
        weights = [weight / reached for _, weight in there]
        return _estimate([point for point, _ in there], weights, self.grid.severities, reached)


def _coin(p: float) -> float:
    """Entropy of an answer that is right with probability p, nats."""
    return -sum(part * math.log(part) for part in (p, 1.0 - p) if part > 0)


def _severity_at(grid: Grid, target: float, threshold: float, slope: float, lapse: float) -> float | None:
    """ln severity at which a proportion is right; None if there is none."""
    seen = (target - grid.guess) / (1 - grid.guess - lapse)
    if not 0 < seen < 1:
        return None
    return threshold + grid.direction * math.log((1 - seen) / seen) / slope


def _estimate(
    points: Sequence[float], weights: Sequence[float], severities: Sequence[float], reached: float
) -> Estimate:
    """Of ln severities and their probabilities, as far as the severities that were shown can tell."""
    ends = math.log(min(severities)), math.log(max(severities))
    both = list(zip(points, weights, strict=True))
    below = math.fsum(weight for point, weight in both if point <= ends[0] + SAME)
    above = math.fsum(weight for point, weight in both if point >= ends[1] - SAME)
    mean = math.fsum(map(mul, points, weights))
    variance = math.fsum(weight * (point - mean) ** 2 for point, weight in both)
    low, high = _quantiles(points, weights, (OUTSIDE / 2, 1 - OUTSIDE / 2))
    is_told = below + above <= 0.5 and ends[0] < mean < ends[1]
    return Estimate(
        math.exp(mean) if is_told else None,
        min(math.exp(low), max(severities)) if below <= OUTSIDE / 2 else None,
        max(math.exp(high), min(severities)) if above <= OUTSIDE / 2 else None,
        math.sqrt(variance) if is_told else None,
        *(below, above, reached),
    )


def _quantiles(points: Sequence[float], weights: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Points below which shares of the probability lie; that of a point is spread evenly around it."""
    together: dict[float, float] = {}
    for point, weight in zip(points, weights, strict=True):
        together[point] = together.get(point, 0.0) + weight
    places, below = sorted(together), 0.0
    middles = []
    for point in places:
        middles.append(below + together[point] / 2)
        below += together[point]
    return [_interpolated(share, middles, places) for share in shares]


def _interpolated(share: float, middles: Sequence[float], places: Sequence[float]) -> float:
    """Where a rising line through (middle, place) reaches a share; its ends where it does not."""
    for number, middle in enumerate(middles):
        if middle >= share:
            if number == 0:
                return places[0]
            before = middles[number - 1]
            part = (share - before) / (middle - before)
            return places[number - 1] + part * (places[number] - places[number - 1])
    return places[-1]
