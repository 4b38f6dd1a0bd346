"""Many simulated participants at once, with numbers that do not depend on who was faster."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from experiment_server.design.observer import Population
from experiment_server.simulate.client import ApiError, ParticipantClient
from experiment_server.simulate.participant import Answered, SimulatedParticipant, Visit, prolific_identity
from experiment_server.simulate.pictures import StudyPictures
from stimuli.conditions import Condition
from stimuli.errors import UserError

#: the contract's codes for "no further participant is taken"
FULL_CODES = ("study_full", "study_closed")


@dataclass(frozen=True)
class Run:
    """What to simulate: who, where, how many at a time.

    ``careless``: kind of participant -> how many of them are of that kind; the others are attentive.
    """

    url: str
    pictures: StudyPictures
    population: Population
    participants: int
    seed: int = 0
    concurrency: int = 4
    careless: Mapping[str, int] = field(default_factory=dict)

    @property
    def kinds(self) -> dict[int, str]:
        """The kind of each careless participant, by number; the seed draws who they are."""
        rng = Random(f"{self.seed}/careless")  # noqa: S311 (a simulation)
        wanted = [kind for kind, number in self.careless.items() for _ in range(number)]
        return dict(zip(rng.sample(range(self.participants), len(wanted)), wanted, strict=True))


class Turnstile:
    """Lets number 0 pass first, then 1, and so on, whoever comes first.

    Participants are given their trials when they consent, by what others were given before; in this
    order the trials, and so the answers, are the same in every run.
    """

    def __init__(self) -> None:
        self._next = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Wait until it is this number's turn, and make it the next one's in the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._next >= number)
        try:
            yield
        finally:
            with self._changed:
                self._next = number + 1
                self._changed.notify_all()


def simulate(run: Run) -> Iterator[Visit]:
    """Let the participants take part; yields each one's visit when it is over.

    Raises UserError if the server cannot be reached, does not know the study, or refuses a request.
    """
    ParticipantClient(run.url, run.pictures.study, {}).require_server()
    turnstile = Turnstile()
    stop, kinds = threading.Event(), run.kinds
    with ThreadPoolExecutor(run.concurrency) as pool:
        visits = [
            pool.submit(_visit, run, number, kinds.get(number, "attentive"), turnstile, stop)
            for number in range(run.participants)
        ]
        yield from _as_they_end(visits, stop)


def _as_they_end(visits: Sequence[Future[Visit]], stop: threading.Event) -> Iterator[Visit]:
    try:
        for visit in as_completed(visits):
            yield visit.result()
    finally:
        stop.set()
        for visit in visits:
            visit.cancel()


def _visit(run: Run, number: int, kind: str, turnstile: Turnstile, stop: threading.Event) -> Visit:
    identity = prolific_identity(run.pictures.study, run.seed, number)
    client = ParticipantClient(run.url, run.pictures.study, identity, sleep=_pausing(stop))
    participant = SimulatedParticipant(number, run.seed, run.pictures, run.population, client, kind)
    with client.http:
        try:
            with turnstile.turn(number):
                state = participant.begin()
            return participant.take_part(state)
        except ApiError as error:
            return _refused(run, number, kind, error)


def _pausing(stop: threading.Event) -> Callable[[float], None]:
    """A pause that ends at once when the run has ended."""

    def pause(seconds: float) -> None:
        stop.wait(seconds)

    return pause


def _refused(run: Run, number: int, kind: str, error: ApiError) -> Visit:
    """A study without free places turns people away; any other refusal ends the run."""
    if error.code in FULL_CODES:
        return Visit(number, kind, outcome="full")
    if error.status == 404:
        raise UserError(
            f"the server at {run.url} does not know study {run.pictures.study}; "
            "let serve and simulate use the same data directory and database"
        ) from error
    raise UserError(
        f"the server at {run.url} refused simulated participant {number} ({error}); see the server's log"
    ) from error


def summarise(visits: Sequence[Visit]) -> dict[str, Any]:
    """Count outcomes, kinds of participants and responses; the accuracy of main trials by condition.

    ``correct`` is the share of answers that name the concept by its own name (or choose it);
    ``recognised`` is what the observers truly saw. A condition without answers is not listed.
    """
    answered = [answer for visit in visits for answer in visit.answered]
    scored = [answer for answer in answered if not answer.practice]
    by_condition: dict[Condition, list[Answered]] = {}
    for answer in scored:
        by_condition.setdefault(answer.picture.condition, []).append(answer)
    return {
        "participants": len(visits),
        "finished": sum(visit.outcome == "finished" for visit in visits),
        "dropped": sum(visit.outcome == "dropped" for visit in visits),
        "turned_away": sum(visit.outcome == "full" for visit in visits),
        "reloads": sum(visit.reloads for visit in visits),
        "responses": len(answered),
        "kinds": dict(sorted(Counter(visit.kind for visit in visits).items())),
        "conditions": {
            condition.key: _accuracy(by_condition[condition]) for condition in sorted(by_condition)
        },
    }


def _accuracy(group: Sequence[Answered]) -> dict[str, float]:
    return {
        "n": len(group),
        "correct": round(sum(answer.correct for answer in group) / len(group), 4),
        "recognised": round(sum(answer.recognised for answer in group) / len(group), 4),
    }
