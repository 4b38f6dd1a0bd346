"""Who a participant is: the only table with Prolific IDs."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key


class Identity(Base):
    """Links a participant to the one who arrived. Never exported, never logged.

    Where the installation has an identity key, the IDs are stored encrypted (see services/identities.py).
    """

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("study_id", "hmac"),)

    participant_id: Mapped[int] = mapped_column(
        Key, ForeignKey("participant.id"), primary_key=True, autoincrement=False
    )
    study_id: Mapped[int] = mapped_column(Key, ForeignKey("study.id"))
    #: HMAC-SHA256 under the installation's secret key of the Prolific ID or the visitor's UUID
    hmac: Mapped[str] = mapped_column(String(64))
    #: NULL for a visitor
    prolific_pid: Mapped[str | None] = mapped_column(Text)
    #: Prolific's STUDY_ID; NULL for a visitor, or if the link did not carry it
    prolific_study_id: Mapped[str | None] = mapped_column(Text)
    #: Prolific's SESSION_ID (its submission); NULL for a visitor, or if the link did not carry it
    prolific_session_id: Mapped[str | None] = mapped_column(Text)
