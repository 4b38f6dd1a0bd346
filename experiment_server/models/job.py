"""Jobs: exports, reports and scorings that the worker runs, each as a process of its own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime, one_of

JOB_KINDS = ("export", "report", "score")
JOB_STATES = ("queued", "running", "done", "failed")


class Job(Base):
    """A ``manage.py`` command that waits, runs, or has ended. Its output is in the data directory."""

    __tablename__ = "job"
    __table_args__ = (Index(None, "state", "id"), one_of("kind", JOB_KINDS), one_of("state", JOB_STATES))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    #: the command
    kind: Mapped[str] = mapped_column(String(16))
    #: what stands after the command, without the output's place
    arguments: Mapped[list[str]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16))
    #: how often it was begun; more than one if a worker died while it ran
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: of the last attempt; NULL while it waits for its first
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: NULL until it is done or has failed
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: the command's one sentence; NULL unless it failed
    error: Mapped[str | None] = mapped_column(Text)
