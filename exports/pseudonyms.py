"""Nobody's identity leaves: what stands for a participant, and what is taken out of typed text.

A participant leaves as the pseudonym that the database drew at random when they arrived, a session as that
pseudonym and the session's number. Neither can be computed from a Prolific ID, so there is no key
that could leak, and the link exists only in the database's table ``identity``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Engine, select

from experiment_server.models.session import Session
from experiment_server.services.identities import Vault, prolific_ids
from stimuli.errors import UserError

#: stands where an identifier was typed
REMOVED = "[removed]"
#: a Prolific ID is 24 hexadecimal digits; longer runs (checksums) are something else
_PROLIFIC_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{24}(?![0-9A-Za-z])")


def session_label(pseudonym: str, number: int) -> str:
    """Name of a participant's session in exported data: the pseudonym and 1 for their first session."""
    return f"{pseudonym}-{number}"


def secrets_of(engine: Engine, study_id: int, vault: Vault) -> list[str]:
    """Every identifier of a study's participants, sorted. None of them may leave.

    Prolific's participant, submission and study IDs, and the sessions' own ids. What came in place of a
    Prolific ID without having its form (a link that was tried out with a word) tells nobody, and may be
    an innocent answer; it is none. Raises UserError if the IDs are encrypted and the vault cannot open them.
    """
    own = select(Session.id).where(Session.study_id == study_id)
    with engine.connect() as connection:
        given = set(prolific_ids(connection, study_id, vault))
        sessions = set(connection.scalars(own))
    return sorted(sessions | {value for value in given if _PROLIFIC_ID.fullmatch(value)})


class Redactor:
    """Takes known identifiers, and whatever looks like a Prolific ID, out of typed text."""

    def __init__(self, secrets: Sequence[str]) -> None:
        longest_first = sorted(secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if secrets else None

    def __call__(self, text: str) -> str:
        """Give the text back with ``[removed]`` in the place of each identifier."""
        if self._known is not None:
            text = self._known.sub(REMOVED, text)
        return _PROLIFIC_ID.sub(REMOVED, text)


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
