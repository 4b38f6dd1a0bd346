"""The participant's side of the HTTP contract, with the retries of a browser's queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import requests

from stimuli.errors import UserError

#: pauses in seconds before a request is sent again
PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)
TIMEOUT_SECONDS = 30.0
TOO_MANY_REQUESTS = 429

Json = dict[str, Any]


class ApiError(Exception):
    """A refusal by the server: the HTTP status, and the contract's code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message


@dataclass
class ParticipantClient:
    """One browser of one participant. ``url`` is the server's, without a slash at its end.

    ``identity`` is the body of the arrival: the query of Prolific's link, or a visitor's UUID.
    Every call raises UserError if the server cannot be reached and ApiError if it refuses.
    """

    url: str
    study: str
    identity: Json
    http: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep

    def require_server(self) -> None:
        """Raise UserError at once, trying no second time, if no server answers."""
        self._try("GET", "/healthz", last=True)

    def open_page(self) -> None:
        """Fetch the participants' page, as Prolific's link does."""
        names = {
            "PROLIFIC_PID": "prolific_pid",
            "STUDY_ID": "prolific_study_id",
            "SESSION_ID": "prolific_session_id",
        }
        query = {name: self.identity[key] for name, key in names.items() if self.identity.get(key)}
        self._send("GET", f"/s/{self.study}", params=query)

    def arrive(self) -> Json:
        """Begin or resume the session; later calls carry its token. Returns the state."""
        reply = self._json("POST", f"/api/v1/studies/{self.study}/sessions", json=self.identity)
        self.http.headers["Authorization"] = f"Bearer {reply['token']}"
        return dict(reply["state"])

    def state(self) -> Json:
        """Where the session stands."""
        return self._json("GET", "/api/v1/session")

    def consent(self, consented: bool = True) -> Json:
        """Consent, or not. Returns the state."""
        return self._json("POST", "/api/v1/session/consent", json={"consented": consented})

    def trials(self, limit: int = 3) -> list[Json]:
        """The next trials without a response, in order."""
        return list(self._json("GET", "/api/v1/session/trials", params={"limit": limit})["trials"])

    def picture(self, path: str) -> bytes:
        """The bytes of an image or a mask, by the path that the trial gives."""
        return self._send("GET", path).content

    def presented(self, trial: str) -> None:
        """Say that a trial's picture was shown."""
        self._send("POST", f"/api/v1/trials/{trial}/presented", json={})

    def respond(self, trial: str, response_uuid: UUID, answer: Json) -> Json:
        """Send a response; sent again after a failure, it is the same one by its UUID."""
        body = {"response_uuid": str(response_uuid), **answer}
        return self._json("POST", f"/api/v1/trials/{trial}/response", json=body)

    def record(self, record_uuid: UUID, kind: str, name: str, data: Json) -> Json:
        """Record what was asked or measured beside the trials."""
        body = {"record_uuid": str(record_uuid), "kind": kind, "name": name, "data": data}
        return self._json("POST", "/api/v1/session/records", json=body)

    def comprehend(self, attempt_uuid: UUID, answers: dict[str, str]) -> Json:
        """Answer the questions about the instructions: the option chosen, by the question's name."""
        body = {"attempt_uuid": str(attempt_uuid), "answers": answers}
        return self._json("POST", "/api/v1/session/comprehension", json=body)

    def finish(self) -> Json:
        """End the session. Returns the state, with the completion code."""
        return self._json("POST", "/api/v1/session/finish", json={})

    def withdraw(self) -> Json:
        """Withdraw from the study. Returns the state."""
        return self._json("POST", "/api/v1/session/withdraw", json={})

    def _json(self, method: str, path: str, **options: Any) -> Json:
        return dict(self._send(method, path, **options).json())

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request, again after a broken connection, a 429 or a 5xx; the rest is an ApiError."""
        for pause in (*PAUSES, None):
            reply = self._try(method, path, last=pause is None, **options)
            if reply is not None and not _worth_another_try(reply.status_code):
                break
            if pause is not None:
                self.sleep(pause)
        assert reply is not None
        if not reply.ok:
            raise _refusal(reply)
        return reply

    def _try(self, method: str, path: str, *, last: bool, **options: Any) -> requests.Response | None:
        """One attempt; None if the connection failed, or UserError if it was the last attempt."""
        try:
            return self.http.request(method, self.url + path, timeout=TIMEOUT_SECONDS, **options)
        except (requests.ConnectionError, requests.Timeout) as error:
            if last:
                raise unreachable(self.url) from error
        except requests.RequestException as error:
            raise unreachable(self.url) from error
        return None


def unreachable(url: str) -> UserError:
    """The error for a server that does not answer at an address."""
    return UserError(
        f"no server answers at {url}; start one with python manage.py serve, or give its address with --url"
    )


def _worth_another_try(status: int) -> bool:
    return status >= 500 or status == TOO_MANY_REQUESTS


def _refusal(reply: requests.Response) -> ApiError:
    try:
        error = dict(reply.json()["error"])
    except (requests.JSONDecodeError, KeyError, TypeError, ValueError):
        error = {"code": "unknown", "message": reply.reason}
    return ApiError(reply.status_code, str(error.get("code")), str(error.get("message")))
