"""Which simulated participants are flagged: ``python -m tests.reference.detection --sessions 1000``.

The demo's study, 60 test trials and 4 catch trials, in two forms: typed answers, and 16 alternatives.
The careless are our own idea of carelessness (experiment_server/design/observer_kinds.py).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from experiment_server.design.definition import Definition
from experiment_server.design.observer import Population
from experiment_server.design.observer_hands import Hands
from experiment_server.design.observer_kinds import KINDS, Draw, Person
from experiment_server.design.page_tables import Comprehension, ComprehensionQuestion, Instructed
from experiment_server.design.quality import RULES, SessionSignals, TrialSignals, assess
from experiment_server.design.study_file import ResponseForm, StudyDesign, read_study_file
from experiment_server.simulate.page import Page
from scoring.answers import load_lexicon
from stimuli.conditions import Condition

DEMO = Path(__file__).parents[2] / "commands" / "demo_study"
FORMS = {"free_text": ResponseForm(), "alternatives": ResponseForm(form="alternatives")}
#: pictures of each concept
SOURCES = 8
QUESTIONS, INSTRUCTED = 2, 2
#: flags that a study without such checks does not have
CHECKS = {"instructed", "comprehension"}


@dataclass(frozen=True)
class Group:
    """Participants of one sort. ``leaves``: how often the page is left, if it is not the kind's own share."""

    kind: str
    people: Population = field(default_factory=Population)
    hands: Hands = field(default_factory=Hands)
    leaves: float | None = None


GROUPS = {
    "attentive": Group("attentive"),
    "attentive, phone that suggests words": Group("attentive", hands=Hands(phones=1.0, suggests=0.9)),
    "attentive, slow typist": Group("attentive", Population(rt_median_ms=4500.0), Hands(450.0, phones=0.0)),
    "attentive, very fast": Group("attentive", Population(rt_median_ms=700.0), Hands(70.0, 0.1, 0.0)),
    "attentive, second language": Group("attentive", Population(foreign_speakers=1.0, typo=0.1)),
    "attentive, leaves the page twice": Group("attentive", leaves=2 / 64),
    "inattentive": Group("inattentive"),
    "random clicker": Group("clicker"),
    "paster of machine answers": Group("paster"),
}


def definition_of(form: str) -> Definition:
    """The demo's study in one form of response, with checks."""
    file = read_study_file(DEMO / "study.toml")
    asked = ComprehensionQuestion(text="What do you type?", options=("A name", "Nothing"), answer="A name")
    told = tuple(Instructed(text="Please type the word.", answer=word) for word in ("green", "seven"))
    changes: dict[str, Any] = {
        "response": FORMS[form],
        "comprehension": Comprehension(question=(asked,) * QUESTIONS),
        "instructed": told[:INSTRUCTED],
    }
    design: StudyDesign = file.model_copy(update=changes)
    return Definition(design, ("mask",), load_lexicon(DEMO / "lexicon.toml"), ())


def session(definition: Definition, group: Group, seed: str) -> SessionSignals:
    """One participant's session."""
    order, minds, manners = (Random(f"{seed}/{what}") for what in ("order", "minds", "manners"))
    draw = Draw(group.people, minds, manners, definition.design.all_concepts, True, group.hands)
    person = KINDS[group.kind](draw)
    if group.leaves is not None:
        person = replace(person, leaves=group.leaves)
    page = Page(person)
    trials = [_trial(definition, page, *planned, minds, manners) for planned in _plan(definition, order)]
    heeds = partial(_heeds, person, manners)
    return SessionSignals(
        tuple(trials),
        {
            str(number): one.answer if heeds() else "ok"
            for number, one in enumerate(definition.design.instructed, start=1)
        },
        any(all(heeds() for _ in range(QUESTIONS)) for _ in range(definition.design.comprehension.attempts)),
    )


def _heeds(person: Person, rng: Random) -> bool:
    return rng.random() < person.heeds


def _plan(definition: Definition, rng: Random) -> list[tuple[str, str, Condition, str]]:
    """Kind, concept, condition and source of each main trial, in a random order."""
    design = definition.design
    concepts = [design.concepts[number % len(design.concepts)] for number in range(design.trials.test)]
    conditions = [row.condition for row in design.condition]
    planned = [
        ("test", concept, conditions[number % len(conditions)], f"{concept} {rng.randrange(SOURCES)}")
        for number, concept in enumerate(rng.sample(concepts, len(concepts)))
    ]
    catches = [design.catch.concepts[n % len(design.catch.concepts)] for n in range(design.catch.trials)]
    planned += [("catch", concept, Condition("clean"), f"{concept} 0") for concept in catches]
    return rng.sample(planned, len(planned))


def _trial(
    definition: Definition,
    page: Page,
    kind: str,
    concept: str,
    condition: Condition,
    source: str,
    minds: Random,
    manners: Random,
) -> TrialSignals:
    design = definition.design
    offered = minds.sample(design.alternatives, len(design.alternatives)) or None
    mind = page.person.mind
    answer = mind.answer(concept, condition, source, offered, minds, easy=kind == "catch")
    shown = design.presentation
    trial = {
        **shown.model_dump(include={"fixation_ms", "exposure_ms", "mask_ms"}),
        "mask": "mask",
        "already_presented": False,
    }
    body = page.body(trial, answer, None, manners)
    return TrialSignals(
        kind,
        concept,
        body["response"],
        body["dont_know"],
        definition.judge(concept, body["response"]).soft,
        body["rt_ms"],
        body["rt_first_key_ms"],
        offered is not None,
        body["client"],
        tuple(body["timing_flags"]),
    )


@dataclass(frozen=True)
class Rates:
    """Of one group in one form: the share with any flag, with any but those of the checks, and with each.

    ``each`` has the flags that apply.
    """

    group: str
    form: str
    sessions: int
    any: float
    unchecked: float
    each: dict[str, float]


def rates(group: str, form: str, sessions: int, seed: int = 0) -> Rates:
    """Assess so many sessions of a group."""
    definition = definition_of(form)
    found = [assess(definition.design, one) for one in _sessions(definition, group, sessions, seed)]
    raised = [{flag.name for flag in flags if flag.raised} for flags in found]
    each = {flag.name: sum(flag.name in names for names in raised) / sessions for flag in found[0]}
    unchecked = sum(bool(flags - CHECKS) for flags in raised) / sessions
    return Rates(group, form, sessions, sum(map(bool, raised)) / sessions, unchecked, each)


def _sessions(definition: Definition, group: str, sessions: int, seed: int) -> Iterator[SessionSignals]:
    for number in range(sessions):
        yield session(definition, GROUPS[group], f"{seed}/{group}/{number}")


def table(found: list[Rates]) -> str:
    """Percentages, in Markdown."""
    names = [name for name in RULES if name != "practice"]
    lines = [f"| group | form | any | any, no checks | {' | '.join(f'`{name}`' for name in names)} |"]
    lines.append(f"|---|---|{'--:|' * (len(names) + 2)}")
    for one in found:
        shares = [one.any, one.unchecked, *(one.each.get(name) for name in names)]
        written = " | ".join("\N{EN DASH}" if share is None else f"{100 * share:.1f}" for share in shares)
        lines.append(f"| {one.group} | {one.form} | {written} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference.detection", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000, help="of each group in each form")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = [rates(group, form, options.sessions, options.seed) for form in FORMS for group in GROUPS]
    sys.stdout.write(f"{table(found)}\n\n{options.sessions} sessions each, seed {options.seed}.\n")


if __name__ == "__main__":
    main()
