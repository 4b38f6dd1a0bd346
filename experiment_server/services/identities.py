"""Identities: who a participant is. The only code that reads or writes Prolific's IDs."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from experiment_server.models import Identity, Session


@dataclass(frozen=True)
class Arrival:
    """Who arrives: a Prolific ID, or the UUID that a visitor's browser keeps."""

    kind: str
    identifier: str
    prolific_study_id: str | None = None
    prolific_session_id: str | None = None

    def hmac(self, key: bytes) -> str:
        """The keyed hash that an identity is looked up by."""
        return hmac.new(key, f"{self.kind}:{self.identifier}".encode(), hashlib.sha256).hexdigest()


def session_of(connection: Connection, study_id: int, digest: str) -> str | None:
    """The session of the identity with this keyed hash; None if it has none in this study."""
    statement = (
        select(Session.id)
        .join(Identity, Identity.participant_id == Session.participant_id)
        .where(Identity.study_id == study_id, Identity.hmac == digest)
    )
    return connection.execute(statement).scalar_one_or_none()


def add(connection: Connection, participant_id: int, study_id: int, digest: str, arrival: Arrival) -> None:
    """Store who a new participant is."""
    values = {
        "participant_id": participant_id,
        "study_id": study_id,
        "hmac": digest,
        "prolific_pid": arrival.identifier if arrival.kind == "prolific" else None,
        "prolific_study_id": arrival.prolific_study_id,
        "prolific_session_id": arrival.prolific_session_id,
    }
    connection.execute(insert(Identity).values(values))
