"""Arrivals: how many new sessions one address may open, so that nobody takes a study's places at once."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from sqlalchemy import Connection, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from experiment_server.models import Caller
from experiment_server.services.allowance import DISORDER, Allowance, exhausted, spend

#: after so long every allowance is full again, whatever its size
FILLED = timedelta(minutes=1)
#: addresses that one transaction forgets at most
BATCH = 500
#: the part of an IPv6 address that its network's operator gives: a household has all that begin with it
NETWORK_BITS = 64
#: what stands for an address that cannot be read, as a proxy may send it
UNKNOWN = "unknown"

_SPENT = update(Caller).where(Caller.address_hmac == bindparam("caller"))


def count(connection: Connection, key: bytes, address: str | None, per_minute: int, now: datetime) -> None:
    """Count a new session of an address; ``key`` is the installation's secret.

    Raises ApiError 429 "too_many_arrivals" for one too many; the session must then not be opened.
    """
    caller = hmac.new(key, f"address:{network(address)}".encode(), hashlib.sha256).hexdigest()
    found = spend(_locked(connection, caller, per_minute, now), now, per_minute)
    if not isinstance(found, Allowance):
        message = "Too many people are arriving from where you are; please try again in a moment."
        raise exhausted("too_many_arrivals", message, found)
    connection.execute(_SPENT, {"caller": caller, "allowance": found.left, "allowance_at": found.at})


def _locked(connection: Connection, caller: str, per_minute: int, now: datetime) -> Allowance:
    """What an address may do, nobody else's to count until this transaction ends; a new one has it all."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    new = insert(Caller).values(address_hmac=caller, allowance=per_minute, allowance_at=now)
    kept = new.on_conflict_do_update(index_elements=["address_hmac"], set_={"allowance": Caller.allowance})
    row = connection.execute(kept.returning(Caller.allowance, Caller.allowance_at)).one()
    return Allowance(row.allowance, row.allowance_at)


def forget_full(connection: Connection, now: datetime) -> None:
    """Delete some addresses that may make all arrivals again, as if they had made none."""
    full = or_(Caller.allowance_at <= now - FILLED, Caller.allowance_at > now + DISORDER)
    some = select(Caller.address_hmac).where(full).limit(BATCH)
    connection.execute(delete(Caller).where(Caller.address_hmac.in_(some), full))


def network(address: str | None) -> str:
    """The one whom an address belongs to: itself, and for IPv6 its first 64 bits.

    >>> network("192.0.2.7:51234"), network("::ffff:192.0.2.7"), network("2001:db8:1:2:3::4")
    ('192.0.2.7', '192.0.2.7', '2001:db8:1:2::')
    """
    text = address or ""
    for candidate in (text, _host_of(text)):
        try:
            found = ip_address(candidate)
        except ValueError:
            continue
        if not isinstance(found, IPv6Address):
            return str(found)
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> NETWORK_BITS << NETWORK_BITS))
    return UNKNOWN


def _host_of(text: str) -> str:
    """An address without the port that some proxies add to it."""
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""
