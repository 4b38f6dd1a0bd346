"""Observations of a trial table: who named what, typed or chosen, to which picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from scoring.alignment.observations import COLUMNS, HUMAN, Observations
from scoring.answers import Lexicon
from scoring.answers.judge import named
from scoring.counted_rows import counted_rows, listed
from scoring.neuron_map import concept_key
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, DREAMS

#: least credit with which an answer counts as right
RIGHT = 0.5

#: the concept that a typed answer names, None where it names none
Namer = Callable[[str], str | None]


@dataclass(frozen=True)
class Answered:
    """The observations of people, and what each row was read from.

    ``trials`` are the rows of the trial table that ``observations.frame`` is made of, in its order;
    ``words`` are those that every trial offered, empty where answers were typed or trials differ.
    """

    observations: Observations
    trials: pd.DataFrame
    words: tuple[str, ...] = ()


def read_answered(
    trials: pd.DataFrame,
    origin: str,
    *,
    score_column: str = "soft_correct",
    dreams: Iterable[int] = (),
    clean: int | None = None,
    namer: Namer | None = None,
) -> Answered:
    """Take the observations of people from a trial table as ``scoring.trial_table`` reads it.

    Experiment trials count that are not excluded, are not adaptive and show no dream (``dreams`` are the
    levels that do), and whose answer was judged; of several answers to one stimulus the first. ``score``
    is ``score_column``, and an answer is right where that is .5 or more. ``clean`` is the level of clean
    pictures in a table that names no perturbations. A chosen word is what a forced
    choice's answer names; what a typed one names says ``namer``, by default the judge against all concepts.

    Raises UserError if nothing counts, a row that counts names no participant, or an answer is none of the
    words that its trial offered.
    """
    rows, notes = _counted(trials, origin, score_column, set(dreams))
    nameless = rows.index[rows["participant"].isna()].tolist()
    if nameless:
        row = nameless[0] + 1
        raise UserError(
            f"{origin}, row {row} names no participant; alignment needs to know who gave which answer"
        )
    rows = _with_clean(_first_answers(rows, notes), clean)
    offered = _offered(rows)
    frame = _frame(rows, score_column)
    if offered is None:
        frame["chosen"] = _named(rows, frame, namer or by_judge(sorted(frame["concept"].unique())))
    else:
        frame["chosen"] = _chosen(rows, offered, origin)
    frame["chosen"] = frame["chosen"].astype("string")
    alternatives, words = _alternatives(offered, notes)
    observations = Observations(frame.astype(COLUMNS), origin, alternatives, tuple(notes))
    return Answered(observations, rows, words)


def by_judge(concepts: Sequence[str], lexicon: Lexicon | None = None) -> Namer:
    """Name answers by the judge: the concept that one fits best. Each distinct answer is judged once."""

    @cache
    def name(response: str) -> str | None:
        return named(response, concepts, lexicon)

    return name


def _counted(
    trials: pd.DataFrame, origin: str, score_column: str, dreams: set[int]
) -> tuple[pd.DataFrame, list[str]]:
    """The rows that count, in the order in which each participant answered, and what was left out."""
    rows, notes = counted_rows(trials, origin), []
    for what, left_out in (
        ("are adaptive: who answers better is shown harder pictures, so they are left out.", _adaptive),
        ("show dreams, which are pictures of no concept, and are left out.", _dream(dreams)),
        ("have an answer that was not judged and are left out.", _unjudged(score_column)),
    ):
        mask = left_out(rows)
        if mask.any():
            notes.append(f"{int(mask.sum())} rows {what}")
            rows = rows[~mask.to_numpy(dtype=bool)]
    if rows.empty:
        raise UserError(
            f"{origin} has no answer left to align: all its rows are adaptive, show dreams or are not "
            "judged; give a table with judged answers at fixed conditions"
        )
    return rows, notes


def _adaptive(rows: pd.DataFrame) -> pd.Series:
    if "adaptive" not in rows:
        return pd.Series(False, index=rows.index)
    return rows["adaptive"].astype("boolean").fillna(False).astype(bool)


def _dream(levels: set[int]) -> Callable[[pd.DataFrame], pd.Series]:
    def shows(rows: pd.DataFrame) -> pd.Series:
        named = rows["perturbation"].isin(DREAMS)
        return (named | rows["level"].isin(list(levels)).fillna(False)).astype(bool)

    return shows


def _unjudged(score_column: str) -> Callable[[pd.DataFrame], pd.Series]:
    def lacks(rows: pd.DataFrame) -> pd.Series:
        return rows[score_column].isna()

    return lacks


def _first_answers(rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    ordered = rows.assign(stimulus=rows["stimulus"].fillna(rows["image_basename"])).sort_values(
        ["participant", "session", "trial_index"], kind="stable", na_position="last"
    )
    again = ordered.duplicated(["participant", "stimulus"]).to_numpy(dtype=bool)
    if again.any():
        notes.append(f"{int(again.sum())} answers to a picture that was seen before are left out.")
    return ordered[~again]


def _with_clean(rows: pd.DataFrame, clean: int | None) -> pd.DataFrame:
    if clean is None:
        return rows
    named = rows["perturbation"].mask(rows["perturbation"].isna() & rows["level"].eq(clean), CLEAN)
    return rows.assign(perturbation=named)


def _frame(rows: pd.DataFrame, score_column: str) -> pd.DataFrame:
    score = rows[score_column].astype("Float64")
    columns = {
        "observer": rows["participant"],
        "kind": pd.Series(HUMAN, index=rows.index),
        "stimulus": rows["stimulus"],
        "source": rows["source"],
        "concept": rows["ground_truth"].map(concept_key),
        "condition": conditions(rows),
        "perturbation": rows["perturbation"],
        "severity": rows["severity"],
        "chosen": pd.Series(pd.NA, index=rows.index, dtype="string"),
        "correct": score.ge(RIGHT),
        "score": score,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def conditions(rows: pd.DataFrame) -> pd.Series:
    """Name each row's condition: ``gaussian_noise 0.38``, ``clean``, or ``level 2`` where none is named."""
    keys = zip(rows["perturbation"], rows["severity"], rows["level"], strict=True)
    names = [_condition(perturbation, severity, level) for perturbation, severity, level in keys]
    return pd.Series(names, index=rows.index, dtype="string")


def _condition(perturbation: Any, severity: Any, level: Any) -> str:
    if pd.isna(perturbation):
        return f"level {level}"
    if perturbation == CLEAN or pd.isna(severity):
        return str(perturbation)
    return f"{perturbation} {float(severity):g}"


def _offered(rows: pd.DataFrame) -> list[tuple[str, ...]] | None:
    """The words that each trial offered; None where answers were typed in any of them."""
    if "alternatives" not in rows or rows["alternatives"].isna().any():
        return None
    lists = {text: _words(str(text)) for text in rows["alternatives"].unique()}
    return [lists[text] for text in rows["alternatives"]]


def _words(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except json.JSONDecodeError:
        words = None
    if not isinstance(words, list) or not words:
        raise UserError(f"the column alternatives holds {text!r}, which is no JSON list of words; correct it")
    return tuple(sorted({concept_key(str(word)) for word in words}))


def _chosen(rows: pd.DataFrame, offered: Sequence[tuple[str, ...]], origin: str) -> list[str | None]:
    words = [None if pd.isna(word) else concept_key(str(word)) for word in rows["response"]]
    for row, word, there in zip(rows.index, words, offered, strict=True):
        if word is not None and word not in there:
            raise UserError(
                f"{origin}, row {int(row) + 1}: the answer {word!r} is none of the alternatives "
                f"{listed(there)}; correct the column response or alternatives"
            )
    return words


def _alternatives(
    offered: Sequence[tuple[str, ...]] | None, notes: list[str]
) -> tuple[int | None, tuple[str, ...]]:
    if offered is None:
        return None, ()
    sizes, kinds = {len(words) for words in offered}, set(offered)
    if len(sizes) > 1:
        notes.append(
            f"Trials offered between {min(sizes)} and {max(sizes)} words, so that there is no one chance "
            "level: no guessing is assumed."
        )
        return None, ()
    return sizes.pop(), kinds.pop() if len(kinds) == 1 else ()


def _named(rows: pd.DataFrame, frame: pd.DataFrame, namer: Namer) -> list[str | None]:
    """What each typed answer names: the concept shown where it is right, else another one or none."""
    answers = rows["response"].fillna(rows["response_clean"].str.replace(",", " "))
    return [
        shown if right else _other(None if pd.isna(answer) else namer(str(answer)), shown)
        for answer, shown, right in zip(answers, frame["concept"], frame["correct"], strict=True)
    ]


def _other(name: str | None, shown: str) -> str | None:
    return None if name == shown else name
