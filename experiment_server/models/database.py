"""Reaching the database: engines, and the two kinds of transaction.

On SQLite every connection waits for a lock, enforces foreign keys and syncs each commit to disk;
a transaction that writes waits for its turn (see ``write_lock``) and begins with ``BEGIN IMMEDIATE``, so
that it never finds, half way, that it cannot have the lock. On PostgreSQL services lock the rows that they
need. A connection that has died is found by the first request that uses it, which may be sent again; the
others are then made anew.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    ExceptionContext,
    Insert,
    PoolProxiedConnection,
    Update,
    create_engine,
    event,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError, InterfaceError
from sqlalchemy.sql.compiler import SQLCompiler

from experiment_server.models.failures import advice_on, reason_of
from experiment_server.models.write_lock import WriteLock
from experiment_server.settings import Settings
from stimuli.errors import UserError
from stimuli.files import make_folder

#: how long a SQLite connection waits for another's write, milliseconds
SQLITE_BUSY_MS = 10_000
#: pages of SQLite's log at which a commit moves them into the database. It is SQLite's own number: with four
#: times as many the longest commit was no shorter, and a thread that moves them lets the log grow for ever.
CHECKPOINT_PAGES = 1_000
#: bytes that the log is cut to once a long read has made it larger
LOG_BYTES = 64 * 1024 * 1024
#: what each PostgreSQL connection asks for; times in milliseconds
POSTGRES_OPTIONS = (
    "-c timezone=utc -c synchronous_commit=on -c statement_timeout=15000 -c lock_timeout=10000 "
    "-c idle_in_transaction_session_timeout=30000"
)
#: when PostgreSQL is given up that cannot be reached: in seconds; tcp_user_timeout in milliseconds
POSTGRES_NETWORK = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
#: connections that one process may hold: its threads, and some to spare
POOL_SIZE = 10

#: errors of a SQLite database's file, as opposed to what is asked of it
FILE_ERRORS = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
)
#: PostgreSQL's "read_only_sql_transaction": a session keeps the default that it began with
READ_ONLY = "25006"

#: note on a connection that its next transaction writes, which SQLite asks for; SQLite's engines: their lock
WRITES = "interpscore_writes"
WRITE_LOCK = "interpscore_write_lock"


def connect(settings: Settings) -> Engine:
    """An engine for the settings' database. It opens no connection yet.

    Raises UserError if the data directory cannot be made, or PostgreSQL's driver is missing.
    """
    is_sqlite = make_url(settings.url).get_backend_name() == "sqlite"
    engine = _sqlite(settings.url) if is_sqlite else _postgres(settings.url)
    event.listen(engine, "handle_error", _connect_anew)
    return engine


def _postgres(url: str) -> Engine:
    try:
        return create_engine(
            url,
            hide_parameters=True,
            connect_args={"options": POSTGRES_OPTIONS, **POSTGRES_NETWORK},
            pool_size=POOL_SIZE,
        )
    except ModuleNotFoundError as error:
        raise UserError(
            "PostgreSQL needs the package psycopg; install it with: pip install 'interpscore[postgres]'"
        ) from error


def _sqlite(url: str) -> Engine:
    path = Path(make_url(url).database or "")
    if not path.parent.is_dir():
        make_folder(path.parent, private=True)
    options = {WRITE_LOCK: WriteLock(Path(f"{path}-lock"))}
    engine = create_engine(url, pool_size=POOL_SIZE, hide_parameters=True, execution_options=options)
    event.listen(engine, "do_connect", _refuse_read_only)
    event.listen(engine, "do_connect", _make_private_file)
    event.listen(engine, "connect", _prepare_connection)
    engine.dialect.do_begin = _begin  # type: ignore[assignment, method-assign]
    return engine


def _refuse_read_only(_dialect: Any, _record: Any, arguments: Sequence[str], _options: Any) -> None:
    """Refuse a file that may not be written to: the process would keep it read-only when it no longer is."""
    for path in (Path(arguments[0] + end) for end in ("", "-wal", "-shm")):
        if path.exists() and not os.access(path, os.W_OK):
            raise sqlite3.OperationalError("attempt to write a readonly database")


def _make_private_file(_dialect: Any, _record: Any, arguments: Sequence[str], _options: Any) -> None:
    """Let a new database be readable by its owner only; SQLite's own files beside it take after it.

    It is linked into place, for to open and close a file that SQLite has open would drop its locks. Where
    that cannot be done, SQLite says why when it opens the file.
    """
    path = Path(arguments[0])
    if path.exists():
        return
    with suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        os.close(handle)
        try:
            os.link(temporary, path)
        finally:
            Path(temporary).unlink()


def _prepare_connection(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")


def _begin(connection: PoolProxiedConnection) -> None:
    """Begin a transaction; without SQLAlchemy's event for it, which makes each statement a tenth slower."""
    writes = connection.info.pop(WRITES, False)
    connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _connect_anew(context: ExceptionContext) -> None:
    """Give up all connections after an error that a connection may keep when its cause is gone."""
    error = context.original_exception
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in FILE_ERRORS or getattr(error, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is durable when the block ends, or none of it happened."""
    with engine.connect() as connection, _turn_to_write(engine):
        connection.info[WRITES] = True
        with connection.begin():
            yield connection


def _turn_to_write(engine: Engine) -> AbstractContextManager[None]:
    lock: WriteLock | None = engine.get_execution_options().get(WRITE_LOCK)
    return nullcontext() if lock is None else lock.held(SQLITE_BUSY_MS / 1000)


class Writes:
    """Statements that write, run together because none of them reads what another one writes.

    PostgreSQL gets them as one, for each statement costs it a round trip; SQLite gets them one by one. They
    are compiled once, parameters and all: SQLAlchemy's own cache would cost as much again as the writing.
    """

    def __init__(self, *statements: Insert | Update) -> None:
        self._statements = statements
        self._compiled: dict[str, list[_Compiled]] = {}

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Run all of them with the same parameters."""
        dialect = connection.dialect
        if dialect.name not in self._compiled:
            self._compiled[dialect.name] = [_Compiled(one, dialect) for one in self._for(dialect)]
        for one in self._compiled[dialect.name]:
            connection.exec_driver_sql(one.sql, one.parameters(values))

    def _for(self, dialect: Dialect) -> Sequence[Insert | Update]:
        if dialect.name != "postgresql":
            return self._statements
        *others, last = self._statements
        return [last.add_cte(*(one.cte(f"write_{number}") for number, one in enumerate(others)))]


class _Compiled:
    """A statement as its driver takes it."""

    def __init__(self, statement: Insert | Update, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=[])
        assert isinstance(compiled, SQLCompiler)
        self.sql = compiled.string
        self._places = compiled.positiontup
        self._constants: dict[str, Any] = {}
        self._givens: dict[str, Callable[[Any], Any]] = {}
        for parameter, name in compiled.bind_names.items():
            process = parameter.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is
            if parameter.required:
                self._givens[name] = process
            else:
                self._constants[name] = process(parameter.value)

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """What the driver is to send: a tuple where it wants them in their places, else by name."""
        sent = {name: process(values[name]) for name, process in self._givens.items()}
        sent.update(self._constants)
        return sent if self._places is None else tuple([sent[name] for name in self._places])


def _as_it_is(value: Any) -> Any:
    return value


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
    except (DatabaseError, InterfaceError, sqlite3.Error) as error:
        where = make_url(settings.url).render_as_string(hide_password=True)
        reason = reason_of(error)
        raise UserError(f"the database {where} does not answer ({reason}); {advice_on(reason)}") from error
