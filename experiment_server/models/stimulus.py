"""The stimuli of a study."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, one_of

KINDS = ("practice", "test", "catch")


class Stimulus(Base):
    """One rendered picture that a study may show, and how often it was given out."""

    __tablename__ = "stimulus"
    __table_args__ = (
        UniqueConstraint("study_id", "stimulus"),
        Index(None, "condition_id"),
        one_of("kind", KINDS),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    study_id: Mapped[int] = mapped_column(Key, ForeignKey("study.id"))
    #: its id in the manifest
    stimulus: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(64))
    concept: Mapped[str] = mapped_column(Text)
    #: sources of one cluster are not independent (one artist's hand, for instance)
    cluster: Mapped[str] = mapped_column(Text)
    condition_id: Mapped[int] = mapped_column(Key, ForeignKey("study_condition.id"))
    #: also the name of the file in the data directory's ``images``
    image_sha256: Mapped[str] = mapped_column(String(64))
    #: pixels
    width: Mapped[int]
    #: pixels
    height: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    #: trials that hold or used it; those of abandoned and withdrawn participants count only if answered
    assigned_count: Mapped[int] = mapped_column(default=0)
