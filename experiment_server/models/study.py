"""A study: one frozen definition that participants take part in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime, one_of

STUDY_STATUSES = ("open", "closed")


class Study(Base):
    """One study, as it was frozen when it was created."""

    __tablename__ = "study"
    __table_args__ = (one_of("status", STUDY_STATUSES),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    #: the slug in the participants' link
    name: Mapped[str] = mapped_column(String(63), unique=True)
    title: Mapped[str] = mapped_column(Text)
    #: canonical JSON of everything that was frozen (see design/freeze.py); never changed
    definition: Mapped[str] = mapped_column(Text)
    #: SHA-256 of ``definition`` in UTF-8, 64 hexadecimal digits
    sha256: Mapped[str] = mapped_column(String(64))
    #: the seed of the study file; every session's seed is drawn from it
    seed: Mapped[int] = mapped_column(BigInteger)
    #: participants wanted
    places: Mapped[int]
    #: "open" takes new participants, "closed" does not: a draft, or a study that has ended
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: when it was first opened to participants; NULL for a draft
    launched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: it was opened to be tried out, without what a launch asks for; its responses are no data
    rehearsal: Mapped[bool] = mapped_column(server_default=false())
    format_version: Mapped[int]
