"""Arriving, consenting, finishing, withdrawing, and giving back the places of those who left."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from experiment_server.design.allocation import Candidate, PlannedTrial, design_session
from experiment_server.design.definition import Definition
from experiment_server.errors import conflict
from experiment_server.models import Participant, Response, Session, Stimulus, Study, StudyCondition, Trial
from experiment_server.services import adapt, events, identities, records, sessions, studies
from experiment_server.services.end_trials import end_trials
from experiment_server.services.identities import Arrival
from experiment_server.services.sessions import Bearer, SessionRow
from experiment_server.services.studies import Catalogue
from experiment_server.trials.state import ERASED, VANISHED, WITHDREW

#: sessions that one transaction gives back at most
BATCH = 50


@dataclass(frozen=True)
class Arrived:
    """The session of someone who arrived, with its only token; ``created``: it is a new one."""

    session: SessionRow
    token: str
    created: bool


def arrive(
    connection: Connection,
    catalogue: Catalogue,
    key: bytes,
    study: str,
    arrival: Arrival,
    now: datetime,
    requests_per_minute: int,
) -> Arrived:
    """Open a session, or resume the one that this identity has; older tokens no longer hold.

    Resuming takes a request from the session's allowance. Raises ApiError 404 "no_such_study", 409
    "study_not_open", "study_closed" or "study_full", 429 "too_many_requests".
    """
    found = studies.find(connection, study)
    if found is None:
        raise studies.no_such_study()
    studies.lock(connection, found.id)
    digest = arrival.hmac(key)
    existing = identities.session_of(connection, found.id, digest)
    if existing is not None:
        return _resume(connection, existing, now, requests_per_minute)
    _require_a_place(connection, catalogue.definition(connection, found.id), found.id, now)
    return _open_session(connection, found.id, arrival, digest, now)


def _resume(connection: Connection, session_id: str, now: datetime, requests_per_minute: int) -> Arrived:
    before = select(Session.allowance, Session.allowance_at).where(Session.id == session_id)
    left, at = connection.execute(before.with_for_update(key_share=True)).one()
    sessions.spent(connection, session_id, sessions.spend(left, at, requests_per_minute, now))
    token = sessions.new_token(session_id)
    statement = update(Session).where(Session.id == session_id)
    connection.execute(statement.values(token_sha256=sessions.hash_token(token), last_seen_at=now))
    events.append(connection, session_id, "resumed", now)
    return Arrived(sessions.by_id(connection, session_id), token, False)


def _require_a_place(connection: Connection, definition: Definition, study_id: int, now: datetime) -> None:
    statement = select(Study.status, Study.places, Study.launched_at).where(Study.id == study_id)
    status, places, launched_at = connection.execute(statement).one()
    if launched_at is None:
        raise conflict("study_not_open", "This study has not begun yet; please come back later.")
    if status != "open":
        raise conflict("study_closed", "This study has ended; thank you for your interest.")
    give_back_idle(connection, definition, study_id, now)
    if studies.places_taken(connection, study_id) >= places:
        raise conflict("study_full", "All places of this study are taken; thank you for your interest.")


def _open_session(
    connection: Connection, study_id: int, arrival: Arrival, digest: str, now: datetime
) -> Arrived:
    ordinal = _participants(connection, study_id)
    participant_id = _insert_participant(connection, study_id, arrival, digest, now)
    session_id = sessions.new_session_id()
    token = sessions.new_token(session_id)
    values = {
        "id": session_id,
        "participant_id": participant_id,
        "study_id": study_id,
        "token_sha256": sessions.hash_token(token),
        "phase": "consent",
        "created_at": now,
        "last_seen_at": now,
        "seed": session_seed(_study_seed(connection, study_id), ordinal),
    }
    connection.execute(insert(Session).values(values))
    events.append(connection, session_id, "arrived", now)
    return Arrived(sessions.by_id(connection, session_id), token, True)


def _participants(connection: Connection, study_id: int) -> int:
    statement = select(func.count()).select_from(Participant).where(Participant.study_id == study_id)
    return connection.execute(statement).scalar_one()


def _study_seed(connection: Connection, study_id: int) -> int:
    return connection.execute(select(Study.seed).where(Study.id == study_id)).scalar_one()


def session_seed(study_seed: int, ordinal: int) -> int:
    """The seed of the participant who came after ``ordinal`` others; in [0, 2**63)."""
    digest = hashlib.sha256(f"{study_seed}:{ordinal}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _insert_participant(
    connection: Connection, study_id: int, arrival: Arrival, digest: str, now: datetime
) -> int:
    pseudonym = f"P-{secrets.token_hex(4)}"
    values = {"pseudonym": pseudonym, "study_id": study_id, "kind": arrival.kind, "created_at": now}
    statement = insert(Participant).values(values).returning(Participant.id)
    participant_id = connection.execute(statement).scalar_one()
    identities.add(connection, participant_id, study_id, digest, arrival)
    return participant_id


def consent(
    connection: Connection, catalogue: Catalogue, bearer: Bearer, consented: bool, now: datetime
) -> SessionRow:
    """Note what the participant decided; with consent, allocate the trials.

    Saying the same again changes nothing. Raises ApiError 409 "session_finished",
    "session_abandoned", or "already_consented" for a no after a yes.
    """
    study_id = sessions.find(connection, bearer).study_id
    studies.lock(connection, study_id)
    session = sessions.authenticate(connection, bearer, now)
    if session.phase == "consent":
        return _first_consent(connection, catalogue, session, consented, now)
    if consented and session.phase in ("trials", "debrief"):
        return session
    if not consented and session.outcome == "no_consent":
        return session
    if session.phase == "finished":
        raise sessions.has_ended(session.outcome)
    raise conflict("already_consented", "You have agreed already; to stop, withdraw from the study.")


def _first_consent(
    connection: Connection, catalogue: Catalogue, session: SessionRow, consented: bool, now: datetime
) -> SessionRow:
    if not consented:
        return _end(connection, session, "no_consent", "refused", now)
    definition = catalogue.definition(connection, session.study_id)
    give_back_idle(connection, definition, session.study_id, now, but=session.id)
    _assign(connection, session, definition)
    changes = {"phase": "trials", "consented_at": now, "last_seen_at": now}
    connection.execute(update(Session).where(Session.id == session.id).values(changes))
    events.append(connection, session.id, "consented", now)
    return sessions.by_id(connection, session.id)


def _assign(connection: Connection, session: SessionRow, definition: Definition) -> None:
    """Allocate a session's trials and count their stimuli. The study is locked."""
    rng = Random(session.seed)  # noqa: S311 - reproducible, not secret
    pools = _candidates(connection, session.study_id)
    rounds = definition.design.practice.rounds
    three = pools["practice"], pools["test"], pools["catch"]
    plan = design_session(*three, definition.trials, rng, rounds, definition.family)
    rows = [_trial_row(session.id, index, one, definition, rng) for index, one in enumerate(plan)]
    connection.execute(insert(Trial), rows)
    studies.lock_stimuli(connection, {one.candidate.id for one in plan})
    for times, ids in _by_times(one.candidate.id for one in plan).items():
        counted = update(Stimulus).where(Stimulus.id.in_(ids))
        connection.execute(counted.values(assigned_count=Stimulus.assigned_count + times))


def _by_times(ids: Iterable[int]) -> dict[int, list[int]]:
    """Ids by how often they are there: once, unless a practice picture comes again in another round."""
    found: dict[int, list[int]] = {}
    for key, times in Counter(ids).items():
        found.setdefault(times, []).append(key)
    return found


def _candidates(connection: Connection, study_id: int) -> dict[str, list[Candidate]]:
    """All stimuli of a study by kind, in the order of their ids in the manifest."""
    columns = (
        Stimulus.kind,
        Stimulus.id,
        Stimulus.concept,
        StudyCondition.level,
        Stimulus.source,
        Stimulus.assigned_count,
    )
    statement = select(*columns).join(StudyCondition).where(Stimulus.study_id == study_id)
    pools: dict[str, list[Candidate]] = {"practice": [], "test": [], "catch": []}
    for kind, key, concept, level, source, count in connection.execute(statement.order_by(Stimulus.stimulus)):
        pools[kind].append(Candidate(key, concept, str(level), source, count))
    return pools


def _trial_row(
    session_id: str, index: int, one: PlannedTrial, definition: Definition, rng: Random
) -> dict[str, Any]:
    return {
        "public_id": secrets.token_hex(16),
        "session_id": session_id,
        "trial_index": index,
        "kind": one.kind,
        "stimulus_id": one.candidate.id,
        "mask": rng.randrange(len(definition.masks)) if definition.masks else None,
        "state": "assigned",
    }


def finish(connection: Connection, catalogue: Catalogue, bearer: Bearer, now: datetime) -> SessionRow:
    """End a session whose trials are all done. Finishing again changes nothing.

    Raises ApiError 409 "trials_remain", or "questionnaire_remains" if the study has one that was not sent.
    """
    session = sessions.authenticate(connection, bearer, now)
    if session.phase == "finished":
        return session
    if session.phase != "debrief":
        raise conflict("trials_remain", "There are still pictures to name.")
    asks = catalogue.definition(connection, session.study_id).design.questionnaire.names
    if asks and not records.of_kind(connection, session.id, "questionnaire"):
        raise conflict("questionnaire_remains", "There are still a few questions to answer.")
    return _end(connection, session, "completed", "completed", now)


def withdraw(connection: Connection, bearer: Bearer, delete_answers: bool, now: datetime) -> SessionRow:
    """End a session at the participant's wish, and give its place back.

    The answers given so far stay, or are deleted with everything else that the session recorded, also
    where it was abandoned or withdrawn from before; an ended one stays as it is otherwise. Raises ApiError
    409 "session_finished" if the answers of a completed session are to be deleted: it was paid for them,
    so that is for its researchers to do.
    """
    study_id = sessions.find(connection, bearer).study_id
    studies.lock(connection, study_id)
    session = sessions.authenticate(connection, bearer, now)
    if session.phase == "finished":
        if delete_answers and session.outcome == "completed":
            raise sessions.has_ended(session.outcome)
        if delete_answers:
            _erase(connection, session, now)
        return session
    end_trials(connection, Trial.session_id == session.id, WITHDREW)
    if delete_answers:
        _erase(connection, session, now)
    return _end(connection, session, "withdrawn", "withdrew", now)


def _erase(connection: Connection, session: SessionRow, now: datetime) -> None:
    """Delete what a session answered and recorded; its trials count as abandoned. Once is enough."""
    there = select(Response.id).where(Response.session_id == session.id).limit(1)
    if connection.execute(there).first() is None and not records.of_session(connection, session.id):
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    connection.execute(delete(Response).where(Response.session_id == session.id))
    records.erase(connection, session.id)
    end_trials(connection, Trial.session_id == session.id, ERASED)
    adapt.forget(connection, session.id)
    events.forget(connection, session.id, "practised")
    events.append(connection, session.id, "erased", now)


def _end(connection: Connection, session: SessionRow, outcome: str, event: str, now: datetime) -> SessionRow:
    changes = {"phase": "finished", "outcome": outcome, "finished_at": now, "last_seen_at": now}
    connection.execute(update(Session).where(Session.id == session.id).values(changes))
    events.append(connection, session.id, event, now)
    return sessions.by_id(connection, session.id)


def give_back_idle(
    connection: Connection, definition: Definition, study_id: int, now: datetime, but: str | None = None
) -> int:
    """Mark sessions as abandoned that were idle for too long, all but one; returns how many.

    At most ``BATCH``, those that left first, so that nobody waits long. Their place is free again, and their
    unanswered trials no longer count. The study is locked. A session that is locked at this moment is in
    use, and left alone.
    """
    idle = idle_sessions(definition, study_id, now).order_by(Session.last_seen_at).limit(BATCH)
    if but is not None:
        idle = idle.where(Session.id != but)
    left = list(connection.execute(idle.with_for_update(skip_locked=True, key_share=True)).scalars())
    if left:
        end_trials(connection, Trial.session_id.in_(left), VANISHED)
        changes = {"phase": "finished", "outcome": "abandoned", "finished_at": now}
        connection.execute(update(Session).where(Session.id.in_(left)).values(changes))
    for session_id in left:
        events.append(connection, session_id, "abandoned", now)
    return len(left)


def idle_sessions(definition: Definition, study_id: int, now: datetime) -> Select[Any]:
    """The ids of sessions that were idle for longer than the study allows.

    One whose trials are all answered has done its work: it keeps its place, and can be finished at any time.
    """
    return select(Session.id).where(
        Session.study_id == study_id,
        Session.outcome.is_(None),
        Session.phase != "debrief",
        Session.last_seen_at < now - timedelta(minutes=definition.design.session.minutes),
    )
