"""Describing an endpoint once: the description checks its requests and writes its documentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import flask
from pydantic import BaseModel, ValidationError

from experiment_server.api.schemas import Body
from experiment_server.errors import bad_request

#: what may be refused of a request with a body, and of one with a token, whatever it asks
BODY_ERRORS = (400, 403, 413)
TOKEN_ERRORS = (401, 429, 503)

View = Callable[..., flask.Response]


@dataclass(frozen=True)
class Operation:
    """One endpoint: its body, its replies by status (a model, a media type or None), its error statuses."""

    summary: str
    body: type[Body] | None
    replies: dict[int, type[BaseModel] | str | None]
    errors: tuple[int, ...]
    token: bool
    query: tuple[dict[str, Any], ...]


def operation(
    summary: str,
    replies: dict[int, type[BaseModel] | str | None],
    *,
    body: type[Body] | None = None,
    errors: tuple[int, ...] = (),
    token: bool = True,
    query: tuple[dict[str, Any], ...] = (),
) -> Callable[[View], View]:
    """Describe a view. One with a body is handed it, checked, as the argument ``body``.

    ``errors``: what it may refuse beside what its body and its token may be refused for.
    """
    every = {*errors, *(BODY_ERRORS if body else ()), *(TOKEN_ERRORS if token else ())}
    described = Operation(summary, body, replies, tuple(sorted(every)), token, query)

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(**arguments: Any) -> flask.Response:
            if body is not None:
                arguments["body"] = parse(body, flask.request.get_data())
            return view(**arguments)

        checked.operation = described  # type: ignore[attr-defined]
        return checked

    return decorate


def parse(model: type[Body], data: bytes) -> Body:
    """Read a JSON body. Raises ApiError 400 that names the first field that is wrong."""
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise bad_request(_printable(f"{place}: {first['msg']}." if place else f"{first['msg']}.")) from error


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)[:300]


def reply(model: BaseModel, status: int = 200) -> flask.Response:
    """A JSON reply, which nobody may keep a copy of."""
    response = flask.Response(model.model_dump_json(), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
