"""Exclusions from the analysis: recorded, never taken back, and nothing to do with pay.

Completion codes are decided by a session's outcome alone; nothing here touches them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from experiment_server.design.quality import QUALITY_VERSION
from experiment_server.models import Exclusion, Participant
from experiment_server.services import studies
from experiment_server.services.quality import assess_study
from experiment_server.services.studies import Catalogue
from stimuli.errors import UserError

#: who decided what a study's file says before there are data
STUDY_FILE = "study file"
#: the rule of an exclusion that a person decided
MANUAL = "manual"


def apply_rules(connection: Connection, catalogue: Catalogue, study_id: int, now: datetime) -> int:
    """Record what the study's frozen rules say of sessions that are over; returns how many records are new.

    Over is a session that ended in any way, or has answered its last trial, whether or not its participant
    fetched the completion code. A record stays as it was first made. Doing it again adds those of sessions
    that ended since.
    """
    studies.lock(connection, study_id)
    rules = catalogue.definition(connection, study_id).design.exclusion.flags
    if not rules:
        return 0
    new = [
        _row(one.participant_id, flag.name, flag.evidence, STUDY_FILE, now)
        for one in assess_study(connection, catalogue, study_id)
        for flag in one.raised
        if one.is_over and flag.name in rules and flag.name not in one.excluded_by
    ]
    if new:
        connection.execute(insert(Exclusion), new)
    return len(new)


def by_hand(connection: Connection, study: str, pseudonym: str, reason: str, who: str, now: datetime) -> bool:
    """Record a person's decision about a participant; False if one is on record, which stands.

    Raises UserError if there is no such study or participant, or no reason is given.
    """
    if not reason.strip():
        raise UserError("an exclusion needs a reason that others can judge; give one")
    study_id = studies.known(connection, study).id
    studies.lock(connection, study_id)
    participant = _participant(connection, study_id, study, pseudonym)
    there = select(Exclusion.id).where(Exclusion.participant_id == participant, Exclusion.rule == MANUAL)
    if connection.execute(there).first() is not None:
        return False
    row = _row(participant, MANUAL, {"reason": reason.strip()}, who, now)
    connection.execute(insert(Exclusion).values(row))
    return True


def excluded(connection: Connection, study_id: int) -> dict[int, list[Row[Any]]]:
    """Participant id -> its exclusions in the order in which they were recorded.

    Each has ``rule``, ``version``, ``evidence``, ``decided_by`` and ``decided_at``.
    """
    columns = (
        *(Exclusion.participant_id, Exclusion.rule, Exclusion.version),
        *(Exclusion.evidence, Exclusion.decided_by, Exclusion.decided_at),
    )
    statement = select(*columns).join(Participant, Participant.id == Exclusion.participant_id)
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(statement.where(Participant.study_id == study_id).order_by(Exclusion.id)):
        found[row.participant_id].append(row)
    return dict(found)


def _participant(connection: Connection, study_id: int, study: str, pseudonym: str) -> int:
    statement = select(Participant.id).where(
        Participant.study_id == study_id, Participant.pseudonym == pseudonym
    )
    found = connection.execute(statement).scalar_one_or_none()
    if found is None:
        raise UserError(
            f"the study {study} has no participant {pseudonym!r}; python manage.py quality show {study} "
            "lists them"
        )
    return found


def _row(
    participant: int, rule: str, evidence: dict[str, Any], decided_by: str, now: datetime
) -> dict[str, Any]:
    return {
        "participant_id": participant,
        "rule": rule,
        "version": QUALITY_VERSION,
        "evidence": evidence,
        "decided_by": decided_by,
        "decided_at": now,
    }
