"""The Flask application."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import flask
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

from experiment_server import languages
from experiment_server.api.views import blueprint as api
from experiment_server.assets import WithAssets
from experiment_server.context import EXTENSION, Clock, Server, server, utc_now
from experiment_server.errors import ApiError
from experiment_server.models.database import connect, reading
from experiment_server.models.failures import is_damaged, reason_of
from experiment_server.participant.views import blueprint as participant
from experiment_server.participant.views import busy_page
from experiment_server.pictures import Pictures, PicturesFirst
from experiment_server.security import secure
from experiment_server.settings import Settings

#: bytes of a request's body; the largest that the API knows is a response, well below
LARGEST_BODY = 32_768

log = logging.getLogger(__name__)


def create_app(settings: Settings, clock: Clock = utc_now) -> flask.Flask:
    """A server over a database that is set up already; ``clock`` gives the time, with its zone."""
    app = WithAssets(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    # an address with a slash too many is no address, and nobody is sent elsewhere
    app.url_map.merge_slashes = False
    key = settings.key
    pictures = Pictures(key, settings.images_dir)
    app.extensions[EXTENSION] = Server(settings, connect(settings), clock, key, pictures)
    app.register_blueprint(api)
    app.register_blueprint(participant)
    languages.speak(app)
    app.add_url_rule("/healthz", "healthz", healthz)
    app.wsgi_app = PicturesFirst(app.wsgi_app, pictures)  # type: ignore[method-assign]
    secure(app, settings)
    _register_errors(app)
    return app


def healthz() -> flask.Response:
    """200 if the database answers."""
    with reading(server().engine) as connection:
        connection.execute(text("SELECT 1"))
    return flask.jsonify(status="ok")


def _register_errors(app: flask.Flask) -> None:
    app.register_error_handler(ApiError, _refuse)
    app.register_error_handler(HTTPException, _http_error)
    for kind in (DatabaseError, InterfaceError, PoolTimeoutError):
        app.register_error_handler(kind, _database_cannot)
    for mistake in (IntegrityError, DataError, Exception):
        app.register_error_handler(mistake, _unexpected)


def _refuse(error: ApiError) -> flask.Response:
    response = flask.jsonify(error.body())
    response.status_code = error.status
    response.headers["Cache-Control"] = "no-store"
    if error.retryable:
        response.headers["Retry-After"] = str(error.retry_after)
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


def _database_cannot(error: DatabaseError | InterfaceError | PoolTimeoutError) -> flask.Response:
    """The database cannot do it now: it is locked, full, read-only, gone, damaged, or of another version.

    The request was not acknowledged and may be sent again.
    """
    if is_damaged(error):
        log.critical("the database is DAMAGED; restore it from your backup: %s", reason_of(error))
    else:
        log.error("the database cannot: %s", reason_of(error))
    busy = ApiError(503, "database_busy", "The server is busy; please try again in a moment.", retryable=True)
    if flask.request.blueprint == participant.name:
        return busy_page()
    return _refuse(busy)


def _unexpected(error: Exception) -> flask.Response:
    """A mistake of ours: its kind and place are logged, not its message, which may quote a participant.

    The reply tells nothing of it.
    """
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("unexpected %s at %s\n%s", type(error).__name__, flask.request.path, where)
    message = "The server made a mistake; please try again."
    return _refuse(ApiError(500, "internal_error", message, retryable=True))
