"""Clients that take their time, or a seat, keep nobody else from being served."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from experiment_server.settings import Settings
from tests.functional.server_fixture import RunningServer, create_from, pid, running_server

#: more than the threads of both workers
CLIENTS = 20
POST = b"POST /api/v1/session/finish HTTP/1.1\r\nHost: h\r\n"
UNFINISHED = {
    "nothing": b"",
    "half a head": b"GET /healthz HTTP/1.1\r\nHost",
    "empty lines": b"\r\n\r\n",
    "a head without its body": POST + b"Content-Length: 2\r\n\r\n",
    "a head that waits to be told": POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    "half a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    "a body that is too long": POST + b"Content-Length: 99999\r\n\r\n",
    "a request, and does not hang up": b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, small_study: Path) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("slow")
    settings = Settings.model_validate({"data_dir": folder / "data", "secret_key": "k" * 40})
    create_from(settings, small_study)
    with running_server(settings) as running:
        yield running


def address(server: RunningServer) -> tuple[str, int]:
    found = urlsplit(server.url)
    return str(found.hostname), int(found.port or 80)


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_twenty_clients_that_send_no_more_stop_nobody(server: RunningServer, sent: bytes) -> None:
    with ExitStack() as opened:
        for _ in range(CLIENTS):
            opened.enter_context(socket.create_connection(address(server))).sendall(sent)
        assert requests.get(f"{server.url}/healthz", timeout=8).status_code == 200


def test_twenty_clients_that_do_not_take_their_pictures_stop_nobody(server: RunningServer) -> None:
    token = server.arrive({"prolific_pid": pid("someone")}).json()["token"]
    server.call("POST", "/session/consent", token, {"consented": True})
    picture = server.call("GET", "/session/trials", token).json()["trials"][0]["image"]
    request = f"GET {picture} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    with ExitStack() as opened:
        for _ in range(CLIENTS):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(address(server))
            client.sendall(10 * request)
        assert requests.get(f"{server.url}/healthz", timeout=8).status_code == 200


def test_clients_that_ask_on_and_take_nothing_stop_nobody(server: RunningServer) -> None:
    for path in ("/static/app.js", "/api/v1/openapi.json"):
        request = f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        with ExitStack() as opened:
            for _ in range(CLIENTS):
                client = opened.enter_context(socket.socket())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(address(server))
                client.settimeout(1)
                with suppress(OSError):
                    client.sendall(400 * request)
            assert requests.get(f"{server.url}/healthz", timeout=15).status_code == 200


def test_a_client_that_sends_much_at_once_fills_no_memory(server: RunningServer) -> None:
    process = psutil.Process(server.process.pid)
    before = max(child.memory_info().rss for child in process.children())
    with socket.create_connection(address(server)) as client:
        client.settimeout(5)
        with suppress(OSError):
            client.sendall(40_000 * b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
    after = max(child.memory_info().rss for child in process.children())
    assert after < before + 20_000_000


def test_a_body_in_chunks_is_refused(server: RunningServer) -> None:
    with socket.create_connection(address(server), timeout=30) as client:
        client.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 411 ")


def test_a_server_that_stops_waits_for_nobody_who_sent_nothing(tmp_path: Path, small_study: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "secret_key": "k" * 40})
    create_from(settings, small_study)
    with running_server(settings) as running, ExitStack() as opened:
        for _ in range(4):
            opened.enter_context(socket.create_connection(address(running)))
        assert requests.get(f"{running.url}/healthz", timeout=8).status_code == 200
        running.process.terminate()
        assert running.process.wait(timeout=8) == 0


def test_a_request_may_come_byte_by_byte(server: RunningServer) -> None:
    with socket.create_connection(address(server), timeout=30) as client:
        for byte in POST + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}":
            client.send(bytes([byte]))
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    assert reply.startswith(b"HTTP/1.1 401 ")


def test_requests_may_come_one_behind_the_other(server: RunningServer) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: h\r\n"
    with socket.create_connection(address(server), timeout=30) as client:
        client.sendall(2 * (request + b"\r\n") + request + b"Connection: close\r\n\r\n")
        reply = b"".join(iter(lambda: client.recv(4096), b""))
    assert reply.count(b"HTTP/1.1 200 OK") == 3
    assert reply.count(b'{"status":"ok"}') == 3


def test_a_body_of_twice_the_size_is_refused_and_not_cut_off(server: RunningServer) -> None:
    reply = requests.post(f"{server.url}/api/v1/session/finish", data=65_000 * "x", timeout=30)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_entity_too_large")
