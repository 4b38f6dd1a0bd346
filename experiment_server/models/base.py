"""What every table shares: naming of constraints, integer keys, UTC times."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Dialect, Double, Integer, MetaData
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

#: so that migrations on both backends call a constraint by the same name
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: 64 bits everywhere; SQLite numbers its rows by itself only in a column declared INTEGER
Key = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: aware in Python, ``timestamptz`` on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a time without a zone, which could mean anything; store the rest as UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time must say its zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The one registry of tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double()}

    metadata = MetaData(naming_convention=NAMES)


def one_of(column: str, allowed: tuple[str, ...], **options: Any) -> CheckConstraint:
    """A check that a text column holds one of a few words (or NULL, where the column allows it)."""
    words = ", ".join(f"'{word}'" for word in allowed)
    return CheckConstraint(f"{column} IN ({words})", name=column, **options)
