"""``manage.py serve``: starting, being told to stop, and a port in use."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from experiment_server.settings import Settings
from tests.functional.server_fixture import ROOT, answer, create_from, environment, pid, running_server

HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "torch", "PIL")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The embedded database."""
    return Settings.model_validate({"data_dir": tmp_path / "data", "secret_key": "k" * 40})


def serve(settings: Settings, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "serve", *options]
    return subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_port_in_use_is_one_sentence(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve(settings, "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: port {port} of 127.0.0.1 is in use; stop what uses it, or choose another with --port\n"
    )
    assert not settings.data_dir.exists()


def test_a_host_that_is_not_ours_is_one_sentence(settings: Settings) -> None:
    done = serve(settings, "--host", "192.0.2.1", "--port", "0")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: cannot listen at 192.0.2.1 port 0 (Cannot assign requested address); "
        "choose another --host or --port\n"
    )


def test_it_says_where_the_studies_are(settings: Settings, small_study: Path) -> None:
    create_from(settings, small_study)
    said = settings.data_dir / "said"
    with (
        said.open("w") as output,
        subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", "0"],
            cwd=ROOT,
            env=environment(settings),
            stdout=output,
        ) as server,
    ):
        while not said.read_text().endswith("\n"):
            time.sleep(0.05)
        line = said.read_text()
        url = line.split()[-1].removesuffix("/s/small")
        assert requests.get(f"{url}/healthz", timeout=10).json() == {"status": "ok"}
        server.terminate()
    assert line == f"Study small (rehearsal): {url}/s/small\n"


def test_it_serves_an_empty_database(settings: Settings) -> None:
    with running_server(settings) as server:
        assert server.arrive({"prolific_pid": pid("someone")}).status_code == 404


def test_told_to_stop_it_finishes_what_is_under_way(settings: Settings, small_study: Path) -> None:
    create_from(settings, small_study)
    replies: list[int] = []
    with running_server(settings) as server:
        stop = threading.Event()

        def keep_arriving() -> None:
            number = 0
            while not stop.is_set():
                try:
                    replies.append(server.arrive({"prolific_pid": pid(f"person {number}")}).status_code)
                except requests.ConnectionError:
                    return
                number += 1

        threads = [threading.Thread(target=keep_arriving) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(replies) < 8:
            stop.wait(0.01)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        stop.set()
        for thread in threads:
            thread.join(30)
    assert set(replies) <= {200, 201, 409}


PLANTED = "5f3c0ffee0badcafe0000009"
MALFORMED = {
    "header": f"GET /s/small?PROLIFIC_PID={PLANTED} HTTP/1.1\r\nHost: h\r\nReferer {PLANTED}\r\n\r\n",
    "request line": f"GET /s/small?PROLIFIC_PID={PLANTED} and more HTTP/1.1\r\nHost: h\r\n\r\n",
    "version": f"GET /s/small?PROLIFIC_PID={PLANTED} HTTP/9.{PLANTED}\r\nHost: h\r\n\r\n",
    "method": f"g{PLANTED} / HTTP/1.1\r\nHost: h\r\n\r\n",
    "long": f"GET /?{PLANTED}{'x' * 9000} HTTP/1.1\r\nHost: h\r\n\r\n",
    "encoding": f"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: {PLANTED}\r\n\r\n",
    "length": f"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {PLANTED}\r\n\r\n",
    "chunk": "POST /api/v1/studies/small/sessions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    f"{PLANTED}z\r\n\r\n",
}


def test_the_log_quotes_no_request_and_no_address(settings: Settings, small_study: Path) -> None:
    create_from(settings, small_study)
    command = [sys.executable, "manage.py", "serve", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().split(":")[3].split("/")[0])
        replies = {name: send(port, text) for name, text in MALFORMED.items()}
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
    refused = {name: int(reply[9:12]) for name, reply in replies.items()}
    assert {name: status for name, status in refused.items() if status not in (400, 411, 414, 501, 505)} == {}
    assert "a request was refused: InvalidHeader" in err
    for secret in (PLANTED, PLANTED.upper(), "127.0.0.1", "PROLIFIC_PID"):
        assert secret not in out + err


def send(port: int, text: str) -> bytes:
    """Send bytes as they are; returns the beginning of the reply."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(text.encode())
        return connection.recv(4096)


def test_a_server_process_stays_light(settings: Settings, small_study: Path) -> None:
    create_from(settings, small_study)
    code = f"""
import sys
from experiment_server.app import create_app
from experiment_server.settings import load_settings
import experiment_server.serving
app = create_app(load_settings())
client = app.test_client()
reply = client.post("/api/v1/studies/small/sessions", json={{"prolific_pid": "{pid("someone")}"}})
headers = {{"Authorization": "Bearer " + reply.json["token"]}}
assert client.post("/api/v1/session/consent", json={{"consented": True}}, headers=headers).status_code == 200
trial = client.get("/api/v1/session/trials", headers=headers).json["trials"][0]
assert client.get(trial["image"]).status_code == 200
path = "/api/v1/trials/" + trial["trial"] + "/response"
assert client.post(path, json={answer("teapot")!r}, headers=headers).json["feedback"]["correct"] is True
print([module for module in {HEAVY!r} if module in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "[]\n"
