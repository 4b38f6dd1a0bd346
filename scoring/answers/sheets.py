"""CSV files of answers: read with the lines that an editor shows, written safe for spreadsheets."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from scoring.answers.lexicon import concept_key
from scoring.answers.words import normalise
from stimuli.errors import UserError
from stimuli.files import make_folder, refuse_to_overwrite, replacing

ANSWER = ("concept", "response")
#: the same two in a trial table that lacks them, as the published one does
PUBLISHED = ("ground_truth", "response_clean")
#: the ``trial_category`` of a trial that counts
EXPERIMENT = "experiment"

#: stands in an exported response for an identifier that someone typed
REMOVED = "[removed]"

#: how a text begins that a spreadsheet would run as a formula (full-width signs too)
FORMULA_SIGNS = "=+-@\t\r\n＝＋－＠"
_SIGNS = frozenset(FORMULA_SIGNS)

#: a concept and an answer as they are compared: their normalised words, joined by blanks
Pair = tuple[str, str]


@dataclass(frozen=True)
class Sheet:
    """A CSV as it was read: the header, the rows in order, and the line of the file where each begins."""

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """One column's fields, in the order of the rows."""
        at = self.header.index(name)
        return [row[at] for row in self.rows]


@dataclass(frozen=True)
class Answers:
    """A sheet in which each row has a concept and an answer, and which columns these are."""

    sheet: Sheet
    concept: str
    response: str

    @property
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Concept and answer of each row, as they were written."""
        return zip(self.sheet.column(self.concept), self.sheet.column(self.response), strict=True)

    @cached_property
    def concepts(self) -> tuple[str, ...]:
        """The distinct concepts, in order of first appearance."""
        return tuple(dict.fromkeys(self.sheet.column(self.concept)))

    @cached_property
    def typed(self) -> list[bool]:
        """Tell of each row whether its answer is what was typed.

        It is not where a trial table has ``alternatives``, of which one was chosen, nor where an
        identifier was removed from the answer.
        """
        responses = self.sheet.column(self.response)
        chosen = "alternatives" in self.sheet.header
        offered = self.sheet.column("alternatives") if chosen else [""] * len(responses)
        return [
            not words and REMOVED not in response for response, words in zip(responses, offered, strict=True)
        ]

    @cached_property
    def counted(self) -> list[bool]:
        """Tell of each row whether it counts, being no practice, catch trial or excluded one."""
        sheet = self.sheet
        everywhere = [""] * len(sheet.rows)
        category = sheet.column("trial_category") if "trial_category" in sheet.header else everywhere
        excluded = sheet.column("excluded") if "excluded" in sheet.header else everywhere
        return [
            kind.strip() in ("", EXPERIMENT) and out.strip().lower() not in ("true", "1", "1.0")
            for kind, out in zip(category, excluded, strict=True)
        ]


def pair_of(concept: str, response: str) -> Pair:
    """What makes two answers to a concept the same: the normalised words of both."""
    return concept_key(concept), " ".join(normalise(response))


def read_answers(path: Path | str) -> Answers:
    """Read a CSV with the columns concept and response, or a trial table.

    A trial table without a column ``concept``, as the published one, has them as ``ground_truth`` and
    ``response_clean``. Raises UserError as ``read_sheet`` does, and for a row without a concept.
    """
    sheet = read_sheet(Path(path))
    published = ANSWER[0] not in sheet.header and set(PUBLISHED) <= set(sheet.header)
    answers = Answers(sheet, *(PUBLISHED if published else ANSWER))
    check_columns(sheet, (answers.concept, answers.response))
    check_concepts(sheet, answers.concept)
    return answers


def check_concepts(sheet: Sheet, column: str) -> None:
    """Raise UserError for the first row without a concept."""
    named = {concept for concept in dict.fromkeys(sheet.column(column)) if concept_key(concept)}
    for line, concept in zip(sheet.lines, sheet.column(column), strict=True):
        if concept not in named:
            raise UserError(f"{sheet.path} has no concept in line {line}; fill it in or leave the line out")


def read_sheet(path: Path, needed: Sequence[str] = ANSWER) -> Sheet:
    """Read a CSV (UTF-8, commas, or the semicolons that some spreadsheets write).

    Empty lines are skipped. Raises UserError, naming the file and the line, if it cannot be read, is
    empty, is not UTF-8, or has a row of another length than its header. ``needed`` is only for the
    message of an empty file; ``check_columns`` checks them.
    """
    numbered = _numbered_rows(path)
    if not numbered:
        raise UserError(f"{path} is empty; it needs a header with the columns {listed(needed)}")
    (_, header), body = numbered[0], numbered[1:]
    for line, row in body:
        if len(row) != len(header):
            raise UserError(
                f"{path} has {len(row)} fields in line {line} and {len(header)} in its header; "
                "correct the line (a comma within a field needs quotes)"
            )
    return Sheet(path, header, [row for _, row in body], [line for line, _ in body])


def check_columns(sheet: Sheet, needed: Sequence[str]) -> None:
    """Raise UserError if a column is missing or there twice."""
    for name in needed:
        if name not in sheet.header:
            near = [there for there in sheet.header if there.strip().lower() == name]
            if near:
                raise UserError(f"{sheet.path} has no column {name}; rename its column {near[0]!r} so")
            raise UserError(f"{sheet.path} has no column {name}; it needs {listed(needed)}")
        if sheet.header.count(name) > 1:
            raise UserError(f"{sheet.path} has the column {name} twice; keep one")


def _numbered_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Each row that is not empty, with the line where it begins."""
    try:
        _refuse_parquet(path)
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            delimiter = ";" if ";" in first and "," not in first else ","
            return list(_rows(stream, delimiter))
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}); give the path of a CSV file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{path} is not a valid CSV ({error}); correct it") from error


def _rows(stream: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(stream, strict=True, delimiter=delimiter)
    begins = 1
    for row in reader:
        if row:
            yield begins, row
        begins = reader.line_num + 1


def _refuse_parquet(path: Path) -> None:
    with path.open("rb") as stream:
        if stream.read(4) == b"PAR1":
            raise UserError(
                f"{path} is a Parquet file and answers are read from CSV; "
                "give the trials.csv that an export has beside it"
            )


def harmless(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; done twice, it is once.

    >>> harmless("=1+1"), harmless("'=1+1"), harmless("dog")
    ("'=1+1", "'=1+1", 'dog')
    """
    return f"'{text}" if text[:1] in _SIGNS else text


@dataclass(frozen=True)
class NewSheet:
    """A CSV to write; ``for_spreadsheets`` with the mark by which these know UTF-8."""

    path: Path
    header: Sequence[str]
    rows: Iterable[Sequence[object]]
    for_spreadsheets: bool = False


def write_sheets(sheets: Sequence[NewSheet], *, force: bool) -> None:
    """Write CSVs whole, all or none. Raises UserError if one exists and not ``force``."""
    with ExitStack() as stack:
        for sheet in sheets:
            _write(stack.enter_context(replacing(sheet.path, force=force)), sheet)


def _write(path: Path, sheet: NewSheet) -> None:
    encoding = "utf-8-sig" if sheet.for_spreadsheets else "utf-8"
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(sheet.header)
        writer.writerows(sheet.rows)


def check_writable(*paths: Path | None, force: bool) -> None:
    """Raise UserError, before any work is done, if one of the files cannot be written.

    One that exists needs ``force``; the nearest folder that is there must take files. Makes no folder.
    """
    for path in filter(None, paths):
        refuse_to_overwrite(path, force)
        make_folder(next(folder for folder in path.absolute().parents if folder.exists()))


def refuse_same(*paths: Path | None) -> None:
    """Raise UserError if two of the files to read and write are one."""
    seen: set[Path] = set()
    for path in filter(None, paths):
        if path.resolve() in seen:
            raise UserError(f"{path} is named twice; give each file a name of its own")
        seen.add(path.resolve())


def listed(names: Sequence[str]) -> str:
    """Names in a sentence: ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
