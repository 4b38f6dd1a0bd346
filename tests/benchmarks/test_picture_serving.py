"""Our pictures beside Flask's ``send_file`` of the same files, in the same gunicorn, turn by turn.

Each server has one processor and the client the other, so that it is the server that is measured.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.benchmarks.loading import load, settings_for_load
from tests.benchmarks.numbers_table import Numbers
from tests.functional.server_fixture import RunningServer, create_from, pid, running_server

YARDSTICK = Path(__file__).with_name("yardstick_server.py")
CONNECTIONS, SECONDS, TURNS = 16, 2, 4
PEOPLE = 8


@dataclass
class Side:
    """One of the two servers, and what was measured of it."""

    url: str
    process: int
    paths: Path
    requests: int = 0
    seconds: float = 0.0
    cpu_ms: float = 0.0

    def measure(self) -> None:
        """Fetch for some seconds."""
        options = {"connections": CONNECTIONS, "seconds": SECONDS, "processor": 1}
        found = load("fetch", self.url, f"--paths={self.paths}", watch={"server": self.process}, **options)
        assert found["errors"] == {}
        self.requests += found["kinds"]["get"]["n"]
        self.seconds += found["seconds"]
        self.cpu_ms += found["cpu_ms"]["server"]

    @property
    def rate(self) -> float:
        """Requests a second at the wire."""
        return self.requests / self.seconds

    @property
    def rate_of_cpu(self) -> float:
        """Requests a second of the server's CPU time."""
        return 1000 * self.requests / self.cpu_ms


@contextmanager
def yardstick(folder: Path) -> Iterator[tuple[str, int]]:
    """The plain Flask application; gives its address and its process."""
    process = subprocess.Popen(
        [sys.executable, str(YARDSTICK), str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def on_processor(number: int) -> Iterator[None]:
    """Let what is started in the block run on this processor only."""
    before = psutil.Process().cpu_affinity()
    psutil.Process().cpu_affinity([number])
    yield
    psutil.Process().cpu_affinity(before)


def addresses(server: RunningServer) -> list[str]:
    """Of the first pictures of some participants."""
    found: list[str] = []
    for number in range(PEOPLE):
        token = server.arrive({"prolific_pid": pid(f"person {number}")}).json()["token"]
        server.call("POST", "/session/consent", token, {"consented": True})
        trials = server.call("GET", "/session/trials?limit=10", token).json()["trials"]
        found += [trial["image"] for trial in trials]
    return found


@pytest.fixture
def sides(large_study: Path, tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    settings = settings_for_load(tmp_path / "data", f"sqlite:///{tmp_path / 'pictures.sqlite3'}")
    create_from(settings, large_study)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with ExitStack() as opened:
        with on_processor(0):
            server = opened.enter_context(running_server(settings))
            url, process = opened.enter_context(yardstick(settings.images_dir))
        ours.write_text("\n".join(addresses(server)))
        names = sorted(path.name for path in settings.images_dir.iterdir())[: 10 * PEOPLE]
        theirs.write_text("\n".join(f"/pictures/{name}" for name in names))
        yield Side(server.url, server.process.pid, ours), Side(url, process, theirs)


def test_pictures_beside_send_file(sides: tuple[Side, Side], numbers: Numbers) -> None:
    for _ in range(TURNS):
        for side in sides:
            side.measure()
    ours, theirs = sides
    for name, side in (("ours", ours), ("send_file", theirs)):
        text = f"{side.rate:.0f} a second, {side.rate_of_cpu:.0f} a second of CPU"
        numbers.add(f"pictures of 80 KB, {CONNECTIONS} connections, on one processor", name, text)
    wire, cpu = ours.rate / theirs.rate, ours.rate_of_cpu / theirs.rate_of_cpu
    numbers.add("  ratio", "ours / send_file", f"{wire:.2f} at the wire, {cpu:.2f} of CPU", ">= 1.8")
