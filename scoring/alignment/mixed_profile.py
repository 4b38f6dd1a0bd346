"""The maximum of a mixed model's likelihood, and the intervals of its profiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from scoring.alignment.mixed_laplace import Laplace
from scoring.statistics import Floats

Objective = Callable[[Floats], tuple[float, Floats]]

#: log likelihood still to gain at which a search stops: of the model, and of a point of a profile
_GAIN, _ROUGH_GAIN = 1e-9, 1e-5
_ITERATIONS = 300
#: longest step of a search, in any parameter
_LONGEST = 1.0
#: where every search starts: SDs of the random terms
_START = 0.5
#: an SD below this is tried as 0, and is 0 where that costs less than this in log likelihood
_SMALL, _COST = 0.05, 1e-6
#: where the search over another SD starts that was 0 before
_NUDGE = 0.1
#: step of the differences of gradients that give the Hessian
_DIFFERENCE = 1e-3
#: a profile's ends are found to this in the root of the deviance
_ROOT = 0.003
#: an SD above this has no upper end: log odds that differ by more are all but certain
_WIDEST = 20.0


class Optimum(NamedTuple):
    """Where the likelihood is largest: ``value`` is minus its logarithm.

    ``gain`` is the log likelihood that one more Newton step would win; ``reason`` is empty where the gradient
    is 0 and the Hessian (m, m) positive definite, to rounding.
    """

    parameters: Floats
    value: float
    gradient: Floats
    hessian: Floats
    gain: float
    reason: str

    @property
    def converged(self) -> bool:
        """Whether the likelihood has a maximum here."""
        return not self.reason


def maximise(model: Laplace, start: Floats | None = None) -> Optimum:
    """Find the largest likelihood, from SDs of one half, no correlation and outer effects of 0.

    A scalar term whose variance would vanish is put at exactly 0, where the likelihood is flat.
    """
    begin = _beginning(model) if start is None else start
    free = np.ones(begin.size, dtype=bool)
    found, value, _, inverse = search(model.value, begin, np.eye(begin.size) * 0.02, _GAIN)
    for index in _scalars(model):
        if abs(found[index]) < _SMALL:
            free[index] = False
            tried = _with(found, index, 0.0)
            part, lower = _search_free(model, tried, free, inverse[np.ix_(free, free)], _GAIN)
            free[index] = lower > value + _COST
            if not free[index]:
                found, value = part, lower
    return _described(model, _positive(model, found))


def search(
    objective: Objective, start: Floats, inverse: Floats, gain: float
) -> tuple[Floats, float, Floats, Floats]:
    """Minimise by BFGS with backtracking: where, the value, the gradient, the inverse Hessian.

    ``inverse`` is the first guess of the inverse Hessian. Nocedal and Wright (2006), Numerical Optimization,
    section 6.1; a step without curvature leaves the guess as it is.
    """
    x, (value, gradient) = start, objective(start)
    for _ in range(_ITERATIONS):
        step = -inverse @ gradient
        step *= min(1.0, _LONGEST / max(float(np.abs(step).max(initial=0)), 1e-300))
        if -(gradient @ step) < 2 * gain:
            break
        moved, lower, other = _backtracked(objective, x, step, value, float(gradient @ step))
        if not lower < value:
            break
        inverse = _updated(inverse, moved - x, other - gradient)
        x, value, gradient = moved, lower, other
    return x, value, gradient, inverse


def _backtracked(
    objective: Objective, x: Floats, step: Floats, value: float, slope: float
) -> tuple[Floats, float, Floats]:
    """Shorten a step until it lowers the objective enough; the start itself where none does."""
    size = 1.0
    for _ in range(30):
        lower, gradient = objective(x + size * step)
        if lower <= value + 1e-4 * size * slope:
            return x + size * step, lower, gradient
        curve = 2 * (lower - value - slope * size)
        best = -slope * size**2 / curve if math.isfinite(curve) else 0.0
        size = min(max(best, 0.1 * size), 0.5 * size)
    return x, value, np.zeros_like(x)


def _updated(inverse: Floats, step: Floats, change: Floats) -> Floats:
    product = float(step @ change)
    if product < 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
        return inverse
    part = np.eye(step.size) - np.outer(step, change) / product
    return np.asarray(part @ inverse @ part.T + np.outer(step, step) / product)


def _beginning(model: Laplace) -> Floats:
    begin = np.zeros(model.starts[-1] + model.outer.shape[1])
    for at in model.diagonals:
        begin[at] = _START
    return begin


def _scalars(model: Laplace) -> list[int]:
    return [model.starts[at] for at, term in enumerate(model.terms) if term.width == 1]


def _positive(model: Laplace, parameters: Floats) -> Floats:
    """The same covariances with Cholesky factors of positive diagonal."""
    found = parameters.copy()
    for at, term in enumerate(model.terms):
        first = model.starts[at]
        if term.width == 2 and found[first] < 0:
            found[first + 1] *= -1
    diagonals = list(model.diagonals)
    found[diagonals] = np.abs(found[diagonals])
    return found


def _with(parameters: Floats, index: int, value: float) -> Floats:
    found = parameters.copy()
    found[index] = value
    return found


def _search_free(
    model: Laplace, start: Floats, free: NDArray[np.bool_], inverse: Floats, gain: float
) -> tuple[Floats, float]:
    """Search over some of the parameters, the others staying."""

    def objective(part: Floats) -> tuple[float, Floats]:
        whole = start.copy()
        whole[free] = part
        value, gradient = model.value(whole)
        return value, gradient[free]

    part, value, _, _ = search(objective, start[free], inverse, gain)
    found = start.copy()
    found[free] = part
    return found, value


def _described(model: Laplace, parameters: Floats) -> Optimum:
    value, gradient = model.value(parameters)
    hessian = _hessian(model, parameters)
    lowest = float(np.linalg.eigvalsh(hessian)[0])
    gain = 0.5 * float(gradient @ regular_inverse(hessian) @ gradient)
    reason = ""
    if not math.isfinite(value) or gain > 1e-5:
        reason = "the_search_did_not_converge"
    elif lowest < -1e-3 * max(1.0, float(np.abs(hessian).max())):
        reason = "the_likelihood_has_no_maximum_here"
    return Optimum(parameters, value, gradient, hessian, gain, reason)


def _hessian(model: Laplace, parameters: Floats) -> Floats:
    """Central differences of the gradient, made symmetric."""
    rows = []
    for step in np.eye(parameters.size) * _DIFFERENCE:
        above, below = model.value(parameters + step)[1], model.value(parameters - step)[1]
        rows.append((above - below) / (2 * _DIFFERENCE))
    found = np.array(rows).reshape(parameters.size, -1)
    return np.asarray((found + found.T) / 2)


def regular_inverse(hessian: Floats) -> Floats:
    """Invert a symmetric matrix, eigenvalues below 0.01 counting as that."""
    if not hessian.size:
        return hessian
    values, vectors = eigh(hessian)
    return np.asarray((vectors / np.maximum(values, 0.01)) @ vectors.T)


class Ends(NamedTuple):
    """An interval and, where an end is missing, why."""

    low: float
    high: float
    reason: str


@dataclass
class Profile:
    """The likelihood over one parameter, all others being at their best."""

    model: Laplace
    optimum: Optimum
    index: int
    _known: dict[float, tuple[Floats, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known[self.at_best] = (self.optimum.parameters, 0.0)
        self._others = np.arange(self.optimum.parameters.size) != self.index
        block = self.optimum.hessian[np.ix_(self._others, self._others)]
        self._inverse = regular_inverse(block)

    @property
    def at_best(self) -> float:
        """The parameter's best value."""
        return float(self.optimum.parameters[self.index])

    def deviance(self, value: float) -> float:
        """Twice the log likelihood that this value of the parameter costs."""
        if value not in self._known:
            near = min(self._known, key=lambda known: abs(known - value))
            start = _with(self._known[near][0], self.index, value)
            across = self.optimum.hessian[self._others, self.index]
            start[self._others] -= self._inverse @ across * (value - near)
            self._leave_zero(start)
            found, lower = _search_free(self.model, start, self._others, self._inverse, _ROUGH_GAIN)
            self._known[value] = found, 2 * (lower - self.optimum.value)
        return self._known[value][1]

    def _leave_zero(self, parameters: Floats) -> None:
        """Move the other SDs off 0, where the slope is 0 whether or not more would be better."""
        for index in self.model.diagonals:
            if index != self.index and abs(parameters[index]) < _NUDGE:
                parameters[index] = _NUDGE

    def ends(self, limit: float, *, positive: bool) -> Ends:
        """Where the deviance is ``limit``; a ``positive`` parameter's lower end is 0 at least."""
        root = math.sqrt(limit)
        high = self._end(root, 1, _WIDEST if positive else math.inf)
        if positive and (self.at_best == 0 or self.deviance(0.0) <= limit):
            low = 0.0
        else:
            low = self._end(root, -1, self.at_best if positive else math.inf)
        if min(deviance for _, deviance in self._known.values()) < -0.02:
            return Ends(math.nan, math.nan, "the_likelihood_has_several_maxima")
        missing = math.isnan(low) or math.isnan(high)
        return Ends(low, high, "the_data_do_not_bound_it" if missing else "")

    def _end(self, root: float, side: int, farthest: float) -> float:
        """Follow the root of the deviance, which is all but linear, to one side; NaN where it has no end."""
        curve = max(float(1 / regular_inverse(self.optimum.hessian)[self.index, self.index]), 0.01)
        inside, outside, distance = (0.0, 0.0), (math.inf, math.inf), root / math.sqrt(curve)
        for _ in range(25):
            distance = min(distance, farthest)
            height = math.sqrt(max(self.deviance(self.at_best + side * distance), 0.0))
            if abs(height - root) < _ROOT:
                return self.at_best + side * distance
            if height < root:
                if distance >= farthest:
                    return math.nan
                inside = distance, height
            else:
                outside = distance, height
            distance = _between(inside, outside, root)
        return math.nan


def _between(inside: tuple[float, float], outside: tuple[float, float], root: float) -> float:
    """The next distance to try: on the line through both sides, or on the one through the start."""
    if math.isinf(outside[0]):
        return inside[0] * min(max(root / max(inside[1], 1e-9), 1.02), 2.5)
    width = outside[0] - inside[0]
    share = (root - inside[1]) / (outside[1] - inside[1])
    return inside[0] + width * min(max(share, 0.05), 0.95)
