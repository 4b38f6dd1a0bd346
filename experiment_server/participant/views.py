"""The participant's page, the credits of the pictures, and the page for a wrong link.

The page itself is a shell: everything that happens in it is the front end's, over the participant API.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import flask
from sqlalchemy import Connection

from experiment_server.context import server
from experiment_server.design.definition import Credit
from experiment_server.models.database import reading
from experiment_server.services import studies

blueprint = flask.Blueprint("participant", __name__, template_folder="templates")

#: hexadecimal digits of an asset's hash in its address: a new build is a new address
DIGITS = 12
#: after which a page that could not be made is asked for again
BUSY_SECONDS = 3


@functools.cache
def _version(path: Path, modified_ns: int) -> str:
    """The first digits of a file's SHA-256, read once for each time that it was changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS]


def asset(name: str) -> str:
    """The address of a file of the built front end, with its content's hash in it."""
    path = Path(flask.current_app.static_folder or "") / name
    return flask.url_for("static", filename=name, v=_version(path, path.stat().st_mtime_ns))


def is_built() -> bool:
    """Whether the front end was built into the static folder."""
    return (Path(flask.current_app.static_folder or "") / "app.js").is_file()


@blueprint.get("/s/<name>")
def study_page(name: str) -> flask.Response:
    """The page on which a participant takes part; 404 if there is no such study."""
    if not is_built():
        return _not_built()
    with reading(server().engine) as connection:
        study = studies.find(connection, name)
    if study is None:
        return _no_such_study()
    return _page("participant/study.html", study={"name": name, "title": study.title})


@blueprint.get("/s/<name>/credits")
def credits_page(name: str) -> flask.Response:
    """Whose pictures a study shows, and under which licences; 404 if there is no such study."""
    if not is_built():
        return _not_built()
    with reading(server().engine) as connection:
        study = studies.find(connection, name)
        credits = _credits(connection, study.id) if study else []
    if study is None:
        return _no_such_study()
    return _page("participant/credits.html", study={"name": name, "title": study.title}, credits=credits)


def _credits(connection: Connection, study_id: int) -> list[Credit]:
    """The distinct credits that say something, in alphabetical order."""
    known = set(server().catalogue.definition(connection, study_id).credits)
    telling = [credit for credit in known if credit.credit or credit.credit_url or credit.licence]
    return sorted(telling, key=lambda one: (one.credit.casefold(), one.credit_url, one.licence))


def _page(template: str, status: int = 200, **context: object) -> flask.Response:
    response = flask.make_response(flask.render_template(template, asset=asset, **context), status)
    response.headers["Cache-Control"] = "no-cache"
    return response


def busy_page(message: str) -> flask.Response:
    """What stands for a page while the database cannot answer; the browser tries again by itself."""
    page = _page("participant/error.html", 503, title="One moment, please", message=message)
    page.headers["Retry-After"] = page.headers["Refresh"] = str(BUSY_SECONDS)
    return page


def _no_such_study() -> flask.Response:
    title = "There is no study here"
    message = "Please check the link that you were given."
    return _page("participant/error.html", 404, title=title, message=message)


def _not_built() -> flask.Response:
    """The one page that does without the front end's styles, because they are what is missing."""
    message = "The participants' page is not built; run `make setup` in the project's folder.\n"
    return flask.Response(message, 503, mimetype="text/plain")
