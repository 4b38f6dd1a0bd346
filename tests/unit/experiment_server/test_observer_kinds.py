from __future__ import annotations

from collections import Counter
from random import Random
from uuid import UUID

import pytest

from experiment_server.api.schemas import CLIENT_BYTES, ResponseBody
from experiment_server.design.keystrokes import machine_typed, pasted
from experiment_server.design.observer import ObservedAnswer, Population
from experiment_server.design.observer_hands import WAYS, Entry, Hand, Hands
from experiment_server.design.observer_kinds import KINDS, Draw, Person
from experiment_server.simulate.page import Page, opened_ms
from experiment_server.simulate.participant import how_sure
from stimuli.conditions import Condition

CLEAN, NOISE = Condition("clean"), Condition("gaussian_noise", 0.8)
CONCEPTS = ("sailboat", "fire", "dog", "cactus", "umbrella", "mushroom", "bicycle", "butterfly")
TYPED = ObservedAnswer("butterfly", False, 1900.0, 1000.0, True)
CHOSEN = ObservedAnswer("butterfly", False, 1900.0, None, True)
TRIAL = {"exposure_ms": 500, "mask_ms": 200, "mask": "m", "fixation_ms": 300, "already_presented": False}


def draw(number: int, people: Population | None = None) -> Draw:
    return Draw(people or Population(), Random(number), Random(f"manners {number}"), CONCEPTS, True)


def person(kind: str, number: int = 0) -> Person:
    return KINDS[kind](draw(number))


def accuracy(kind: str, condition: Condition, alternatives: tuple[str, ...] | None, n: int = 400) -> float:
    """Share of recognised pictures, or of right choices, over participants of a kind."""
    right = 0
    for number in range(n):
        answer = person(kind, number).mind.answer("dog", condition, "s1", alternatives, Random(number))
        right += answer.recognised if alternatives is None else answer.text == "dog"
    return right / n


def test_attentive_answers_do_not_depend_on_hands() -> None:
    """The same seed gives the answers that it gave before hands were simulated."""
    observer = Population().draw(Random(3), CONCEPTS)
    mind = person("attentive", 3).mind
    for number in range(50):
        asked = ("dog", NOISE, f"s{number}", None)
        assert mind.answer(*asked, Random(number)) == observer.answer(*asked, Random(number))


def test_what_everybody_names_is_recognised_by_nearly_all_and_named_by_its_name() -> None:
    observer = Population(lapse=0.0, foreign_speakers=0.0).draw(Random(1), CONCEPTS)
    easy = observer.probability("dog", CLEAN, "s1", easy=True)
    assert observer.probability("dog", CLEAN, "s1") < easy
    given = [observer.answer("dog", CLEAN, "s1", None, Random(n), easy=True) for n in range(300)]
    assert not {answer.text.lower() for answer in given if answer.recognised} & {"animal", "pet"}


def test_the_inattentive_miss_half_and_more_and_the_clicker_guesses() -> None:
    assert accuracy("attentive", CLEAN, None) > 0.9
    assert 0.15 < accuracy("inattentive", CLEAN, None) < 0.45
    assert accuracy("clicker", CLEAN, None) == 0.0
    assert accuracy("clicker", CLEAN, CONCEPTS) == pytest.approx(1 / 8, abs=0.06)
    assert accuracy("paster", NOISE, None) > accuracy("attentive", NOISE, None) + 0.1


def test_machine_answers_are_well_spelt() -> None:
    mind = person("paster").mind
    given = Counter(mind.answer("sailboat", NOISE, "s1", None, Random(n)).text for n in range(200))
    assert set(given) <= {"sailboat", "object"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alternatives", [None, list(CONCEPTS)])
def test_every_kind_sends_what_the_api_takes(kind: str, alternatives: list[str] | None) -> None:
    for number in range(20):
        page = Page(person(kind, number))
        rng = Random(number)
        answer = page.person.mind.answer("butterfly", NOISE, "s1", alternatives, rng)
        body = page.body(TRIAL, answer, how_sure(answer, 5, rng), rng)
        sent = ResponseBody(response_uuid=UUID(int=number, version=4), **body)
        assert len(str(sent.client)) < CLIENT_BYTES / 2
        assert sent.rt_ms >= opened_ms(TRIAL) == 700.0
        assert sent.offset_ms is not None
        assert sent.onset_ms is not None
        assert sent.offset_ms - sent.onset_ms == pytest.approx(sent.exposure_measured_ms, abs=0.02)
        assert alternatives is None or sent.dont_know or sent.response in alternatives


def test_the_clock_goes_on_until_a_reload() -> None:
    page = Page(person("attentive"))
    onsets = [page.body(TRIAL, CHOSEN, None, Random(n))["onset_ms"] for n in range(3)]
    assert onsets == sorted(set(onsets))
    page.reload()
    assert page.body(TRIAL, CHOSEN, None, Random(0))["onset_ms"] == onsets[0] == 300.0


def test_a_picture_that_stays_until_the_answer_has_no_exposure() -> None:
    body = Page(person("attentive")).body({**TRIAL, "exposure_ms": 0}, CHOSEN, None, Random(0))
    assert (body["rt_ms"], body["exposure_measured_ms"], body["exposure_frames"]) == (1900.0, None, None)
    assert body["timing_flags"] == []


def entry(hand: Hand, number: int = 0) -> Entry:
    return hand.enter(TYPED, Random(number))


def client_of(hand: Hand, made: Entry) -> dict[str, object]:
    return {
        "touch": hand.touch,
        "key_times_ms": list(made.key_times_ms),
        "largest_insert": made.largest_insert,
        "largest_insert_by": made.inserted_by,
        "pastes": made.pastes,
    }


def test_hands_type_every_letter_one_by_one() -> None:
    made = entry(Hand(corrects=0.0))
    assert len(made.key_times_ms) == len("butterfly") + 1
    assert list(made.key_times_ms) == sorted(made.key_times_ms)
    assert made.key_times_ms[0] == 1000.0
    assert made.ended_ms > made.key_times_ms[-1]
    assert (made.largest_insert, made.inserted_by, made.pastes) == (0, None, 0)


def test_corrections_take_more_keys() -> None:
    assert len(entry(Hand(corrects=0.5)).key_times_ms) > len(entry(Hand(corrects=0.0)).key_times_ms)


def test_suggestions_put_in_the_rest_of_a_word() -> None:
    made = entry(Hand(touch=True, suggests=1.0, corrects=0.0))
    assert made.inserted_by == "composition"
    assert made.largest_insert == len("butterfly") + 1 - len(made.key_times_ms)
    assert made.largest_insert >= 6


def test_choosing_takes_one_press() -> None:
    assert Hand().enter(CHOSEN, Random(0)) == Entry(1900.0)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "keys"])
def test_machines_are_told_from_hands(way: str) -> None:
    hand = Hand(way=way)
    for number in range(30):
        client = client_of(hand, entry(hand, number))
        assert pasted(client) or machine_typed("butterfly", client)


def test_hands_are_hardly_ever_taken_for_machines() -> None:
    doubted = 0
    for number in range(3000):
        hand = Hands().draw(Random(f"hand {number}"))
        doubted += bool(machine_typed("butterfly", client_of(hand, entry(hand, number))))
    assert doubted <= 15


def test_how_sure_one_is() -> None:
    seen = [how_sure(TYPED, 5, Random(n)) for n in range(200)]
    guessed = [how_sure(ObservedAnswer("x", False, 1.0, None, False), 5, Random(n)) for n in range(200)]
    assert set(map(type, seen)) == {int}
    assert set(seen) | set(guessed) == {1, 2, 3, 4, 5}
    assert sum(filter(None, seen)) > sum(filter(None, guessed)) + 200
    assert how_sure(TYPED, 0, Random(0)) is None
    assert how_sure(ObservedAnswer("", True, 1.0, None, False), 5, Random(0)) is None
