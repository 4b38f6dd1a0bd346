"""Observations of a trial table: who named what, typed or chosen, to which picture."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from scoring.alignment.observations import COLUMNS, HUMAN, Observations, of_rows
from scoring.answers import Lexicon
from scoring.answers.judge import named
from scoring.counted_rows import counted_rows, listed
from scoring.neuron_map import concept_key
from scoring.trial_table import EXPERIMENT
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

    Raises UserError if nothing counts, a row that counts names no participant, a picture is of two concepts
    or conditions, an answer is none of the words that its trial offered, or is judged as if it were another.
    """
    rows, notes = _counted(trials, origin, score_column, set(dreams))
    nameless = rows.index[rows["participant"].isna()].tolist()
    if nameless:
        row = nameless[0] + 1
        raise UserError(
            f"{origin}, row {row} names no participant; alignment needs to know who gave which answer"
        )
    rows = _with_clean(_first_answers(rows, notes), clean)
    offered = _offered(rows, origin)
    frame = _frame(rows, score_column)
    _refuse_two_of_one_picture(rows, frame, origin)
    names = _named(rows, frame, namer or by_judge(sorted(frame["concept"].unique())), offered)
    picked = _chosen(rows, offered, origin)
    chosen = [one if words is None else two for words, one, two in zip(offered, names, picked, strict=True)]
    frame["chosen"] = pd.Series(chosen, index=frame.index, dtype="string")
    _refuse_contradictions(rows, frame, offered, origin)
    alternatives, words, mixed = _alternatives(offered, notes)
    observations = Observations(frame.astype(COLUMNS), origin, alternatives, tuple(notes), mixed)
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
    rows, notes = counted_rows(trials, origin), _not_counted(trials)
    for one, several, left_out in (
        (
            "row is adaptive: who answers better is shown harder pictures, so it is left out.",
            "rows are adaptive: who answers better is shown harder pictures, so they are left out.",
            _adaptive,
        ),
        (
            "row shows a dream, which is a picture of no concept, and is left out.",
            "rows show dreams, which are pictures of no concept, and are left out.",
            _dream(dreams),
        ),
        (
            "row has an answer that was not judged and is left out.",
            "rows have an answer that was not judged and are left out.",
            _unjudged(score_column),
        ),
    ):
        mask = left_out(rows)
        if mask.any():
            notes.append(of_rows(int(mask.sum()), one, several))
            rows = rows[~mask.to_numpy(dtype=bool)]
    if rows.empty:
        raise UserError(
            f"{origin} has no answer left to align: all its rows are adaptive, show dreams or are not "
            "judged; give a table with judged answers at fixed conditions"
        )
    return rows, notes


def _not_counted(trials: pd.DataFrame) -> list[str]:
    """Say how many rows are no trials that count, and how many of those that would are excluded."""
    counts = trials["trial_category"].eq(EXPERIMENT).fillna(False).astype(bool)
    excluded = counts & trials["excluded"].fillna(False).astype(bool)
    notes = []
    if other := int((~counts).sum()):
        are = of_rows(
            other, "row is a practice or catch trial and is", "rows are practice or catch trials and are"
        )
        notes.append(f"{are} left out.")
    if number := int(excluded.sum()):
        notes.append(f"{of_rows(number, 'row is excluded and is', 'rows are excluded and are')} left out.")
    return notes


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
    """The first answers, by participant and picture; sessions by their numbers, 2 before 10."""
    place = {name: at for at, name in enumerate(sorted(rows["session"].dropna().unique(), key=_natural))}
    ordered = rows.assign(
        stimulus=rows["stimulus"].fillna(rows["image_basename"]), sitting=rows["session"].map(place)
    ).sort_values(["participant", "sitting", "trial_index"], kind="stable", na_position="last")
    again = ordered.duplicated(["participant", "stimulus"]).to_numpy(dtype=bool)
    if again.any():
        one, several = (
            "answer to a picture that was seen before is",
            ("answers to a picture that was seen before are"),
        )
        notes.append(f"{of_rows(int(again.sum()), one, several)} left out.")
    first = ordered[~again].drop(columns="sitting")
    return first.sort_values(["participant", "stimulus"], kind="stable")


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key by which names sort with the numbers in them as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


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


def _refuse_two_of_one_picture(rows: pd.DataFrame, frame: pd.DataFrame, origin: str) -> None:
    first = frame.drop_duplicates("stimulus").set_index("stimulus")
    for name, what in (("concept", "the concept"), ("condition", "the condition")):
        expected = frame["stimulus"].map(first[name])
        differs = expected.ne(frame[name]).to_numpy(dtype=bool)
        if differs.any():
            at = int(differs.argmax())
            raise UserError(
                f"{origin}, row {int(rows.index[at]) + 1}: the picture {frame['stimulus'].iloc[at]} has "
                f"{what} {frame[name].iloc[at]}, elsewhere {expected.iloc[at]}; "
                "correct it, or give different pictures different names"
            )


def _offered(rows: pd.DataFrame, origin: str) -> list[tuple[str, ...] | None]:
    """The words that each trial offered; None where the answer was typed."""
    if "alternatives" not in rows:
        return [None] * len(rows)
    lists = {text: _words(str(text)) for text in rows["alternatives"].dropna().unique()}
    offered = [None if pd.isna(text) else lists[text] for text in rows["alternatives"]]
    for row, words in zip(rows.index, offered, strict=True):
        if words is not None and len(words) < 2:
            raise UserError(
                f"{origin}, row {int(row) + 1} offers the word {words[0]} alone, which is no choice; "
                "correct the column alternatives"
            )
    return offered


def _words(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except json.JSONDecodeError:
        words = None
    if not isinstance(words, list) or not words:
        raise UserError(f"the column alternatives holds {text!r}, which is no JSON list of words; correct it")
    return tuple(sorted({concept_key(str(word)) for word in words}))


def _chosen(rows: pd.DataFrame, offered: Sequence[tuple[str, ...] | None], origin: str) -> list[str | None]:
    """What each forced choice names; None where nothing was chosen or the answer was typed."""
    words = [None if pd.isna(word) else concept_key(str(word)) for word in rows["response"]]
    for row, word, there in zip(rows.index, words, offered, strict=True):
        if there is not None and word is not None and word not in there:
            raise UserError(
                f"{origin}, row {int(row) + 1}: the answer {word!r} is none of the alternatives "
                f"{listed(there)}; correct the column response or alternatives"
            )
    return words


def _refuse_contradictions(
    rows: pd.DataFrame, frame: pd.DataFrame, offered: Sequence[tuple[str, ...] | None], origin: str
) -> None:
    """Raise UserError where the word shown was chosen and is wrong, or could be and another one is right."""
    answers = frame["chosen"].fillna("").tolist()
    for at, (words, answer) in enumerate(zip(offered, answers, strict=True)):
        shown, right = frame["concept"].iloc[at], bool(frame["correct"].iloc[at])
        if words is not None and shown in words and (answer == shown) != right:
            raise UserError(
                f"{origin}, row {int(rows.index[at]) + 1}: the answer {answer!r} to {shown!r} has the score "
                f"{float(frame['score'].iloc[at]):g}; correct the score or the column response"
            )


def _alternatives(
    offered: Sequence[tuple[str, ...] | None], notes: list[str]
) -> tuple[int | None, tuple[str, ...], bool]:
    """How many words there were to choose from, which (if always the same), and whether trials differ."""
    kinds = {words for words in offered if words is not None}
    if not kinds:
        return None, (), False
    sizes, lacking = {len(words) for words in kinds}, sum(words is None for words in offered)
    unlike = "there is no one chance level, and no curve is fitted."
    if lacking:
        lack = "lacks" if lacking == 1 else "lack"
        notes.append(
            f"{lacking} of the {len(offered)} rows {lack} alternatives, as if answers had been typed, "
            f"so that {unlike}"
        )
    if len(sizes) > 1:
        notes.append(f"Trials offered between {min(sizes)} and {max(sizes)} words, so that {unlike}")
    if lacking or len(sizes) > 1:
        return None, (), True
    return sizes.pop(), kinds.pop() if len(kinds) == 1 else (), False


def _named(
    rows: pd.DataFrame, frame: pd.DataFrame, namer: Namer, offered: Sequence[tuple[str, ...] | None]
) -> list[str | None]:
    """What each typed answer names: the concept shown where it is right, else another one or none."""
    answers = rows["response"].fillna(rows["response_clean"].str.replace(",", " "))
    return [
        shown if right else _other(None if pd.isna(answer) or words else namer(str(answer)), shown)
        for answer, shown, right, words in zip(
            answers, frame["concept"], frame["correct"], offered, strict=True
        )
    ]


def _other(name: str | None, shown: str) -> str | None:
    return None if name == shown else name
