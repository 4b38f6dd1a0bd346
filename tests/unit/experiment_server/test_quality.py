from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

import pytest

from experiment_server.design.foils import offered
from experiment_server.design.page_tables import FLAG
from experiment_server.design.quality import RULES, Flag, SessionSignals, TrialSignals, assess, in_words
from experiment_server.design.study_file import StudyDesign, StudyFile
from tests.functional.study_files import STUDY_TOML

CONCEPTS = ("sailboat", "raised hand", "umbrella")


def design(more: str = "", **tables: Any) -> StudyDesign:
    """The small study with 4 catch trials of 24, and what a test adds."""
    text = STUDY_TOML.replace("test = 6", "test = 20\nper_concept = 7")
    text = text.replace('concepts = ["rocket"]\ntrials = 1', 'concepts = ["rocket"]\ntrials = 4')
    file = StudyFile.model_validate(_tuples(tomllib.loads(text + more)))
    return file.model_copy(
        update={name: getattr(file, name).model_copy(update=table) for name, table in tables.items()}
    )


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def trial(response: str = "sailboat", kind: str = "test", **changes: Any) -> TrialSignals:
    """A trial of a sailboat, or of a rocket, answered after two seconds."""
    concept = "rocket" if kind == "catch" else "sailboat"
    right = float(response == concept)
    given = TrialSignals(kind, concept, response, response == "", right, 2000.0)
    return replace(given, **changes)


def catches(right: int, wrong: int) -> list[TrialSignals]:
    return [trial("rocket", "catch")] * right + [trial("tower", "catch")] * wrong


def named(n: int = 20, **changes: Any) -> list[TrialSignals]:
    """Trials of the three concepts in turn, each named."""
    shown = [CONCEPTS[number % 3] for number in range(n)]
    return [trial(name, concept=name, correct=1.0, **changes) for name in shown]


def flag(name: str, of: StudyDesign, trials: Sequence[TrialSignals], **signals: Any) -> Flag:
    """One flag of a session, which must be there."""
    return flags(of, trials, **signals)[name]


def flags(of: StudyDesign, trials: Sequence[TrialSignals], **signals: Any) -> dict[str, Flag]:
    return {one.name: one for one in assess(of, SessionSignals(tuple(trials), **signals))}


def test_there_is_a_rule_for_each_flag_of_the_study_file() -> None:
    assert tuple(RULES) == get_args(FLAG)


def test_an_attentive_session_raises_nothing() -> None:
    found = flags(design(), [*named(), *catches(4, 0)])
    assert list(found) == ["catch", "too_fast", "repeated", "pasted", "machine_typed", "unfocused"]
    assert not any(one.raised for one in found.values())


def test_no_answers_raise_nothing() -> None:
    assert not any(one.raised for one in flags(design(), []).values())


@pytest.mark.parametrize(("right", "raised"), [(4, False), (2, False), (1, True), (0, True)])
def test_half_of_the_catch_trials_must_be_right(right: int, raised: bool) -> None:
    found = flag("catch", design(), catches(right, 4 - right))
    assert found == Flag("catch", raised, {"right": right, "of": 4, "needed": 2})


def test_as_many_catch_trials_as_the_file_says() -> None:
    assert flag("catch", design(quality={"catch_right": 4}), catches(3, 1)).raised
    assert not flag("catch", design(quality={"catch_right": 4}), catches(4, 0)).raised


def test_a_catch_trial_is_right_from_half_a_credit_on() -> None:
    half = [trial("ship", "catch", correct=0.5)] * 2
    assert flag("catch", design(), [*half, *catches(0, 2)]).evidence["right"] == 2


def test_catch_trials_that_are_still_to_come_may_be_right() -> None:
    assert not flag("catch", design(), catches(0, 2)).raised
    assert flag("catch", design(), catches(0, 3)).raised


def test_a_study_without_catch_trials() -> None:
    assert "catch" not in flags(design(catch={"trials": 0}), named())


TOLD = '\n[[instructed]]\ntext = "Type green."\nanswer = "green"\n' * 2


@pytest.mark.parametrize(
    ("given", "raised"),
    [
        ({"1": "Green", "2": "what"}, False),
        ({"1": "gren", "2": ""}, False),
        ({"1": "what", "2": "sailboat"}, True),
        ({}, True),
    ],
)
def test_instructed_answers_in_a_whole_session(given: dict[str, str], raised: bool) -> None:
    found = flag("instructed", design(TOLD), [*named(), *catches(4, 0)], instructed=given)
    assert found.raised is raised
    assert found.evidence["of"] == 2


def test_instructed_items_that_are_still_to_come() -> None:
    assert not flag("instructed", design(TOLD), named(5), instructed={}).raised
    assert not flag("instructed", design(TOLD), named(5), instructed={"1": "what"}).raised


ASKED = """
[[comprehension.question]]
text = "What do you type?"
options = ["A name", "Nothing"]
answer = "A name"
"""


def test_comprehension_and_practice() -> None:
    asks = design(ASKED, practice={"criterion": 1, "trials": 3})
    found = flags(asks, named(), comprehension_passed=False, practice_met=False)
    assert found["comprehension"] == Flag("comprehension", True, {"passed": "no"})
    assert found["practice"] == Flag("practice", True, {"met": "no", "criterion": 1})
    found = flags(asks, named(), comprehension_passed=True, practice_met=True)
    assert not found["comprehension"].raised
    assert not found["practice"].raised
    assert not {"comprehension", "practice"} & set(flags(asks, named()))


def test_an_answer_is_timed_from_when_it_could_be_given() -> None:
    """The picture takes 500 ms, the mask 200 ms; within 250 ms after that is too fast."""
    trials = [*named(4, rt_ms=949.0), *named(16, rt_ms=951.0)]
    assert flag("too_fast", design(), trials) == Flag(
        "too_fast", True, {"count": 4, "of": 20, "share": 0.2, "threshold": 0.2, "ms": 250.0}
    )
    assert not flag("too_fast", design(), [*named(3, rt_ms=949.0), *named(17)]).raised
    assert not flag("too_fast", design(presentation={"exposure_ms": 0}), named(rt_ms=251.0)).raised
    assert flag("too_fast", design(presentation={"mask": "none"}), named(rt_ms=749.0)).raised


def test_dont_know_needs_no_form_and_is_timed_from_the_onset() -> None:
    not_known = [trial("", rt_ms=720.0)] * 10
    assert not flag("too_fast", design(), not_known).raised
    assert flag("too_fast", design(), [trial("", rt_ms=100.0)] * 10).raised


def test_one_fast_answer_of_few_is_no_habit() -> None:
    assert not flag("too_fast", design(), named(1, rt_ms=10.0)).raised
    assert flag("too_fast", design(), named(2, rt_ms=10.0)).raised


def test_practice_trials_do_not_count() -> None:
    practised = [trial(kind="practice", rt_ms=10.0)] * 20
    assert flag("too_fast", design(), practised).evidence["of"] == 0


def test_the_same_word_again_and_again() -> None:
    wrong = [trial("Shape!" if number % 2 else "shape") for number in range(8)]
    found = flag("repeated", design(), [*named(12), *wrong])
    assert found.raised
    assert found.evidence == {
        "answer": "shape",
        "count": 8,
        "of": 20,
        "share": 0.4,
        "expected": 0.0,
        "excess": 0.4,
        "threshold": 0.25,
    }


@pytest.mark.parametrize("response", ["", "don't know", "idk", "no idea", "?"])
def test_not_knowing_is_no_repetition(response: str) -> None:
    not_known = [trial(response, correct=0.0)] * 15
    assert not flag("repeated", design(), [*named(5), *not_known]).raised


def test_a_word_that_is_right_so_often_is_expected() -> None:
    """Fifteen of twenty pictures show a sailboat, and are named."""
    trials = [trial()] * 15 + [trial("umbrella", concept="umbrella", correct=1.0)] * 5
    found = flag("repeated", design(), trials)
    assert (found.raised, found.evidence["share"], found.evidence["expected"]) == (False, 0.75, 0.75)
    assert not flag("repeated", design(), [trial()] * 20).raised


def test_few_repeats_are_chance() -> None:
    assert not flag("repeated", design(), [trial("shape")] * 4).raised
    assert flag("repeated", design(), [trial("shape")] * 5).raised


def choosing(choices: int = 0) -> StudyDesign:
    return design(response={"form": "alternatives", "choices": choices})


def chosen(response: str, concept: str) -> TrialSignals:
    return trial(response, concept=concept, chosen=True, correct=float(response == concept))


def test_guessing_among_two_is_no_repetition() -> None:
    """Half of the answers are the same word by chance alone."""
    truth = ["sailboat", "umbrella"] * 10
    guesses = ["sailboat"] * 12 + ["umbrella"] * 8
    trials = [chosen(guess, concept) for guess, concept in zip(guesses, truth, strict=True)]
    assert not flag("repeated", choosing(2), trials).raised
    assert flag("repeated", choosing(2), [chosen("sailboat", concept) for concept in truth]).raised


def test_one_word_whenever_it_is_offered() -> None:
    """There are three words and two in a trial: the word is not there in every trial."""
    of = choosing(2)
    truth = list(of.concepts) * 8
    trials = [
        chosen("umbrella" if "umbrella" in offered(of, concept) else offered(of, concept)[0], concept)
        for concept in truth
    ]
    found = flag("repeated", of, trials)
    assert (found.raised, found.evidence["answer"], found.evidence["share"]) == (True, "umbrella", 1.0)
    assert found.evidence["of"] == sum("umbrella" in offered(of, concept) for concept in truth) < len(truth)


def test_an_alternative_that_is_often_the_truth_is_expected_even_if_never_chosen_rightly() -> None:
    trials = [chosen("sailboat", "umbrella")] * 5 + [chosen("umbrella", "sailboat")] * 15
    found = flag("repeated", choosing(), trials)
    assert (found.evidence["answer"], found.evidence["expected"]) == ("umbrella", 0.25)
    assert found.raised


def test_pastes_and_drops() -> None:
    trials = [*named(22), *named(1, client={"pastes": 3}), *named(1, client={"drops": 1})]
    assert flag("pasted", design(), trials) == Flag("pasted", True, {"count": 2, "of": 24, "threshold": 2})
    assert not flag("pasted", design(), trials[:-1]).raised


def test_typing_of_machines_and_of_hands() -> None:
    machine = {"touch": False, "key_times_ms": [], "largest_insert": 8, "largest_insert_by": "text"}
    hand = {"touch": False, "key_times_ms": [900, 1100, 1190, 1400, 1510, 1700, 1950, 2030]}
    unknown: dict[str, Any] = {}
    trials = [*named(4, client=machine), *named(16, client=hand), *named(4, client=unknown)]
    evidence = flag("machine_typed", design(), trials).evidence
    assert evidence == {"count": 4, "of": 20, "share": 0.2, "threshold": 0.2}
    assert flag("machine_typed", design(), trials).raised
    assert not flag("machine_typed", design(), trials[1:]).raised


def test_chosen_answers_are_neither_pasted_nor_typed() -> None:
    assert not {"pasted", "machine_typed"} & set(flags(choosing(), [chosen("sailboat", "umbrella")]))


@pytest.mark.parametrize(
    "left", [{"client": {"times_hidden": 2}}, {"client": {"times_blurred": 1}}, {"timing_flags": ("hidden",)}]
)
def test_leaving_the_page(left: dict[str, Any]) -> None:
    trials = [*named(4, **left), *named(16)]
    assert flag("unfocused", design(), trials).raised
    assert not flag("unfocused", design(), trials[1:]).raised


JUNK: dict[str, Any] = {
    "times_hidden": "often",
    "times_blurred": -3,
    "pastes": [1],
    "key_times_ms": [None, "x", {}, -1, 10**400] * 100,
    "largest_insert": {"a": 1},
    "touch": 0,
    "viewport": {"w": 3},
}


def test_junk_from_a_browser_raises_nothing() -> None:
    found = flags(design(), [*named(client=JUNK), *catches(4, 0)])
    assert not any(one.raised for one in found.values())


def test_the_evidence_in_words() -> None:
    asks = design(ASKED + TOLD, practice={"criterion": 1, "trials": 3})
    shapes = [trial("shape")] * 4 + catches(0, 4)
    found = flags(asks, shapes, comprehension_passed=False, practice_met=False, instructed={"1": "x"})
    assert [in_words(one) for one in found.values()] == [
        "catch pictures: 0 of 4 right, 2 needed",
        "instructed answers: 0 of 1 right, 1 needed",
        "comprehension check passed: no",
        "practice criterion of 1 right met: no",
        "answers within 250 ms: 0 of 8",
        "the answer 'shape': 4 of 8, where 0% would be expected",
        "pasted answers: 0 of 8",
        "answers that no hand typed: 0 of 0",
        "trials in which the page was left: 0 of 8",
    ]


def test_the_flags_load_neither_a_web_server_nor_numbers_libraries() -> None:
    code = (
        "import sys, experiment_server.design.quality; "
        "print([m for m in ('flask', 'sqlalchemy', 'numpy', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
