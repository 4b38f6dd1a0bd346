"""Leases: which process may do what only one may do."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from experiment_server.models.base import Base, UtcDateTime


class Lease(Base):
    """One thing that one process at a time may do, and who it is."""

    __tablename__ = "lease"

    #: what is leased
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    #: who holds it: random, new at each start of a process
    holder: Mapped[str] = mapped_column(String(32))
    #: when others may take it, by the database's clock
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    #: how often it changed hands
    generation: Mapped[int]
