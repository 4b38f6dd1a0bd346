"""Reaching the database: engines, and the two kinds of transaction.

On SQLite every connection waits for a lock, enforces foreign keys and syncs each commit to disk;
a transaction that writes begins with ``BEGIN IMMEDIATE``, so that it never finds, half way, that it
cannot have the lock. On PostgreSQL services lock the rows that they need.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from experiment_server.settings import Settings
from stimuli.errors import UserError
from stimuli.files import make_folder

#: how long a SQLite connection waits for another's write, milliseconds
SQLITE_BUSY_MS = 10_000
#: what each PostgreSQL connection asks for; times in milliseconds
POSTGRES_OPTIONS = (
    "-c timezone=utc -c synchronous_commit=on -c statement_timeout=15000 -c lock_timeout=10000 "
    "-c idle_in_transaction_session_timeout=30000"
)
#: connections that one process may hold: its threads, and some to spare
POOL_SIZE = 10

WRITES = "interpscore_writes"


def connect(settings: Settings) -> Engine:
    """An engine for the settings' database. It opens no connection yet.

    Raises UserError if the data directory cannot be written to, or PostgreSQL's driver is missing.
    """
    url = make_url(settings.url)
    if url.get_backend_name() == "sqlite":
        make_folder(Path(url.database or "").parent)
        return _sqlite(settings.url)
    try:
        return create_engine(
            settings.url,
            hide_parameters=True,
            connect_args={"options": POSTGRES_OPTIONS, "connect_timeout": 10},
            pool_size=POOL_SIZE,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise UserError(
            "PostgreSQL needs the package psycopg; install it with: pip install 'interpscore[postgres]'"
        ) from error


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, pool_size=POOL_SIZE, hide_parameters=True)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_connection(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is durable when the block ends, or none of it happened."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        yield connection


def set_wal(engine: Engine) -> None:
    """Make SQLite keep a write-ahead log. It is a property of the file: set once, before any server forks.

    Raises UserError if the file system cannot do it.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    finally:
        connection.close()
    if mode != "wal":
        raise UserError(
            f"the file system of {engine.url.database} has no write-ahead log; "
            "choose a data directory on a local disk"
        )


@contextmanager
def explaining(settings: Settings) -> Iterator[None]:
    """Turn a database that cannot be reached, or is not set up, into one sentence for a command's user."""
    try:
        yield
    except OperationalError as error:
        where = make_url(settings.url).render_as_string(hide_password=True)
        reason = str(error.orig).strip().splitlines()[0]
        raise UserError(
            f"the database {where} does not answer ({reason}); check that it runs and that you may use it"
        ) from error
