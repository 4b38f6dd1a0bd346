"""A whole server under load, on each backend: 500 participants at their pace, and as fast as it can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.loading import database_process, load, settings_for_load
from tests.benchmarks.numbers_table import Numbers
from tests.functional.server_fixture import RunningServer, create_from, running_server

#: the test study's name
STUDY = "small"
PEOPLE, EVERY, SECONDS = 500, 4.0, 20
CONNECTIONS = 64
REQUESTS = ("trials", "image", "mask", "presented", "response")


@dataclass
class Served:
    """A server with the large study, the backend's name, and the processes to watch."""

    server: RunningServer
    backend: str
    watch: dict[str, int]

    def load(self, mode: str, **options: float) -> dict[str, Any]:
        """Run the load client."""
        return load(mode, self.server.url, STUDY, watch=self.watch, **options)


@pytest.fixture
def served(database_url: str, large_study: Path, tmp_path: Path) -> Iterator[Served]:
    settings = settings_for_load(tmp_path / "data", database_url)
    create_from(settings, large_study)
    with running_server(settings) as server:
        watch = {"server": server.process.pid, **database_process(database_url)}
        yield Served(server, "SQLite" if "database" not in watch else "PostgreSQL", watch)


def test_five_hundred_participants_at_their_pace(served: Served, numbers: Numbers) -> None:
    found = served.load("steady", people=PEOPLE, every=EVERY, seconds=SECONDS)
    for kind in (*REQUESTS, "all"):
        one = found["kinds"][kind]
        text = f"{one['p99']:.1f} ms (median {one['p50']:.1f}, largest {one['max']:.0f}, of {one['n']})"
        numbers.add(
            f"{PEOPLE} people, a trial each {EVERY:.0f} s: p99 of {kind}", served.backend, text, "< 50 ms"
        )
    trials = found["kinds"]["response"]["n"]
    numbers.add("  errors", served.backend, str(sum(found["errors"].values())), "0")
    for name, taken in found["cpu_ms"].items():
        numbers.add(f"  CPU of the {name}, a trial", served.backend, f"{taken / trials:.2f} ms")
    each = found["client_cpu_ms"] / found["kinds"]["all"]["n"]
    numbers.add("  CPU of the client, a request", served.backend, f"{each:.3f} ms", "< 0.15 ms")
    add_memory(found, served, numbers)
    assert found["errors"] == {}


def add_memory(found: dict[str, Any], served: Served, numbers: Numbers) -> None:
    """Note what the larger worker takes after all that, and how much more than before."""
    before, after = found["memory_before_mb"]["server"], found["memory_after_mb"]["server"]
    text = f"{after['rss']:.0f} MB (unique {after['uss']:.0f}, proportional {after['pss']:.0f})"
    numbers.add("  a worker's memory", served.backend, text, "< 120 MB")
    growth = f"{after['rss'] - before['rss']:+.1f} MB in {found['kinds']['all']['n']} requests"
    numbers.add("  and its growth", served.backend, growth, "none")


def test_responses_flat_out(served: Served, numbers: Numbers) -> None:
    found = served.load("flat-out", people=1300, connections=CONNECTIONS, seconds=8)
    count = found["kinds"]["response"]["n"]
    what = f"POST response alone, {CONNECTIONS} connections"
    numbers.add(what, served.backend, f"{found['per_second']:.0f} a second", ">= 700")
    targets = {"server": "<= 1.5 ms"}
    for name, taken in found["cpu_ms"].items():
        text = f"{taken / count:.2f} ms"
        numbers.add(f"  CPU of the {name}, a response", served.backend, text, targets.get(name, ""))
    latency = found["kinds"]["response"]
    numbers.add("  latency", served.backend, f"median {latency['p50']:.0f}, p99 {latency['p99']:.0f} ms")
    add_memory(found, served, numbers)
    assert found["errors"] == {}
