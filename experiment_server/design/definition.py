"""A frozen study's definition, read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from experiment_server.design.adaptive import Grid
from experiment_server.design.allocation import Family, Kind, shuffled
from experiment_server.design.foils import offered
from experiment_server.design.study_file import StudyDesign
from scoring.answers import JUDGE_VERSION, Judgement, Lexicon, judge
from stimuli.perturbations import PERTURBATIONS

#: rule of an answer that was chosen from alternatives
CHOICE = "choice"


@dataclass(frozen=True)
class Credit:
    """Whose pictures these are, and under which licence."""

    credit: str
    credit_url: str
    licence: str


@dataclass(frozen=True)
class Definition:
    """What a study was frozen as. ``masks`` are SHA-256s of pictures."""

    design: StudyDesign
    masks: tuple[str, ...]
    lexicon: Lexicon | None
    credits: tuple[Credit, ...]

    @classmethod
    def parse(cls, text: str) -> Definition:
        """Read the JSON that ``design.freeze`` wrote, now or in an earlier version."""
        document: dict[str, Any] = json.loads(text)
        # studies that were frozen before there was a warning go on as they began
        document["study"].setdefault("presentation", {}).setdefault("flicker_warning", False)
        return cls(
            StudyDesign.model_validate_json(json.dumps(document["study"])),
            tuple(document["masks"]),
            Lexicon.of(document["lexicon"]) if document["lexicon"] is not None else None,
            tuple(Credit(**credit) for credit in document["credits"]),
        )

    @property
    def comprehension(self) -> dict[str, str]:
        """The right option of each question about the instructions, by the question's name."""
        questions = self.design.comprehension.question
        return {str(number): one.answer for number, one in enumerate(questions, start=1)}

    @property
    def instructed(self) -> list[tuple[str, int]]:
        """Names of the instructed items, each with the index of the trial that it comes before."""
        practice = self.design.practice
        first = practice.trials * practice.rounds
        main = self.design.trials.test + self.design.catch.trials
        parts = len(self.design.instructed) + 1
        places = (min(max(1, main * number // parts), main - 1) for number in range(1, parts))
        return [(str(number), first + place) for number, place in enumerate(places, start=1)]

    @property
    def warns(self) -> bool:
        """Whether participants are warned of pictures that flash."""
        shown = self.design.presentation
        return shown.flicker_warning and shown.exposure_ms > 0

    @property
    def breaks(self) -> set[str]:
        """Indices of the trials that a break may come before."""
        practice, every = self.design.practice, self.design.trials.break_every
        first = practice.trials * practice.rounds
        main = self.design.trials.test + self.design.catch.trials
        return {str(first + done) for done in range(every, main, every)} if every else set()

    @property
    def trials(self) -> dict[Kind, int]:
        """Trials of each kind that a participant has."""
        design = self.design
        return {"practice": design.practice.trials, "test": design.trials.test, "catch": design.catch.trials}

    @property
    def family(self) -> Family | None:
        """The adaptive trials and the levels that they choose from; None where there are none."""
        return self.design.family(lambda row: str(row.level))

    @cached_property
    def grid(self) -> Grid:
        """What the adaptive trials choose from; a study without them has none. Chance is a guess."""
        rows = self.design.adaptive_conditions
        return Grid(
            tuple(row.condition.severity for row in rows),
            PERTURBATIONS[rows[0].perturbation].direction,
            self.design.chance,
        )

    def offered(self, concept: str) -> tuple[str, ...]:
        """What a concept's trials offer to choose from; empty when answers are typed."""
        return offered(self.design, concept)

    def alternatives(self, session_seed: int, trial_index: int, concept: str) -> list[str] | None:
        """What one trial offers to choose from, in its own order; None when answers are typed."""
        words = self.offered(concept)
        rng = Random(f"{session_seed}:{trial_index}")  # noqa: S311 - reproducible, not secret
        return shuffled(words, rng) if words else None

    def judge(self, concept: str, response: str) -> Judgement:
        """Judge an answer, empty for "don't know", as the participant's feedback and the export both do.

        A chosen answer is right if it is the concept's alternative (rule ``choice``); a typed one is judged
        with the study's lexicon, among all concepts, those of practice and catch trials included.
        """
        if self.design.alternatives:
            return _judge_choice(concept, response)
        others = (other for other in self.design.all_concepts if other != concept)
        return judge(concept, response, self.lexicon, others=others)


def _judge_choice(concept: str, chosen: str) -> Judgement:
    if not chosen:
        return Judgement(False, 0.0, "no_answer", JUDGE_VERSION)
    credit = float(chosen == concept)
    return Judgement(chosen == concept, credit, CHOICE, JUDGE_VERSION, (credit,))
