"""Nobody's identity leaves: what stands for a participant, and what is taken out of typed text.

A participant leaves as the pseudonym that the database drew at random when they arrived, a session as that
pseudonym and the session's number. Neither can be computed from a Prolific ID, so there is no key
that could leak, and the link exists only in the database's table ``identity``.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from experiment_server.models.session import Session
from experiment_server.services.identities import Vault, prolific_ids
from stimuli.errors import UserError

#: stands where an identifier was typed
REMOVED = "[removed]"
#: a Prolific ID is 24 hexadecimal digits; longer runs (checksums) are something else
_PROLIFIC_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{24}(?![0-9A-Za-z])")
#: Unicode's categories of accents, and of signs without width: soft hyphens, joiners, marks of direction
_UNSEEN = frozenset({"Mn", "Me", "Cf"})
_APOSTROPHES = frozenset("'\u2018\u2019\u02bc\u00b4\u0060")


def session_label(pseudonym: str, number: int) -> str:
    """Name of a participant's session in exported data: the pseudonym and 1 for their first session."""
    return f"{pseudonym}-{number}"


def secrets_of(connection: Connection, study_id: int, vault: Vault) -> list[str]:
    """Every identifier of a study's participants, sorted. None of them may leave.

    Prolific's participant, submission and study IDs, and the sessions' own ids. What came in place of a
    Prolific ID without having its form (a link that was tried out with a word) tells nobody, and may be
    an innocent answer; it is none. Raises UserError if the IDs are encrypted and the vault cannot open them.
    """
    own = select(Session.id).where(Session.study_id == study_id)
    given = set(prolific_ids(connection, study_id, vault))
    sessions = set(connection.scalars(own))
    return sorted(sessions | {value for value in given if _PROLIFIC_ID.fullmatch(value)})


class Redactor:
    """Takes known identifiers, and whatever looks like a Prolific ID, out of typed text."""

    def __init__(self, secrets: Sequence[str]) -> None:
        known = {_folded(secret, _is_alphanumeric)[0] for secret in secrets} - {""}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, text: str) -> str:
        """Give the text back with ``[removed]`` in the place of each identifier.

        Letters and digits of another width, case or with accents are their plain ones. A known identifier
        is found whatever signs stand between its letters, and another one if they are invisible or
        apostrophes.
        """
        if self._known is not None:
            text = _without(self._known, text, _is_alphanumeric)
        return _without(_PROLIFIC_ID, text, _is_visible)

    def json(self, value: Any) -> str:
        """Write a value as JSON, each of its texts without identifiers."""
        return json.dumps(self._inside(value), ensure_ascii=False)

    def _inside(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self(str(name)): self._inside(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._inside(one) for one in value]
        return self(value) if isinstance(value, str) else value


def _is_alphanumeric(letter: str) -> bool:
    return letter.isalnum()


def _is_visible(letter: str) -> bool:
    """Whether a letter is neither an accent, an apostrophe, nor a sign without width."""
    return unicodedata.category(letter) not in _UNSEEN and letter not in _APOSTROPHES


def _folded(text: str, keep: Callable[[str], bool]) -> tuple[str, list[int]]:
    """The plain letters of a text that are kept, and the place in it that each comes from."""
    found = [
        (plain, place)
        for place, letter in enumerate(text)
        for plain in unicodedata.normalize("NFKD", letter).casefold()
        if keep(plain)
    ]
    return "".join(plain for plain, _ in found), [place for _, place in found]


def _without(pattern: re.Pattern[str], text: str, keep: Callable[[str], bool]) -> str:
    """Replace what the pattern finds among the plain letters of a text."""
    plain, places = _folded(text, keep)
    for found in reversed(list(pattern.finditer(plain))):
        first, last = places[found.start()], places[found.end() - 1]
        text = text[:first] + REMOVED + text[last + 1 :]
    return text


def refuse_leak(texts: Iterable[tuple[str, bytes]], secrets: Sequence[str]) -> None:
    """Raise UserError if an identifier stands in one of the (name, content) pairs; a last check.

    The message names the file and not the identifier.
    """
    needles = [secret.lower().encode() for secret in secrets]
    for name, content in texts:
        if any(needle in content.lower() for needle in needles):
            raise UserError(
                f"{name} would contain a participant's identifier, so nothing was written; "
                "look for it in the study's title, texts and file names"
            )


def contents(folder: Path) -> Iterable[tuple[str, bytes]]:
    """Yield (name, content) of every file in a folder."""
    return ((path.name, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file())
