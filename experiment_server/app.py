"""The Flask application."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from experiment_server.api.views import blueprint as api
from experiment_server.context import EXTENSION, Clock, Server, server, utc_now
from experiment_server.errors import ApiError
from experiment_server.models.database import connect, reading
from experiment_server.participant.views import blueprint as participant
from experiment_server.settings import Settings

#: bytes of a request's body; the largest that the API knows is a response, well below
LARGEST_BODY = 32_768

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

log = logging.getLogger(__name__)


def create_app(settings: Settings, clock: Clock = utc_now) -> flask.Flask:
    """A server over a database that is set up already; ``clock`` gives the time, with its zone."""
    app = flask.Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.extensions[EXTENSION] = Server(settings, connect(settings), clock, settings.key)
    app.register_blueprint(api)
    app.register_blueprint(participant)
    app.add_url_rule("/healthz", "healthz", healthz)
    app.after_request(add_security_headers)
    _register_errors(app)
    return app


def healthz() -> flask.Response:
    """200 if the database answers."""
    with reading(server().engine) as connection:
        connection.execute(text("SELECT 1"))
    return flask.jsonify(status="ok")


def add_security_headers(response: flask.Response) -> flask.Response:
    """Nothing from elsewhere, nothing inline, in no frame, for every reply."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _register_errors(app: flask.Flask) -> None:
    app.register_error_handler(ApiError, _refuse)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    for kind in (OperationalError, InterfaceError, PoolTimeoutError):
        app.register_error_handler(kind, _database_busy)


def _refuse(error: ApiError) -> flask.Response:
    response = flask.jsonify(error.body())
    response.status_code = error.status
    response.headers["Cache-Control"] = "no-store"
    if error.retryable:
        response.headers["Retry-After"] = "1"
    return response


def _http_error(error: HTTPException) -> Any:
    """Flask's own refusals (no such address, wrong method, too large): JSON in the API, else a line."""
    status = error.code or 500
    code = error.name.lower().replace(" ", "_")
    if flask.request.path.startswith("/api/"):
        response = _refuse(ApiError(status, code, f"{error.name}.", retryable=status >= 500))
    else:
        response = flask.Response(f"{error.name}\n", status, mimetype="text/plain")
    if isinstance(error.get_response().headers.get("Allow"), str):
        response.headers["Allow"] = error.get_response().headers["Allow"]
    return response


def _database_busy(error: DBAPIError | PoolTimeoutError) -> flask.Response:
    """The database cannot do it now: nothing was stored, and the same request may succeed soon."""
    log.error("the database cannot: %s", getattr(error, "orig", error))
    message = "The server is busy; please try again in a moment."
    return _refuse(ApiError(503, "database_busy", message, retryable=True))


def _unexpected(error: Exception) -> flask.Response:
    """A mistake of ours: its kind and place are logged, not its message, which may quote a participant.

    The reply tells nothing of it.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s at %s\n%s", type(error).__name__, flask.request.path, where)
    message = "The server made a mistake; please try again."
    return _refuse(ApiError(500, "internal_error", message, retryable=True))
