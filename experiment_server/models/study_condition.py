"""The conditions that a study shows, each with its level and role."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, one_of

ROLES = ("clean", "invariant", "adversarial", "dream")


class StudyCondition(Base):
    """A perturbation at a severity, as one study uses it."""

    __tablename__ = "study_condition"
    __table_args__ = (UniqueConstraint("study_id", "level"), one_of("role", ROLES))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    study_id: Mapped[int] = mapped_column(Key, ForeignKey("study.id"))
    perturbation: Mapped[str] = mapped_column(String(64))
    #: in ``severity_unit``; 0.0 for the clean condition
    severity: Mapped[float]
    #: the empty string for the clean condition
    severity_unit: Mapped[str] = mapped_column(String(64))
    level: Mapped[int]
    role: Mapped[str] = mapped_column(String(16))
