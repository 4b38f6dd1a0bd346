"""A database as the first version of the schema kept it, with something in each table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, insert, select, text

from experiment_server.migrations import schema
from experiment_server.models.database import reading, writing

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
FIRST = "0001"
#: the IDs of Prolific's link that each participant came with: both, one, none
LINKS = (("c0ffee" * 4, "decade" * 4), ("facade" * 4, None), (None, None))

Rows = dict[str, list[dict[str, Any]]]


def make_first_version(engine: Engine) -> Rows:
    """Make the first version's tables and fill them; returns all that is in them."""
    schema.upgrade(engine, FIRST)
    with writing(engine) as connection:
        tables = reflect(connection)
        for name, rows in _first_rows(connection.dialect.name).items():
            connection.execute(insert(tables[name]), rows)
        if connection.dialect.name == "postgresql":
            for name in ("study", "study_condition", "stimulus", "participant", "trial", "response", "event"):
                connection.execute(text(f"SELECT setval('{name}_id_seq', 100)"))
    return contents(engine)


def reflect(connection: Connection) -> dict[str, Table]:
    """The tables as the database has them."""
    metadata = MetaData()
    metadata.reflect(connection)
    return dict(metadata.tables)


def contents(engine: Engine) -> Rows:
    """Every row of every table but Alembic's, in the order of the primary key."""
    with reading(engine) as connection:
        return {
            name: [
                dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for name, table in reflect(connection).items()
            if name != "alembic_version"
        }


def _first_rows(dialect: str) -> Rows:
    at = NOON.replace(tzinfo=None) if dialect == "sqlite" else NOON
    numbers = range(1, len(LINKS) + 1)
    kinds = ["visitor" if link == (None, None) else "prolific" for link in LINKS]
    return {
        "study": [
            {
                "id": 1,
                "name": "small",
                "title": "What do you see?",
                "definition": "{}",
                "sha256": "0" * 64,
                "seed": 7,
                "places": 20,
                "status": "open",
                "created_at": at,
                "format_version": 1,
            }
        ],
        "study_condition": [
            {
                "id": 1,
                "study_id": 1,
                "perturbation": "clean",
                "severity": 0.0,
                "severity_unit": "",
                "level": 1,
                "role": "clean",
            }
        ],
        "stimulus": [
            {
                "id": 1,
                "study_id": 1,
                "stimulus": "one",
                "source": "source",
                "concept": "sailboat",
                "cluster": "hand",
                "condition_id": 1,
                "image_sha256": "1" * 64,
                "width": 48,
                "height": 48,
                "kind": "test",
                "assigned_count": len(LINKS),
            }
        ],
        "participant": [
            {"id": n, "pseudonym": f"P-{n:08}", "study_id": 1, "kind": kinds[n - 1], "created_at": at}
            for n in numbers
        ],
        "identity": [
            {
                "participant_id": n,
                "study_id": 1,
                "hmac": str(n) * 64,
                "prolific_pid": None if kinds[n - 1] == "visitor" else "5f3c" * 5 + f"{n:04}",
            }
            for n in numbers
        ],
        "session": [
            {
                "id": f"{n:024}",
                "participant_id": n,
                "study_id": 1,
                "token_sha256": str(n) * 64,
                "phase": "debrief",
                "outcome": None,
                "prolific_study_id": LINKS[n - 1][0],
                "prolific_session_id": LINKS[n - 1][1],
                "created_at": at,
                "consented_at": at,
                "last_seen_at": at,
                "finished_at": None,
                "seed": n,
            }
            for n in numbers
        ],
        "trial": [
            {
                "id": n,
                "public_id": f"{n:032}",
                "session_id": f"{n:024}",
                "trial_index": 0,
                "kind": "test",
                "stimulus_id": 1,
                "mask": None,
                "state": "responded",
                "presented_at": at,
            }
            for n in numbers
        ],
        "response": [
            {
                "id": n,
                "trial_id": n,
                "session_id": f"{n:024}",
                "response_uuid": f"{n:036}",
                "response": "Segelböötchen ⛵",
                "dont_know": False,
                "rt_ms": 812.5,
                "rt_first_key_ms": None,
                "exposure_measured_ms": 499.9,
                "frame_interval_ms": 16.67,
                "dropped_frames": 1,
                "presented_again": False,
                "received_at": at,
                "client": {"width": 1280},
            }
            for n in numbers
        ],
        "event": [
            {
                "id": n,
                "session_id": f"{n:024}",
                "trial_id": n,
                "kind": "responded",
                "at": at,
                "detail": {},
            }
            for n in numbers
        ],
    }
