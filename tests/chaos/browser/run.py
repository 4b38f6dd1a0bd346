"""One browser chaos test: a server that is killed, a bad connection, and people with browsers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from playwright.async_api import Playwright, async_playwright

from experiment_server.models.database import connect
from experiment_server.settings import Settings
from tests.chaos.browser.connection import bad_connection
from tests.chaos.browser.device import Device
from tests.chaos.browser.journal import Journal, Sitting
from tests.chaos.browser.person import Person
from tests.chaos.browser.verdict import Verdict, judge, read_records
from tests.chaos.kills import SERVER_GROUP, SERVER_MASTER, SERVER_WORKER
from tests.chaos.run import closing
from tests.chaos.system import Supervised, System, free_port
from tests.chaos.verdict import read_sittings, read_stored
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import SECRET, create_study, pid
from tests.functional.study_files import STUDY_TOML

PRESENTATION = """
[presentation]
fixation_ms = 50
exposure_ms = 50
mask_ms = 30
"""
STUDY = (
    STUDY_TOML.replace("places = 20", "places = 1000").replace("test = 6", "test = 6\nbreak_every = 3")
    + PRESENTATION
)


@dataclass(frozen=True)
class Plan:
    """How many sessions, how many of them at a time, and how often the server is killed."""

    sessions: int = 30
    at_a_time: int = 3
    #: seconds from the moment when the server answers again to the next kill, at least and at most
    kill_every: tuple[float, float] = (1.0, 8.0)
    seed: int = 1
    #: some requests get no reply for longer than the page waits
    hangs: bool = True


@dataclass(frozen=True)
class Result:
    """What happened, and what the database has of it."""

    plan: Plan
    seconds: float
    journal: Journal
    verdict: Verdict
    stored: int
    #: records beside the answers
    records: int
    #: what ``check_invariants`` found; empty if all holds
    broken: str

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong, one sentence each."""
        found = [f"{name}: {what}" for name, every in vars(self.verdict).items() for what in every]
        found += [f"{one.pid}: {problem}" for one in self.journal.sittings for problem in one.problems]
        return found + [f"invariants: {line}" for line in self.broken.splitlines()]


def run(plan: Plan, folder: Path, said: Callable[[str], None]) -> Result:
    """Do a browser chaos test in a folder; ``said`` is told how it goes."""
    began, journal = time.monotonic(), Journal()
    with serving(folder) as system:
        asyncio.run(_everybody(plan, folder, system, journal, said))
        with closing(connect(system.settings)) as engine:
            stored = read_stored(engine)
            records = read_records(engine)
            verdict = judge(journal.sittings, stored, records, read_sittings(engine))
            try:
                check_invariants(engine)
                broken = ""
            except AssertionError as error:
                broken = str(error)
    seconds = time.monotonic() - began
    return Result(plan, seconds, journal, verdict, len(stored), len(records), broken)


@contextmanager
def serving(folder: Path) -> Iterator[System]:
    """A study and a server of it that is started again whenever it dies, while the block runs."""
    url = f"sqlite:///{folder / 'chaos.sqlite3'}"
    settings = Settings.model_validate(
        {"data_dir": folder / "data", "database_url": url, "secret_key": SECRET}
    )
    create_study(settings, folder / "study", STUDY)
    port = free_port()
    server = Supervised(["serve", "--port", str(port)], settings, folder / "server.log")
    system = System(port, settings, server, server, None)
    server.start()
    try:
        system.wait_until_it_answers()
        yield system
    finally:
        server.stop()


async def _everybody(
    plan: Plan, folder: Path, system: System, journal: Journal, said: Callable[[str], None]
) -> None:
    rng = Random(plan.seed)
    seats = asyncio.Semaphore(plan.at_a_time)
    killer = Random(rng.random())
    async with (
        bad_connection(system.port, Random(rng.random()), journal.requests, plan.hangs) as url,
        async_playwright() as playwright,
        killing(system, killer, plan, journal),
        asyncio.TaskGroup() as everybody,
    ):

        async def come(number: int, own: Random) -> None:
            async with seats:
                sitting = await _take_part(
                    playwright, folder / f"profile-{number}", url, journal, own, number
                )
                said(f"session {number + 1} of {plan.sessions}: {len(sitting.given)} answers, {sitting.code}")

        for number in range(plan.sessions):
            everybody.create_task(come(number, Random(rng.random())))


async def _take_part(
    playwright: Playwright, profile: Path, url: str, journal: Journal, rng: Random, number: int
) -> Sitting:
    sitting = Sitting(f"{pid('browser')[:20]}{number:04d}")
    journal.sittings.append(sitting)
    device = Device(playwright, profile)
    await Person(device, f"{url}/s/small?PROLIFIC_PID={sitting.pid}", sitting, journal, rng).take_part()
    return sitting


@asynccontextmanager
async def killing(system: System, rng: Random, plan: Plan, journal: Journal) -> AsyncIterator[None]:
    """Kill parts of the server at random moments while the block runs."""
    acts: dict[str, Callable[[], None]] = {
        SERVER_WORKER: lambda: system.server.kill_child(rng),
        SERVER_MASTER: system.server.kill,
        SERVER_GROUP: system.server.kill_all,
    }

    async def keep_killing() -> None:
        while True:
            await asyncio.to_thread(system.wait_until_it_answers)
            await asyncio.sleep(rng.uniform(*plan.kill_every))
            kind = rng.choice(list(acts))
            journal.kills[kind] += 1
            await asyncio.to_thread(acts[kind])

    task = asyncio.create_task(keep_killing())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
