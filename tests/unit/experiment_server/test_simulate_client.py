from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest

from experiment_server.simulate.client import PAUSES, ApiError, ParticipantClient
from experiment_server.simulate.participant import prolific_identity
from experiment_server.simulate.run import Turnstile
from stimuli.errors import UserError

UUID_1 = UUID(int=1, version=4)


class FailingServer(ThreadingHTTPServer):
    """Answers with a list of statuses, one a request, then 200; None breaks the connection."""

    def __init__(self, statuses: list[int | None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.statuses = statuses
        self.bodies: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    server: FailingServer

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.bodies.append(json.loads(self.rfile.read(length)))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        if status is None:
            self.close_connection = True
            return
        reply = b'{"error": {"code": "out_of_order", "message": "No.", "retryable": false}}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def failing(statuses: list[int | None]) -> Iterator[tuple[FailingServer, ParticipantClient, list[float]]]:
    pauses: list[float] = []
    with FailingServer(statuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield server, ParticipantClient(url, "demo", {}, sleep=pauses.append), pauses
        server.shutdown()


@pytest.mark.parametrize("failures", [[503], [500, 502], [429], [None], [None, 503]])
def test_a_response_is_sent_again_with_the_same_uuid(failures: list[int | None]) -> None:
    with failing(list(failures)) as (server, client, pauses):
        client.respond("t1", UUID_1, {"response": "dog"})
    assert len(server.bodies) == len(failures) + 1
    assert {body["response_uuid"] for body in server.bodies} == {str(UUID_1)}
    assert pauses == list(PAUSES[: len(failures)])


def test_a_refusal_is_not_sent_again() -> None:
    with failing([409]) as (server, client, _), pytest.raises(ApiError) as error:
        client.presented("t1")
    assert (error.value.status, error.value.code, error.value.message) == (409, "out_of_order", "No.")
    assert len(server.bodies) == 1


def test_a_server_that_only_fails_is_left_after_the_last_try() -> None:
    with failing([503] * 9) as (server, client, _), pytest.raises(ApiError) as error:
        client.finish()
    assert error.value.status == 503
    assert len(server.bodies) == len(PAUSES) + 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "nonsense"])
def test_no_server(url: str) -> None:
    client = ParticipantClient(url, "demo", {}, sleep=lambda seconds: None)
    with pytest.raises(UserError) as error:
        client.arrive()
    assert str(error.value) == (
        f"no server answers at {url}; start one with python manage.py serve, or give its address with --url"
    )


def test_made_up_ids_look_like_prolifics_and_belong_to_one_participant() -> None:
    ids = [prolific_identity("demo", 0, number)["prolific_pid"] for number in range(100)]
    assert len(set(ids)) == 100
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in ids)
    assert prolific_identity("demo", 0, 7)["prolific_pid"] == ids[7]
    assert prolific_identity("demo", 1, 7)["prolific_pid"] != ids[7]


def test_the_turnstile_lets_everybody_through_in_order() -> None:
    turnstile, passed = Turnstile(), []

    def pass_through(number: int) -> Callable[[], None]:
        def go() -> None:
            with turnstile.turn(number):
                passed.append(number)

        return go

    threads = [threading.Thread(target=pass_through(number)) for number in (3, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert passed == [0, 1, 2, 3]


def test_a_failure_in_the_turnstile_does_not_keep_the_next_one_waiting() -> None:
    turnstile = Turnstile()
    with pytest.raises(ValueError, match="0"), turnstile.turn(0):
        raise ValueError("0")
    with turnstile.turn(1):
        pass
