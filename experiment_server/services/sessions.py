"""Finding a session by its token, what its token may still do, and where it stands."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select, update

from experiment_server.errors import ApiError, conflict
from experiment_server.models import Participant, Record, Session, Study, Trial
from experiment_server.services import allowance
from experiment_server.services.allowance import Allowance
from experiment_server.trials.state import OPEN

#: a token is the session's id, a point, and 256 random bits
TOKEN = re.compile(r"([0-9a-f]{24})\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class Bearer:
    """Who asks: a session's token, and how many requests it may make a minute.

    Raises ApiError 401 "unauthorized" for what cannot be a token, before any database is asked.
    """

    #: a secret: not shown where the object is printed
    token: str = field(repr=False)
    requests_per_minute: int

    def __post_init__(self) -> None:
        if TOKEN.fullmatch(self.token) is None:
            raise unauthorized()

    @property
    def session_id(self) -> str:
        """The session that the token is, or was, of."""
        return self.token.partition(".")[0]

    @property
    def sha256(self) -> str:
        """What is stored of the token."""
        return hash_token(self.token)


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
    """How many trials a session has, have a response, and wait for one; the next one's index.

    Practice trials that were not needed any more are not counted.
    """

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
    rehearsal: bool
    kind: str
    progress: Progress
    #: kind and name of what is recorded already
    done: tuple[tuple[str, str], ...]
    #: what the calibration measured; None if it did not take place
    calibration: dict[str, Any] | None


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
_BY_TOKEN_LOCKED = _BY_TOKEN.add_columns(Session.allowance, Session.allowance_at).with_for_update(
    key_share=True
)
_SPEND = (
    update(Session)
    .where(Session.id == bindparam("session"))
    .values(allowance=bindparam("left"), allowance_at=bindparam("counted"))
)
_IS_OPEN = Trial.state.in_(OPEN)
_SKIPPED = select(Session.skipped).where(Session.id == bindparam("session")).scalar_subquery()
_PROGRESS = select(
    func.count() - func.coalesce(_SKIPPED, 0),
    func.count(case((Trial.state == "responded", 1))),
    func.count(case((_IS_OPEN, 1))),
    func.min(case((_IS_OPEN, Trial.trial_index))),
).where(Trial.session_id == bindparam("session"))

_RECORDS = (
    select(Record.kind, Record.name, Record.data)
    .where(Record.session_id == bindparam("session"))
    .order_by(Record.id)
)


def new_session_id() -> str:
    """96 random bits, hexadecimal."""
    return secrets.token_hex(12)


def new_token(session_id: str) -> str:
    """A bearer token for a session, with 256 random bits."""
    return f"{session_id}.{secrets.token_urlsafe(32)}"


def hash_token(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate(connection: Connection, bearer: Bearer, now: datetime) -> SessionRow:
    """The session that a token belongs to, locked, and one request taken from its allowance.

    Nobody else changes the session until this transaction ends, which must be one that writes. Raises
    ApiError 401 (see ``refusal``), and 429 "too_many_requests" if nothing is left, which changes nothing.
    """
    row = connection.execute(_BY_TOKEN_LOCKED, {"hash": bearer.sha256}).one_or_none()
    if row is None:
        raise refusal(connection, bearer)
    *columns, left, at = row
    session = SessionRow(*columns)
    spent(connection, session.id, spend(left, at, bearer.requests_per_minute, now))
    return session


def find(connection: Connection, bearer: Bearer) -> SessionRow:
    """The session that a token belongs to, neither locked nor counted: for what must lock its study first.

    Raises ApiError 401 (see ``refusal``).
    """
    row = connection.execute(_BY_TOKEN, {"hash": bearer.sha256}).one_or_none()
    if row is None:
        raise refusal(connection, bearer)
    return SessionRow(*row)


def spend(left: float | None, at: datetime | None, per_minute: int, now: datetime) -> Allowance:
    """What an allowance is after one more request; nothing is stored. Raises ApiError 429."""
    before = None if left is None or at is None else Allowance(left, at)
    after = allowance.spend(before, now, per_minute)
    if isinstance(after, Allowance):
        return after
    raise allowance.exhausted(
        "too_many_requests", "This session made too many requests; please wait a moment.", after
    )


def spent(connection: Connection, session_id: str, after: Allowance) -> None:
    """Store what is left of a session's allowance."""
    connection.execute(_SPEND, {"session": session_id, "left": after.left, "counted": after.at})


def seen(connection: Connection, session_id: str, now: datetime) -> None:
    """Note that the participant did something."""
    connection.execute(update(Session).where(Session.id == session_id).values(last_seen_at=now))


def refusal(connection: Connection, bearer: Bearer) -> ApiError:
    """Why a token is not in force: "superseded" if its session was opened again, else "unauthorized"."""
    if connection.execute(select(Session.id).where(Session.id == bearer.session_id)).first() is None:
        return unauthorized()
    return ApiError(
        401,
        "superseded",
        "This study was opened again in another window; please go on there, or reload here.",
    )


def unauthorized() -> ApiError:
    """The request's token is none, or of no session."""
    return ApiError(401, "unauthorized", "This request carries no valid session token.")


def by_id(connection: Connection, session_id: str) -> SessionRow:
    """A session by its id."""
    return SessionRow(*connection.execute(select(*_COLUMNS).where(Session.id == session_id)).one())


def progress(connection: Connection, session_id: str) -> Progress:
    """Count a session's trials."""
    return Progress(*connection.execute(_PROGRESS, {"session": session_id}).one())


def standing(connection: Connection, session: SessionRow) -> Standing:
    """Where a session stands."""
    statement = (
        select(Study.name, Study.title, Study.rehearsal, Participant.kind)
        .join(Participant, Participant.study_id == Study.id)
        .where(Participant.id == session.participant_id)
    )
    about = connection.execute(statement).one()
    kept = connection.execute(_RECORDS, {"session": session.id}).all()
    calibration = next((data for kind, _, data in kept if kind == "calibration"), None)
    done = tuple((kind, "" if _passed(kind, data) else name) for kind, name, data in kept)
    return Standing(session, *about, progress(connection, session.id), done, calibration)


def _passed(kind: str, data: dict[str, Any]) -> bool:
    """Whether a record is the attempt that passed the comprehension check: the whole check is then done."""
    return kind == "comprehension" and bool(data["passed"])


def has_ended(outcome: str | None) -> ApiError:
    """The refusal of anything that would go on with a session that has ended in this way."""
    if outcome == "abandoned":
        return conflict("session_abandoned", ABANDONED)
    return conflict("session_finished", "This session has ended; thank you for taking part.")


#: what a participant is told whose place was given back
ABANDONED = (
    "This session was left for so long that its place was given to someone else; thank you all the same."
)
