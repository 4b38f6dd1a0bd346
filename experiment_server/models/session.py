"""Sessions: one sitting of one participant."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime, one_of

PHASES = ("consent", "trials", "debrief", "finished")
OUTCOMES = ("completed", "no_consent", "withdrawn", "abandoned")


class Session(Base):
    """How far a participant is, and how it ended."""

    __tablename__ = "session"
    __table_args__ = (
        Index(None, "study_id", "outcome", "last_seen_at"),
        one_of("phase", PHASES),
        one_of("outcome", OUTCOMES),
    )

    #: opaque; participants' browsers see it
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    participant_id: Mapped[int] = mapped_column(Key, ForeignKey("participant.id"), index=True)
    study_id: Mapped[int] = mapped_column(Key, ForeignKey("study.id"))
    #: of the bearer token in force; the token itself is stored nowhere
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    phase: Mapped[str] = mapped_column(String(16))
    #: NULL while the session goes on
    outcome: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: NULL before consent, and for good if it was not given
    consented_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: the last thing that the participant did (arrive, consent, look at or answer a trial)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: NULL while the session goes on
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: of this session's allocation, order and shuffled alternatives
    seed: Mapped[int] = mapped_column(BigInteger)
    #: practice trials that were not needed any more once the practice went well
    skipped: Mapped[int] = mapped_column(server_default="0")
    #: requests that the token may still make at ``allowance_at``; NULL if it has made none yet
    allowance: Mapped[float | None]
    #: when ``allowance`` was counted; NULL if it was not yet
    allowance_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
