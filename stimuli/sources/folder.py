"""A user's folder of pictures: ``concept/picture.png``, and ``sources.csv`` for what cannot be seen.

The folder's name is the concept (underscores are spaces). ``sources.csv``, if there, has the columns
``path, cluster, licence, credit, credit_url``, with paths relative to the folder of pictures.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import category

from stimuli.conditions import concept_name
from stimuli.errors import UserError
from stimuli.files import sha256_of_file

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
TABLE = "sources.csv"
TABLE_COLUMNS = ("path", "cluster", "licence", "credit", "credit_url")


@dataclass(frozen=True)
class Source:
    """One picture of a concept.

    ``path`` is relative to the folder of pictures, with forward slashes. ``cluster`` names the sources
    that are not independent of one another and is the source's own id where nothing else was said;
    ``licence``, ``credit`` and ``credit_url`` are empty where nothing was said.
    """

    path: str
    sha256: str
    concept: str
    cluster: str
    licence: str = ""
    credit: str = ""
    credit_url: str = ""

    @property
    def id(self) -> str:
        """Opaque identifier: the first 12 hexadecimal digits of the file's SHA-256."""
        return self.sha256[:12]


@dataclass(frozen=True)
class LeftOut:
    """A file that gave no stimulus, and why, in one sentence that names it."""

    path: str
    reason: str


def scan(folder: Path) -> tuple[list[Source], list[LeftOut]]:
    """List the pictures in a folder, sorted by path, and the files that cannot be one.

    Hidden files are passed over. Raises UserError if there is no folder or no picture in it, if two
    pictures are the same file, or if ``sources.csv`` is not as it should be.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}; name one that holds concept/picture.png")
    files = list(_files(folder))
    objections = {path: _objection(folder, path) for path in files}
    pictures = [path for path in files if not objections[path]]
    if not pictures:
        raise UserError(
            f"{folder} holds no picture; put pictures ({', '.join(SUFFIXES)}) into a folder per concept"
        )
    table = _read_table(folder, {path.as_posix() for path in pictures})
    sources = [_source(folder, path, table.get(path.as_posix(), {})) for path in pictures]
    _refuse_twins(sources)
    reasons = {printable(path.as_posix()): reason for path, reason in objections.items() if reason}
    return sources, [LeftOut(path, reason) for path, reason in reasons.items()]


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in relative.parts)
        if (
            (path.is_file() or path.is_symlink())
            and not hidden
            and relative.as_posix() not in {TABLE, "conditions.toml"}
        ):
            yield relative


def _objection(folder: Path, path: Path) -> str:
    name = path.as_posix()
    if name != printable(name):
        return f"{printable(name)} has characters in its name that cannot be printed; rename it"
    if not (folder / path).is_file():
        return f"{name} is a link that leads to no file; put the picture itself there"
    if not (folder / path).resolve().is_relative_to(folder.resolve()):
        return f"{name} is a link that leads out of the folder; put the picture itself there"
    if not os.access(folder / path, os.R_OK):
        return f"{name} may not be read; change its permissions"
    if len(path.parts) != 2:
        return f"{name} is not in a concept's folder; move it to concept/{path.name}"
    if not concept_name(path.parts[0]):
        return f"{name} lies in a folder whose name is no concept; rename the folder"
    if path.suffix.lower() not in SUFFIXES:
        return f"{name} is not a picture; give a file in {', '.join(SUFFIXES)}"
    return ""


def printable(name: str) -> str:
    """A file's name with a question mark for each control character and each byte that is not UTF-8."""
    return "".join("?" if category(character) in {"Cc", "Cs"} else character for character in name)


def _source(folder: Path, path: Path, row: dict[str, str]) -> Source:
    sha256 = sha256_of_file(folder / path)
    return Source(
        path.as_posix(),
        sha256,
        concept_name(path.parts[0]),
        row.get("cluster") or sha256[:12],
        row.get("licence", ""),
        row.get("credit", ""),
        row.get("credit_url", ""),
    )


def _refuse_twins(sources: Sequence[Source]) -> None:
    first: dict[str, str] = {}
    for source in sources:
        if source.sha256 in first:
            raise UserError(
                f"{first[source.sha256]} and {source.path} are the same picture; remove one of them"
            )
        first[source.sha256] = source.path


def _read_table(folder: Path, pictures: set[str]) -> dict[str, dict[str, str]]:
    path = folder / TABLE
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval="", strict=True)
            _check_columns(path, reader.fieldnames or ())
            rows = list(enumerate(reader, start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"cannot read {path} ({error}); save it as CSV in UTF-8") from error
    table: dict[str, dict[str, str]] = {}
    for number, row in rows:
        _check_row(path, number, row, pictures, table)
        table[row["path"]] = {name: " ".join(row.get(name, "").split()) for name in TABLE_COLUMNS}
    return table


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    unknown = [name for name in columns if name not in TABLE_COLUMNS]
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise UserError(f"{path} has the column {twice[0]} twice; remove one of them")
    if "path" not in columns or unknown:
        wrong = f"has the unknown column {unknown[0]}" if unknown else "lacks the column path"
        raise UserError(f"{path} {wrong}; its columns are {', '.join(TABLE_COLUMNS)}")


def _check_row(
    path: Path, number: int, row: dict[str, str], pictures: set[str], seen: dict[str, dict[str, str]]
) -> None:
    if None in row:
        raise UserError(f"{path}, row {number}: more cells than columns; quote a cell that contains a comma")
    if row["path"] not in pictures:
        raise UserError(f"{path}, row {number}: there is no picture {row['path']}; correct the path")
    if row["path"] in seen:
        raise UserError(f"{path}, row {number}: {row['path']} is there twice; remove one of the rows")
