"""What the page asked and measured beside the trials: warnings, calibration, checks, questionnaire."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from experiment_server.design.definition import Definition
from experiment_server.errors import ApiError, conflict
from experiment_server.models import Record
from experiment_server.services import events, sessions
from experiment_server.services.sessions import Bearer, SessionRow
from experiment_server.services.studies import Catalogue


@dataclass(frozen=True)
class NewRecord:
    """A record that the browser sends."""

    uuid: str
    kind: str
    name: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Attempt:
    """How one attempt at the comprehension check went; ``wrong``: names of questions."""

    passed: bool
    wrong: list[str]
    number: int
    left: int


def add(
    connection: Connection, catalogue: Catalogue, bearer: Bearer, record: NewRecord, now: datetime
) -> bool:
    """Store a record; False if this session has one of its kind and name, which stands.

    Raises ApiError 404 "no_such_item", 409 "no_consent_yet", "session_finished", "session_abandoned" or
    "uuid_in_use".
    """
    session = _going_on(connection, bearer, now)
    if not _is_asked(catalogue.definition(connection, session.study_id), record):
        raise ApiError(404, "no_such_item", "This study has no such item.")
    return _store(connection, session, record, now)


def _going_on(connection: Connection, bearer: Bearer, now: datetime) -> SessionRow:
    session = sessions.authenticate(connection, bearer, now)
    if session.phase == "finished":
        raise sessions.has_ended(session.outcome)
    if session.phase == "consent":
        raise conflict("no_consent_yet", "Nothing is recorded before you have agreed to take part.")
    return session


def _is_asked(definition: Definition, record: NewRecord) -> bool:
    """Whether the study has this item, so that nobody fills the database with others."""
    design = definition.design
    names: dict[str, Collection[str]] = {
        "break": definition.breaks,
        "instructed": {name for name, _ in definition.instructed},
        "warning": [""] * definition.warns,
        "calibration": [""] * design.calibration.card,
        "questionnaire": [""] * bool(design.questionnaire.names),
    }
    return record.name in names[record.kind]


def _store(connection: Connection, session: SessionRow, record: NewRecord, now: datetime) -> bool:
    """The session is locked, so that nobody stores the same item in between."""
    there = select(Record.id).where(
        Record.session_id == session.id, Record.kind == record.kind, Record.name == record.name
    )
    if connection.execute(there).first() is not None:
        return False
    taken = select(Record.id).where(Record.record_uuid == record.uuid)
    if connection.execute(taken).first() is not None:
        raise conflict("uuid_in_use", "This UUID belongs to another record.")
    values = {
        "session_id": session.id,
        "record_uuid": record.uuid,
        "kind": record.kind,
        "name": record.name,
        "data": record.data,
        "received_at": now,
    }
    connection.execute(insert(Record).values(values))
    sessions.seen(connection, session.id, now)
    item = f"{record.kind}/{record.name}" if record.name else record.kind
    events.append(connection, session.id, "recorded", now, item=item)
    return True


def comprehend(
    connection: Connection,
    catalogue: Catalogue,
    bearer: Bearer,
    uuid: str,
    answers: dict[str, str],
    now: datetime,
) -> Attempt:
    """Judge an attempt at the questions about the instructions, and store it.

    An attempt that is sent again is not counted again; once passed, or when no attempt is left, nothing
    more is stored. Raises ApiError as ``add`` does, and 404 "no_such_item" if the study asks no questions.
    """
    session = _going_on(connection, bearer, now)
    definition = catalogue.definition(connection, session.study_id)
    right = definition.comprehension
    if not right:
        raise ApiError(404, "no_such_item", "This study asks no questions about the instructions.")
    before = of_kind(connection, session.id, "comprehension")
    allowed = definition.design.comprehension.attempts
    again = next((one for one in before if one.record_uuid == uuid), None)
    if again is None and (len(before) >= allowed or any(one.data["passed"] for one in before)):
        again = before[-1]
    if again is not None:
        return _attempt(again.data, int(again.name), len(before), allowed)
    wrong = [name for name, answer in right.items() if answers.get(name) != answer]
    data = {"answers": answers, "wrong": wrong, "passed": not wrong}
    number = len(before) + 1
    _store(connection, session, NewRecord(uuid, "comprehension", str(number), data), now)
    return _attempt(data, number, number, allowed)


def _attempt(data: dict[str, Any], number: int, made: int, allowed: int) -> Attempt:
    return Attempt(data["passed"], data["wrong"], number, 0 if data["passed"] else max(0, allowed - made))


@dataclass(frozen=True)
class Kept:
    """A stored record."""

    record_uuid: str
    kind: str
    name: str
    data: dict[str, Any]


def of_session(connection: Connection, session_id: str) -> list[Kept]:
    """A session's records, in the order in which they came."""
    columns = select(Record.record_uuid, Record.kind, Record.name, Record.data)
    found = connection.execute(columns.where(Record.session_id == session_id).order_by(Record.id))
    return [Kept(*row) for row in found]


def of_kind(connection: Connection, session_id: str, kind: str) -> list[Kept]:
    """A session's records of one kind."""
    return [one for one in of_session(connection, session_id) if one.kind == kind]


def erase(connection: Connection, session_id: str) -> None:
    """Delete a session's records."""
    connection.execute(delete(Record).where(Record.session_id == session_id))
