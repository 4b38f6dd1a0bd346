"""Recognition against severity for people and for models, and how far apart their thresholds are.

A study's observations come in, one row for each observer and picture; a curve for people together and for
each model comes out, or the reason why there is none. The curve itself is in ``psychometric_curve``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.observations import HUMAN, MODEL, PEOPLE, Observations
from scoring.alignment.psychometric_clusters import Clusters, clustered_variance
from scoring.alignment.psychometric_curve import (
    MIN_SEVERITIES,
    ONE_PARTICIPANT,
    ONE_SOURCE,
    TOO_FEW_SEVERITIES,
    Answers,
    Curve,
    Model,
    fit_curve,
    fit_curves,
)
from scoring.statistics import CONFIDENCE, Floats
from stimuli.perturbations import CLEAN, PERTURBATIONS

__all__ = [
    "COLUMNS",
    "PEOPLE",
    "Fitted",
    "curves",
    "fit_curve",
    "fitted",
    "participant_curves",
    "shift",
    "shifts",
    "table",
    "threshold_spread",
]

BETWEEN_PARTICIPANTS = "severities_between_participants"
NO_ORDER, UNKNOWN_DIRECTION = "severities_have_no_order", "direction_not_known"
CHANCE_DIFFERS, SCALES_DIFFER = "chance_levels_differ", "scales_differ"
BEYOND_RANGE = "interval_open_beyond_severities_shown"
TOO_FEW_THRESHOLDS = "fewer_than_3_thresholds"

#: columns of ``table``
COLUMNS = (
    "kind", "group", "perturbation", "direction", "scale", "shape", "guess", "n_severities", "n_trials",
    "n_participants", "n_sources", "n_left_out", "alpha", "alpha_low", "alpha_high", "alpha_fitted", "beta",
    "beta_low", "beta_high", "lapse", "lapse_low", "lapse_high", "lapse_max", "half", "half_low", "half_high",
    "deviance", "df", "p", "dispersion", "misfit_dispersion", "reason", "notes",
)  # fmt: skip

#: columns of ``shifts``
SHIFT_COLUMNS = (
    "perturbation", "model", "direction", "scale", "shift", "low", "high", "n", "unit", "null", "method",
    "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """The curve of a group: PEOPLE or one participant (kind ``human``), or one model (``model``).

    ``n_left_out`` counts the participants that answered at fewer than five severities.
    """

    kind: str
    group: str
    perturbation: str
    curve: Curve
    n_left_out: int = 0


def curves(observations: Observations, kind: str | None = None, **options: Any) -> pd.DataFrame:
    """One row for people together and for each model, and each perturbation: the columns of ``COLUMNS``.

    ``kind`` leaves only people or only models; ``options`` are those of ``fitted``.
    """
    return table(fitted(observations, kind, **options))


def table(found: list[Fitted]) -> pd.DataFrame:
    """A row for each curve; ``notes`` are joined by ``; ``."""
    named = [one.name for one in fields(Curve) if one.name in COLUMNS and one.name != "notes"]
    rows = [
        {"kind": one.kind, "group": one.group, "perturbation": one.perturbation, "n_left_out": one.n_left_out}
        | {"direction": _direction(one.curve), "shape": one.curve.model.shape}
        | {"guess": one.curve.model.guess, "notes": "; ".join(one.curve.notes)}
        | {name: getattr(one.curve, name) for name in named}
        for one in found
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _direction(curve: Curve) -> int:
    return 0 if curve.reason in {NO_ORDER, UNKNOWN_DIRECTION} else curve.model.direction


def fitted(
    observations: Observations,
    kind: str | None = None,
    *,
    guess: float | None = None,
    directions: Mapping[str, int] | None = None,
    shape: str = "logistic",
    lapse_max: float | None = None,
    draws: int = 400,
    seed: int = 0,
) -> list[Fitted]:
    """Fit people together and each model, for each perturbation with a severity.

    People's answers are clustered by participant and source, a model's by source, sources within concepts.
    ``guess`` is by default one in as many words as were offered, and 0 where answers were typed.
    ``directions`` (1 larger is harder, -1 smaller is) are for perturbations that the registry does not have.
    Participants who did not answer at five severities of a perturbation are left out of its curve; where they
    are more than half, severities lie between participants, and there is none.
    """
    groups = _groups(observations, kind)
    return _fitted(observations, groups, guess, directions or {}, shape, lapse_max, draws, seed)


def participant_curves(
    observations: Observations,
    *,
    guess: float | None = None,
    directions: Mapping[str, int] | None = None,
    shape: str = "logistic",
    lapse_max: float | None = None,
    draws: int = 0,
    seed: int = 0,
) -> list[Fitted]:
    """Fit each participant for themselves; their answers are taken as independent. As ``fitted`` else."""
    rows = observations.of_kind(HUMAN)
    groups = [(HUMAN, str(name), part) for name, part in rows.groupby("observer", sort=True)]
    return _fitted(observations, groups, guess, directions or {}, shape, lapse_max, draws, seed)


Group = tuple[str, str, pd.DataFrame]


def _groups(observations: Observations, kind: str | None) -> list[Group]:
    groups: list[Group] = []
    if kind in (None, HUMAN) and len(observations.of_kind(HUMAN)):
        groups.append((HUMAN, PEOPLE, observations.of_kind(HUMAN)))
    if kind in (None, MODEL):
        rows = observations.of_kind(MODEL)
        groups += [(MODEL, str(name), part) for name, part in rows.groupby("observer", sort=True)]
    return groups


def _fitted(
    observations: Observations,
    groups: list[Group],
    guess: float | None,
    directions: Mapping[str, int],
    shape: str,
    lapse_max: float | None,
    draws: int,
    seed: int,
) -> list[Fitted]:
    chance = guess if guess is not None else _chance(observations)
    known = observations.frame.dropna(subset=["severity", "perturbation"])
    names = sorted(set(known["perturbation"].astype(str)) - {CLEAN})
    built = [
        _build(kind, group, rows, name, _model(name, chance, directions, shape, lapse_max))
        for kind, group, rows in groups
        for name in names
        if rows["perturbation"].eq(name).any()
    ]
    ready = [one for one in built if not one.reason]
    found = iter(
        fit_curves([one.answers for one in ready], [one.model for one in ready], draws=draws, seed=seed)
    )
    return [one.refused() if one.reason else one.with_curve(next(found)) for one in built]


def _chance(observations: Observations) -> float:
    return 1 / observations.alternatives if observations.alternatives else 0.0


def _model(
    name: str, guess: float, directions: Mapping[str, int], shape: str, lapse_max: float | None
) -> Model | str:
    """What is known of a perturbation's curve, or why there can be none."""
    row = PERTURBATIONS.get(name)
    if row is None and name not in directions:
        return UNKNOWN_DIRECTION
    direction = directions.get(name, row.direction if row else 0)
    if not direction:
        return NO_ORDER
    return Model(guess, direction, row.identity if row else None, None, shape, lapse_max)


@dataclass(frozen=True)
class _Built:
    """The answers of a group that its curve is to be fitted to, or the reason why not."""

    kind: str
    group: str
    perturbation: str
    model: Model
    answers: Answers
    left_out: int
    reason: str

    def with_curve(self, curve: Curve) -> Fitted:
        return Fitted(self.kind, self.group, self.perturbation, curve, self.left_out)

    def refused(self) -> Fitted:
        shown, clusters = self.answers.severity, self.answers.clusters
        curve = Curve(
            self.model,
            self.model.scale_of(shown),
            int(np.unique(shown).size),
            len(shown),
            0 if clusters.participants is None else np.unique(clusters.participants).size,
            0 if clusters.sources is None else np.unique(clusters.sources).size,
            reason=self.reason,
        )
        return self.with_curve(curve)


def _build(kind: str, group: str, rows: pd.DataFrame, name: str, model: Model | str) -> _Built:
    judged = rows[rows["correct"].notna() & rows["severity"].notna()]
    shown = judged[judged["perturbation"].eq(name)]
    if isinstance(model, str):
        return _Built(kind, group, name, Model(), _answers(shown, kind, group), 0, model)
    degraded = shown[~_undegraded(shown, model)]
    severities = degraded.groupby("observer")["severity"].nunique()
    enough = severities.index[severities >= MIN_SEVERITIES]
    reason = _refusal(degraded, len(severities), len(enough))
    if reason:
        return _Built(kind, group, name, model, _answers(degraded, kind, group), 0, reason)
    parts = [shown, judged[judged["perturbation"].eq(CLEAN)].assign(severity=model.identity)]
    both = pd.concat(parts if model.identity is not None else parts[:1])
    kept = both[both["observer"].isin(enough)]
    return _Built(kind, group, name, model, _answers(kept, kind, group), len(severities) - len(enough), "")


def _undegraded(rows: pd.DataFrame, model: Model) -> pd.Series[bool]:
    """Mark rows at the severity that changes nothing: the identity, or 0 where larger is harder."""
    ends = {0.0} if model.direction == 1 else set()
    return rows["severity"].astype(float).isin(ends | ({model.identity} - {None}))


def _refusal(degraded: pd.DataFrame, observers: int, enough: int) -> str:
    if degraded["severity"].nunique() < MIN_SEVERITIES:
        return TOO_FEW_SEVERITIES
    return BETWEEN_PARTICIPANTS if 2 * enough < observers else ""


def _answers(rows: pd.DataFrame, kind: str, group: str) -> Answers:
    severity = rows["severity"].to_numpy(dtype=np.float64)
    right = rows["correct"].to_numpy(dtype=np.float64)
    return Answers(severity, right, np.ones(len(rows)), _clusters(rows, kind, group))


def _clusters(rows: pd.DataFrame, kind: str, group: str) -> Clusters:
    """People's answers by participant and source, a model's by source, one participant's by nothing.

    Sources are compared within their concept where there are two or more a concept on the average.
    """
    if kind == HUMAN and group != PEOPLE:
        return Clusters()
    several = rows["source"].nunique() >= 2 * rows["concept"].nunique()
    return Clusters(
        rows["observer"].to_numpy(dtype=str) if kind == HUMAN else None,
        rows["source"].to_numpy(dtype=str),
        rows["concept"].to_numpy(dtype=str) if several else None,
    )


def shift(human: Curve | None, model: Curve | None) -> Estimate:
    """Threshold of the model less that of people: a difference of ln severity, or of severity (``linear``).

    Above 0 a model needs a larger severity to be brought to its threshold: it withstands more where larger is
    harder, less where smaller is (``direction`` -1). The interval joins the two profile intervals by squares
    (Zou and Donner 2008, Statistics in Medicine 27, 1693-1702), with the covariance of the two thresholds
    that comes of shared sources. Missing, with a reason, without both thresholds, and where chance levels or
    scales differ: the thresholds are then not of the same task. No relation is 0.
    """
    reason = _not_comparable(human, model)
    if reason or human is None or model is None:
        return missing(reason, human.n_participants if human else 0, "participants")
    value = _place(model, model.alpha) - _place(human, human.alpha)
    reach = [
        [_place(one, end) - _place(one, one.alpha) for end in (one.alpha_low, one.alpha_high)]
        for one in (human, model)
    ]
    (human_down, human_up), (model_down, model_up) = np.abs(reach)
    related = _correlation(human, model)
    low = value - _joined(model_down, human_up, related)
    high = value + _joined(model_up, human_down, related)
    return Estimate(
        value, low, high, human.n_participants, "participants", 0.0,
        method="profile likelihood, clusters of participants and sources",
        reason=_open_reason(low, high, human, model),
    )  # fmt: skip


def _open_reason(low: float, high: float, human: Curve, model: Curve) -> str:
    if not math.isnan(low) and not math.isnan(high):
        return ""
    few = [note for note in (*human.notes, *model.notes) if note in {ONE_PARTICIPANT, ONE_SOURCE}]
    return few[0] if few else BEYOND_RANGE


def _not_comparable(human: Curve | None, model: Curve | None) -> str:
    if human is None or model is None:
        return "no_human_curve" if human is None else "no_model_curve"
    if human.model.guess != model.model.guess:
        return CHANCE_DIFFERS
    if human.scale != model.scale or human.model.direction != model.model.direction:
        return SCALES_DIFFER
    found = [f"{who}_{one.reason}" for who, one in ((HUMAN, human), (MODEL, model)) if one.reason]
    return "; ".join(found)


def _place(curve: Curve, severity: float) -> float:
    return math.log(severity) if curve.scale == "log" else severity


def _joined(one: float, other: float, related: float) -> float:
    return math.sqrt(max(one**2 + other**2 - 2 * related * one * other, 0.0))


def _correlation(human: Curve, model: Curve) -> float:
    """Correlation of two thresholds that are told by the same sources; 0 where they share fewer than ten.

    The covariance is (V(x + y) - V(x - y))/4, each a variance clustered by source.
    """
    if human.fit is None or model.fit is None:
        return 0.0
    theirs, its = human.fit.clusters, model.fit.clusters
    if theirs.sources is None or its.sources is None:
        return 0.0
    if np.intersect1d(theirs.sources, its.sources).size < 10:
        return 0.0
    one, other = human.fit.influence, model.fit.influence
    strata = [one.strata for one in (theirs, its) if one.strata is not None]
    joint = Clusters(
        None,
        np.concatenate([theirs.sources, its.sources]),
        np.concatenate(strata) if len(strata) == 2 else None,
    )
    parts = np.concatenate([np.hstack([one, one]), np.hstack([other, -other])])
    added, taken = clustered_variance(parts, joint)
    scale = math.sqrt(human.fit.variance(_FIRST)[0] * model.fit.variance(_FIRST)[0])
    return float(np.clip((added - taken) / 4 / scale, -0.95, 0.95)) if scale > 0 else 0.0


_FIRST: Floats = np.array([[1.0, 0.0, 0.0]])


def shifts(found: list[Fitted]) -> pd.DataFrame:
    """A row for each model and perturbation: the model's threshold against people's (``SHIFT_COLUMNS``)."""
    people = {one.perturbation: one.curve for one in found if one.group == PEOPLE and one.kind == HUMAN}
    rows = []
    for one in found:
        if one.kind == MODEL:
            estimate = shift(people.get(one.perturbation), one.curve)
            rows.append(
                {"perturbation": one.perturbation, "model": one.group, "shift": estimate.value}
                | {"direction": _direction(one.curve), "scale": one.curve.scale}
                | {name: getattr(estimate, name) for name in SHIFT_COLUMNS[5:]}
            )
    return pd.DataFrame(rows, columns=list(SHIFT_COLUMNS))


def threshold_spread(found: list[Fitted]) -> dict[str, Estimate]:
    """By perturbation: the SD of participants' true thresholds, in ln severity (or severity).

    ``found`` are ``participant_curves``. The variance of fitted thresholds less their mean error variance, 0
    where errors explain all (DerSimonian and Laird 1986, with equal weights); the interval is χ²'s of the
    whole variance less the errors. Participants without a threshold are left out, which makes the spread too
    small; missing where they are more than a fifth, or fewer than three are left.
    """
    by_name: dict[str, list[Curve]] = {}
    for one in found:
        by_name.setdefault(one.perturbation, []).append(one.curve)
    return {name: _spread(group) for name, group in sorted(by_name.items())}


def _spread(group: list[Curve]) -> Estimate:
    told = [one for one in group if not one.reason and one.fit is not None]
    if len(told) < 3:
        return missing(TOO_FEW_THRESHOLDS, len(told), "participants")
    if len(told) < 0.8 * len(group):
        return missing("threshold_missing_for_more_than_a_fifth", len(told), "participants")
    at = np.array([_place(one, one.alpha) for one in told])
    error = float(np.mean([one.fit.variance(_FIRST)[0] for one in told if one.fit is not None]))
    whole, free = float(at.var(ddof=1)), at.size - 1
    tail = (1 - CONFIDENCE) / 2
    ends = [whole * free / stats.chi2.ppf(share, free) for share in (1 - tail, tail)]
    value, low, high = (math.sqrt(max(one - error, 0.0)) for one in (whole, *ends))
    return Estimate(value, low, high, at.size, "participants", 0.0, method="chi-squared, errors taken off")
