"""Requests of every kind that nobody meant: the server never fails, and replies as it documents.

The long form, which also prints what it saw: ``pytest -s --hypothesis-profile=long`` with this file.
"""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from werkzeug.datastructures import Headers
from werkzeug.test import create_environ, run_wsgi_app

from experiment_server.models.database import connect
from experiment_server.security import SECURITY_HEADERS
from experiment_server.settings import Settings
from tests.functional.fuzzing import PHASES, STUDY, TRIALS_MEANT, Fuzz, People, in_process, over_http
from tests.functional.histories import check_histories
from tests.functional.invariants import check_invariants
from tests.functional.odd_requests import (
    RAW,
    addresses,
    bodies,
    headers,
    kinds,
    known_addresses,
    lengths,
    mangled,
    methods,
    queries,
)
from tests.functional.server_fixture import (
    Clock,
    Here,
    create_study,
    running_server,
    served_here,
)

DOCUMENT = "/api/v1/openapi.json"
LONG = settings_of_hypothesis.get_current_profile_name() == "long"
#: examples in the long form for each one in the short form
TIMES = settings_of_hypothesis().max_examples // 100

phases = st.sampled_from(PHASES)
trials_meant = st.sampled_from(TRIALS_MEANT)


def examples(number: int) -> settings_of_hypothesis:
    """So many examples, the same in every short run, and many times as many, always others, in a long one."""
    return settings_of_hypothesis(
        max_examples=number * TIMES,
        deadline=None,
        database=None,
        derandomize=not LONG,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )


@pytest.fixture
def generous(settings: Settings) -> Settings:
    """Nobody has asked too much."""
    return settings.model_copy(update={"requests_per_minute": 10**6, "arrivals_per_minute": 10**6})


@pytest.fixture
def fuzzed(generous: Settings, clock: Clock, tmp_path: Path) -> Iterator[Here]:
    """A server in the test's process. After the test its database is sound, and anybody can take part."""
    create_study(generous, tmp_path / "study", STUDY)
    with served_here(generous, clock) as here:
        yield here
        People(in_process(here.app)).take_part()
        check_invariants(here.engine)
        check_histories(here.engine)


@pytest.fixture
def fuzz(fuzzed: Here) -> Iterator[Fuzz]:
    """What is sent to it by its OpenAPI document."""
    made = Fuzz(schemathesis.openapi.from_wsgi(DOCUMENT, fuzzed.app), People(in_process(fuzzed.app)))
    yield made
    show(made)


def show(fuzz: Fuzz) -> None:
    """Print, in the long form, how often which status came."""
    for (label, mode, status), times in sorted(fuzz.seen.items()) if LONG else ():
        print(f"{label:44} {mode:9} {status} {times:7}")


def send_everything(fuzz: Fuzz, number: int) -> None:
    """So many requests of each operation as the document says, and as many that are not, in any phase."""
    for operation in fuzz.operations():
        for mode in GenerationMode:

            @examples(number)
            @given(operation.as_strategy(generation_mode=mode), phases, trials_meant)
            def send(case: Case[Any], phase: str, trial: str) -> None:
                fuzz.send(case, phase, trial)

            send()


def test_every_operation_in_every_phase(fuzz: Fuzz) -> None:
    send_everything(fuzz, 5)
    assert {status // 100 for _, _, status in fuzz.seen} == {2, 4}


def test_every_bound_that_the_document_states(fuzz: Fuzz) -> None:
    for case in fuzz.covering():
        fuzz.send(case, "trials", "next")
    assert {status for _, _, status in fuzz.seen} >= {200, 201, 204, 400, 404, 405}


def test_any_history_of_a_participant(fuzz: Fuzz) -> None:
    """What a browser would do, and between that anything."""
    operations = fuzz.operations()

    @examples(6)
    @given(st.data())
    def go_through(data: st.DataObject) -> None:
        person = fuzz.people.new()
        for _ in range(data.draw(st.integers(1, 12))):
            if data.draw(st.booleans()):
                fuzz.people.go_on(person)
                continue
            mode = data.draw(st.sampled_from(list(GenerationMode)))
            case = data.draw(data.draw(st.sampled_from(operations)).as_strategy(generation_mode=mode))
            fuzz.send_as(case, person, data.draw(trials_meant))

    go_through()


def request_to(app: flask.Flask, **changes: Any) -> tuple[int, Headers, bytes]:
    """One request as a server hands it over, with whatever is in it."""
    environ = {**create_environ("/"), **changes}
    body, status, headers = run_wsgi_app(app, environ, buffered=True)
    return int(status.split()[0]), headers, b"".join(body)


def check_reply(path: str, status: int, headers: Headers, body: bytes, method: str) -> None:
    """A reply that is no mistake of the server's, has its headers, and its form if it is the API's."""
    assert status not in range(300, 400)
    assert 200 <= status < 500, (method, path, status, body)
    assert {name: headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    if status >= 400 and path.startswith("/api/") and method != "HEAD":
        error = json.loads(body)["error"]
        assert set(error) == {"code", "message", "retryable"}
        assert error["message"].isprintable()


def test_nothing_that_is_sent_anywhere_makes_it_fail(fuzzed: Here) -> None:
    people = People(in_process(fuzzed.app))
    secret = people.someone("trials").token

    @examples(250)
    @given(methods, addresses, queries, headers, kinds, lengths)
    def send(
        method: str, path: str, query: str, carried: dict[str, str], kind: str, length: str | None
    ) -> None:
        changes = {f"HTTP_{name}": value for name, value in carried.items()}
        status, got, body = request_to(
            fuzzed.app,
            REQUEST_METHOD=method,
            PATH_INFO=path,
            QUERY_STRING=query,
            CONTENT_TYPE=kind,
            **({} if length is None else {"CONTENT_LENGTH": length}),
            **changes,
        )
        check_reply(path, status, got, body, method)

    @examples(150)
    @given(known_addresses, kinds, bodies, st.booleans())
    def post(path: str, kind: str, body: bytes, allowed: bool) -> None:
        status, got, data = request_to(
            fuzzed.app,
            REQUEST_METHOD="POST",
            PATH_INFO=path,
            CONTENT_TYPE=kind,
            CONTENT_LENGTH=str(len(body)),
            HTTP_AUTHORIZATION=f"Bearer {secret if allowed else ''}",
            **{"wsgi.input": io.BytesIO(body)},
        )
        check_reply(path, status, got, data, "POST")

    send()
    post()


def test_every_method_that_an_address_lacks_is_refused(fuzzed: Here) -> None:
    for rule in fuzzed.app.url_map.iter_rules():
        path = rule.rule.replace("<study>", "small").replace("<name>", "small").replace("<trial>", "0" * 32)
        lacking = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - (rule.methods or set())
        for method in lacking:
            status, got, body = request_to(fuzzed.app, REQUEST_METHOD=method, PATH_INFO=path)
            allowed = set(got["Allow"].split(", "))
            assert (status, allowed) == (405, rule.methods), (method, path)
            check_reply(path, status, got, body, method)


def send_raw(url: str, data: bytes) -> list[int]:
    """Send bytes, close that direction, and give the status of each reply that came."""
    where = urlsplit(url)
    received = b""
    with (
        socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as connection,
        suppress(OSError),
    ):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            received += part
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def failures(statuses: list[int]) -> list[int]:
    """Those that say that the server made a mistake. 501 does not: it knows no such transfer coding."""
    return [status for status in statuses if status >= 500 and status != 501]


def test_a_real_server_survives_whatever_comes(generous: Settings, tmp_path: Path) -> None:
    create_study(generous, tmp_path / "study", STUDY)
    log = tmp_path / "log"
    with running_server(generous, log=log) as server:
        fuzz = Fuzz(schemathesis.openapi.from_url(server.url + DOCUMENT), People(over_http(server)))
        send_everything(fuzz, 1)
        statuses = {name: send_raw(server.url, data) for name, data in RAW.items()}
        assert {name: found for name, found in statuses.items() if failures(found)} == {}
        assert statuses["two at once"] == [200, 200]

        @examples(60)
        @given(mangled)
        def send(data: bytes) -> None:
            assert not failures(send_raw(server.url, data))

        send()
        fuzz.people.take_part()
        show(fuzz)
    assert "Traceback" not in log.read_text()
    engine = connect(generous)
    check_invariants(engine)
    check_histories(engine)
    engine.dispose()
