"""The history of a session: appended to, never changed but for what its participant wants deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, bindparam, insert, update

from experiment_server.models import Event

_INSERT = insert(Event).inline()


def append(
    connection: Connection,
    session_id: str,
    kind: str,
    at: datetime,
    trial_id: int | None = None,
    **detail: Any,
) -> None:
    """Add one event; ``kind`` is one of ``models.event.EVENT_KINDS``."""
    values = {"session_id": session_id, "trial_id": trial_id, "kind": kind, "at": at, "detail": detail}
    connection.execute(_INSERT, values)


def forget(connection: Connection, session_id: str, kind: str) -> None:
    """Empty what a session's events of one kind say beside that they happened."""
    of_kind = update(Event).where(Event.session_id == session_id, Event.kind == kind)
    connection.execute(of_kind.values(detail={}))


def of_trial(kind: str) -> Insert:
    """A statement that adds an event about a trial; its parameters are ``session``, ``trial`` and ``now``."""
    about: dict[str, Any] = {
        "session_id": bindparam("session"),
        "trial_id": bindparam("trial"),
        "at": bindparam("now"),
    }
    return _INSERT.values(**about, kind=kind, detail={})
