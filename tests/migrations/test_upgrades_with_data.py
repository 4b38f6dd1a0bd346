"""A database of the first version with real rows: up, down, and up through any number of kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from experiment_server.migrations import schema
from experiment_server.models.database import connect, writing
from experiment_server.settings import Settings
from tests.functional.server_fixture import ROOT, environment, new_postgres_database
from tests.migrations.first_version import FIRST, LINKS, Rows, contents, make_first_version

LINK_IDS = ("prolific_study_id", "prolific_session_id")
NEW_TABLES = ("caller", "lease", "job", "record", "exclusion")
#: columns of the third version, with what older rows have there
NEW_COLUMNS: dict[str, dict[str, object]] = {
    "response": dict.fromkeys(("onset_ms", "offset_ms", "exposure_frames", "timing_flags", "confidence")),
    "session": {"skipped": 0},
    "study": {"rehearsal": False},
}


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings)
    yield engine
    engine.dispose()


def test_the_ids_move_to_one_table_and_back_and_nothing_is_lost(engine: Engine) -> None:
    before = make_first_version(engine)
    assert schema.upgrade(engine, "0002") == (FIRST, "0002")
    after = contents(engine)
    assert [tuple(row[name] for name in LINK_IDS) for row in after["identity"]] == list(LINKS)
    assert without_new(after) == without_links(before)
    assert {name: after[name] for name in ("caller", "lease", "job")} == {
        "caller": [],
        "lease": [],
        "job": [],
    }
    schema.downgrade(engine, FIRST)
    assert contents(engine) == before


def without_links(rows: Rows) -> Rows:
    """Rows of the first version without the IDs that move."""
    return {**rows, "session": [without(row, LINK_IDS) for row in rows["session"]]}


def test_studies_that_were_there_before_are_launched_and_no_rehearsals(engine: Engine) -> None:
    before = make_first_version(engine)
    schema.upgrade(engine, "0003")
    after = contents(engine)
    for name, new in NEW_COLUMNS.items():
        assert [{key: row[key] for key in new} for row in after[name]] == [new] * len(before[name])
    assert [row["launched_at"] for row in after["study"]] == [row["created_at"] for row in before["study"]]
    assert (after["record"], after["exclusion"]) == ([], [])
    schema.downgrade(engine, FIRST)
    assert contents(engine) == before


def without_third(rows: Rows) -> Rows:
    """Rows of the third version without all that is new in it."""
    new = {**NEW_COLUMNS, "study": {**NEW_COLUMNS["study"], "launched_at": None}}
    return {name: [without(row, tuple(new.get(name, ()))) for row in found] for name, found in rows.items()}


def test_trials_that_were_there_before_were_not_chosen_by_answers(engine: Engine) -> None:
    before = make_first_version(engine)
    schema.upgrade(engine, "0003")
    third = contents(engine)
    schema.upgrade(engine, "0004")
    after = contents(engine)
    assert len(after["trial"]) == len(before["trial"]) > 0
    assert {row["chosen_at"] for row in after["trial"]} == {None}
    assert without_fourth(after) == third
    schema.downgrade(engine, "0003")
    assert contents(engine) == third


def without_fourth(rows: Rows) -> Rows:
    """Rows of the fourth version without what is new in it."""
    return {**rows, "trial": [without(row, ("chosen_at",)) for row in rows["trial"]]}


def without_new(rows: Rows) -> Rows:
    """Rows of the second version without all that is new in it."""
    for row in rows["session"]:
        assert (row["allowance"], row["allowance_at"]) == (None, None)
    return {
        **{name: found for name, found in rows.items() if name not in NEW_TABLES},
        "session": [without(row, ("allowance", "allowance_at")) for row in rows["session"]],
        "identity": [without(row, LINK_IDS) for row in rows["identity"]],
    }


def without(row: dict[str, object], names: tuple[str, ...]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.postgres
def test_postgres_keeps_nothing_of_the_ids_that_moved_in_the_sessions_file(postgres_server: str) -> None:
    engine = connect(Settings(database_url=new_postgres_database(postgres_server)))
    before = make_first_version(engine)
    ids = [value.encode() for link in LINKS for value in link if value is not None]
    assert [value for value in ids if value not in sessions_file(engine)] == []
    schema.upgrade(engine, "0002")
    assert [value for value in ids if value in sessions_file(engine)] == []
    assert without_new(contents(engine)) == without_links(before)
    engine.dispose()


def sessions_file(engine: Engine) -> bytes:
    """What stands in the file of PostgreSQL's table session."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        found = connection.execute(text("SELECT pg_read_binary_file(pg_relation_filepath('session'))"))
        return bytes(found.scalar_one())


def test_a_row_can_be_added_after_going_up(engine: Engine) -> None:
    make_first_version(engine)
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.execute(
            text(
                "INSERT INTO participant (pseudonym, study_id, kind, created_at) "
                "VALUES ('P-new', 1, 'visitor', '2026-05-04 12:00:00')"
            )
        )
        found = connection.execute(text("SELECT id FROM participant WHERE pseudonym = 'P-new'")).scalar_one()
    assert found > len(LINKS)


#: upgrades in child processes that die by SIGKILL: one when it commits, then others at every fifth statement
KILLED_UPGRADES = """
import mmap, os, signal
from sqlalchemy import event
from experiment_server.migrations import schema
from experiment_server.models.database import connect
from experiment_server.settings import load_settings

statements = mmap.mmap(-1, 1)

def die(*_arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def upgrade_but_die_at(number):
    engine = connect(load_settings())
    def count(*_arguments):
        statements[0] += 1
        if statements[0] == number:
            die()
    event.listen(engine, "after_cursor_execute", count)
    event.listen(engine, "commit", die)
    schema.upgrade(engine)

def end_of(number):
    statements[0] = 0
    child = os.fork()
    if child == 0:
        upgrade_but_die_at(number)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

import alembic.autogenerate, alembic.command
ends = [end_of(0)]
ends += [end_of(number) for number in range(1, statements[0], 5)]
print(*ends)
"""


def test_an_upgrade_that_is_killed_has_changed_nothing_and_is_whole_the_next_time(
    engine: Engine, settings: Settings
) -> None:
    before = make_first_version(engine)
    engine.dispose()
    done = subprocess.run(
        [sys.executable, "-c", KILLED_UPGRADES],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stderr == ""
    ends = [int(code) for code in done.stdout.split()]
    assert ends == [-signal.SIGKILL] * max(5, len(ends))
    assert contents(engine) == before
    assert schema.upgrade(engine) == (FIRST, schema.newest())
    after = without_fourth(contents(engine))
    assert without_new(without_third(after)) == without_links(before)
