"""Many participants at once, over HTTP, at little cost: a program of its own, beside the server under test.

    python tests/benchmarks/load_client.py steady   URL STUDY --people 500 --every 4 --seconds 20
    python tests/benchmarks/load_client.py flat-out URL STUDY --people 1500 --connections 64 --seconds 10
    python tests/benchmarks/load_client.py fetch    URL --paths FILE --connections 16 --seconds 5

``steady`` is an open loop: every request's time is fixed beforehand and its latency counts from that time,
whether or not the ones before it were slow; each person's first trial warms up and does not count.
``flat-out`` is a closed loop of POST response alone, over participants whose first ten trials were listed
beforehand. ``fetch`` is a closed loop of GETs of the addresses in a file. Each prints one JSON object.
Requests are written by hand and replies are read as far as needed, so that the client takes little of the
machine that it shares with the server. ``--watch NAME=PID`` adds the CPU time and the memory that a process
and its children took while it measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import psutil

#: requests at a time while participants are prepared
AT_ONCE = 8
#: most trials that one request lists
LISTED = 10
HEAD_END = b"\r\n\r\n"
OK = (200, 201, 204)

NO_UUID = "00000000-0000-0000-0000-000000000000"
#: what the page sends
RESPONSE = json.dumps(
    {
        "response_uuid": NO_UUID,
        "response": "sail boat",
        "dont_know": False,
        "rt_ms": 1340.2,
        "rt_first_key_ms": 911.7,
        "exposure_measured_ms": 500.1,
        "frame_interval_ms": 16.7,
        "dropped_frames": 0,
        "presented_again": False,
        "client": {"screen": [1920, 1080], "pixel_ratio": 1, "focus_lost": 0},
    }
)

Loop = asyncio.AbstractEventLoop
Trial = dict[str, Any]


class Connection(asyncio.Protocol):
    """One kept-alive connection with one request at a time; opened again where the server closed it."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        self.address = (str(split.hostname), split.port or 80)
        self.transport: asyncio.Transport | None = None
        self.reply: asyncio.Future[tuple[int, bytes]] | None = None
        self.received = b""
        self.body = self.needed = 0
        self.is_last = False
        self.opened = 0

    async def open(self) -> None:
        """Open it, unless it is open."""
        if self.transport is None or self.transport.is_closing():
            await asyncio.get_running_loop().create_connection(lambda: self, *self.address)
            self.opened += 1

    async def open_anew(self) -> None:
        """Open another one, which the server does not close in the next moment for having been idle."""
        if self.transport is not None:
            self.transport.close()
        await self.open()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; returns the reply's status and body, or status 0 if the connection broke."""
        await self.open()
        self.reply = asyncio.get_running_loop().create_future()
        self.received, self.needed = b"", 0
        cast(asyncio.Transport, self.transport).write(request)
        return await self.reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.received = self.received + data if self.received else data
        if not self.needed:
            self._read_head()
        if self.needed and len(self.received) >= self.needed:
            self._end(int(self.received[9:12]), self.received[self.body :])
            if self.is_last and self.transport is not None:
                self.transport.close()

    def _read_head(self) -> None:
        end = self.received.find(HEAD_END)
        if end < 0:
            return
        self.body = end + len(HEAD_END)
        place = self.received.find(b"\r\nContent-Length: ", 0, end)
        length = self.received[place + 18 : self.received.find(b"\r", place + 18)] if place >= 0 else b"0"
        self.needed = self.body + int(length)
        self.is_last = self.received.find(b"\r\nConnection: close\r\n", 0, end + 2) >= 0

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is None or self.transport.is_closing():
            self.transport = None
            self._end(0, str(exc).encode())

    def _end(self, status: int, body: bytes) -> None:
        if self.reply is not None and not self.reply.done():
            self.reply.set_result((status, body))


class Person:
    """A participant: a connection, a token, and the trials that were listed last."""

    def __init__(self, url: str) -> None:
        self.connection = Connection(url)
        self.host = urlsplit(url).netloc
        self.trials: list[Trial] = []
        self.headers = self._headers("")

    def signed_in(self, token: str) -> None:
        """Send this token from now on."""
        self.headers = self._headers(f"Authorization: Bearer {token}\r\n")

    def _headers(self, authorization: str) -> str:
        return (
            f"Host: {self.host}\r\n{authorization}Accept: */*\r\nAccept-Encoding: gzip, deflate, br\r\n"
            "Accept-Language: en-GB,en;q=0.9\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) load client\r\n"
        )

    def get(self, path: str) -> bytes:
        """A GET of a path."""
        return f"GET {path} HTTP/1.1\r\n{self.headers}\r\n".encode()

    def post(self, path: str, text: str) -> bytes:
        """A POST of JSON."""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        return f"POST {path} HTTP/1.1\r\n{self.headers}{kind}\r\n{text}".encode()

    def list_trials(self, limit: int) -> bytes:
        """List the next trials."""
        return self.get(f"/api/v1/session/trials?limit={limit}")

    def presented(self, trial: Trial) -> bytes:
        """A trial's picture was shown."""
        return self.post(f"/api/v1/trials/{trial['trial']}/presented", "{}")

    def response(self, trial: Trial) -> bytes:
        """Answer a trial, as the page does."""
        unique = f"{random.getrandbits(128):032x}"
        text = RESPONSE.replace(
            NO_UUID, f"{unique[:8]}-{unique[8:12]}-4{unique[13:16]}-8{unique[17:20]}-{unique[20:]}"
        )
        return self.post(f"/api/v1/trials/{trial['trial']}/response", text)


async def prepare(url: str, study: str, people: int) -> list[Person]:
    """Arrive, consent and list the first trials, some participants at a time."""
    made = [Person(url) for _ in range(people)]
    waiting = iter(made)

    async def one_after_another() -> None:
        for person in waiting:
            arrival = person.post(
                f"/api/v1/studies/{study}/sessions", json.dumps({"visitor": str(uuid.uuid4())})
            )
            person.signed_in(json.loads(await succeed(person, arrival))["token"])
            await succeed(person, person.post("/api/v1/session/consent", '{"consented": true}'))
            person.trials = json.loads(await succeed(person, person.list_trials(LISTED)))["trials"]

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    return made


async def succeed(person: Person, request: bytes) -> bytes:
    """Send a request that must succeed; ends the program if it does not."""
    status, body = await person.connection.ask(request)
    if status not in OK:
        sys.exit(f"{status} to {request.decode()}: {body.decode(errors='replace')}")
    return body


@dataclass
class Measured:
    """Latencies in seconds by kind of request, and what was not answered with success."""

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, seconds: float, status: int) -> None:
        """Note one request."""
        self.latencies[kind].append(seconds)
        if status not in OK:
            self.errors[f"{kind} {status}"] += 1

    @property
    def requests(self) -> int:
        """How many were made."""
        return sum(len(one) for one in self.latencies.values())

    def summary(self) -> dict[str, Any]:
        """For each kind and for all: how many, and percentiles in milliseconds."""
        every = [one for kind in self.latencies.values() for one in kind]
        kinds = {**self.latencies, "all": every}
        return {"errors": dict(self.errors), "kinds": {name: percentiles(one) for name, one in kinds.items()}}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Count, and nearest-rank percentiles in milliseconds."""
    ordered = sorted(seconds)
    ranks = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
    at = {name: min(len(ordered) - 1, int(rank * len(ordered))) for name, rank in ranks.items()}
    return {"n": len(ordered), **{name: 1000 * ordered[place] for name, place in at.items()}}


#: when the page makes each request of a trial, as a share of the time from one trial to the next: it lists
#: what comes, fetches the picture and the mask of the last one listed, shows the first one, and answers it
SHARES = {"trials": 0.0, "image": 0.03, "mask": 0.06, "presented": 0.15, "response": 0.6}


def request_of(kind: str, person: Person) -> bytes:
    """One of a trial's requests."""
    if kind == "trials":
        return person.list_trials(5)
    if kind in ("image", "mask"):
        return person.get(person.trials[-1][kind])
    return person.presented(person.trials[0]) if kind == "presented" else person.response(person.trials[0])


async def steady(people: list[Person], every: float, seconds: float, measured: Measured) -> None:
    """Each person does a trial every so many seconds; people are spread evenly, then shifted a little."""
    loop, rng = asyncio.get_running_loop(), random.Random(1)
    start = loop.time() + 0.5
    begins = [start + every * (number + rng.random()) / len(people) for number in range(len(people))]

    async def take_part(person: Person, begin: float) -> None:
        for turn in range(int(seconds / every)):
            for kind, share in SHARES.items():
                await _ask_at(loop, person, kind, begin + every * (turn + share), measured)

    await asyncio.gather(*(take_part(*pair) for pair in zip(people, begins, strict=True)))


async def _ask_at(loop: Loop, person: Person, kind: str, at: float, measured: Measured) -> None:
    if (wait := at - loop.time()) > 0:
        await asyncio.sleep(wait)
    status, body = await person.connection.ask(request_of(kind, person))
    measured.add(kind, loop.time() - at, status)
    if kind == "trials" and status in OK:
        person.trials = json.loads(body)["trials"]


async def flat_out(people: list[Person], connections: int, seconds: float, measured: Measured) -> None:
    """Responses, each connection one after another, from one participant after another."""
    loop = asyncio.get_running_loop()
    end, waiting = loop.time() + seconds, iter(people)

    async def one_after_another(connection: Connection) -> None:
        for person in waiting:
            for trial in person.trials:
                if (now := loop.time()) > end:
                    return
                status, _ = await connection.ask(person.response(trial))
                measured.add("response", loop.time() - now, status)

    await asyncio.gather(*(one_after_another(one.connection) for one in people[:connections]))
    if next(waiting, None) is None:
        sys.exit("the prepared participants were used up; prepare more with --people")


async def fetch(people: list[Person], paths: list[str], seconds: float, measured: Measured) -> None:
    """GETs of the paths in turn, each connection one after another."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def one_after_another(person: Person, place: int) -> None:
        while (now := loop.time()) < end:
            status, _ = await person.connection.ask(person.get(paths[place % len(paths)]))
            measured.add("get", loop.time() - now, status)
            place += len(people)

    await asyncio.gather(*(one_after_another(one, place) for place, one in enumerate(people)))


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and all that descend from it."""
    times = [process.cpu_times() for process in family(pid)]
    return float(sum(one.user + one.system for one in times))


def memory_mb(pid: int) -> dict[str, float]:
    """Of the children of a process, the largest resident, unique and proportional memory, in megabytes."""
    taken = [child.memory_full_info() for child in psutil.Process(pid).children()]
    return {name: max(getattr(one, name) for one in taken) / 1e6 for name in ("rss", "uss", "pss")}


def own_cpu_seconds() -> float:
    """CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def run(arguments: argparse.Namespace, people: list[Person], measured: Measured) -> None:
    """What is measured."""
    if arguments.mode == "steady":
        await steady(people, arguments.every, arguments.seconds, measured)
    elif arguments.mode == "flat-out":
        await flat_out(people, arguments.connections, arguments.seconds, measured)
    else:
        await fetch(people, Path(arguments.paths).read_text().split(), arguments.seconds, measured)


async def ready(arguments: argparse.Namespace) -> list[Person]:
    """Participants, or in ``fetch`` strangers, whose connections are open; steady ones have done a trial."""
    if arguments.mode == "fetch":
        people = [Person(arguments.url) for _ in range(arguments.connections)]
    else:
        people = await prepare(arguments.url, arguments.study, arguments.people)
    for person in people[: arguments.connections if arguments.mode == "flat-out" else None]:
        await person.connection.open_anew()
    if arguments.mode == "steady":
        await steady(people, arguments.every, arguments.every, Measured())
    return people


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Prepare, run, and summarise."""
    people, measured = await ready(arguments), Measured()
    watched = {name: int(pid) for name, _, pid in (one.partition("=") for one in arguments.watch)}
    opened = sum(person.connection.opened for person in people)
    memory = {name: memory_mb(pid) for name, pid in watched.items()}
    before = {name: cpu_seconds(pid) for name, pid in watched.items()}
    own, begin = own_cpu_seconds(), asyncio.get_running_loop().time()
    await run(arguments, people, measured)
    took = asyncio.get_running_loop().time() - begin
    own = own_cpu_seconds() - own
    return {
        "seconds": took,
        "per_second": measured.requests / took,
        "reopened": sum(person.connection.opened for person in people) - opened,
        "cpu_ms": {name: 1000 * (cpu_seconds(pid) - before[name]) for name, pid in watched.items()},
        "client_cpu_ms": 1000 * own,
        "memory_before_mb": memory,
        "memory_after_mb": {name: memory_mb(pid) for name, pid in watched.items()},
        **measured.summary(),
    }


def main() -> None:
    """Read the command line, measure, print."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("mode", choices=("steady", "flat-out", "fetch"))
    parser.add_argument("url")
    parser.add_argument("study", nargs="?")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--every", type=float, default=4.0, help="seconds from one trial to the next")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--paths", help="a file with an address a line")
    parser.add_argument("--processor", type=int, help="the only one to run on")
    parser.add_argument("--watch", action="append", default=[], metavar="NAME=PID")
    arguments = parser.parse_args()
    if arguments.processor is not None:
        psutil.Process().cpu_affinity([arguments.processor])
    json.dump(asyncio.run(measure(arguments)), sys.stdout)


if __name__ == "__main__":
    main()
