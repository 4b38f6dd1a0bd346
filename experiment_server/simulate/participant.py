"""One simulated participant: arrives, consents, looks, answers, reloads, vanishes or finishes."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

from experiment_server.design.observer import ObservedAnswer, Population, Sitting
from experiment_server.design.observer_kinds import KINDS, Draw, Person
from experiment_server.simulate.beside import Beside
from experiment_server.simulate.client import ParticipantClient
from experiment_server.simulate.page import Page
from experiment_server.simulate.pictures import Picture, StudyPictures
from scoring.answers import judge


@dataclass(frozen=True)
class Answered:
    """One response that the server acknowledged, and what it was an answer to."""

    picture: Picture
    practice: bool
    text: str
    recognised: bool
    correct: bool


@dataclass
class Visit:
    """What became of one participant. ``outcome``: finished, dropped, or full (no place was left)."""

    number: int
    kind: str = "attentive"
    outcome: str = "dropped"
    reloads: int = 0
    answered: list[Answered] = field(default_factory=list)


@dataclass
class _Seat:
    """One participant in front of the page: who it is, and where the session stands."""

    person: Person
    page: Page
    beside: Beside
    sitting: Sitting
    #: levels of the confidence question; 0 if it is not asked
    levels: int
    total: int
    queue: deque[dict[str, Any]] = field(default_factory=deque)


@dataclass
class SimulatedParticipant:
    """Participant ``number`` of a run with a seed: the same pictures get the same answers each time."""

    number: int
    seed: int
    pictures: StudyPictures
    population: Population
    client: ParticipantClient
    #: one of ``observer_kinds.KINDS``
    kind: str = "attentive"

    def begin(self) -> dict[str, Any]:
        """Open the page, arrive and consent. Returns the state."""
        self.client.open_page()
        state = self.client.arrive()
        return self.client.consent() if state["phase"] == "consent" else state

    def take_part(self, state: dict[str, Any]) -> Visit:
        """Do what the study asks from a state on, until finished or vanished."""
        visit = Visit(self.number, self.kind)
        if state["phase"] == "finished":
            visit.outcome = "finished"
            return visit
        seat = self._sit_down(state)
        if state["phase"] == "trials":
            seat.beside.before_trials()
        for trial in self._trials(visit, seat):
            if seat.sitting.has_vanished(trial["index"]):
                return visit
            visit.answered.append(self._do(trial, seat))
        seat.beside.after_trials()
        self.client.finish()
        visit.outcome = "finished"
        return visit

    def _sit_down(self, state: dict[str, Any]) -> _Seat:
        rng = self._rng("participant")
        sitting = self.population.sitting(rng, state["total"])
        form = state["response"]
        manners = self._rng("manners")
        draw = Draw(self.population, rng, manners, self.pictures.concepts, form["dont_know"])
        person = KINDS[self.kind](draw)
        beside = Beside(self.client, person, self.pictures.checks, state, self._rng("beside"))
        return _Seat(person, Page(person), beside, sitting, form["confidence"], state["total"])

    def _rng(self, *key: object) -> Random:
        return Random("/".join(map(str, (self.seed, self.number, *key))))  # noqa: S311 (a simulation)

    def _trials(self, visit: Visit, seat: _Seat) -> Iterator[dict[str, Any]]:
        """The trials in order, each with the bytes of its picture shown, reloading where it is due."""
        while seat.queue or self._fetch(seat):
            trial = seat.queue.popleft()
            seat.beside.before_trial(trial["index"])
            self._look(trial)
            if seat.sitting.reloads_at == trial["index"] and not visit.reloads:
                visit.reloads += 1
                self._reload(seat)
            else:
                yield trial

    def _fetch(self, seat: _Seat) -> bool:
        seat.queue.extend(self.client.trials())
        return bool(seat.queue)

    def _reload(self, seat: _Seat) -> None:
        self.client.open_page()
        self.client.arrive()
        seat.page.reload()
        seat.queue.clear()

    def _look(self, trial: dict[str, Any]) -> None:
        trial["seen"] = self.pictures.see(self.client.picture(trial["image"]))
        if trial["mask"] is not None:
            self.client.picture(trial["mask"])
        self.client.presented(trial["trial"])

    def _do(self, trial: dict[str, Any], seat: _Seat) -> Answered:
        """Answer one trial and send the answer; if that ended the practice, fetch the trials anew."""
        picture: Picture = trial["seen"]
        key = (trial["index"], picture.source, picture.condition.key)
        what = (picture.concept, picture.condition, picture.source, trial["alternatives"])
        answer = seat.person.mind.answer(*what, self._rng(*key), easy=picture.easy)
        manners = self._rng("manners", *key)
        sure = how_sure(answer, seat.levels, manners)
        reply = self.client.respond(trial["trial"], uuid4(), seat.page.body(trial, answer, sure, manners))
        if reply["total"] != seat.total:
            seat.total = reply["total"]
            seat.queue.clear()
        correct = self._is_correct(picture, answer, trial["alternatives"])
        return Answered(picture, trial["practice"], answer.text, answer.recognised, correct)

    def _is_correct(self, picture: Picture, answer: ObservedAnswer, alternatives: list[str] | None) -> bool:
        if alternatives is not None:
            return answer.text == picture.concept
        return judge(picture.concept, answer.text, others=self.pictures.concepts).hard


def how_sure(answer: ObservedAnswer, levels: int, rng: Random) -> int | None:
    """How sure of an answer someone is, from 1; None where that is not asked."""
    sure = rng.gauss(0.85 if answer.recognised else 0.25, 0.2)
    return 1 + round((levels - 1) * min(1.0, max(0.0, sure))) if levels and not answer.dont_know else None


def prolific_identity(study: str, seed: int, number: int) -> dict[str, Any]:
    """The identity of participant ``number``: made-up Prolific ids of 24 hexadecimal digits."""

    def made_up(*key: object) -> str:
        return hashlib.sha256("/".join(map(str, key)).encode()).hexdigest()[:24]

    return {
        "prolific_pid": made_up("participant", study, seed, number),
        "prolific_study_id": made_up("study", study),
        "prolific_session_id": made_up("session", study, seed, number),
        "visitor": None,
    }
