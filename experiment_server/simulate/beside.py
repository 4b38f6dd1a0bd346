"""What a simulated participant does beside the trials: the page's questions, measurements and breaks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

from experiment_server.design.observer_kinds import Person
from experiment_server.simulate.client import ParticipantClient
from experiment_server.simulate.pictures import Checks

#: what those say who do not read what they are told to type
OTHER_WORDS = ("ok", "yes", "shape", "picture", "next")


@dataclass
class Beside:
    """The records of one session. What the server has already is not sent again."""

    client: ParticipantClient
    person: Person
    checks: Checks
    state: dict[str, Any]
    rng: Random
    done: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.done = set(self.state["done"])

    @property
    def flow(self) -> dict[str, Any]:
        """What the study asks for."""
        return dict(self.state["flow"])

    def before_trials(self) -> None:
        """The warning, the calibration and the questions about the instructions."""
        wanted = self.flow["calibration"]
        if self.flow["flicker_warning"]:
            self._record("warning", "", lambda: {"read_ms": self._pause(4000)})
        if wanted["card"]:
            self._record("calibration", "", lambda: self._measured(wanted["distance"]))
        if self.flow["comprehension"] and not any(one.startswith("comprehension") for one in self.done):
            self._comprehend()

    def before_trial(self, index: int) -> None:
        """The instructed items that are due before a trial, and the break if one is."""
        for item in self.flow["instructed"]:
            if item["before"] <= index:
                self._record("instructed", item["name"], partial(self._instructed, item["name"]))
        if self._break_is_due(index):
            self._record("break", str(index), lambda: {"rest_ms": self._pause(9000)})

    def after_trials(self) -> None:
        """The questionnaire, if there is one."""
        if self.flow["questionnaire"]:
            self._record("questionnaire", "", self._questionnaire)

    def _break_is_due(self, index: int) -> bool:
        every = self.flow["break_every"]
        main = index - self.flow["practice_trials"] * self.flow["practice_rounds"]
        return bool(every) and main > 0 and main % every == 0

    def _record(self, kind: str, name: str, data: Callable[[], dict[str, Any]]) -> None:
        item = f"{kind}/{name}" if name else kind
        if item not in self.done:
            self.client.record(uuid4(), kind, name, data())
            self.done.add(item)

    def _comprehend(self) -> None:
        left = self.flow["comprehension_attempts"]
        while left:
            chosen = {one["name"]: self._choose(one) for one in self.flow["comprehension"]}
            left = self.client.comprehend(uuid4(), chosen)["attempts_left"]

    def _choose(self, question: dict[str, Any]) -> str:
        right = self.checks.comprehension.get(question["name"], question["options"][0])
        return right if self._heeds() else str(self.rng.choice(question["options"]))

    def _instructed(self, name: str) -> dict[str, Any]:
        right = self.checks.instructed.get(name, "")
        return {
            "response": right if self._heeds() else self.rng.choice(OTHER_WORDS),
            "rt_ms": self._pause(2500),
        }

    def _measured(self, distance: bool) -> dict[str, Any]:
        hand = self.person.hand
        eyes = 350.0 if hand.touch else 570.0
        return {
            "device_px_per_mm": round(hand.device_pixel_ratio * self.rng.uniform(3.4, 4.4), 3),
            "distance_mm": round(eyes * math.exp(self.rng.gauss(0, 0.12)), 1) if distance else None,
        }

    def _questionnaire(self) -> dict[str, Any]:
        """Every question answered, but one in twenty, which nobody has to answer."""
        asked = self.flow["questionnaire"]
        return {
            "answers": {one["name"]: None if self.rng.random() < 0.05 else self._says(one) for one in asked}
        }

    def _says(self, question: dict[str, Any]) -> str:
        built_in = {
            "first_language": "en",
            "fluency": "first_language",
            "colour_vision": "no",
            "device": "phone" if self.person.hand.touch else "computer",
            "country": "GB",
        }
        options = question["options"]
        return str(self.rng.choice(options)) if options else built_in.get(question["name"], "nothing to add")

    def _heeds(self) -> bool:
        return self.rng.random() < self.person.heeds

    def _pause(self, median_ms: float) -> float:
        return round(median_ms * math.exp(self.rng.gauss(0, 0.4)))
