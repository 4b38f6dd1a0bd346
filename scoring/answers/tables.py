"""Judge a CSV of answers: rows and columns stay as they are, the judgements are added."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scoring.answers.judge import Judgement, judge
from scoring.answers.lexicon import Lexicon, concept_key
from stimuli.errors import UserError
from stimuli.files import replacing

NEEDED = ("concept", "response")
ADDED = ("hard_correct", "soft_correct", "rule", "judge_version")


@dataclass(frozen=True)
class AnswerTable:
    """A CSV as it was read: the header, the rows in order, and where concept and response are."""

    header: list[str]
    rows: list[list[str]]
    concept_at: int
    response_at: int

    @property
    def concepts(self) -> tuple[str, ...]:
        """The distinct concepts, in order of first appearance."""
        return tuple(dict.fromkeys(row[self.concept_at] for row in self.rows))


def read_answers(path: Path) -> AnswerTable:
    """Read a CSV (UTF-8, comma) that has the columns concept and response.

    Raises UserError, naming the file and the row or column, if it cannot be read, is empty, is not
    UTF-8, lacks a column, has one twice, has one that the judge would add, has a row of another
    length than the header, or a row without a concept. Row 1 is the header.
    """
    lines = _read_lines(path)
    if not lines:
        raise UserError(f"{path} is empty; it needs a header with the columns concept and response")
    header, rows = lines[0], lines[1:]
    _check_header(path, header)
    table = AnswerTable(header, rows, header.index("concept"), header.index("response"))
    _check_rows(path, table)
    return table


def _read_lines(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return [line for line in csv.reader(stream, strict=True) if line]
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); give the path of a CSV file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{path} is not a valid CSV ({error}); correct it") from error


def _check_header(path: Path, header: list[str]) -> None:
    for name in NEEDED:
        if name not in header:
            raise UserError(f"{path} has no column {name}; it needs concept and response")
        if header.count(name) > 1:
            raise UserError(f"{path} has the column {name} twice; keep one")
    for name in ADDED:
        if name in header:
            raise UserError(f"{path} has a column {name} already, which the judge adds; rename or drop it")


def _check_rows(path: Path, table: AnswerTable) -> None:
    for number, row in enumerate(table.rows, start=2):
        if len(row) != len(table.header):
            raise UserError(
                f"{path} has {len(row)} fields in line {number} and {len(table.header)} in its header; "
                "correct the line (a comma within a field needs quotes)"
            )
        if not concept_key(row[table.concept_at]):
            raise UserError(f"{path} has no concept in line {number}; fill it in or leave the line out")


def judge_rows(table: AnswerTable, lexicon: Lexicon | None = None) -> Iterator[Judgement]:
    """Judge every row in order; the file's other concepts never match a row's one by spelling."""

    @cache
    def judged(concept: str, response: str) -> Judgement:
        return judge(concept, response, lexicon, others=table.concepts)

    for row in table.rows:
        yield judged(row[table.concept_at], row[table.response_at])


def write_judged(path: Path, table: AnswerTable, judgements: Iterable[Judgement], *, force: bool) -> None:
    """Write the table with the columns hard_correct (True/False), soft_correct (0 to 1), rule, judge_version.

    The file appears whole or not at all. Raises UserError if it exists and not ``force``.
    """
    with (
        replacing(path, force=force) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*table.header, *ADDED])
        for row, found in zip(table.rows, judgements, strict=True):
            writer.writerow([*row, found.hard, f"{found.soft:g}", found.rule, found.version])
