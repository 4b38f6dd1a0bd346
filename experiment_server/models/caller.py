"""Callers: addresses that arrivals come from, so that nobody takes all places of a study at once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, UtcDateTime


class Caller(Base):
    """An address and how many arrivals it may still make. The worker deletes those that are full again."""

    __tablename__ = "caller"

    #: HMAC-SHA256 under the installation's secret key of the address; the address itself is stored nowhere
    address_hmac: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: arrivals that it may still make at ``allowance_at``
    allowance: Mapped[float]
    allowance_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
