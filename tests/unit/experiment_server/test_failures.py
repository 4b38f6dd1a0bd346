"""What is said about a database that cannot."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from experiment_server.models.failures import ADVICE, USUAL_ADVICE, advice_on, is_damaged, reason_of

DAMAGED, FULL, READ_ONLY, FAILING, ABSENT, IN_USE = (advice for _, advice in ADVICE)

#: what SQLite, PostgreSQL and the system say, and what to do about it
SAID = {
    "database disk image is malformed": DAMAGED,
    "file is not a database": DAMAGED,
    "invalid page in block 3 of relation base/5/16384": DAMAGED,
    "database or disk is full": FULL,
    'could not extend file "base/5/16384": No space left on device': FULL,
    "attempt to write a readonly database": READ_ONLY,
    "cannot execute INSERT in a read-only transaction": READ_ONLY,
    "disk I/O error": FAILING,
    'could not read block 7 in file "base/5/16384": Input/output error': FAILING,
    "unable to open database file": ABSENT,
    "database is locked": IN_USE,
    "deadlock detected": IN_USE,
    "canceling statement due to lock timeout": IN_USE,
    "canceling statement due to statement timeout": IN_USE,
    "connection failed: Connection refused": USUAL_ADVICE,
}


@pytest.mark.parametrize("reason", SAID)
def test_there_is_advice_on_what_databases_say(reason: str) -> None:
    assert advice_on(reason) == SAID[reason]
    assert is_damaged(OperationalError("SELECT", None, Exception(reason))) is (SAID[reason] == DAMAGED)


def test_only_the_first_line_is_told() -> None:
    error = OperationalError("INSERT", None, sqlite3.OperationalError("it failed\nDETAIL: typed by somebody"))
    assert reason_of(error) == "it failed"
    assert reason_of(PoolTimeoutError("no connection\nat all")) == "no connection"
    assert reason_of(sqlite3.DatabaseError()) == "DatabaseError"
