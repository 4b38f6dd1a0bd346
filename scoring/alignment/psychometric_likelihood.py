"""Maximum likelihood of many psychometric functions at once, and the ends of profile intervals.

The proportion of right answers at hardness h is guess + (1 - guess - lapse)·F(slope·(h - threshold)), F
falling from 1 to 0 with F(0) = .5. Hardness is ln severity or severity, with its sign turned where smaller is
harder. Parameters θ are (threshold, ln slope, lapse); every one has bounds. All arrays have one row for each
function that is fitted, so that starts, draws and the ends of intervals are climbed together (Wichmann and
Hill 2001, Perception & Psychophysics 63, 1293-1313; Fisher scoring with Levenberg's damping).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from scoring.statistics import Floats

Marks = NDArray[np.bool_]

THRESHOLD, SLOPE, LAPSE = 0, 1, 2

#: F is within this much of 0 and 1 over the smallest step of hardness where the slope is the largest allowed
STEEPEST_LEAVES = 0.001
#: slope times the range of hardness where the slope is the smallest allowed
FLATTEST_SPANS = 0.2

_TINY = 1e-12
_GAIN = 1e-11


class Shape(NamedTuple):
    """F, falling: ``falls`` gives F(z) and its derivative, ``undone`` the z of a value of F."""

    falls: Callable[[Floats], tuple[Floats, Floats]]
    undone: Callable[[Floats], Floats]


def _logistic(z: Floats) -> tuple[Floats, Floats]:
    value: Floats = expit(-z)
    return value, -value * (1 - value)


def _normal(z: Floats) -> tuple[Floats, Floats]:
    return np.asarray(ndtr(-z)), -np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _weibull(z: Floats) -> tuple[Floats, Floats]:
    grown = np.log(2) * np.exp(np.minimum(z, 30.0))
    value = np.exp(-grown)
    return value, -grown * value


#: name -> shape, one half at 0. On ln severity ``weibull`` is Weibull's function
SHAPES: dict[str, Shape] = {
    "logistic": Shape(_logistic, lambda share: np.asarray(-logit(share))),
    "normal": Shape(_normal, lambda share: np.asarray(-ndtri(share))),
    "weibull": Shape(_weibull, lambda share: np.asarray(np.log(-np.log(share) / np.log(2)))),
}


class Counts(NamedTuple):
    """Answers by hardness: ``hardness`` (B, K), -inf without degradation, ``right`` and ``n`` (B, K).

    ``low`` and ``high`` (B, 3) are the bounds of θ; the proportion right by guessing and the shape are the
    same for all. A function with fewer points than others has ``n`` = 0 at some hardness that it has already.
    With ``by_half`` the first of θ is not the threshold but where p lies halfway between guess and 1, which
    needs a lapse below (1 - guess)/2.
    """

    hardness: Floats
    right: Floats
    n: Floats
    guess: float
    shape: Shape
    low: Floats
    high: Floats
    by_half: bool = False

    def rows(self, at: NDArray[np.intp]) -> Counts:
        """The counts of some rows, in their order."""
        arrays = {name: getattr(self, name)[at] for name in ("hardness", "right", "n", "low", "high")}
        return self._replace(**arrays)


def bounds(hardness: Floats, lapse_max: float) -> tuple[Floats, Floats]:
    """Bounds of θ for the hardness (K,) that was shown, two or more of it finite.

    The threshold lies up to twice the range outside it; the slope goes from nearly flat to nearly a step
    between the two nearest.
    """
    shown = np.unique(hardness[np.isfinite(hardness)])
    span, step = float(np.ptp(shown)), float(np.diff(shown).min())
    steepest = 2 * np.log(1 / STEEPEST_LEAVES - 1) / step
    low = np.array([shown[0] - 2 * span, np.log(FLATTEST_SPANS / span), 0.0])
    return low, np.array([shown[-1] + 2 * span, np.log(steepest), lapse_max])


def proportions(counts: Counts, theta: Floats) -> tuple[Floats, Floats]:
    """Proportions right (B, K) of parameters (B, 3), and their derivatives (B, K, 3)."""
    finite = np.isfinite(counts.hardness)
    slope = np.exp(theta[:, SLOPE])[:, None]
    off, off_by_lapse = _half_from_threshold(counts, theta[:, LAPSE]) if counts.by_half else (0.0, 0.0)
    z = slope * (np.where(finite, counts.hardness, 0.0) - theta[:, THRESHOLD, None]) + off
    value, change = counts.shape.falls(z)
    value = np.where(finite, value, counts.hardness < 0)
    change = np.where(finite, change, 0.0)
    seen = 1 - counts.guess - theta[:, LAPSE, None]
    by_lapse = seen * change * off_by_lapse - value
    by_theta = np.stack([-seen * slope * change, seen * (z - off) * change, by_lapse], axis=-1)
    return np.clip(counts.guess + seen * value, _TINY, 1 - _TINY), by_theta


def _half_from_threshold(counts: Counts, lapse: Floats) -> tuple[Floats, Floats]:
    """z (B, 1) where p lies halfway between guess and 1, and its derivative by the lapse."""
    seen = 1 - counts.guess - lapse
    share = (1 - counts.guess) / 2 / seen
    off = counts.shape.undone(share)
    return off[:, None], (share / seen / counts.shape.falls(off)[1])[:, None]


def log_likelihood(counts: Counts, theta: Floats) -> Floats:
    """Log likelihood (B,) of parameters (B, 3), less what does not depend on them."""
    p, _ = proportions(counts, theta)
    total: Floats = (counts.right * np.log(p) + (counts.n - counts.right) * np.log1p(-p)).sum(axis=1)
    return total


def score_and_information(counts: Counts, theta: Floats) -> tuple[Floats, Floats]:
    """Gradient (B, 3) of the log likelihood, and Fisher's information (B, 3, 3)."""
    p, by_theta = proportions(counts, theta)
    spread = p * (1 - p)
    score = ((counts.right - counts.n * p) / spread)[:, None, :] @ by_theta
    weighted = by_theta * (counts.n / spread)[:, :, None]
    return score[:, 0], weighted.transpose(0, 2, 1) @ by_theta


def climb(counts: Counts, start: Floats, free: Marks, steps: int = 200) -> tuple[Floats, Floats]:
    """Go up from each start (B, 3) along the ``free`` parameters (B, 3): θ and its log likelihood."""
    theta = np.clip(start, counts.low, counts.high)
    reached = log_likelihood(counts, theta)
    damping, going = np.full(len(theta), 1e-3), np.arange(len(theta))
    for _ in range(steps):
        part = counts.rows(going)
        tried = _step(part, theta[going], free[going], damping[going])
        value = log_likelihood(part, tried)
        gain = value - reached[going]
        better = gain >= 0
        up = going[better]
        theta[up], reached[up] = tried[better], value[better]
        damping[going] = np.where(better, np.maximum(damping[going] / 10, 1e-9), damping[going] * 10)
        going = going[~(better & (gain < _GAIN)) & (damping[going] < 1e9)]
        if not going.size:
            break
    return theta, reached


def _step(counts: Counts, theta: Floats, free: Marks, damping: Floats) -> Floats:
    score, information = score_and_information(counts, theta)
    blocked = ~free | ((theta <= counts.low) & (score < 0)) | ((theta >= counts.high) & (score > 0))
    score = np.where(blocked, 0.0, score)
    apart = blocked[:, :, None] | blocked[:, None, :]
    own = np.maximum(np.einsum("bii->bi", information), _TINY)
    information = np.where(apart, 0.0, information)
    own = np.where(blocked, 1.0, own * (1 + damping[:, None]))
    information[:, range(3), range(3)] = own
    moved = np.linalg.solve(information, score[:, :, None])[:, :, 0]
    return np.asarray(np.clip(theta + moved, counts.low, counts.high))


def starts(counts: Counts) -> Floats:
    """Parameters (B, S, 3) to climb from: thresholds over the range, flat and steep, few and many lapses."""
    shown = np.where(np.isfinite(counts.hardness), counts.hardness, np.nan)
    first, span = np.nanmin(shown, axis=1), np.nanmax(shown, axis=1) - np.nanmin(shown, axis=1)
    grid = [(at, times, share) for at in (0.2, 0.5, 0.8) for times in (4, 16) for share in (0.1, 0.5)]
    return np.stack(
        [
            np.stack([first + at * span, np.log(times / span), share * counts.high[:, LAPSE]], 1)
            for at, times, share in grid
        ],
        axis=1,
    )


def maximise(counts: Counts, start: Floats | None = None) -> tuple[Floats, Floats]:
    """Parameters (B, 3) of maximum likelihood and its logarithm (B,): the best of the starts (B, S, 3)."""
    start = starts(counts) if start is None else start
    each = np.repeat(np.arange(len(start)), start.shape[1])
    theta, reached = climb(counts.rows(each), start.reshape(-1, 3), np.ones((each.size, 3), dtype=bool))
    best = reached.reshape(start.shape[:2]).argmax(axis=1)
    at = np.arange(len(start)) * start.shape[1] + best
    return theta[at], reached[at]


def profile(
    counts: Counts, best: Floats, which: NDArray[np.intp], at: Floats, others: Floats
) -> tuple[Floats, Floats]:
    """Log likelihood (B,), and θ, where parameter ``which`` (B,) is held ``at`` (B,) and the others are free.

    Climbs from the other parameters of ``best`` and of ``others`` (B, 3), and takes the higher end.
    """
    row = np.arange(len(best))
    start = np.concatenate([best, others])
    held = np.concatenate([which, which])
    start[np.arange(len(held)), held] = np.concatenate([at, at])
    free = np.ones(start.shape, dtype=bool)
    free[np.arange(len(held)), held] = False
    theta, reached = climb(counts.rows(np.concatenate([row, row])), start, free)
    second = reached[len(row) :] > reached[: len(row)]
    at_best = row + second * len(row)
    return theta[at_best], reached[at_best]


class Ends(NamedTuple):
    """Ends (B, W, 2) of the intervals of W parameters, marked where the likelihood never falls so far."""

    at: Floats
    open: Marks


def profile_ends(
    counts: Counts, best: Floats, top: Floats, cuts: Floats, edges: Floats, of: tuple[int, ...] = (0, 1, 2)
) -> Ends:
    """Where twice the loss of log likelihood reaches ``cuts`` (B, W), each parameter ``of`` θ for itself.

    ``best`` (B, 3) and ``top`` (B,) are the maximum; ``edges`` (B, W, 2) how far is looked. An end that is
    not reached there is open and lies at the edge. Regula falsi (Illinois) on the root of the loss, which is
    nearly straight.
    """
    functions, many = len(best), 2 * len(of)
    each, which = np.repeat(np.arange(functions), many), np.tile(np.repeat(of, 2), functions)
    target = np.sqrt(np.repeat(cuts.reshape(-1), 2))
    search = _Search(counts.rows(each), best[each], top[each], which, target, edges.reshape(-1))
    at, is_open = search.ends()
    return Ends(at.reshape(functions, -1, 2), is_open.reshape(functions, -1, 2))


class _Search(NamedTuple):
    """The ends to look for, one in each row."""

    counts: Counts
    best: Floats
    top: Floats
    which: NDArray[np.intp]
    target: Floats
    edge: Floats

    def ends(self) -> tuple[Floats, Marks]:
        far, (loss_far, theta) = self.edge.copy(), self.loss(self.edge, self.best, np.arange(len(self.edge)))
        is_open = loss_far <= 0
        near, loss_near = self.best[np.arange(len(far)), self.which], -self.target
        at, side, going = far.copy(), np.zeros(len(far)), np.flatnonzero(~is_open)
        for _ in range(80):
            if not going.size:
                break
            f, n, lf, ln = far[going], near[going], loss_far[going], loss_near[going]
            at[going] = f - lf * (f - n) / (lf - ln)
            loss, theta[going] = self.loss(at[going], theta[going], going)
            out = loss > 0
            loss_near[going] = np.where(out, np.where(side[going] > 0, ln / 2, ln), loss)
            loss_far[going] = np.where(out, loss, np.where(side[going] < 0, lf / 2, lf))
            near[going], far[going] = np.where(out, n, at[going]), np.where(out, at[going], f)
            side[going] = np.where(out, 1, -1)
            going = going[(np.abs(loss) > 1e-7) & (np.abs(far - near)[going] > 1e-10)]
        return at, is_open

    def loss(self, at: Floats, others: Floats, rows: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Root of twice the loss less that at the end looked for, and the parameters there."""
        theta, value = profile(self.counts.rows(rows), self.best[rows], self.which[rows], at, others)
        return np.sqrt(2 * np.maximum(self.top[rows] - value, 0.0)) - self.target[rows], theta
