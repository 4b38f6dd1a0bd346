"""The exclusions on record as a table that may leave: who is kept out, by which rule, why, who decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Row, select

from experiment_server.models.participant import Participant
from exports.pseudonyms import Redactor
from exports.versions import utc
from scoring.trial_table import TEXT, Column

_NEVER = "Never missing."

#: columns of ``exclusions.csv``, in order
COLUMNS: tuple[Column, ...] = (
    Column("participant", TEXT, "Pseudonym of the participant; joins `participant` in the trials.", _NEVER),
    Column(
        "rule",
        TEXT,
        "A flag that the study's file excludes by (`exclusion.flags`), or `manual`, a person's decision.",
        _NEVER,
    ),
    Column("version", TEXT, "Version of the rules; `exclusion_rule` in the trials has it too.", _NEVER),
    Column(
        "decided_by",
        TEXT,
        "`study file` for a rule that was frozen before the data, otherwise who decided, as they were named: "
        "a name or login of a researcher.",
        _NEVER,
    ),
    Column(
        "decided_at",
        TEXT,
        "When it was recorded, UTC: for a rule of the study's file not before the first export, report or "
        "score after the session could be judged.",
        _NEVER,
    ),
    Column(
        "evidence",
        TEXT,
        "The numbers behind the flag, or the `reason` that the person gave: a JSON object.",
        _NEVER,
    ),
)

_NAMES = [column.name for column in COLUMNS]


def exclusion_table(
    connection: Connection, study_id: int, found: Mapping[int, Sequence[Row[Any]]], redact: Redactor
) -> pd.DataFrame:
    """One row for each exclusion on record, whether the participant answered anything or not.

    ``found`` is what ``excluded`` gives at the same moment. Identifiers in a reason are removed.
    """
    pseudonyms = _pseudonyms(connection, study_id)
    rows = [_row(pseudonyms[who], record, redact) for who, records in found.items() for record in records]
    return pd.DataFrame(rows, columns=_NAMES).astype(TEXT)


def _pseudonyms(connection: Connection, study_id: int) -> dict[int, str]:
    statement = select(Participant.id, Participant.pseudonym).where(Participant.study_id == study_id)
    return {row.id: row.pseudonym for row in connection.execute(statement)}


def _row(pseudonym: str, record: Row[Any], redact: Redactor) -> dict[str, str]:
    return {
        "participant": pseudonym,
        "rule": record.rule,
        "version": record.version,
        "decided_by": redact(record.decided_by),
        "decided_at": utc(record.decided_at),
        "evidence": redact.json(record.evidence),
    }
