"""One psychometric function of recognition against severity: its fit, its intervals, or why there is none.

Proportion right at severity s, d = 1 where a larger severity is harder and -1 where a smaller one is:

    p(s) = guess + (1 - guess - lapse) · F(slope · d · (x - x_threshold)),    x = ln s, or s itself

with F falling from 1 to 0. The threshold is the severity at which F = .5: half of what guesses and lapses
leave is seen. ``half`` is the severity at which p lies halfway between guessing and all right, which lapses
move.

Intervals are of the profile likelihood. Where answers come in clusters (a participant's; a picture's) twice
the loss of log likelihood that ends an interval is t²·φ rather than χ²₁, φ the ratio of the parameter's
cluster-robust to its binomial variance (never below 1): Chandler and Bate (2007, Biometrika 94, 167-183) for
the scaling, Cameron, Gelbach and Miller (2011, Journal of Business & Economic Statistics 29, 238-249) for
clusters of both kinds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from scoring.alignment.psychometric_clusters import Clusters, clustered_variance
from scoring.alignment.psychometric_likelihood import (
    LAPSE,
    SHAPES,
    SLOPE,
    THRESHOLD,
    Counts,
    bounds,
    maximise,
    profile_ends,
    proportions,
    score_and_information,
)
from scoring.statistics import CONFIDENCE, Floats

LOG, LINEAR = "log", "linear"

#: fewest degraded severities, and fewest trials at them, that a curve is fitted to
MIN_SEVERITIES, MIN_TRIALS = 5, 20
#: largest lapse: without undegraded trials to tell it by, and with ``MIN_UNDEGRADED`` of them or more
LAPSE_MAX, LAPSE_MAX_TOLD, MIN_UNDEGRADED = 0.1, 0.5, 20

#: of what guesses leave, the largest lapse with which the halfway point is still looked for
LARGEST_LAPSE_OF_HALF = 0.45

#: reasons for which there is no threshold
TOO_FEW_SEVERITIES = "too_few_severities"
TOO_FEW_TRIALS = "too_few_trials"
ALL_RIGHT, ALL_WRONG = "all_right", "all_wrong"
NO_FALL = "no_fall"
MILDER, HARDER = "milder_than_tested", "harder_than_tested"
NOT_LOCATED = "not_located"
ONE_PARTICIPANT, ONE_SOURCE = "fewer_than_2_participants", "fewer_than_2_sources"

#: notes on what an interval leaves open
OPEN_NOTES = ("threshold_open_to_milder", "threshold_open_to_harder")
STEEP, LAPSE_AT_BOUND = "slope_beyond_what_severities_tell", "lapse_at_bound"


class Answers(NamedTuple):
    """Right answers of ``n`` at a severity, a row (r,) each trial or each severity, and their clusters."""

    severity: Floats
    right: Floats
    n: Floats
    clusters: Clusters


@dataclass(frozen=True)
class Model:
    """What is taken as known: the chance level, where severities lead, and how they are scaled.

    ``identity`` is the severity that leaves a picture as it is; rows at it (and at 0 on a log scale) are
    undegraded: they tell the lapse, and are no severity of the five. ``scale`` None: ln severity, but for
    severities below 0 and those that grow harder from an identity above 0 (such as a zoom from 1).
    ``lapse_max`` None: .1, or .5 where 20 undegraded trials tell it.
    """

    guess: float = 0.0
    direction: int = 1
    identity: float | None = None
    scale: str | None = None
    shape: str = "logistic"
    lapse_max: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.guess < 1:
            raise ValueError(f"guess is {self.guess}; give a proportion from 0 to below 1")
        if self.direction not in (-1, 1):
            raise ValueError(f"direction is {self.direction}; give 1 or -1")
        if self.shape not in SHAPES or self.scale not in (None, LOG, LINEAR):
            raise ValueError(f"shape {self.shape!r}, scale {self.scale!r} are not both known")

    def scale_of(self, severity: Floats) -> str:
        """The scale asked for, or the one that suits the severities."""
        if self.scale:
            return self.scale
        from_above_0 = self.direction == 1 and (self.identity or 0) > 0
        return LINEAR if from_above_0 or (severity < 0).any() else LOG

    def hardness(self, severity: Floats, scale: str) -> Floats:
        """Severities (r,) on the scale, larger being harder; -inf where nothing is degraded."""
        with np.errstate(divide="ignore"):
            return np.asarray(self.direction * (np.log(severity) if scale == LOG else severity))

    def severity(self, hardness: float, scale: str) -> float:
        """The severity of a hardness."""
        return math.exp(self.direction * hardness) if scale == LOG else self.direction * hardness


@dataclass(frozen=True)
class Curve:
    """A fitted curve. What is missing is NaN; ``reason`` says why there is no threshold, ``notes`` the rest.

    ``alpha`` is the threshold in the unit of severity, ``beta`` the slope per unit of ln severity (scale
    ``log``) or of severity (``linear``), ``lapse`` the share missed however mild. An end of an interval that
    would lie beyond the severities shown is NaN. ``alpha_fitted`` is the fitted threshold wherever it lies.
    ``deviance`` is that from a proportion for each severity, with ``df``; ``p`` the share of simulated
    data that fit as badly, the deviance being divided by ``misfit_dispersion``. ``dispersion`` is φ of
    the threshold.
    """

    model: Model
    scale: str
    n_severities: int
    n_trials: int
    n_participants: int = 0
    n_sources: int = 0
    alpha: float = math.nan
    alpha_low: float = math.nan
    alpha_high: float = math.nan
    alpha_fitted: float = math.nan
    beta: float = math.nan
    beta_low: float = math.nan
    beta_high: float = math.nan
    lapse: float = math.nan
    lapse_low: float = math.nan
    lapse_high: float = math.nan
    lapse_max: float = math.nan
    half: float = math.nan
    half_low: float = math.nan
    half_high: float = math.nan
    deviance: float = math.nan
    df: int = 0
    p: float = math.nan
    dispersion: float = math.nan
    misfit_dispersion: float = math.nan
    reason: str = ""
    notes: tuple[str, ...] = ()
    fit: Fit | None = field(default=None, repr=False, compare=False)

    def at(self, severity: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Proportions right at severities (m,), and the ends of their 95% band, each for itself.

        The band is of the fitted curve (delta method on the logit scale, clusters known); NaN without a fit.
        """
        shown = np.atleast_1d(np.asarray(severity, dtype=np.float64))
        if self.fit is None:
            nothing = np.full(shown.size, math.nan)
            return nothing, nothing.copy(), nothing.copy()
        return self.fit.band(self.model.hardness(shown, self.scale))


class Fit(NamedTuple):
    """The maximum and what its errors are worked out from.

    ``theta`` (3,), ``covariance`` (3, 3) of binomial answers with what lies at a bound held there,
    ``with_lapse`` the same with the lapse free, ``score`` (r, 3) of each row of answers, and ``freedom`` the
    degrees of freedom of t (inf without clusters; 0 where there is no interval).
    """

    counts: Counts
    theta: Floats
    top: float
    covariance: Floats
    with_lapse: Floats
    score: Floats
    clusters: Clusters
    freedom: float

    @property
    def influence(self) -> Floats:
        """How far each row of answers moves the threshold, (r, 1)."""
        return np.asarray(self.score @ self.covariance[:, :1])

    def variance(self, gradient: Floats, lapse: bool = False) -> Floats:
        """Variance (m,) of what changes by ``gradient`` (m, 3) with θ, at least that of binomial answers.

        With ``lapse``, one that was fitted at its bound counts as unsure too.
        """
        covariance = self.with_lapse if lapse else self.covariance
        plain: Floats = np.einsum("mi,ij,mj->m", gradient, covariance, gradient)
        if self.clusters.none:
            return plain
        parts = self.score @ covariance @ gradient.T
        return np.asarray(np.maximum(plain, clustered_variance(parts, self.clusters)))

    @property
    def quantile(self) -> float:
        """t of the interval's ends; NaN where there is no interval."""
        if self.freedom < 1:
            return math.nan
        return float(stats.t.ppf((1 + CONFIDENCE) / 2, self.freedom))

    def band(self, hardness: Floats) -> tuple[Floats, Floats, Floats]:
        """See ``Curve.at``."""
        one = self.counts._replace(hardness=hardness[None])
        p, by_theta = proportions(one, self.theta[None])
        gradient = by_theta[0] / (p[0] * (1 - p[0]))[:, None]
        reach = self.quantile * np.sqrt(self.variance(gradient, lapse=True))
        logit = special.logit(p[0])
        return p[0], np.asarray(special.expit(logit - reach)), np.asarray(special.expit(logit + reach))


def fit_curve(
    severity: ArrayLike,
    right: ArrayLike,
    n: ArrayLike = 1,
    *,
    guess: float,
    direction: int = 1,
    identity: float | None = None,
    scale: str | None = None,
    shape: str = "logistic",
    lapse_max: float | None = None,
    participants: ArrayLike | None = None,
    sources: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    draws: int = 400,
    seed: int = 0,
) -> Curve:
    """Fit one curve to ``right`` answers of ``n`` at each ``severity`` (r,), or say why not.

    With one row a trial (``n`` = 1), ``participants`` and ``sources`` (r,) say which answers belong
    together, and the curve is the average of the population: its threshold is that of the typical
    participant where thresholds are spread evenly on the scale, its slope is flatter than anybody's. For
    the other arguments see ``Model``; ``draws`` sets of answers are simulated for the test of fit.

    >>> fit_curve([1, 2, 4, 8, 16], [20, 19, 10, 1, 0], 20, guess=0).alpha_fitted  # doctest: +ELLIPSIS
    4.0...
    """
    shown, correct = np.asarray(severity, dtype=np.float64), np.asarray(right, dtype=np.float64)
    number = np.broadcast_to(np.asarray(n, dtype=np.float64), shown.shape)
    labels = (None if one is None else np.asarray(one) for one in (participants, sources, strata))
    answers = Answers(shown, correct, number, Clusters(*labels))
    model = Model(guess, direction, identity, scale, shape, lapse_max)
    return fit_curves([answers], [model], draws=draws, seed=seed)[0]


def fit_curves(
    answers: Sequence[Answers], models: Sequence[Model], *, draws: int = 400, seed: int = 0
) -> list[Curve]:
    """Fit many curves together, which costs less; all models have the same chance level and shape.

    Raises ValueError for counts that are none.
    """
    tasks = [_Task.of(*pair) for pair in zip(answers, models, strict=True)]
    there = [task for task in tasks if not task.reason]
    fitted = iter(_fit(there, draws, np.random.default_rng(seed)) if there else [])
    return [task.refused() if task.reason else next(fitted) for task in tasks]


class _Task(NamedTuple):
    """One curve to be fitted: hardness by row, and counts by distinct hardness (k,)."""

    answers: Answers
    model: Model
    scale: str
    by_row: Floats
    hardness: Floats
    right: Floats
    n: Floats
    degraded: NDArray[np.bool_]
    lapse_max: float
    reason: str

    @classmethod
    def of(cls, answers: Answers, model: Model) -> _Task:
        if not ((answers.n >= 0) & (answers.right >= 0) & (answers.right <= answers.n)).all():
            raise ValueError("right answers must be from 0 to n, and none may be missing")
        scale = model.scale_of(answers.severity)
        by_row = model.hardness(answers.severity, scale)
        hardness, at = np.unique(by_row, return_inverse=True)
        at = at.reshape(-1)
        right = np.bincount(at, answers.right).astype(np.float64)
        n = np.bincount(at, answers.n).astype(np.float64)
        degraded = np.isfinite(hardness)
        if model.identity is not None:
            degraded &= hardness != model.hardness(np.array([model.identity]), scale)[0]
        told = n[~degraded].sum() >= MIN_UNDEGRADED
        lapse_max = model.lapse_max or (LAPSE_MAX_TOLD if told else LAPSE_MAX)
        lapse_max = min(lapse_max, 0.9 * (1 - model.guess))
        reason = _reason(right[degraded], n[degraded])
        return cls(answers, model, scale, by_row, hardness, right, n, degraded, lapse_max, reason)

    def refused(self) -> Curve:
        return Curve(self.model, self.scale, **self.numbers(), reason=self.reason)

    def numbers(self) -> dict[str, Any]:
        clusters = self.answers.clusters
        named = {"n_participants": clusters.participants, "n_sources": clusters.sources}
        counted = {name: 0 if one is None else np.unique(one).size for name, one in named.items()}
        return {
            "n_severities": int(self.degraded.sum()),
            "n_trials": int(self.n.sum()),
            **counted,
        }


def _reason(right: Floats, n: Floats) -> str:
    if right.size < MIN_SEVERITIES:
        return TOO_FEW_SEVERITIES
    if n.sum() < MIN_TRIALS:
        return TOO_FEW_TRIALS
    if right.sum() in {0.0, n.sum()}:
        return ALL_WRONG if right.sum() == 0 else ALL_RIGHT
    return ""


def _fit(tasks: list[_Task], draws: int, rng: np.random.Generator) -> list[Curve]:
    counts = _together(tasks)
    theta, top = maximise(counts)
    fits = [_solved(task, counts, at, theta[at], float(top[at])) for at, task in enumerate(tasks)]
    dispersion = np.array([_dispersion(fit) for fit in fits])
    quantile = np.array([fit.quantile if fit.freedom >= 1 else 1.0 for fit in fits])[:, None]
    ends, is_open = profile_ends(counts, theta, top, quantile**2 * dispersion, _edges(tasks, counts, theta))
    halves = _halves(tasks, fits, counts, quantile)
    return [
        _curve(task, fit, dispersion[at], ends[at], is_open[at], halves[at], _misfit(task, fit, draws, rng))
        for at, (task, fit) in enumerate(zip(tasks, fits, strict=True))
    ]


def _together(tasks: list[_Task]) -> Counts:
    most = max(task.hardness.size for task in tasks)
    limits = [bounds(task.hardness, task.lapse_max) for task in tasks]
    return Counts(
        np.stack([np.pad(task.hardness, (0, most - task.hardness.size), "edge") for task in tasks]),
        np.stack([np.pad(task.right, (0, most - task.right.size)) for task in tasks]),
        np.stack([np.pad(task.n, (0, most - task.n.size)) for task in tasks]),
        tasks[0].model.guess,
        SHAPES[tasks[0].model.shape],
        np.stack([low for low, _ in limits]),
        np.stack([high for _, high in limits]),
    )


def _edges(tasks: list[_Task], counts: Counts, theta: Floats) -> Floats:
    """How far (B, 3, 2) ends are looked for: thresholds among the severities shown, others in bounds."""
    edges = np.stack([counts.low, counts.high], axis=2)
    for at, task in enumerate(tasks):
        shown = task.hardness[np.isfinite(task.hardness)]
        edges[at, THRESHOLD] = min(shown[0], theta[at, 0]), max(shown[-1], theta[at, 0])
    return edges


def _solved(task: _Task, counts: Counts, at: int, theta: Floats, top: float) -> Fit:
    one = counts.rows(np.array([at]))
    blocked = (theta <= one.low[0]) | (theta >= one.high[0])
    information = score_and_information(one, theta[None])[1][0]
    held = blocked & (np.arange(3) != LAPSE)
    clusters = task.answers.clusters
    return Fit(
        one,
        theta,
        top,
        _inverse(information, ~blocked),
        _inverse(information, ~held),
        _row_scores(task, one, theta),
        clusters,
        clusters.freedom,
    )


def _row_scores(task: _Task, one: Counts, theta: Floats) -> Floats:
    """What each row of answers (r, 3) adds to the gradient."""
    p, by_theta = proportions(one._replace(hardness=task.by_row[None]), theta[None])
    residual = (task.answers.right - task.answers.n * p[0]) / (p[0] * (1 - p[0]))
    return np.asarray(residual[:, None] * by_theta[0])


def _inverse(information: Floats, free: NDArray[np.bool_]) -> Floats:
    """Inverse of the part of the information (3, 3) that is free, 0 elsewhere."""
    covariance = np.zeros((3, 3))
    covariance[np.ix_(free, free)] = np.linalg.pinv(information[np.ix_(free, free)], hermitian=True)
    return covariance


def _dispersion(fit: Fit) -> Floats:
    """φ (3,) of each parameter, 1 or more; 1 for a slope at its bound."""
    plain = np.diag(fit.covariance)
    there = plain > 0
    found = np.where(there, fit.variance(np.eye(3)) / np.where(there, plain, 1.0), 1.0)
    if not there[LAPSE]:
        found[LAPSE] = fit.variance(np.eye(3)[LAPSE:], lapse=True)[0] / fit.with_lapse[LAPSE, LAPSE]
    return found


class _Misfit(NamedTuple):
    deviance: float
    df: int
    p: float
    dispersion: float


def _misfit(task: _Task, fit: Fit, draws: int, rng: np.random.Generator) -> _Misfit:
    """Test the curve against a proportion for each severity, by simulating binomial answers from it.

    With clusters the deviance is first divided by the mean over severities of the ratio of the clustered
    to the binomial variance of the number right (Rao and Scott 1984, Annals of Statistics 12, 46-60).
    """
    n = task.n
    one = fit.counts._replace(hardness=task.hardness[None], right=task.right[None], n=n[None])
    p = proportions(one, fit.theta[None])[0][0]
    deviance = max(2 * (float(_saturated(task.right, n)) - fit.top), 0.0)
    factor = _mean_dispersion(task, fit, p)
    df = task.hardness.size - 3
    if draws < 1:
        return _Misfit(deviance, df, math.nan, factor)
    whole = np.round(n).astype(np.intp)
    right = rng.binomial(whole, p, size=(draws, p.size)).astype(np.float64)
    again = one.rows(np.zeros(draws, dtype=np.intp))._replace(right=right)
    start = np.stack([fit.theta, np.array([*fit.theta[:2], 0.3 * task.lapse_max])])
    top = maximise(again, np.tile(start, (draws, 1, 1)))[1]
    as_bad = 2 * (_saturated(right, n) - top) >= deviance / factor - 1e-9
    return _Misfit(deviance, df, float((as_bad.sum() + 1) / (draws + 1)), factor)


def _saturated(right: Floats, n: Floats) -> Any:
    share = right / np.maximum(n, 1e-300)
    return (special.xlogy(right, share) + special.xlogy(n - right, 1 - share)).sum(axis=-1)


def _mean_dispersion(task: _Task, fit: Fit, p: Floats) -> float:
    if task.answers.clusters.none:
        return 1.0
    at = np.searchsorted(task.hardness, task.by_row)
    residual = np.zeros((at.size, p.size))
    residual[np.arange(at.size), at] = task.answers.right - task.answers.n * p[at]
    ratio = clustered_variance(residual, task.answers.clusters) / (task.n * p * (1 - p))
    return float(max(1.0, np.average(ratio, weights=task.n * p * (1 - p))))


def _curve(
    task: _Task,
    fit: Fit,
    dispersion: Floats,
    ends: Floats,
    is_open: NDArray[np.bool_],
    half: dict[str, float],
    misfit: _Misfit,
) -> Curve:
    shown = task.hardness[np.isfinite(task.hardness)]
    outside = is_open[THRESHOLD] | (ends[THRESHOLD] < shown[0]) | (ends[THRESHOLD] > shown[-1])
    reason = _after(task, fit, dispersion, outside, shown)
    common: dict[str, Any] = {
        **task.numbers(),
        "alpha_fitted": task.model.severity(fit.theta[THRESHOLD], task.scale),
        "lapse_max": task.lapse_max,
        "deviance": misfit.deviance,
        "df": misfit.df,
        "p": misfit.p,
        "dispersion": float(dispersion[THRESHOLD]),
        "misfit_dispersion": misfit.dispersion,
        "fit": fit,
        "reason": reason,
    }
    if reason == NO_FALL:
        common["alpha_fitted"], common["fit"] = math.nan, None
    notes = _notes(fit, is_open, outside) if not reason else ()
    if not reason:
        common |= {
            "alpha": common["alpha_fitted"],
            **_slope_and_lapse(fit, ends, is_open),
            **half,
        }
    if reason != NO_FALL:
        common |= _threshold_ends(task, fit, ends[THRESHOLD], outside)
    return Curve(task.model, task.scale, notes=notes, **common)


def _after(task: _Task, fit: Fit, dispersion: Floats, outside: NDArray[np.bool_], shown: Floats) -> str:
    """Why the fit tells no threshold."""
    if not _falls(task, fit, float(dispersion[SLOPE])):
        return NO_FALL
    threshold = fit.theta[THRESHOLD]
    if threshold < shown[0] or threshold > shown[-1]:
        return MILDER if threshold < shown[0] else HARDER
    return NOT_LOCATED if outside.all() and fit.freedom >= 1 else ""


def _falls(task: _Task, fit: Fit, dispersion: float) -> bool:
    """Whether the curve fits better, at 5%, than one proportion for all degraded severities (χ²₂)."""
    level = _saturated(task.right[task.degraded].sum(), task.n[task.degraded].sum())
    clean = _saturated(task.right[~task.degraded].sum(), task.n[~task.degraded].sum())
    return bool(2 * (fit.top - level - clean) > stats.chi2.ppf(CONFIDENCE, 2) * dispersion)


def _threshold_ends(task: _Task, fit: Fit, ends: Floats, outside: NDArray[np.bool_]) -> dict[str, float]:
    """Ends of the threshold in severity; NaN where open, and both without an interval."""
    known = ~outside if fit.freedom >= 1 else np.zeros(2, dtype=bool)
    values = [
        task.model.severity(at, task.scale) if there else math.nan
        for at, there in zip(ends, known, strict=True)
    ]
    low, high = values if task.model.direction == 1 else values[::-1]
    return {"alpha_low": low, "alpha_high": high}


def _slope_and_lapse(fit: Fit, ends: Floats, is_open: NDArray[np.bool_]) -> dict[str, float]:
    slope_ends = np.where(is_open[SLOPE], math.nan, np.exp(ends[SLOPE]))
    lapse_ends = ends[LAPSE]
    if fit.freedom < 1:
        slope_ends, lapse_ends = np.full(2, math.nan), np.full(2, math.nan)
    steep = fit.theta[SLOPE] >= fit.counts.high[0, SLOPE]
    return {
        "beta": math.nan if steep else math.exp(fit.theta[SLOPE]),
        "beta_low": float(slope_ends[0]),
        "beta_high": float(slope_ends[1]),
        "lapse": float(fit.theta[LAPSE]),
        "lapse_low": float(lapse_ends[0]),
        "lapse_high": float(lapse_ends[1]),
    }


def _notes(fit: Fit, is_open: NDArray[np.bool_], outside: NDArray[np.bool_]) -> tuple[str, ...]:
    notes = [note for note, there in zip(OPEN_NOTES, outside, strict=True) if there]
    if fit.theta[SLOPE] >= fit.counts.high[0, SLOPE]:
        notes.append(STEEP)
    if is_open[LAPSE, 1]:
        notes.append(LAPSE_AT_BOUND)
    return tuple(notes) if fit.freedom >= 1 else (_too_few(fit.clusters),)


def _too_few(clusters: Clusters) -> str:
    """What there are too few of for an interval."""
    people = clusters.participants
    return ONE_PARTICIPANT if people is not None and np.unique(people).size < 2 else ONE_SOURCE


def _halves(tasks: list[_Task], fits: list[Fit], counts: Counts, quantile: Floats) -> list[dict[str, float]]:
    """Severity with p halfway between guessing and 1, by profile likelihood; NaN beyond those shown."""
    most = LARGEST_LAPSE_OF_HALF * (1 - counts.guess)
    theta, top = np.array([fit.theta for fit in fits]), np.array([fit.top for fit in fits])
    there = theta[:, LAPSE] < most
    theta[:, LAPSE] = np.minimum(theta[:, LAPSE], most)
    half = np.array([_half_hardness(fit, one) for fit, one in zip(fits, theta, strict=True)])
    shown = np.array([_range(task) for task in tasks])
    edges = np.stack([np.minimum(shown[:, 0], half), np.maximum(shown[:, 1], half)], axis=1)
    dispersion = np.array([_dispersion_of_half(fit, one) for fit, one in zip(fits, theta, strict=True)])
    low, high = counts.low.copy(), np.minimum(counts.high, [np.inf, np.inf, most])
    low[:, THRESHOLD], high[:, THRESHOLD] = -np.inf, np.inf
    by_half = counts._replace(by_half=True, low=low, high=high)
    best = np.column_stack([half, theta[:, 1:]])
    cuts = quantile**2 * dispersion[:, None]
    ends = profile_ends(by_half, best, top, cuts, edges[:, None], of=(THRESHOLD,)).at[:, 0]
    values = np.column_stack([half, np.where(quantile > 0, ends, np.nan)])
    inside = (values > shown[:, :1]) & (values < shown[:, 1:])
    values = np.where(inside & inside[:, :1] & there[:, None], values, np.nan)
    return [_half(task, fit, *value) for task, fit, value in zip(tasks, fits, values, strict=True)]


def _half(task: _Task, fit: Fit, value: float, low: float, high: float) -> dict[str, float]:
    ends = (low, high) if task.model.direction == 1 else (high, low)
    known = ends if fit.freedom >= 1 else (math.nan, math.nan)
    names = ("half", "half_low", "half_high")
    return {
        name: task.model.severity(float(at), task.scale)
        for name, at in zip(names, (value, *known), strict=True)
    }


def _half_hardness(fit: Fit, theta: Floats) -> float:
    """Hardness with p = (1 + guess)/2."""
    share = (1 - fit.counts.guess) / 2 / (1 - fit.counts.guess - theta[LAPSE])
    return float(theta[THRESHOLD] + fit.counts.shape.undone(share) / math.exp(theta[SLOPE]))


def _dispersion_of_half(fit: Fit, theta: Floats) -> float:
    """φ of the halfway point, by the delta method; the lapse counts as unsure also at its bound."""
    step = 1e-5
    moved = [
        _half_hardness(fit, theta + step * one) - _half_hardness(fit, theta - step * one) for one in np.eye(3)
    ]
    gradient = np.array([moved]) / (2 * step)
    plain = float((gradient @ fit.with_lapse @ gradient.T)[0, 0])
    return float(fit.variance(gradient, lapse=True)[0]) / plain if plain > 0 else 1.0


def _range(task: _Task) -> tuple[float, float]:
    """Least and largest hardness shown but for what is not degraded."""
    shown = task.hardness[np.isfinite(task.hardness)]
    return float(shown[0]), float(shown[-1])
