"""Killing, at random moments under load."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.chaos.journal import Log
from tests.chaos.system import System
from tests.functional.postgres_process import wait_until_gone

SERVER_WORKER = "a server worker"
SERVER_MASTER = "the server's master"
SERVER_GROUP = "master and workers"
WORKER = "manage.py worker"
POSTMASTER = "PostgreSQL's postmaster"
EVERYTHING = "everything at once"

KINDS = {
    "sqlite": (SERVER_WORKER, SERVER_MASTER, SERVER_GROUP, WORKER, EVERYTHING),
    "postgres": (SERVER_WORKER, SERVER_MASTER, SERVER_GROUP, WORKER, POSTMASTER, EVERYTHING),
}

#: answers that are acknowledged between one kill and the next, unless that comes at once
FEWEST_ANSWERS = 10
#: share of the kills that come while the system is still recovering from the one before
AT_ONCE = 0.2
LONGEST_PAUSE_SECONDS = 0.5
#: about how long a job waits and runs
JOB_SECONDS = 4.0
#: how long to wait for a server that no longer answers
STUCK_SECONDS = 90.0


@dataclass
class Tally:
    """How often each kind was killed, and what followed."""

    kills: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    #: seconds from a kill until answers were acknowledged again, the longest of each kind
    outage: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    #: seconds that workers outlived their master, the longest
    orphans: float = 0.0


def planned(backend: str, count: int, rng: Random) -> list[str]:
    """The kinds of ``count`` kills, each as often as the others, in a random order."""
    kinds = [KINDS[backend][number % len(KINDS[backend])] for number in range(count)]
    rng.shuffle(kinds)
    return kinds


class Killer:
    """Kills parts of a system that is under load."""

    def __init__(
        self,
        system: System,
        log: Log,
        rng: Random,
        under_way: int,
        most_answers: int,
        add_job: Callable[[], None] | None,
    ) -> None:
        """``under_way``: most replies that are on their way; ``most_answers``: from kill to kill.

        ``add_job`` gives the worker something to do before it is killed; None to let it be.
        """
        self.system, self.log, self.rng = system, log, rng
        self.under_way, self.most_answers, self.add_job = under_way, most_answers, add_job
        self.tally = Tally()
        self._at_once = False
        self._acts: dict[str, Callable[[], None]] = {
            SERVER_WORKER: lambda: system.server.kill_child(rng),
            SERVER_MASTER: self._kill_master,
            SERVER_GROUP: system.server.kill_all,
            WORKER: system.worker.kill,
            POSTMASTER: self._kill_postmaster,
            EVERYTHING: self._kill_everything,
        }

    def run(self, kinds: Sequence[str], said: Callable[[str], None]) -> None:
        """Kill one after the other; tells ``said`` what it does."""
        for number, kind in enumerate(kinds, start=1):
            self._wait_for_a_moment()
            said(f"kill {number} of {len(kinds)}: {kind} ({self.log.acknowledged} answers acknowledged)")
            self._kill(kind)

    def _wait_for_a_moment(self) -> None:
        if not self._at_once:
            self._wait_for_answers(self.rng.randint(FEWEST_ANSWERS, self.most_answers))
        time.sleep(self.rng.random() * LONGEST_PAUSE_SECONDS)

    def _wait_for_answers(self, count: int) -> None:
        """Return when so many more answers are acknowledged. Fails if the system is stuck."""
        before, deadline = self.log.acknowledged, time.monotonic() + STUCK_SECONDS
        while self.log.acknowledged < before + count:
            assert time.monotonic() < deadline, (
                f"only {self.log.acknowledged - before} answers in {STUCK_SECONDS:.0f} s; "
                f"replies so far: {dict(self.log.replies)}"
            )
            time.sleep(0.005)

    def _kill(self, kind: str) -> None:
        if kind == WORKER and self.add_job is not None:
            self.add_job()
            time.sleep(self.rng.random() * JOB_SECONDS)
        before, began = self.log.acknowledged, time.monotonic()
        self._acts[kind]()
        self.tally.kills[kind] += 1
        self._at_once = self.rng.random() < AT_ONCE
        if not self._at_once:
            self._wait_for_answers(before + self.under_way + 1 - self.log.acknowledged)
            self.tally.outage[kind] = max(self.tally.outage[kind], time.monotonic() - began)

    def _kill_master(self) -> None:
        """The workers are orphans then; waits until they are gone, and notes how long that took."""
        orphans = self.system.server.children()
        self.system.server.kill()
        began = time.monotonic()
        wait_until_gone(orphans)
        self.tally.orphans = max(self.tally.orphans, time.monotonic() - began)

    def _kill_postmaster(self) -> None:
        assert self.system.postgres is not None
        self.system.postgres.kill()
        time.sleep(self.rng.random() * LONGEST_PAUSE_SECONDS)
        self.system.postgres.start()

    def _kill_everything(self) -> None:
        self.system.server.kill_all()
        self.system.worker.kill_all()
        if self.system.postgres is not None:
            self._kill_postmaster()


def raise_on_term() -> None:
    """Let a TERM signal end this program as Ctrl-C does, so that nothing is left running."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
