"""Judge a CSV of answers, once or again: rows and columns keep their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from scoring.answers.beyond import Beyond
from scoring.answers.judge import Judgement, judge, named
from scoring.answers.lexicon import Lexicon, concept_key
from scoring.answers.review import Rated
from scoring.answers.sheets import Answers
from stimuli.errors import UserError

SCORES = ("hard_correct", "soft_correct")
ADDED = (*SCORES, "rule", "judge_version")
#: the study's concept that the answer names, empty if none
NAMED = "named"


def refuse_columns(answers: Answers, columns: Sequence[str]) -> None:
    """Raise UserError if a column that the judge adds is there already."""
    for name in columns:
        if name in answers.sheet.header:
            raise UserError(
                f"{answers.sheet.path} has a column {name} already, which the judge adds; "
                "rename or drop it, or add --replace to judge again"
            )


def judge_answers(
    answers: Answers,
    lexicon: Lexicon | None = None,
    rated: Rated | None = None,
    beyond: Beyond | None = None,
) -> Iterator[Judgement | None]:
    """Judge every row in order; the file's other concepts never match a row's one by spelling.

    What two readers decided (``rated``) goes before the judge. A row that has scores already and cannot
    be judged from its text gets None, so that it stays as it is: where one of several alternatives was
    chosen, an identifier was removed from the answer, or none is recorded though the score is not 0.
    """

    @cache
    def judged(concept: str, response: str) -> Judgement:
        found = judge(concept, response, lexicon, others=answers.concepts, beyond=beyond)
        return rated.apply(found, concept, response) if rated else found

    for (concept, response), stays in zip(answers.pairs, _staying(answers), strict=True):
        yield None if stays else judged(concept, response)


def _staying(answers: Answers) -> list[bool]:
    sheet = answers.sheet
    if not set(SCORES) <= set(sheet.header):
        return [False] * len(sheet.rows)
    responses, scores = sheet.column(answers.response), sheet.column("soft_correct")
    return [
        not typed or not (response.strip() or _is_zero(score))
        for typed, response, score in zip(answers.typed, responses, scores, strict=True)
    ]


def _is_zero(score: str) -> bool:
    try:
        return float(score.replace(",", ".")) == 0
    except ValueError:
        return False


def names_in_answers(
    answers: Answers, lexicon: Lexicon | None = None, beyond: Beyond | None = None
) -> Iterator[str]:
    """Name, for each row, the one of the file's concepts that the answer names; empty where it names none."""

    @cache
    def found(response: str) -> str:
        return named(response, answers.concepts, lexicon, beyond=beyond) or ""

    yield from map(found, answers.sheet.column(answers.response))


def unused_concepts(lexicon: Lexicon, answers: Answers) -> list[str]:
    """The lexicon's concepts that no answer is for, sorted."""
    return sorted(set(lexicon.entries) - set(map(concept_key, answers.concepts)))


def judged_rows(
    answers: Answers, judgements: Iterable[Judgement | None], names: Sequence[str] | None = None
) -> tuple[list[str], list[list[str]]]:
    """The header and rows with the judgements in the columns ADDED, and ``names`` in NAMED.

    A column that is there already is filled anew where it stands; the others come after the last.
    """
    columns = ADDED if names is None else (*ADDED, NAMED)
    header = [*answers.sheet.header, *(name for name in columns if name not in answers.sheet.header)]
    places = [header.index(name) for name in columns]
    told = names if names is not None else [""] * len(answers.sheet.rows)
    missing = [""] * (len(header) - len(answers.sheet.header))
    fill = _filler(places)
    return header, [
        fill([*row, *missing], judgement, name)
        for row, judgement, name in zip(answers.sheet.rows, judgements, told, strict=True)
    ]


def _filler(places: Sequence[int]) -> Callable[[list[str], Judgement | None, str], list[str]]:
    def fill(row: list[str], judgement: Judgement | None, name: str) -> list[str]:
        if judgement is not None:
            for at, value in zip(places, (*_written(judgement), name), strict=False):
                row[at] = value
        return row

    return fill


def _written(judgement: Judgement) -> tuple[str, str, str, str]:
    return str(judgement.hard), f"{judgement.soft:g}", judgement.rule, judgement.version
