"""Responses, raw, as they were given."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, Key, UtcDateTime


class Response(Base):
    """The one answer to a trial. Judgements of it are computed elsewhere and can be computed again."""

    __tablename__ = "response"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    trial_id: Mapped[int] = mapped_column(Key, ForeignKey("trial.id"), unique=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("session.id"), index=True)
    #: chosen by the browser, so that sending again stores nothing twice
    response_uuid: Mapped[str] = mapped_column(String(36), unique=True)
    #: exactly what was typed or chosen; empty if "I don't know" was chosen
    response: Mapped[str] = mapped_column(Text)
    dont_know: Mapped[bool]
    #: from the picture's first frame to the answer's submission, milliseconds
    rt_ms: Mapped[float]
    #: from the picture's first frame to the first key; NULL if no key was pressed or it was not measured
    rt_first_key_ms: Mapped[float | None]
    #: NULL if the browser could not measure it
    exposure_measured_ms: Mapped[float | None]
    #: usual time between two frames, milliseconds; NULL if it was not measured
    frame_interval_ms: Mapped[float | None]
    #: frames that came late while the picture was shown; NULL if they were not counted
    dropped_frames: Mapped[int | None]
    #: the picture had been shown before (a reload in the middle of the trial)
    presented_again: Mapped[bool]
    #: the page's clock when the picture's first frame was due, ms since the page began; NULL if not measured
    onset_ms: Mapped[float | None]
    #: the same for the first frame without it; NULL if not measured
    offset_ms: Mapped[float | None]
    #: frames for which the picture was shown; NULL if they were not counted
    exposure_frames: Mapped[int | None]
    #: what was wrong with the presentation, words joined by blanks, empty for nothing; NULL if not measured
    timing_flags: Mapped[str | None] = mapped_column(String(200))
    #: from 1, a guess, to the study's number of levels; NULL if it was not asked or not known
    confidence: Mapped[int | None]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: what else the browser measured, at most 2000 bytes of JSON; an empty object if nothing
    client: Mapped[dict[str, Any]] = mapped_column(JSON)
