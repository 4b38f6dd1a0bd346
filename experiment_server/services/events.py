"""The history of a session: appended to, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from experiment_server.models import Event

_INSERT = insert(Event)


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
