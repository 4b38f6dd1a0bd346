"""One simulated participant: arrives, consents, looks, answers, reloads, vanishes or finishes."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import uuid4

from experiment_server.design.observer import ObservedAnswer, Observer, Population, Sitting
from experiment_server.simulate.client import ParticipantClient
from experiment_server.simulate.pictures import Picture, StudyPictures
from scoring.answers import judge

#: of a 60 Hz screen
FRAME_MS = 1000 / 60


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
    outcome: str = "dropped"
    reloads: int = 0
    answered: list[Answered] = field(default_factory=list)


@dataclass
class SimulatedParticipant:
    """Participant ``number`` of a run with a seed: the same pictures get the same answers each time."""

    number: int
    seed: int
    pictures: StudyPictures
    population: Population
    client: ParticipantClient

    def begin(self) -> dict[str, Any]:
        """Open the page, arrive and consent. Returns the state."""
        self.client.open_page()
        state = self.client.arrive()
        return self.client.consent() if state["phase"] == "consent" else state

    def take_part(self, state: dict[str, Any]) -> Visit:
        """Do the trials from a state on, until finished or vanished."""
        visit = Visit(self.number)
        if state["phase"] == "finished":
            visit.outcome = "finished"
            return visit
        rng = self._rng("participant")
        sitting = self.population.sitting(rng, state["total"])
        dont_know = state["response"]["dont_know"]
        observer = self.population.draw(rng, self.pictures.concepts, dont_know=dont_know)
        for trial in self._trials(visit, sitting):
            if sitting.vanishes_at == trial["index"]:
                return visit
            visit.answered.append(self._do(trial, observer))
        self.client.finish()
        visit.outcome = "finished"
        return visit

    def _rng(self, *key: object) -> Random:
        return Random("/".join(map(str, (self.seed, self.number, *key))))  # noqa: S311 (a simulation)

    def _trials(self, visit: Visit, sitting: Sitting) -> Iterator[dict[str, Any]]:
        """The trials in order, each with the bytes of its picture shown, reloading where it is due."""
        queue: deque[dict[str, Any]] = deque()
        while queue or (queue := deque(self.client.trials())):
            trial = queue.popleft()
            self._look(trial)
            if sitting.reloads_at == trial["index"] and not visit.reloads:
                visit.reloads += 1
                self._reload()
                queue.clear()
            else:
                yield trial

    def _reload(self) -> None:
        self.client.open_page()
        self.client.arrive()

    def _look(self, trial: dict[str, Any]) -> None:
        trial["seen"] = self.pictures.see(self.client.picture(trial["image"]))
        if trial["mask"] is not None:
            self.client.picture(trial["mask"])
        self.client.presented(trial["trial"])

    def _do(self, trial: dict[str, Any], observer: Observer) -> Answered:
        """Answer one trial and send the answer."""
        picture: Picture = trial["seen"]
        rng = self._rng(trial["index"], picture.source, picture.condition.key)
        answer = observer.answer(
            picture.concept, picture.condition, picture.source, trial["alternatives"], rng
        )
        self.client.respond(trial["trial"], uuid4(), _body(trial, answer, rng))
        correct = self._is_correct(picture, answer, trial["alternatives"])
        return Answered(picture, trial["practice"], answer.text, answer.recognised, correct)

    def _is_correct(self, picture: Picture, answer: ObservedAnswer, alternatives: list[str] | None) -> bool:
        if alternatives is not None:
            return answer.text == picture.concept
        return judge(picture.concept, answer.text, others=self.pictures.concepts).hard


def _body(trial: dict[str, Any], answer: ObservedAnswer, rng: Random) -> dict[str, Any]:
    """The response as the browser sends it: times in ms, exposure in whole frames."""
    dropped = 1 if rng.random() < 0.02 else 0
    exposure = trial["exposure_ms"]
    frames = max(round(exposure / FRAME_MS), 1) + dropped
    return {
        "response": answer.text,
        "dont_know": answer.dont_know,
        "rt_ms": answer.rt_ms,
        "rt_first_key_ms": answer.rt_first_key_ms,
        "exposure_measured_ms": round(frames * FRAME_MS, 2) if exposure else None,
        "frame_interval_ms": round(FRAME_MS, 2),
        "dropped_frames": dropped,
        "presented_again": bool(trial["already_presented"]),
        "client": {"agent": "interpscore simulate"},
    }


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
