"""A session's trials: the next ones, their presentation, their responses, their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from experiment_server.design.definition import Definition
from experiment_server.errors import ApiError, bad_request, conflict
from experiment_server.models import Response, Session, Stimulus, Trial
from experiment_server.services import events, sessions
from experiment_server.services.sessions import Progress, SessionRow
from experiment_server.services.studies import Catalogue
from experiment_server.trials.state import OPEN, State, transition


@dataclass(frozen=True)
class NextTrial:
    """A trial that waits for its answer, as far as its participant may know it."""

    public_id: str
    index: int
    practice: bool
    has_mask: bool
    width: int
    height: int
    alternatives: list[str] | None
    already_presented: bool


@dataclass(frozen=True)
class Answer:
    """What a participant answered and what the browser measured, as the table response keeps it."""

    response_uuid: str
    response: str
    dont_know: bool
    rt_ms: float
    rt_first_key_ms: float | None
    exposure_measured_ms: float | None
    frame_interval_ms: float | None
    dropped_frames: int | None
    presented_again: bool
    client: dict[str, Any]


@dataclass(frozen=True)
class Feedback:
    """What a participant learns after a practice trial."""

    correct: bool
    answer: str


@dataclass(frozen=True)
class Stored:
    """The response that is stored for a trial; ``duplicate``: it was there before."""

    response_uuid: str
    duplicate: bool
    answered: int
    total: int
    feedback: Feedback | None


@dataclass(frozen=True)
class _TrialRow:
    """A trial as this service knows it."""

    id: int
    trial_index: int
    kind: str
    state: State
    concept: str


#: statements of the hot path are built once
_NEXT = (
    select(
        Trial.public_id,
        Trial.trial_index,
        Trial.kind,
        Trial.mask,
        Stimulus.width,
        Stimulus.height,
        Trial.state,
    )
    .join(Stimulus)
    .where(Trial.session_id == bindparam("session"), Trial.state.in_(OPEN))
    .order_by(Trial.trial_index)
    .limit(bindparam("limit"))
)
_TRIAL = (
    select(Trial.id, Trial.trial_index, Trial.kind, Trial.state, Stimulus.concept)
    .join(Stimulus)
    .where(Trial.public_id == bindparam("trial"), Trial.session_id == bindparam("session"))
)
_RESPONSE = select(Response.response_uuid, Response.response, Response.dont_know).where(
    Response.trial_id == bindparam("trial")
)
_INSERT_RESPONSE = insert(Response)
_MOVE = update(Trial).where(Trial.id == bindparam("trial")).values(state=bindparam("to"))
_PRESENTED = _MOVE.values(presented_at=bindparam("at"))
_SEEN = update(Session).where(Session.id == bindparam("session")).values(last_seen_at=bindparam("at"))
_LAST_ANSWERED = _SEEN.values(phase="debrief")
_IMAGE = select(Stimulus.image_sha256).join(Trial).where(Trial.public_id == bindparam("trial"))
_MASK = select(Trial.mask, Stimulus.study_id).join(Stimulus).where(Trial.public_id == bindparam("trial"))


def next_trials(
    connection: Connection, catalogue: Catalogue, token: str, limit: int
) -> tuple[Definition, list[NextTrial]]:
    """The next trials without an answer, in order, at most ``limit``; none when all are answered.

    Raises ApiError 409 "no_consent_yet", "session_finished" or "session_abandoned".
    """
    session = sessions.authenticate(connection, token, lock=False)
    if session.phase == "consent":
        raise conflict("no_consent_yet", "There are no pictures before you have agreed to take part.")
    if session.phase == "finished":
        raise sessions.has_ended(session)
    definition = catalogue.definition(connection, session.study_id)
    return definition, [
        NextTrial(
            public_id,
            index,
            kind == "practice",
            mask is not None,
            width,
            height,
            definition.alternatives(session.seed, index),
            state == "presented",
        )
        for public_id, index, kind, mask, width, height, state in connection.execute(
            _NEXT, {"session": session.id, "limit": limit}
        )
    ]


def presented(connection: Connection, token: str, public_id: str, now: datetime) -> None:
    """Note that the browser has shown a trial's picture. Only the first notice counts."""
    session = sessions.authenticate(connection, token, lock=True)
    trial = _trial(connection, session, public_id)
    state = transition(trial.state, "present")
    if state == trial.state or session.outcome is not None:
        return
    connection.execute(_PRESENTED, {"trial": trial.id, "to": state, "at": now})
    events.append(connection, session.id, "presented", now, trial.id)
    connection.execute(_SEEN, {"session": session.id, "at": now})


def respond(
    connection: Connection, catalogue: Catalogue, token: str, public_id: str, answer: Answer, now: datetime
) -> Stored:
    """Store the answer to the next trial. A trial that has one keeps it, and the first is returned.

    Raises ApiError 409 "out_of_order", "session_finished", "session_abandoned" or "uuid_in_use",
    404 "no_such_trial", and 400 for an answer that the study does not offer.
    """
    session = sessions.authenticate(connection, token, lock=True)
    trial = _trial(connection, session, public_id)
    definition = catalogue.definition(connection, session.study_id)
    first = _stored_response(connection, trial.id)
    if first is not None:
        uuid, text, dont_know = first
        progress = sessions.progress(connection, session.id)
        feedback = _feedback(definition, trial, text, dont_know)
        return Stored(uuid, True, progress.answered, progress.total, feedback)
    progress = _check_turn(connection, session, trial)
    _check_offered(definition, answer)
    _store(connection, session, trial, answer, now)
    _go_on(connection, session, progress, now)
    feedback = _feedback(definition, trial, answer.response, answer.dont_know)
    return Stored(answer.response_uuid, False, progress.answered + 1, progress.total, feedback)


def _trial(connection: Connection, session: SessionRow, public_id: str) -> _TrialRow:
    """A trial of this session. Raises ApiError 404 if it has no such trial."""
    row = connection.execute(_TRIAL, {"trial": public_id, "session": session.id}).one_or_none()
    if row is None:
        raise no_such_trial()
    key, index, kind, state, concept = row
    return _TrialRow(key, index, kind, cast(State, state), concept)


def no_such_trial() -> ApiError:
    """This session has no trial of that name."""
    return ApiError(404, "no_such_trial", "This session has no such trial.")


def _stored_response(connection: Connection, trial_id: int) -> tuple[str, str, bool] | None:
    row = connection.execute(_RESPONSE, {"trial": trial_id}).one_or_none()
    return (row[0], row[1], row[2]) if row else None


def _check_turn(connection: Connection, session: SessionRow, trial: _TrialRow) -> Progress:
    """How far the session is before this answer. Raises ApiError 409 if it is not this trial's turn."""
    if session.phase == "finished":
        raise sessions.has_ended(session)
    progress = sessions.progress(connection, session.id)
    if trial.trial_index != progress.next_index:
        raise conflict("out_of_order", "Another picture comes before this one; please reload the page.")
    return progress


def _check_offered(definition: Definition, answer: Answer) -> None:
    design = definition.design
    if answer.dont_know and not design.response.dont_know:
        raise bad_request("dont_know: this study does not offer it.")
    if answer.dont_know and answer.response:
        raise bad_request("response: it must be empty when dont_know is true.")
    if design.alternatives and not answer.dont_know and answer.response not in design.alternatives:
        raise bad_request("response: this is not one of the alternatives.")


def _store(
    connection: Connection, session: SessionRow, trial: _TrialRow, answer: Answer, now: datetime
) -> None:
    values = {**vars(answer), "trial_id": trial.id, "session_id": session.id, "received_at": now}
    try:
        connection.execute(_INSERT_RESPONSE, values)
    except IntegrityError as error:
        raise conflict("uuid_in_use", "This response_uuid belongs to another response.") from error
    connection.execute(_MOVE, {"trial": trial.id, "to": transition(trial.state, "respond")})
    events.append(connection, session.id, "responded", now, trial.id)


def _go_on(connection: Connection, session: SessionRow, before: Progress, now: datetime) -> None:
    """After a response: the next trial, or the debriefing if it was the last."""
    values = {"session": session.id, "at": now}
    if before.waiting > 1:
        connection.execute(_SEEN, values)
    else:
        connection.execute(_LAST_ANSWERED, values)
        events.append(connection, session.id, "debriefed", now)


def _feedback(definition: Definition, trial: _TrialRow, response: str, dont_know: bool) -> Feedback | None:
    """After practice only: whether the answer is right (a synonym in the lexicon is), and the name."""
    if trial.kind != "practice":
        return None
    judgement = definition.judge(trial.concept, "" if dont_know else response)
    return Feedback(judgement.soft >= 1.0, trial.concept)


def image_of(connection: Connection, public_id: str) -> str:
    """SHA-256 of a trial's picture. Whoever knows a trial's unguessable id may see it.

    Raises ApiError 404.
    """
    sha256 = connection.execute(_IMAGE, {"trial": public_id}).scalar_one_or_none()
    if sha256 is None:
        raise no_such_trial()
    return sha256


def mask_of(connection: Connection, catalogue: Catalogue, public_id: str) -> str:
    """SHA-256 of a trial's mask. Raises ApiError 404 if there is no such trial, or it has no mask."""
    row = connection.execute(_MASK, {"trial": public_id}).one_or_none()
    if row is None or row[0] is None:
        raise no_such_trial()
    return catalogue.definition(connection, row[1]).masks[row[0]]
