"""A session's trials: the next ones, their presentation, their responses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from experiment_server.design.definition import Definition
from experiment_server.errors import ApiError, bad_request, conflict
from experiment_server.models import Response, Session, Stimulus, Trial
from experiment_server.models.database import Writes
from experiment_server.models.failures import reason_of
from experiment_server.services import adapt, events, practice, sessions
from experiment_server.services.allowance import Allowance
from experiment_server.services.sessions import Bearer
from experiment_server.services.studies import Catalogue
from experiment_server.trials.state import OPEN, State, transition


@dataclass(frozen=True)
class NextTrial:
    """A trial that waits for its answer, as far as its participant may know it."""

    public_id: str
    index: int
    practice: bool
    #: SHA-256 of its picture
    image: str
    #: SHA-256 of its mask; None if the study shows none
    mask: str | None
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
    onset_ms: float | None = None
    offset_ms: float | None = None
    exposure_frames: int | None = None
    #: words joined by blanks; None if nothing was measured
    timing_flags: str | None = None
    confidence: int | None = None


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


class _Turn(NamedTuple):
    """A trial with its session: all that decides about its presentation and its answer."""

    session: str
    study_id: int
    phase: str
    outcome: str | None
    allowance: float | None
    allowance_at: datetime | None
    #: practice trials before this one that were not needed
    skipped: int
    trial: int
    trial_index: int
    kind: str
    state: State
    concept: str
    #: state of the trial before it; None for the first
    before: State | None
    #: index of the session's last trial
    last: int

    @property
    def answered(self) -> int:
        """Trials that are answered once this one is."""
        return self.trial_index + 1 - self.skipped

    @property
    def total(self) -> int:
        """Trials that the session has."""
        return self.last + 1 - self.skipped


#: statements of the hot path are built once
_NEXT = (
    select(
        Trial.public_id,
        Trial.trial_index,
        Trial.kind,
        Stimulus.image_sha256,
        Trial.mask,
        Stimulus.width,
        Stimulus.height,
        Trial.state,
        Stimulus.concept,
    )
    .join(Stimulus)
    .where(Trial.session_id == bindparam("session"), Trial.state.in_(OPEN))
    .order_by(Trial.trial_index)
    .limit(bindparam("limit"))
)
_BEFORE, _ANY = aliased(Trial), aliased(Trial)
_TURN = (
    select(
        Session.id,
        Session.study_id,
        Session.phase,
        Session.outcome,
        Session.allowance,
        Session.allowance_at,
        Session.skipped,
        Trial.id,
        Trial.trial_index,
        Trial.kind,
        Trial.state,
        Stimulus.concept,
        _BEFORE.state,
        select(func.max(_ANY.trial_index)).where(_ANY.session_id == Session.id).scalar_subquery(),
    )
    .join_from(Session, Trial, Trial.session_id == Session.id)
    .join(Stimulus, Stimulus.id == Trial.stimulus_id)
    .outerjoin(_BEFORE, (_BEFORE.session_id == Session.id) & (_BEFORE.trial_index == Trial.trial_index - 1))
    .where(Session.token_sha256 == bindparam("hash"), Trial.public_id == bindparam("public_id"))
    .with_for_update(key_share=True, of=[Session, Trial])
)
_RESPONSE = select(Response.response_uuid, Response.response, Response.dont_know).where(
    Response.trial_id == bindparam("trial")
)
_MOVE = update(Trial).where(Trial.id == bindparam("trial")).values(state=bindparam("to"))
_SEEN = (
    update(Session)
    .where(Session.id == bindparam("session"))
    .values(last_seen_at=bindparam("now"), allowance=bindparam("left"), allowance_at=bindparam("counted"))
)
_PRESENT = Writes(_MOVE.values(presented_at=bindparam("now")), _SEEN, events.of_trial("presented"))
_RESPOND = Writes(
    insert(Response)
    .inline()
    .values(
        trial_id=bindparam("trial"),
        session_id=bindparam("session"),
        received_at=bindparam("now"),
        **{name: bindparam(name) for name in Answer.__annotations__},
    ),
    _MOVE,
    _SEEN.values(phase=bindparam("next_phase")),
    events.of_trial("responded"),
)


def next_trials(
    connection: Connection, catalogue: Catalogue, bearer: Bearer, limit: int, now: datetime
) -> tuple[Definition, list[NextTrial]]:
    """The next trials without an answer, in order, at most ``limit``; none when all are answered.

    Adaptive trials whose severity waits for answers end the list: see ``adapt.choose``.

    Raises ApiError 409 "no_consent_yet", "session_finished" or "session_abandoned".
    """
    session = sessions.authenticate(connection, bearer, now)
    if session.phase == "consent":
        raise conflict("no_consent_yet", "There are no pictures before you have agreed to take part.")
    if session.phase == "finished":
        raise sessions.has_ended(session.outcome)
    definition = catalogue.definition(connection, session.study_id)
    end = adapt.choose(connection, definition, session, now)
    return definition, [
        NextTrial(
            public_id,
            index,
            kind == "practice",
            image,
            None if mask is None else definition.masks[mask],
            width,
            height,
            definition.alternatives(session.seed, index, concept),
            state == "presented",
        )
        for public_id, index, kind, image, mask, width, height, state, concept in connection.execute(
            _NEXT, {"session": session.id, "limit": limit}
        )
        if end is None or index < end
    ]


def presented(connection: Connection, bearer: Bearer, public_id: str, now: datetime) -> None:
    """Note that the browser has shown a trial's picture. Only the first notice counts.

    Raises ApiError 404 "no_such_trial".
    """
    turn = _turn(connection, bearer, public_id, now)
    left = sessions.spend(turn.allowance, turn.allowance_at, bearer.requests_per_minute, now)
    to = transition(turn.state, "present")
    if to == turn.state or turn.outcome is not None:
        sessions.spent(connection, turn.session, left)
        return
    _PRESENT.run(connection, _moved(turn, to, left, now))


def respond(
    connection: Connection,
    catalogue: Catalogue,
    bearer: Bearer,
    public_id: str,
    answer: Answer,
    now: datetime,
) -> Stored:
    """Store the answer to the next trial. A trial that has one keeps it, and the first is returned.

    Trials are answered in order and none is taken away while its session goes on. So the trial's place
    says how many are answered, and it is its turn if the one before it is closed.

    Raises ApiError 409 "out_of_order", "session_finished", "session_abandoned" or "uuid_in_use",
    404 "no_such_trial", and 400 for an answer that the study does not offer.
    """
    turn = _turn(connection, bearer, public_id, now)
    left = sessions.spend(turn.allowance, turn.allowance_at, bearer.requests_per_minute, now)
    definition = catalogue.definition(connection, turn.study_id)
    if turn.state == "responded":
        sessions.spent(connection, turn.session, left)
        return _first_answer(connection, definition, turn)
    _check_turn(connection, turn)
    _check_offered(definition, turn.concept, answer)
    _store(connection, turn, answer, left, now)
    feedback = _feedback(definition, turn, answer.response, answer.dont_know)
    dropped = 0
    if turn.kind == "practice":
        dropped = practice.end_round(connection, definition, turn.session, turn.trial_index, now)
    return Stored(answer.response_uuid, False, turn.answered, turn.total - dropped, feedback)


def _turn(connection: Connection, bearer: Bearer, public_id: str, now: datetime) -> _Turn:
    """A trial of the bearer's session, both locked. Raises ApiError 401, 429, or 404 if there is none.

    On PostgreSQL a session and a trial that were waited for are read as they are after the wait; the trial
    before it may be read as it was, still open.
    """
    row = connection.execute(_TURN, {"hash": bearer.sha256, "public_id": public_id}).one_or_none()
    if row is None:
        sessions.authenticate(connection, bearer, now)
        raise no_such_trial()
    return _Turn._make(row)


def no_such_trial() -> ApiError:
    """This session has no trial of that name."""
    return ApiError(404, "no_such_trial", "This session has no such trial.")


def _first_answer(connection: Connection, definition: Definition, turn: _Turn) -> Stored:
    """What is stored for a trial that has its response."""
    uuid, response, dont_know = connection.execute(_RESPONSE, {"trial": turn.trial}).one()
    progress = sessions.progress(connection, turn.session)
    feedback = _feedback(definition, turn, response, dont_know)
    return Stored(uuid, True, progress.answered, progress.total, feedback)


def _check_turn(connection: Connection, turn: _Turn) -> None:
    """Raise ApiError 409 if the session has ended, or it is not this trial's turn."""
    if turn.phase == "finished":
        raise sessions.has_ended(turn.outcome)
    if turn.state in OPEN and turn.before not in OPEN:
        return
    if turn.trial_index != sessions.progress(connection, turn.session).next_index:
        raise conflict("out_of_order", "Another picture comes before this one; please reload the page.")


def _check_offered(definition: Definition, concept: str, answer: Answer) -> None:
    design = definition.design
    if answer.dont_know and not design.response.dont_know:
        raise bad_request("dont_know: this study does not offer it.")
    if answer.dont_know and answer.response:
        raise bad_request("response: it must be empty when dont_know is true.")
    if design.alternatives and not answer.dont_know and answer.response not in definition.offered(concept):
        raise bad_request("response: this is not one of the alternatives.")
    _check_confidence(design.response.confidence, answer)


def _check_confidence(levels: int, answer: Answer) -> None:
    """How sure someone is goes with an answer of a study that asks for it, and with no other."""
    if answer.confidence is None:
        if levels and not answer.dont_know:
            raise bad_request(f"confidence: this study asks for it, from 1 to {levels}.")
    elif answer.dont_know or answer.confidence > levels:
        raise bad_request("confidence: this is not asked here, or not one of the levels.")


def _store(connection: Connection, turn: _Turn, answer: Answer, left: Allowance, now: datetime) -> None:
    """Store a response and go on: to the next trial, or to the debriefing after the last."""
    is_last = turn.trial_index == turn.last
    moved = _moved(turn, transition(turn.state, "respond"), left, now)
    values = {**vars(answer), **moved, "next_phase": "debrief" if is_last else turn.phase}
    try:
        _RESPOND.run(connection, values)
    except IntegrityError as error:
        if "response_uuid" not in reason_of(error):
            raise
        raise conflict("uuid_in_use", "This response_uuid belongs to another response.") from error
    if is_last:
        events.append(connection, turn.session, "debriefed", now)


def _moved(turn: _Turn, to: State, left: Allowance, now: datetime) -> dict[str, Any]:
    """What the statements that move a trial and note the session's activity need."""
    return {
        "session": turn.session,
        "trial": turn.trial,
        "to": to,
        "now": now,
        "left": left.left,
        "counted": left.at,
    }


def _feedback(definition: Definition, trial: _Turn, response: str, dont_know: bool) -> Feedback | None:
    """After practice only: whether the answer is right (a synonym in the lexicon is), and the name."""
    if trial.kind != "practice":
        return None
    right = practice.is_right(definition, trial.concept, "" if dont_know else response)
    return Feedback(right, trial.concept)
