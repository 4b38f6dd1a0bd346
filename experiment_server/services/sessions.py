"""Finding a session by its token, and where it stands."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, case, func, select

from experiment_server.errors import ApiError, conflict
from experiment_server.models import Participant, Session, Study, Trial
from experiment_server.trials.state import OPEN

#: a token is the session's id, a point, and 256 random bits
TOKEN = re.compile(r"^([0-9a-f]{24})\.[A-Za-z0-9_-]{43}$")


@dataclass(frozen=True)
class SessionRow:
    """A session as the services know it."""

    id: str
    participant_id: int
    study_id: int
    phase: str
    outcome: str | None
    seed: int


@dataclass(frozen=True)
class Progress:
    """How many trials a session has, have a response, and wait for one; the next one's index."""

    total: int
    answered: int
    waiting: int
    #: None if no trial waits
    next_index: int | None


@dataclass(frozen=True)
class Standing:
    """All that a participant is told of a session."""

    session: SessionRow
    study: str
    title: str
    kind: str
    progress: Progress


_COLUMNS = (
    Session.id,
    Session.participant_id,
    Session.study_id,
    Session.phase,
    Session.outcome,
    Session.seed,
)

#: statements of the hot path are built once
_BY_TOKEN = select(*_COLUMNS).where(Session.token_sha256 == bindparam("hash"))
_BY_TOKEN_LOCKED = _BY_TOKEN.with_for_update(key_share=True)
_IS_OPEN = Trial.state.in_(OPEN)
_PROGRESS = select(
    func.count(),
    func.count(case((Trial.state == "responded", 1))),
    func.count(case((_IS_OPEN, 1))),
    func.min(case((_IS_OPEN, Trial.trial_index))),
).where(Trial.session_id == bindparam("session"))


def new_session_id() -> str:
    """96 random bits, hexadecimal."""
    return secrets.token_hex(12)


def new_token(session_id: str) -> str:
    """A bearer token for a session, with 256 random bits."""
    return f"{session_id}.{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate(connection: Connection, token: str, *, lock: bool) -> SessionRow:
    """The session that a token belongs to; with ``lock``, nobody else changes it in the meantime.

    Raises ApiError 401: "superseded" if the session was opened again elsewhere, else "unauthorized".
    """
    match = TOKEN.match(token)
    if match is None:
        raise ApiError(401, "unauthorized", "This request carries no valid session token.")
    statement = _BY_TOKEN_LOCKED if lock else _BY_TOKEN
    row = connection.execute(statement, {"hash": hash_token(token)}).one_or_none()
    if row is not None:
        return SessionRow(*row)
    if connection.execute(select(Session.id).where(Session.id == match[1])).first() is None:
        raise ApiError(401, "unauthorized", "This request carries no valid session token.")
    raise ApiError(
        401,
        "superseded",
        "This study was opened again in another window; please go on there, or reload here.",
    )


def by_id(connection: Connection, session_id: str) -> SessionRow:
    """A session by its id."""
    return SessionRow(*connection.execute(select(*_COLUMNS).where(Session.id == session_id)).one())


def progress(connection: Connection, session_id: str) -> Progress:
    """Count a session's trials."""
    return Progress(*connection.execute(_PROGRESS, {"session": session_id}).one())


def standing(connection: Connection, session: SessionRow) -> Standing:
    """Where a session stands."""
    statement = (
        select(Study.name, Study.title, Participant.kind)
        .join(Participant, Participant.study_id == Study.id)
        .where(Participant.id == session.participant_id)
    )
    name, title, kind = connection.execute(statement).one()
    return Standing(session, name, title, kind, progress(connection, session.id))


def has_ended(session: SessionRow) -> ApiError:
    """The refusal of anything that would go on with a session that has ended."""
    if session.outcome == "abandoned":
        return conflict("session_abandoned", ABANDONED)
    return conflict("session_finished", "This session has ended; thank you for taking part.")


#: what a participant is told whose place was given back
ABANDONED = (
    "This session was left for so long that its place was given to someone else; thank you all the same."
)
