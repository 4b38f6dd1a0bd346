"""From ``manage.py serve`` to its first answer, beside a Python that only loads Flask and SQLAlchemy."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.loading import settings_for_load
from tests.benchmarks.numbers_table import Numbers
from tests.functional.server_fixture import MANAGE, create_from, environment

TURNS = 5
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


def seconds_to_first_answer(env: dict[str, str]) -> float:
    """Start a server, ask until it answers, and stop it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begin = time.perf_counter()
    with subprocess.Popen(
        [*MANAGE, "serve", "--port", str(port), "--quiet"], env=env, start_new_session=True
    ) as process:
        while not answers(port):
            assert process.poll() is None
            time.sleep(0.005)
        took = time.perf_counter() - begin
        os.killpg(process.pid, signal.SIGTERM)
    return took


def answers(port: int) -> bool:
    """Whether a server says at a port that it is well."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(REQUEST)
            return client.recv(100).startswith(b"HTTP/1.1 200")
    except (ConnectionRefusedError, ConnectionResetError):
        return False


def seconds_to_load() -> float:
    """What Python takes to load Flask and SQLAlchemy and do nothing."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import flask, sqlalchemy"], check=True)
    return time.perf_counter() - begin


def test_server_start(database_url: str, large_study: Path, tmp_path: Path, numbers: Numbers) -> None:
    settings = settings_for_load(tmp_path / "data", database_url)
    create_from(settings, large_study)
    env = environment(settings)
    pairs = [(seconds_to_first_answer(env), seconds_to_load()) for _ in range(TURNS)]
    starts, loads = zip(*pairs, strict=True)
    backend = "SQLite" if database_url.startswith("sqlite") else "PostgreSQL"
    numbers.add("server start to first answer", backend, f"{median(starts):.2f} s", "< 1 s")
    numbers.add("  Python loads Flask and SQLAlchemy in", "", f"{median(loads):.2f} s")
