"""What a database says when it cannot, in one line, and what to do about it."""

from __future__ import annotations

import re

#: what to do, by what SQLite, PostgreSQL and the system say; the first that fits
ADVICE = (
    (r"malformed|not a database|corrupt|invalid page|checksum", "it is damaged: restore it from your backup"),
    (r"is full|no space|too large|enough (disk )?space", "free some space on its disk"),
    (r"read-?only|permission denied", "make it, and the folder that it is in, writable"),
    (r"disk i/o|could not (read|write|extend)", "see whether its disk is full or failing"),
    (r"unable to open", "check that its folder is there and that you may write to it"),
    (r"locked|lock timeout|deadlock|statement timeout", "something else is using it; try again in a moment"),
)
USUAL_ADVICE = "check that it runs and that you may use it"


def reason_of(error: Exception) -> str:
    """The first line of what the database says; the lines after it may quote what was to be stored."""
    said = str(getattr(error, "orig", None) or error).strip().splitlines()
    return said[0] if said else type(error).__name__


def is_damaged(error: Exception) -> bool:
    """Whether the database says that what it holds can no longer be read."""
    return advice_on(reason_of(error)) == ADVICE[0][1]


def advice_on(reason: str) -> str:
    """What the user can do."""
    return next((advice for words, advice in ADVICE if re.search(words, reason, re.IGNORECASE)), USUAL_ADVICE)
