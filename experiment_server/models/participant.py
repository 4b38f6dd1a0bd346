"""Participants, by pseudonym only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime, one_of

PARTICIPANT_KINDS = ("prolific", "visitor")


class Participant(Base):
    """Someone in one study. Who that is stands in ``identity`` and nowhere else."""

    __tablename__ = "participant"
    __table_args__ = (UniqueConstraint("study_id", "pseudonym"), one_of("kind", PARTICIPANT_KINDS))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    #: "P-" and eight random hexadecimal digits
    pseudonym: Mapped[str] = mapped_column(String(16))
    study_id: Mapped[int] = mapped_column(Key, ForeignKey("study.id"))
    kind: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
