"""What is taken for what: shares of the answers to each concept, of people together and of each model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from scoring.accuracy import ONE_PARTICIPANT, ONE_SOURCE, MeanInterval, two_way_mean_interval
from scoring.alignment.observations import HUMAN, PEOPLE
from scoring.statistics import Floats, Integers
from stimuli.errors import UserError

#: the condition of a row over all conditions, the group of all people, and the choice of no concept
ALL, NONE = "all", ""

#: columns of ``confusion_table`` -> dtype
COLUMNS: dict[str, str] = {
    #: "human" or "model"
    "kind": "string",
    #: PEOPLE, or the model's name
    "group": "string",
    #: a condition, or ALL
    "condition": "string",
    "shown": "string",
    #: NONE where the answer names no concept of the study
    "chosen": "string",
    #: answers to ``shown`` that name ``chosen``
    "count": "int64",
    #: all answers to ``shown``
    "n": "int64",
    "n_observers": "int64",
    "n_sources": "int64",
    #: count / n, and its 95% interval
    "share": "float64",
    "low": "float64",
    "high": "float64",
    #: what the interval generalises to
    "unit": "string",
    #: ``two_way``, ``cluster``, or ``bound`` where the share is 0 or 1; empty without an interval
    "method": "string",
    #: why there is no interval
    "reason": "string",
}


def confusion_table(frame: pd.DataFrame, concepts: Sequence[str], kind: str) -> pd.DataFrame:
    """Shares of the answers to each concept, by condition and over all, one row for each possible choice.

    ``frame`` has the columns of ``Observations.frame``; people are pooled, each model stands alone. A concept
    has rows where it was shown; answers that were not judged do not count. People's intervals are for other
    people and other sources (``scoring.accuracy.two_way_mean_interval``: the same observer answers many
    times, so a binomial interval would be too narrow); a model's are for other sources, each counting as one
    however many conditions it is in.

    Raises UserError for a concept shown that is not among ``concepts``.
    """
    judged = _judged(frame, concepts)
    rows = judged[judged["kind"].eq(kind)]
    groups: Iterable[tuple[str, pd.DataFrame]] = [(PEOPLE, rows)] if kind == HUMAN else _by(rows, "observer")
    found = [
        {"kind": kind, "group": group, "condition": condition, "shown": shown, **entry}
        for group, mine in groups
        for condition, where in [(ALL, mine), *_by(mine, "condition")]
        for shown, answers in _by(where, "concept")
        for entry in _entries(answers, concepts, kind)
    ]
    return pd.DataFrame(found, columns=list(COLUMNS)).astype(COLUMNS)


def confusion_counts(frame: pd.DataFrame, concepts: Sequence[str]) -> Floats:
    """How often each concept (rows) was taken for each (columns), or for none (the last): (C, C + 1).

    Of all rows of ``frame`` that were judged. Raises UserError as ``confusion_table``.
    """
    judged = _judged(frame, concepts)
    counts = np.zeros((len(concepts), len(concepts) + 1))
    shown = pd.Index(concepts).get_indexer(pd.Index(judged["concept"]))
    np.add.at(counts, (shown, _choices(judged, concepts)), 1.0)
    return counts


def confusion_matrix(frame: pd.DataFrame, concepts: Sequence[str]) -> Floats:
    """``confusion_counts`` as shares of each row; NaN in the rows of concepts that were not shown."""
    counts = confusion_counts(frame, concepts)
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0))


def _judged(frame: pd.DataFrame, concepts: Sequence[str]) -> pd.DataFrame:
    rows = frame[frame["correct"].notna()]
    others = sorted(set(rows["concept"]) - set(concepts))
    if others:
        raise UserError(f"the concept {others[0]!r} was shown but is not among those given; add it to them")
    return rows


def _by(rows: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each value of a column, sorted by it."""
    for name, some in rows.groupby(column, sort=True, observed=True):
        yield str(name), some


def _choices(rows: pd.DataFrame, concepts: Sequence[str]) -> Integers:
    """Number what was chosen; what is none of the concepts comes last."""
    number = pd.Index(concepts).get_indexer(pd.Index(rows["chosen"].fillna(NONE)))
    return np.where(number < 0, len(concepts), number).astype(np.intp)


def _entries(answers: pd.DataFrame, concepts: Sequence[str], kind: str) -> Iterator[dict[str, object]]:
    """The rows of one concept in one condition."""
    chosen = _choices(answers, concepts)
    sources = pd.factorize(answers["source"])[0]
    observers = pd.factorize(answers["observer"])[0]
    clusters = observers if kind == HUMAN else sources
    never = two_way_mean_interval(np.zeros(chosen.size), clusters, sources)
    for number, name in enumerate((*concepts, NONE)):
        marks = (chosen == number).astype(np.float64)
        found = two_way_mean_interval(marks, clusters, sources) if marks.any() else never
        counts = {"count": int(marks.sum()), "n_observers": int(observers.max()) + 1}
        yield {"chosen": name} | counts | _interval(found, kind)


def _interval(found: MeanInterval, kind: str) -> dict[str, object]:
    alone = kind != HUMAN
    method = "cluster" if alone and found.method == "two_way" else found.method
    return {
        "n": found.n,
        "n_sources": found.n_sources,
        "share": found.mean,
        "low": found.low,
        "high": found.high,
        "unit": "sources" if alone else "observers and sources",
        "method": method,
        "reason": ONE_SOURCE if alone and found.reason == ONE_PARTICIPANT else found.reason,
    }
