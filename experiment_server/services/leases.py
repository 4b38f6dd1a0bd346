"""Leases: what one process at a time may do, agreed on through the database.

A lease that is not renewed runs out, by PostgreSQL's clock or, with SQLite, by this machine's. Whoever
acts renews in the same transaction, which locks the lease's row: one who has lost it finds out before
anything is changed, however long its process was stopped.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from experiment_server.models import Lease
from experiment_server.models.base import UtcDateTime

#: the holder of a lease that nobody has
NOBODY = ""


class LostLeaseError(Exception):
    """Another process has taken the lease; nothing may be done under it."""


@dataclass(frozen=True)
class Claim:
    """One process's claim to a lease: its name, for how many seconds it is taken, and who takes it."""

    name: str
    seconds: float
    clock: Callable[[], datetime]
    holder: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def length(self) -> timedelta:
        """For how long it is taken."""
        return timedelta(seconds=self.seconds)


def take(connection: Connection, claim: Claim) -> bool:
    """Take the lease if nobody has it or it has run out; False if another process has it."""
    _make_sure_of(connection, claim)
    row = select(Lease.holder, Lease.until).where(Lease.name == claim.name)
    found = connection.execute(row.with_for_update(skip_locked=True)).one_or_none()
    now = _now(connection, claim)
    if found is None or not (found.holder in (NOBODY, claim.holder) or _has_run_out(found.until, now, claim)):
        return False
    values = {"holder": claim.holder, "until": now + claim.length, "generation": Lease.generation + 1}
    connection.execute(update(Lease).where(Lease.name == claim.name).values(values))
    return True


def _has_run_out(until: datetime, now: datetime, claim: Claim) -> bool:
    """One that lasts longer than it is taken for was taken before the clock was set back."""
    return not now < until <= now + claim.length


def _make_sure_of(connection: Connection, claim: Claim) -> None:
    """Add the lease's row if it was never taken before."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"name": claim.name, "holder": NOBODY, "until": _now(connection, claim), "generation": 0}
    connection.execute(insert(Lease).values(values).on_conflict_do_nothing())


def renew(connection: Connection, claim: Claim) -> None:
    """Lock the lease until this transaction ends, and keep it for its whole length from now.

    Raises LostLeaseError if another process has it. One that ran out and that nobody took is still ours.
    """
    until = _now(connection, claim) + claim.length
    statement = update(Lease).where(Lease.name == claim.name, Lease.holder == claim.holder)
    if connection.execute(statement.values(until=until)).rowcount != 1:
        raise LostLeaseError


def give_up(connection: Connection, claim: Claim) -> None:
    """Let others have the lease at once; one that is not ours is left alone."""
    statement = update(Lease).where(Lease.name == claim.name, Lease.holder == claim.holder)
    connection.execute(statement.values(holder=NOBODY, until=_now(connection, claim)))


def _now(connection: Connection, claim: Claim) -> datetime:
    """The time that everyone who wants this lease goes by."""
    if connection.dialect.name == "postgresql":
        return connection.execute(select(func.clock_timestamp(type_=UtcDateTime))).scalar_one()
    return claim.clock()
