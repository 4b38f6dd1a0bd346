"""Trials: what one session was given to name, in order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime, one_of
from experiment_server.models.stimulus import KINDS
from experiment_server.trials.state import STATES


class Trial(Base):
    """One stimulus at one place of a session's order. Allocated all at once, at consent.

    An adaptive trial gets another stimulus of its source before it is first offered, and never after.
    """

    __tablename__ = "trial"
    __table_args__ = (
        UniqueConstraint("session_id", "trial_index"),
        Index(None, "stimulus_id"),
        one_of("kind", KINDS),
        one_of("state", STATES),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    #: opaque and unguessable; the browser knows the trial by it
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"))
    #: 0 is the session's first trial, practice included
    trial_index: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    #: of an adaptive trial without ``chosen_at``, one that stands in for its source, and was not shown
    stimulus_id: Mapped[int] = mapped_column(Key, ForeignKey("stimulus.id"))
    #: place in the definition's list of masks; NULL if the study shows no mask
    mask: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(16))
    #: when the browser said that it had shown the picture; NULL if it never said so
    presented_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: when earlier answers chose its severity; NULL if it is not adaptive, was never offered, or is forgotten
    chosen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
