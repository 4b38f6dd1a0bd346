"""The participant HTTP API: arrive, consent, next trials, present, respond, finish, withdraw.

Each request is one transaction, which is committed before the reply is sent.
"""

from __future__ import annotations

import logging
import re

import flask
from sqlalchemy import Connection

from experiment_server.api import schemas
from experiment_server.api.openapi import document
from experiment_server.api.operation import operation, reply
from experiment_server.api.present import present_state, present_stored, present_trial
from experiment_server.context import server
from experiment_server.errors import ApiError, bad_request
from experiment_server.models.database import writing
from experiment_server.pictures import CACHE_CONTROL, PNG
from experiment_server.services import arrivals, enrol, identities, records, run_trial, sessions

log = logging.getLogger(__name__)
blueprint = flask.Blueprint("api", __name__, url_prefix="/api/v1")

TRIAL_ID = re.compile(r"^[0-9a-f]{32}$")
#: how Prolific writes the ids of its participants, studies and submissions
PROLIFIC_ID = re.compile(r"[0-9a-f]{24}")
MOST_TRIALS = 10
LIMIT = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST_TRIALS, "default": 3},
}


def bearer() -> sessions.Bearer:
    """Who asks. Raises ApiError 401 if the request carries no token."""
    scheme, _, value = flask.request.headers.get("Authorization", "").partition(" ")
    token = value.strip() if scheme.lower() == "bearer" else ""
    return sessions.Bearer(token, server().settings.requests_per_minute)


def trial_id(text: str) -> str:
    """A trial's id. Raises ApiError 404 for what cannot be one."""
    if not TRIAL_ID.match(text):
        raise run_trial.no_such_trial()
    return text


def _state(connection: Connection, session: sessions.SessionRow) -> schemas.State:
    definition = server().catalogue.definition(connection, session.study_id)
    return present_state(definition, sessions.standing(connection, session))


@blueprint.post("/studies/<study>/sessions")
@operation(
    "Arrive at a study: open a session, or resume the one that this participant has.",
    {201: schemas.Arrived, 200: schemas.Arrived},
    body=schemas.ArriveBody,
    errors=(404, 409, 429, 503),
    token=False,
)
def arrive(study: str, body: schemas.ArriveBody) -> flask.Response:
    """201 for a new session, 200 for one that is resumed; an older token of it no longer holds."""
    here = server()
    with writing(here.engine) as connection:
        arrived = enrol.arrive(
            connection,
            here.catalogue,
            here.key,
            study,
            _arrival(body),
            here.clock(),
            here.settings.requests_per_minute,
        )
        if arrived.created:
            _count_arrival(connection)
        state = _state(connection, arrived.session)
    return reply(schemas.Arrived(token=arrived.token, state=state), 201 if arrived.created else 200)


def _count_arrival(connection: Connection) -> None:
    """Raise ApiError 429 for one too many from this address: the session is then not opened after all."""
    here = server()
    most = here.settings.arrivals_per_minute
    arrivals.count(connection, here.key, flask.request.remote_addr, most, here.clock())


def _arrival(body: schemas.ArriveBody) -> identities.Arrival:
    """Who arrives. Raises ApiError 400 "incomplete_link" for a Prolific ID that is none."""
    if body.prolific_pid is None:
        return identities.Arrival("visitor", str(body.visitor))
    pid = _prolific_id(body.prolific_pid)
    if pid is None:
        message = "The link you followed is not complete; please open the study from Prolific again."
        raise ApiError(400, "incomplete_link", message)
    study, session = _prolific_id(body.prolific_study_id), _prolific_id(body.prolific_session_id)
    vault = identities.vault_of(server().settings)
    return identities.Arrival("prolific", pid, study, session, vault)


def _prolific_id(text: str | None) -> str | None:
    """An ID of Prolific's in lower case; None for anything else, such as a link's unfilled placeholder."""
    lower = (text or "").lower()
    return lower if PROLIFIC_ID.fullmatch(lower) else None


@blueprint.get("/session")
@operation("Where the session stands.", {200: schemas.State})
def session_state() -> flask.Response:
    """The session's state."""
    here, who = server(), bearer()
    with writing(here.engine) as connection:
        state = _state(connection, sessions.authenticate(connection, who, here.clock()))
    return reply(state)


@blueprint.post("/session/consent")
@operation(
    "Agree to take part, which allocates the trials, or refuse, which ends the session.",
    {200: schemas.State},
    body=schemas.ConsentBody,
    errors=(409,),
)
def consent(body: schemas.ConsentBody) -> flask.Response:
    """Note the decision; saying the same again changes nothing."""
    here, who = server(), bearer()
    with writing(here.engine) as connection:
        session = enrol.consent(connection, here.catalogue, who, body.consented, here.clock())
        state = _state(connection, session)
    return reply(state)


@blueprint.get("/session/trials")
@operation(
    "The next trials without an answer, in order.",
    {200: schemas.Trials},
    errors=(400, 409),
    query=(LIMIT,),
)
def next_trials() -> flask.Response:
    """At most ``limit`` trials; an empty list when all are answered."""
    here, who, limit = server(), bearer(), _limit()
    with writing(here.engine) as connection:
        definition, trials = run_trial.next_trials(connection, here.catalogue, who, limit, here.clock())
    return reply(schemas.Trials(trials=[present_trial(definition, here.pictures, one) for one in trials]))


def _limit() -> int:
    text = flask.request.args.get("limit", "3")
    if not re.fullmatch(r"[0-9]{1,2}", text, re.ASCII) or not 1 <= int(text) <= MOST_TRIALS:
        raise bad_request(f"limit: a whole number from 1 to {MOST_TRIALS}.")
    return int(text)


@blueprint.get("/pictures/<picture>")
@operation("A trial's picture or mask.", {200: PNG}, errors=(404, 503), token=False)
def picture(picture: str) -> flask.Response:
    """The picture. Its address is unguessable and needs no token, so that a page can preload it.

    ``PicturesFirst`` answers the requests that succeed.
    """
    try:
        data = server().pictures.read(picture)
    except OSError as error:
        path, reason = error.filename, error.strerror
        log.error("cannot read the picture %s (%s); restore it from your backup", path, reason)
        message = "This picture cannot be shown at the moment; please try again."
        raise ApiError(503, "picture_unavailable", message, retryable=True) from error
    response = flask.Response(data, mimetype=PNG)
    response.headers["Cache-Control"] = CACHE_CONTROL
    return response


@blueprint.post("/trials/<trial>/presented")
@operation(
    "Say that the picture was shown.",
    {204: None},
    body=schemas.EmptyBody,
    errors=(404,),
)
def presented(trial: str, body: schemas.EmptyBody) -> flask.Response:
    """Only the first notice counts."""
    del body
    here, who, which = server(), bearer(), trial_id(trial)
    with writing(here.engine) as connection:
        run_trial.presented(connection, who, which, here.clock())
    return flask.Response(status=204)


@blueprint.post("/trials/<trial>/response")
@operation(
    "Answer the next trial.",
    {200: schemas.Responded},
    body=schemas.ResponseBody,
    errors=(404, 409),
)
def respond(trial: str, body: schemas.ResponseBody) -> flask.Response:
    """Durable when the reply arrives. Sent again, the first answer stands and is returned."""
    here, who, which = server(), bearer(), trial_id(trial)
    flags = None if body.timing_flags is None else " ".join(body.timing_flags)
    changed = {"response_uuid": str(body.response_uuid), "timing_flags": flags}
    answer = run_trial.Answer(**{**dict(body), **changed})
    with writing(here.engine) as connection:
        stored = run_trial.respond(connection, here.catalogue, who, which, answer, here.clock())
    return reply(present_stored(trial, stored))


@blueprint.post("/session/records")
@operation(
    "Record what the page asked or measured beside the trials.",
    {200: schemas.Recorded},
    body=schemas.RecordBody,
    errors=(404, 409),
)
def record(body: schemas.RecordBody) -> flask.Response:
    """Durable when the reply arrives. The first record of an item stands."""
    here, who = server(), bearer()
    new = records.NewRecord(str(body.record_uuid), body.kind, body.name, body.data)
    with writing(here.engine) as connection:
        stored = records.add(connection, here.catalogue, who, new, here.clock())
    return reply(schemas.Recorded(record_uuid=body.record_uuid, duplicate=not stored))


@blueprint.post("/session/comprehension")
@operation(
    "Answer the questions about the instructions.",
    {200: schemas.Comprehended},
    body=schemas.ComprehensionBody,
    errors=(404, 409),
)
def comprehension(body: schemas.ComprehensionBody) -> flask.Response:
    """Which answers were wrong, and how many attempts are left; after those the study goes on."""
    here, who, uuid = server(), bearer(), str(body.attempt_uuid)
    with writing(here.engine) as connection:
        made = records.comprehend(connection, here.catalogue, who, uuid, body.answers, here.clock())
    return reply(
        schemas.Comprehended(
            passed=made.passed, wrong=made.wrong, attempts=made.number, attempts_left=made.left
        )
    )


@blueprint.post("/session/finish")
@operation(
    "Finish a session whose trials are all answered.",
    {200: schemas.State},
    body=schemas.EmptyBody,
    errors=(409,),
)
def finish(body: schemas.EmptyBody) -> flask.Response:
    """The state, with the completion code."""
    del body
    here, who = server(), bearer()
    with writing(here.engine) as connection:
        state = _state(connection, enrol.finish(connection, here.catalogue, who, here.clock()))
    return reply(state)


@blueprint.post("/session/withdraw")
@operation(
    "Withdraw from the study; the answers given so far stay, or are deleted.",
    {200: schemas.State},
    body=schemas.WithdrawBody,
    errors=(409,),
)
def withdraw(body: schemas.WithdrawBody) -> flask.Response:
    """The state, with the code for those who withdrew. A session that has ended stays as it is."""
    here, who = server(), bearer()
    with writing(here.engine) as connection:
        state = _state(connection, enrol.withdraw(connection, who, body.delete_answers, here.clock()))
    return reply(state)


@blueprint.get("/openapi.json")
@operation("This document.", {200: None}, token=False)
def openapi() -> flask.Response:
    """The OpenAPI 3.1 document of this API."""
    return flask.jsonify(document(flask.current_app))
