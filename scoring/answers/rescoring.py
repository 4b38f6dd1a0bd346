"""What changed between two judgements of the same answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scoring.answers.sheets import Answers, check_columns, harmless, pair_of, read_answers
from stimuli.errors import UserError

HARD = {"true": True, "1": True, "false": False, "0": False}

#: columns of the table of changed answers
COLUMNS = (
    *("concept", "response", "n", "soft_before", "soft_after", "hard_before", "hard_after"),
    *("rule_before", "rule_after"),
)


class Score(NamedTuple):
    """What one judgement said of an answer; ``rule`` is empty where the file does not tell it."""

    hard: bool
    soft: float
    rule: str = ""


@dataclass(frozen=True)
class Change:
    """A distinct answer (as most often written) whose score or rule changed, in ``n`` rows."""

    concept: str
    response: str
    n: int
    before: Score
    after: Score

    @property
    def scores_differ(self) -> bool:
        """Whether hard or soft changed; the rule alone is no change of the score."""
        return self.before[:2] != self.after[:2]

    @property
    def effect(self) -> tuple[float, int, int]:
        """For sorting, the largest first: soft credit moved in all rows, then hard, then rows."""
        hard = int(self.before.hard != self.after.hard)
        return -self.n * abs(self.after.soft - self.before.soft), -self.n * hard, -self.n


@dataclass(frozen=True)
class ConceptChange:
    """One concept before and after: rows judged in both files, those whose score changed, and means."""

    concept: str
    n: int
    changed: int
    soft_before: float
    soft_after: float
    hard_gained: int
    hard_lost: int


@dataclass(frozen=True)
class Rescoring:
    """Two judgements of the same answers, compared.

    ``n``: rows that count and have a score in both files; ``unjudged``: rows that lack one in either;
    ``uncounted``: other rows that are practice, catch trials or excluded in either. ``rules``
    counts rows by (rule before, rule after) where these differ or the score does; a rule is empty where a
    file does not tell it. ``changes`` has the distinct answers whose score changed, the largest effect first.
    """

    n: int
    unjudged: int
    uncounted: int
    versions: tuple[tuple[str, ...], tuple[str, ...]]
    concepts: list[ConceptChange]
    rules: Counter[tuple[str, str]]
    changes: list[Change]

    @property
    def changed(self) -> int:
        """Rows whose score changed."""
        return sum(one.changed for one in self.concepts)


class _Row(NamedTuple):
    concept: str
    response: str
    before: Score
    after: Score


def compare_judgements(old: Path | str, new: Path | str) -> Rescoring:
    """Compare two judged CSVs of the same answers in the same order; trial tables too.

    Both need hard_correct and soft_correct beside the answers; rule and judge_version are told where they
    are there. Left out are practice, catch trials and excluded rows, where a table says which.

    Raises UserError, naming file and line, for a score that is none, and where the two do not
    have the same answers.
    """
    before, after = read_answers(old), read_answers(new)
    _check_same_answers(before, after)
    scores = zip(read_scores(before), read_scores(after), strict=True)
    counted = map(min, before.counted, after.counted)
    judged = [
        (_Row(*pair, one, other), counts)
        for pair, (one, other), counts in zip(before.pairs, scores, counted, strict=True)
        if one is not None and other is not None
    ]
    rows = [row for row, counts in judged if counts]
    changes = _changes(rows)
    return Rescoring(
        len(rows),
        len(before.sheet.rows) - len(judged),
        len(judged) - len(rows),
        (_versions(before), _versions(after)),
        _by_concept(rows),
        _rule_counts(changes),
        [change for change in changes if change.scores_differ],
    )


def _check_same_answers(before: Answers, after: Answers) -> None:
    old, new = before.sheet, after.sheet
    if len(old.rows) != len(new.rows):
        raise UserError(
            f"{old.path} has {len(old.rows)} rows and {new.path} has {len(new.rows)}; "
            "give two judgements of the same answers in the same order"
        )
    lines = zip(old.lines, new.lines, strict=True)
    for one, other, (here, there) in zip(before.pairs, after.pairs, lines, strict=True):
        if one != other and pair_of(*one) != pair_of(*other):
            raise UserError(
                f"{old.path} has another answer in line {here} than {new.path} in line {there}; "
                "give two judgements of the same answers in the same order"
            )


def read_scores(answers: Answers) -> list[Score | None]:
    """The score of each row; None where a row has none.

    Raises UserError, naming file and line, for a missing column, a hard score that is not true or false
    (or 1 or 0), a soft one outside [0, 1], or one without the other.
    """
    sheet = answers.sheet
    check_columns(sheet, (answers.concept, answers.response, "hard_correct", "soft_correct"))
    rules = sheet.column("rule") if "rule" in sheet.header else [""] * len(sheet.rows)
    columns = zip(sheet.lines, sheet.column("hard_correct"), sheet.column("soft_correct"), rules, strict=True)
    return [_score(sheet.path, *row) for row in columns]


def _score(path: Path, line: int, hard: str, soft: str, rule: str) -> Score | None:
    if not hard and not soft:
        return None
    if hard.lower() not in HARD:
        raise UserError(f"{path} has the hard_correct {hard!r} in line {line}; it must be True or False")
    credit = _number(soft)
    if not 0 <= credit <= 1:
        raise UserError(
            f"{path} has the soft_correct {soft!r} in line {line}; it must be a number from 0 to 1"
        )
    return Score(HARD[hard.lower()], credit, rule)


def _number(text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def _versions(answers: Answers) -> tuple[str, ...]:
    there = "judge_version" in answers.sheet.header
    return tuple(filter(None, dict.fromkeys(answers.sheet.column("judge_version")))) if there else ()


def _by_concept(rows: Sequence[_Row]) -> list[ConceptChange]:
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        groups.setdefault(row.concept, []).append(row)
    return [_of_concept(concept, members) for concept, members in groups.items()]


def _of_concept(concept: str, rows: Sequence[_Row]) -> ConceptChange:
    return ConceptChange(
        concept,
        len(rows),
        sum(row.before[:2] != row.after[:2] for row in rows),
        math.fsum(row.before.soft for row in rows) / len(rows),
        math.fsum(row.after.soft for row in rows) / len(rows),
        sum(row.after.hard and not row.before.hard for row in rows),
        sum(row.before.hard and not row.after.hard for row in rows),
    )


def _changes(rows: Sequence[_Row]) -> list[Change]:
    """Distinct answers, known by their normalised words, of which something changed."""
    texts: dict[tuple[str, str, Score, Score], Counter[tuple[str, str]]] = {}
    for concept, response, before, after in rows:
        if _differ(before, after):
            key = (*pair_of(concept, response), before, after)
            texts.setdefault(key, Counter())[concept, response] += 1
    changes = [
        Change(*written.most_common(1)[0][0], written.total(), before, after)
        for (*_, before, after), written in texts.items()
    ]
    return sorted(changes, key=lambda change: (*change.effect, change.concept, change.response))


def _differ(before: Score, after: Score) -> bool:
    both_told = bool(before.rule and after.rule)
    return before[:2] != after[:2] or (both_told and before.rule != after.rule)


def _rule_counts(changes: Sequence[Change]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for change in changes:
        if change.before.rule or change.after.rule:
            counts[change.before.rule, change.after.rule] += change.n
    return counts


def change_rows(changes: Sequence[Change]) -> Iterator[tuple[object, ...]]:
    """The rows of the table of changed answers (columns COLUMNS), safe for spreadsheets."""
    for change in changes:
        before, after = change.before, change.after
        yield (
            *(harmless(change.concept), harmless(change.response), change.n),
            *(f"{before.soft:g}", f"{after.soft:g}", before.hard, after.hard, before.rule, after.rule),
        )
