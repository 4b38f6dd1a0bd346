"""How often people and models were right: by concept, by condition, by observer, and over all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy import special

from scoring.accuracy import MeanInterval, two_way_mean_interval
from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.observations import HUMAN, PEOPLE, Observations

COLUMNS: tuple[str, ...] = (
    *("by", "observer", "kind", "concept", "condition", "mean", "low", "high", "chance", "n", "n_observers"),
    *("n_sources", "resampled", "method", "reason"),
)


def accuracy_table(observations: Observations, alternatives: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Mean score of people and of each model: over all, by concept, condition and both, and by observer.

    ``by`` says which. Means are over answers, so that people who answered more count more;
    ``human_accuracy``, where each counts once, may differ from the row of all people. The intervals of people
    are two-way, participants by sources; one observer's speak of other sources only. ``chance`` is what
    guessing among the alternatives gives, NaN where answers were typed or it is not known; ``alternatives``
    are those of models that had others than people. Columns: ``COLUMNS``.
    """
    offered = {name: 1 / number for name, number in (alternatives or {}).items()}
    chance = 1 / observations.alternatives if observations.alternatives else math.nan
    people = observations.of_kind(HUMAN)
    rows = [row for name, kind, frame in _groups(observations) for row in _of_group(name, kind, frame)]
    rows += [
        _row(("observer", str(name), HUMAN, "", ""), frame, alone=True)
        for name, frame in people.groupby("observer", sort=True)
    ]
    rows = [{**row, "chance": offered.get(str(row["observer"]), chance)} for row in rows]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def human_accuracy(observations: Observations) -> Estimate:
    """The mean over people of each one's mean score, with its two-way interval (people by sources).

    The interval is that of the mean over answers (``scoring.accuracy``), moved on the logit scale to the mean
    over people, which is the same where all gave as many answers.
    """
    people = observations.of_kind(HUMAN)
    if people.empty:
        return missing("no_people", unit="observers")
    value = float(people.groupby("observer")["score"].mean().astype(float).mean())
    found = _interval(people, alone=False)
    low, high = (_moved(end, found.mean, value) for end in (found.low, found.high))
    guess = 1 / observations.alternatives if observations.alternatives else 0.0
    if observations.mixed_alternatives:
        guess = math.nan
    method = _method(found.method, alone=False)
    return Estimate(
        value,
        low,
        high,
        people["observer"].nunique(),
        "observers × sources",
        guess,
        method=f"{method}, {found.n_sources} sources" if method else "",
        reason=found.reason,
    )


def _moved(end: float, mean: float, value: float) -> float:
    """An end of an interval around one mean, moved on the logit scale to another one."""
    if math.isnan(end) or mean == value or not 0 < end < 1:
        return end
    return float(special.expit(special.logit(end) + special.logit(value) - special.logit(mean)))


def _groups(observations: Observations) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """All people together, then each model."""
    for kind, frame in observations.frame.groupby("kind", sort=True):
        if kind == HUMAN:
            yield PEOPLE, HUMAN, frame
        else:
            for name, own in frame.groupby("observer", sort=True):
                yield str(name), str(kind), own


def _of_group(name: str, kind: str, frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    alone = kind != HUMAN
    yield _row(("all", name, kind, "", ""), frame, alone)
    for concept, rows in frame.groupby("concept", sort=True):
        yield _row(("concept", name, kind, str(concept), ""), rows, alone)
    for condition, rows in frame.groupby("condition", sort=True):
        yield _row(("condition", name, kind, "", str(condition)), rows, alone)
    for key, rows in frame.groupby(["concept", "condition"], sort=True):
        concept, condition = (str(part) for part in key)
        yield _row(("concept and condition", name, kind, concept, condition), rows, alone)


def _row(key: tuple[str, str, str, str, str], frame: pd.DataFrame, alone: bool) -> dict[str, object]:
    found = _interval(frame, alone)
    head: dict[str, object] = dict(zip(COLUMNS[:5], key, strict=True))
    return head | {
        "mean": found.mean,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "n_observers": frame["observer"].nunique(),
        "n_sources": found.n_sources,
        "resampled": "sources" if alone else "observers × sources",
        "method": _method(found.method, alone),
        "reason": found.reason,
    }


def _interval(frame: pd.DataFrame, alone: bool) -> MeanInterval:
    """The mean's interval; of one observer ``alone`` sources are the only clusters."""
    judged = frame[frame["score"].notna()]
    values = judged["score"].to_numpy(dtype=np.float64)
    sources = judged["source"].to_numpy(dtype=str)
    who = sources if alone else judged["observer"].to_numpy(dtype=str)
    found = two_way_mean_interval(values, who, sources, strata=judged["concept"].to_numpy(dtype=str))
    if alone and found.reason == "fewer_than_2_participants":
        return MeanInterval(
            **{**found.__dict__, "reason": "fewer_than_2_sources"},
        )
    return found


def _method(method: str, alone: bool) -> str:
    names = {
        "two_way": "sources, t on the logit scale" if alone else "two-way, t on the logit scale",
        "bound": "one-sided bound",
    }
    return names.get(method, "")
