"""Records: what the page asks and measures beside the trials."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime, one_of

RECORD_KINDS = ("warning", "calibration", "comprehension", "instructed", "break", "questionnaire")


class Record(Base):
    """The first answer of a session to one item; a later one of the same kind and name changes nothing."""

    __tablename__ = "record"
    __table_args__ = (
        UniqueConstraint("session_id", "kind", "name"),
        one_of("kind", RECORD_KINDS),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"))
    #: chosen by the browser, so that sending again stores nothing twice
    record_uuid: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    #: which item of its kind; empty where there is one only
    name: Mapped[str] = mapped_column(String(40))
    #: what was answered and measured, at most 16,000 bytes of JSON
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
