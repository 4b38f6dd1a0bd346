"""Exclusions: recorded judgements that keep a participant out of the analysis."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime


class Exclusion(Base):
    """Why a participant's trials do not count. Pay has nothing to do with it."""

    __tablename__ = "exclusion"
    __table_args__ = (UniqueConstraint("participant_id", "rule"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    participant_id: Mapped[int] = mapped_column(Key, ForeignKey("participant.id"))
    #: a flag that the study's file excludes by, or "manual"
    rule: Mapped[str] = mapped_column(String(40))
    #: of the rule
    version: Mapped[str] = mapped_column(String(40))
    #: the numbers behind it, or a person's reason
    evidence: Mapped[dict[str, Any]] = mapped_column(JSON)
    #: "study file" for a rule that was frozen before the data, otherwise who decided
    decided_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
