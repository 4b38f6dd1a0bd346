"""The worker: what is done without anybody asking. Sessions that were left, allowances, jobs.

Any number of workers may run; the one with the lease acts. All that it changes, it changes in transactions
that lock the lease first, so that a worker that was stopped for a while, and has lost the lease without
knowing, changes nothing.
"""

from __future__ import annotations

import os
import select
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from experiment_server.context import Clock, utc_now
from experiment_server.job_process import JobProcess, JobsFolder, by_hand
from experiment_server.models.database import reading, writing
from experiment_server.models.failures import reason_of
from experiment_server.services import arrivals, enrol, jobs, leases, studies
from experiment_server.services.jobs import JobRow
from experiment_server.services.leases import Claim, LostLeaseError
from experiment_server.services.studies import Catalogue
from experiment_server.settings import Settings
from stimuli.errors import UserError

#: the lease's name
LEASE = "worker"
#: rounds that a lease lasts without being renewed
ROUNDS = 3

ACTS = "This worker acts."
WAITS = "Another worker acts; waiting until it ends."

Say = Callable[[str], None]
#: waits for some seconds at most; true once the worker was told to stop
Wait = Callable[[float], bool]


class Worker:
    """One worker. ``every``: seconds from one round to the next; the lease lasts three times as long."""

    def __init__(
        self, settings: Settings, engine: Engine, every: float, say: Say, wait: Wait, clock: Clock = utc_now
    ) -> None:
        self._engine = engine
        self._every = every
        self._say = say
        self._wait = wait
        self._clock = clock
        self._claim = Claim(LEASE, ROUNDS * every, clock)
        self._catalogue = Catalogue()
        self._folder = JobsFolder.of(settings)
        self._job: JobProcess | None = None
        self._acts = False
        self._condition = ""
        self._waits = False

    def run(self) -> None:
        """Do one round after another until told to stop; then let another worker go on at once."""
        while not self._wait(0):
            self.round()
            self._wait(self._every)
        self.stop()

    def round(self) -> None:
        """Do what is to be done now, if this worker is the one that acts."""
        with self._surviving():
            if self._leads():
                self._give_back_idle()
                self._forget_callers()
                self._attend_to_jobs()
                self._now(ACTS)

    def stop(self) -> None:
        """End the command that runs, let its job wait again, and give the lease up."""
        with self._surviving(), ExitStack() as at_last:
            if self._job is not None:
                at_last.callback(self._drop_job)
                self._job.stop()
                self._put_back_or_settle(self._job)
            if self._acts:
                with writing(self._engine) as connection:
                    leases.give_up(connection, self._claim)
        self._say("The worker has stopped.")

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """Take note of a lost lease, and of a database that cannot; both may be otherwise in a while."""
        try:
            yield
        except LostLeaseError:
            self._acts = False
            self._now(WAITS)
            self._drop_job()
        except (IntegrityError, DataError):
            raise
        except (DatabaseError, InterfaceError, PoolTimeoutError, sqlite3.Error) as error:
            self._now(f"The database does not answer ({reason_of(error)}); trying again.")

    def _now(self, condition: str) -> None:
        """Say how things are, once for as long as they are so."""
        if condition != self._condition:
            self._say(condition)
        self._condition = condition

    @contextmanager
    def _acting(self) -> Iterator[Connection]:
        """A transaction that changes something. Raises LostLeaseError if another worker acts."""
        with writing(self._engine) as connection:
            leases.renew(connection, self._claim)
            yield connection

    def _leads(self) -> bool:
        if not self._acts:
            with writing(self._engine) as connection:
                self._acts = leases.take(connection, self._claim)
            self._now(ACTS if self._acts else WAITS)
        return self._acts

    def _give_back_idle(self) -> None:
        """Give back the places of those who left, a few at a time, so that nobody waits for long."""
        with reading(self._engine) as connection:
            names = studies.names(connection)
            found = [study for name in names if (study := studies.find(connection, name))]
            left = [study for study in found if self._has_idle(connection, study.id)]
        for study in left:
            given = enrol.BATCH
            while given == enrol.BATCH and not self._wait(0):
                given = self._give_back_some(study.id)
                self._say(f"Sessions of the study {study.name} that were left: {given}.")

    def _has_idle(self, connection: Connection, study_id: int) -> bool:
        definition = self._catalogue.definition(connection, study_id)
        idle = enrol.idle_sessions(definition, study_id, self._clock())
        return connection.execute(idle.limit(1)).first() is not None

    def _give_back_some(self, study_id: int) -> int:
        with self._acting() as connection:
            studies.lock(connection, study_id)
            definition = self._catalogue.definition(connection, study_id)
            return enrol.give_back_idle(connection, definition, study_id, self._clock())

    def _forget_callers(self) -> None:
        with self._acting() as connection:
            arrivals.forget_full(connection, self._clock())

    def _attend_to_jobs(self) -> None:
        if self._job is None:
            self._begin_job()
        elif self._job.ended:
            self._settle(self._job)
            self._drop_job()

    def _begin_job(self) -> None:
        with reading(self._engine) as connection:
            job = jobs.following(connection)
        if job is None:
            return
        try:
            lock = self._folder.lock()
            if lock is not None:
                self._begin(job, lock)
        except (OSError, UserError) as error:
            self._fail(job, f"its command cannot be run: {error}")
            return
        if lock is None and not self._waits:
            self._say("The command of a worker that died still runs; jobs wait until it ends.")
        self._waits = lock is None

    def _begin(self, job: JobRow, lock: int) -> None:
        with ExitStack() as until_started:
            until_started.callback(os.close, lock)
            if not self._is_settled(job):
                with self._acting() as connection:
                    jobs.begin(connection, job, self._clock())
                self._job = JobProcess(self._folder, job, lock)
                until_started.pop_all()
                self._say(f"Job {job.id} ({job.kind}) begins.")

    def _is_settled(self, job: JobRow) -> bool:
        """End a job that needs no attempt, or gets no more; the lock says that none runs."""
        self._folder.clear(job)
        left_running = job.state == "running"
        if left_running and self._folder.output(job).exists():
            self._finish(job)
        elif left_running and job.attempts >= jobs.MOST_ATTEMPTS:
            self._fail(
                job, f"the worker died {job.attempts} times while it ran; run it by hand: {by_hand(job)}"
            )
        elif self._folder.output(job).exists():
            self._fail(
                job, f"there is a folder {self._folder.output(job)} already; move it away, add it again"
            )
        else:
            return False
        return True

    def _settle(self, process: JobProcess) -> None:
        """Store how a command ended; its output is put in place under the lease."""
        if not process.succeeded:
            self._fail(process.job, process.sentence())
            return
        try:
            process.make_durable()
            with self._acting() as connection:
                process.put_in_place()
                jobs.finish(connection, process.job, self._clock())
        except OSError as error:
            self._fail(process.job, f"its output cannot be put in place: {error}")
            return
        self._say(f"Job {process.job.id} ({process.job.kind}) is done.")

    def _put_back_or_settle(self, process: JobProcess) -> None:
        if not process.was_killed:
            self._settle(process)
            return
        with self._acting() as connection:
            jobs.put_back(connection, process.job)
        self._say(f"Job {process.job.id} ({process.job.kind}) waits again.")

    def _drop_job(self) -> None:
        if self._job is not None:
            self._job.stop()
            self._job.release()
            self._job = None

    def _finish(self, job: JobRow) -> None:
        with self._acting() as connection:
            jobs.finish(connection, job, self._clock())
        self._say(f"Job {job.id} ({job.kind}) was done already.")

    def _fail(self, job: JobRow, sentence: str) -> None:
        with self._acting() as connection:
            jobs.fail(connection, job, sentence, self._clock())
        self._say(f"Job {job.id} ({job.kind}) has failed: {sentence}")


@contextmanager
def signals() -> Iterator[Wait]:
    """A way to wait that ends early when a child ends or a signal says to stop (TERM, or INT by Ctrl-C)."""
    told: list[int] = []
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: told.append(number))
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait(seconds: float) -> bool:
        if not told and seconds > 0 and select.select([reader], [], [], seconds)[0]:
            os.read(reader, 4096)
        return bool(told)

    try:
        yield wait
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)
