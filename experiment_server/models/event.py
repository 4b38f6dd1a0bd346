"""Events: what happened to a session, in order, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime

EVENT_KINDS = (
    "arrived",
    "resumed",
    "consented",
    "refused",
    "presented",
    "responded",
    "recorded",
    "practised",
    "debriefed",
    "completed",
    "withdrew",
    "erased",
    "abandoned",
)


class Event(Base):
    """One line of a session's history."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "session_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"))
    #: NULL if it is about the session and not about one trial
    trial_id: Mapped[int | None] = mapped_column(Key, ForeignKey("trial.id"))
    #: one of EVENT_KINDS
    kind: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: an empty object if there is nothing to add
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)
