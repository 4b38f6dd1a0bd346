"""A study's own lexicon: which further words name a concept, fully, partly, or not at all."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scoring.answers.words import normalise
from stimuli.errors import UserError
from stimuli.files import written_text

LISTS = ("accept", "partial", "reject")

Phrase = tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """What a lexicon says of one concept; every phrase is a tuple of normalised words."""

    accept: tuple[Phrase, ...] = ()
    partial: tuple[Phrase, ...] = ()
    reject: tuple[Phrase, ...] = ()


@dataclass(frozen=True)
class Lexicon:
    """Entries by concept (its normalised words joined by a blank), and a digest of them."""

    entries: Mapping[str, Entry] = field(default_factory=dict, hash=False)
    digest: str = ""

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, list[str]]]) -> Lexicon:
        """Build a lexicon from tables such as ``{"sailboat": {"accept": ["yacht"]}}``."""
        entries = {concept_key(concept): _entry(table) for concept, table in tables.items()}
        content = repr(sorted(entries.items()))
        return cls(entries, hashlib.sha256(content.encode()).hexdigest()[:8])

    def entry(self, concept: str) -> Entry:
        """What is said of a concept; an empty entry if nothing is."""
        return self.entries.get(concept_key(concept), Entry())


def concept_key(concept: str) -> str:
    """A concept's normalised words, joined by a blank: ``Raised_Hand`` and ``raised hand`` are one."""
    return " ".join(normalise(concept))


def load_lexicon(path: Path) -> Lexicon:
    """Read a lexicon file (TOML): a table for each concept, with lists accept, partial, reject.

    Raises UserError, naming the file and the key, if the file cannot be read, is no TOML, has an
    unknown key, something other than a list of words, or one phrase in two lists.
    """
    tables = _read(path)
    for concept, table in tables.items():
        _check_table(path, concept, table)
    _check_names(path, list(tables))
    return Lexicon.of(tables)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(written_text(path))
    except OSError as error:
        raise UserError(
            f"cannot read the lexicon {path} ({error.strerror}); give the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"the lexicon {path} is not valid TOML ({error}); correct it or save it as UTF-8"
        ) from error


def _check_table(path: Path, concept: str, table: Any) -> None:
    if not isinstance(table, dict):
        raise UserError(
            f"the lexicon {path} has the key {concept!r} outside a table; write [{concept}] and below it "
            "accept, partial or reject lists"
        )
    for name, words in table.items():
        _check_list(path, concept, name, words)
    _check_once(path, concept, table)


def _check_list(path: Path, concept: str, name: str, words: Any) -> None:
    if name not in LISTS:
        raise UserError(
            f"the lexicon {path} has the unknown key {name!r} in [{concept}]; "
            "allowed are accept, partial, reject"
        )
    if not isinstance(words, list) or not all(isinstance(word, str) and normalise(word) for word in words):
        raise UserError(
            f"the lexicon {path} needs a list of words at {name!r} in [{concept}]; "
            f'write such as {name} = ["one", "two"]'
        )


def _check_once(path: Path, concept: str, table: dict[str, list[str]]) -> None:
    seen: dict[Phrase, str] = {}
    for name, words in table.items():
        for word in words:
            other = seen.setdefault(tuple(normalise(word)), name)
            if other != name:
                raise UserError(
                    f"the lexicon {path} has {word!r} in both {other!r} and {name!r} of [{concept}]; keep one"
                )


def _check_names(path: Path, concepts: list[str]) -> None:
    seen: dict[str, str] = {}
    for concept in concepts:
        other = seen.setdefault(concept_key(concept), concept)
        if other != concept:
            raise UserError(
                f"the lexicon {path} has [{other}] and [{concept}], which are one concept; merge them"
            )


def _entry(table: Mapping[str, list[str]]) -> Entry:
    return Entry(**{name: tuple(tuple(normalise(word)) for word in words) for name, words in table.items()})
