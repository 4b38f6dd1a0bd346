"""One kill test: load, kills, the participants' end, and the verdict."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from sqlalchemy import Engine

from experiment_server.job_process import JobsFolder
from experiment_server.models.database import connect
from experiment_server.services.jobs import JobRow
from tests.chaos.jobs import add_export, broken_jobs, ended_jobs
from tests.chaos.journal import Log, Visit
from tests.chaos.kills import Killer, Tally, planned
from tests.chaos.participant import STEADY, Participant, keep_taking_part
from tests.chaos.system import System, running_system
from tests.chaos.verdict import Verdict, broken_severities, judge, read_sittings, read_stored
from tests.functional.invariants import check_invariants


@dataclass(frozen=True)
class Plan:
    """What to do: on which database, how many kills, how many participants at a time."""

    backend: str
    kills: int
    participants: int = 12
    #: acknowledged from one kill to the next, at most
    most_answers: int = 150
    seed: int = 1
    #: give the worker jobs, too
    jobs: bool = False


@dataclass(frozen=True)
class Result:
    """What happened, and what the database has of it."""

    plan: Plan
    seconds: float
    log: Log
    tally: Tally
    verdict: Verdict
    stored: int
    #: sessions that had not ended when the kills were over, and were gone on with
    resumed: int
    #: of the vanished, those whose place the worker or an arrival had given back
    abandoned: int
    jobs: Sequence[JobRow]
    #: jobs that were done twice, half, or not at all
    broken_jobs: Sequence[str]
    #: what ``check_invariants`` found; empty if all holds
    broken: str
    #: starts of server or worker that failed
    failed_starts: int

    @property
    def stuck(self) -> list[str]:
        """What participants met that should not have happened, sessions that could not go on included."""
        return [f"session {one.session}: {problem}" for one in self.log.visits for problem in one.problems]

    @property
    def errors(self) -> int:
        """Replies with a status that means a mistake of the server's."""
        return self.log.replies["500"]

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong, one sentence each."""
        verdict = self.verdict
        named = {
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "altered": verdict.altered,
            "out of order": verdict.out_of_order,
            "stuck": self.stuck,
        }
        found = [*self.broken_jobs]
        found += [f"{name}: {sentence}" for name, sentences in named.items() for sentence in sentences]
        if self.errors:
            found.append(f"{self.errors} replies had the status 500")
        return found + [f"invariants: {line}" for line in self.broken.splitlines()]


def run(plan: Plan, folder: Path, said: Callable[[str], None]) -> Result:
    """Do a kill test in a folder; ``said`` is told how it goes."""
    began, rng, log = time.monotonic(), Random(plan.seed), Log()
    with running_system(plan.backend, folder) as system:
        add_job = partial(add_export, system.settings) if plan.jobs else None
        killer = Killer(system, log, Random(rng.random()), plan.participants, plan.most_answers, add_job)
        with load(system, log, plan, rng):
            killer.run(planned(plan.backend, plan.kills, rng), said)
        said("the last participants have ended; going on with those who vanished")
        unfinished = [visit for visit in log.visits if visit.outcome is None]
        go_on(system, log, unfinished, plan)
        with closing(connect(system.settings)) as engine:
            ended, stored = ended_jobs(engine), read_stored(engine)
            return Result(
                plan=plan,
                seconds=time.monotonic() - began,
                log=log,
                tally=killer.tally,
                verdict=judge(log.visits, stored, read_sittings(engine)),
                stored=len(stored),
                resumed=sum(visit.outcome == "completed" for visit in unfinished),
                abandoned=sum(visit.outcome == "abandoned" for visit in unfinished),
                jobs=ended,
                broken_jobs=broken_jobs(ended, JobsFolder.of(system.settings), system.worker.said),
                broken=_broken(engine),
                failed_starts=system.server.failed + system.worker.failed,
            )


@contextmanager
def closing(engine: Engine) -> Iterator[Engine]:
    """Close an engine's connections in the end."""
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def crowd(log: Log, count: int) -> Iterator[ThreadPoolExecutor]:
    """Threads for participants; should the block fail, they all leave at once."""
    with ThreadPoolExecutor(count) as pool:
        try:
            yield pool
        except BaseException:
            log.called_off.set()
            raise


@contextmanager
def load(system: System, log: Log, plan: Plan, rng: Random) -> Iterator[None]:
    """Participants who come and go while the block runs, and end their sittings after it."""
    enough = threading.Event()
    rngs = [Random(rng.random()) for _ in range(plan.participants)]
    with crowd(log, plan.participants) as pool:
        coming = [pool.submit(keep_taking_part, system.port, log, one, enough.is_set) for one in rngs]
        try:
            yield
        finally:
            enough.set()
        _wait_for(coming)


def go_on(system: System, log: Log, visits: Sequence[Visit], plan: Plan) -> None:
    """Let everyone whose sitting did not end come back and end it."""

    def come_back(visit: Visit) -> None:
        Participant(system.port, log, visit, Random(visit.pid), STEADY).take_part()

    with crowd(log, plan.participants) as pool:
        _wait_for([pool.submit(come_back, visit) for visit in visits])


def _wait_for(futures: Sequence[Future[None]]) -> None:
    for future in futures:
        future.result()


def _broken(engine: Engine) -> str:
    try:
        check_invariants(engine)
    except AssertionError as error:
        return str(error)
    return "\n".join(broken_severities(engine))
