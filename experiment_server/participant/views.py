"""The participant's page, the credits of the pictures, and the page for a wrong link.

The page itself is a shell: everything that happens in it is the front end's, over the participant API.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import flask
from flask_babel import gettext

from experiment_server import languages
from experiment_server.context import server
from experiment_server.design.definition import Credit
from experiment_server.languages import Speech
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


@dataclass(frozen=True)
class Shown:
    """What the pages of a study say of it."""

    name: str
    title: str
    credits: tuple[Credit, ...]


@blueprint.get("/s/<name>")
def study_page(name: str) -> flask.Response:
    """The page on which a participant takes part; 404 if there is no such study."""
    study, speech = _study(name)
    return _page("participant/study.html", speech, study=study, words=languages.words(speech))


@blueprint.get("/s/<name>/credits")
def credits_page(name: str) -> flask.Response:
    """Whose pictures a study shows, and under which licences; 404 if there is no such study."""
    study, speech = _study(name)
    return _page("participant/credits.html", speech, study=study, credits=_telling(study.credits))


def _study(name: str) -> tuple[Shown, Speech]:
    """The study of this name, and how its pages speak; ends the request if it cannot be shown."""
    if not is_built():
        flask.abort(_not_ready("The participants' page is not built"))
    with reading(server().engine) as connection:
        found = studies.find(connection, name)
        definition = server().catalogue.definition(connection, found.id) if found else None
    if found is None or definition is None:
        flask.abort(_no_such_study())
    speech = languages.of_study(definition.design.language)
    if not languages.is_compiled(speech):
        flask.abort(_not_ready(f'The catalogue of the language "{speech.page}" is not compiled'))
    return Shown(name, found.title, definition.credits), speech


def _telling(credits: tuple[Credit, ...]) -> list[Credit]:
    """The distinct credits that say something, in alphabetical order."""
    telling = [credit for credit in set(credits) if credit.credit or credit.credit_url or credit.licence]
    return sorted(telling, key=lambda one: (one.credit.casefold(), one.credit_url, one.licence))


def _page(template: str, speech: Speech, status: int = 200, **context: object) -> flask.Response:
    languages.use(speech)
    text = flask.render_template(template, asset=asset, speech=speech, **context)
    response = flask.make_response(text, status)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _message_page(status: int, title: str, message: str) -> flask.Response:
    """A page without a study, in the language that the reader's browser asks for."""
    page = _page("participant/error.html", languages.of_reader(), status, title=title, message=message)
    page.headers["Vary"] = "Accept-Language"
    return page


def busy_page() -> flask.Response:
    """What stands for a page while the database cannot answer; the browser tries again by itself."""
    message = gettext("The server is busy; please try again in a moment.")
    page = _message_page(503, gettext("One moment, please"), message)
    page.headers["Retry-After"] = page.headers["Refresh"] = str(BUSY_SECONDS)
    return page


def _no_such_study() -> flask.Response:
    message = gettext("Please check the link that you were given.")
    return _message_page(404, gettext("There is no study here"), message)


def _not_ready(what: str) -> flask.Response:
    """A line for the researcher, without the front end's styles: something was not set up."""
    message = f"{what}; run `make setup` in the project's folder.\n"
    return flask.Response(message, 503, mimetype="text/plain")
