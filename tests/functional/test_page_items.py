"""What the page asks beside the trials, practice to criterion, fixed foils, confidence, deletion."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from experiment_server.models import Event, Record, Response, Session, Stimulus, Trial
from experiment_server.models.database import reading
from experiment_server.settings import Settings
from tests.functional.histories import check_histories
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import Clock, Here, Participant, Reply, create_study, served_here
from tests.functional.study_files import STUDY_TOML

ITEMS = """
[calibration]
card = true
distance = true
[comprehension]
attempts = 2
[[comprehension.question]]
text = "What do you do?"
options = ["Name the thing", "Count the dots"]
answer = "Name the thing"
[[comprehension.question]]
text = "How many words?"
options = ["One to three", "A sentence"]
answer = "One to three"
[[instructed]]
text = "Please type the word green."
answer = "green"
[questionnaire]
ask = ["fluency", "device"]
[[questionnaire.question]]
name = "strategy"
text = "How did you do it?"
[governance]
ethics_reference = "Board 12, no. 34"
data_controller = "The laboratory"
contact = "somebody@example.org"
retention = "Ten years."
withdrawal = "At any time."
"""
WHOLE = (
    STUDY_TOML.replace('form = "free_text"', 'form = "alternatives"\nchoices = 3\nconfidence = 4')
    .replace("test = 6", "test = 6\nbreak_every = 3")
    .replace('["teapot"]\ntrials = 1', '["teapot"]\ntrials = 2\ncriterion = 2\nrounds = 3')
    .replace("[texts]", ITEMS + "[texts]")
)
RIGHT = {"1": "Name the thing", "2": "One to three"}
#: of the session: three rounds of practice, then test and catch trials
MAIN = 7


@pytest.fixture
def whole(settings: Settings, clock: Clock, tmp_path: Path) -> Iterator[Here]:
    """A study that asks for everything. After the test its database is sound."""
    create_study(settings, tmp_path / "whole", WHOLE)
    with served_here(settings, clock) as here:
        yield here
        check_invariants(here.engine)
        check_histories(here.engine)


@pytest.fixture
def someone(whole: Here) -> Participant:
    participant = whole.participant()
    participant.consent()
    return participant


def record(who: Participant, kind: str, name: str = "", **data: Any) -> Reply:
    return who.post("/session/records", record_body(kind, name, **data))


def record_body(kind: str, name: str = "", **data: Any) -> dict[str, Any]:
    return {"record_uuid": str(uuid.uuid4()), "kind": kind, "name": name, "data": data}


def attempt(who: Participant, answers: dict[str, str], number: str | None = None) -> Any:
    body = {"attempt_uuid": number or str(uuid.uuid4()), "answers": answers}
    reply = who.post("/session/comprehension", body)
    assert reply.status_code == 200, reply.data
    return reply.json


def code(reply: Reply) -> tuple[int, str]:
    return reply.status_code, reply.json["error"]["code"]


def state(who: Participant) -> dict[str, Any]:
    return dict(who.get("/session").json)


def column(here: Here, statement: Any) -> list[Any]:
    with reading(here.engine) as connection:
        return list(connection.execute(statement).scalars())


def practise(who: Participant, response: str) -> Any:
    """Answer one round of practice in the same way; returns the last reply."""
    for trial in who.trials(2):
        reply = who.answer(trial, response, confidence=4)
        assert reply.status_code == 200, reply.data
    return reply.json


def do_the_rest(who: Participant) -> None:
    while trials := who.trials(1):
        for trial in trials:
            assert who.answer(trial, trial["alternatives"][0], confidence=1).status_code == 200


def test_the_state_tells_what_the_page_has_to_do_and_no_right_answer(someone: Participant) -> None:
    found = state(someone)
    assert (found["language"], found["rehearsal"], found["calibration"]) == ("en", True, None)
    assert found["governance"]["contact"] == "somebody@example.org"
    assert found["response"] == {"form": "alternatives", "max_words": 3, "dont_know": True, "confidence": 4}
    flow = found["flow"]
    first = flow["comprehension"][0]
    assert (first["name"], first["text"]) == ("1", "What do you do?")
    assert set(first["options"]) == {"Name the thing", "Count the dots"}
    assert flow["instructed"] == [{"name": "1", "text": "Please type the word green.", "before": 6 + 3}]
    assert flow["questionnaire"] == [
        {"name": "fluency", "text": None, "options": None},
        {"name": "device", "text": None, "options": None},
        {"name": "strategy", "text": "How did you do it?", "options": []},
    ]
    assert (flow["practice_trials"], flow["practice_rounds"], flow["break_every"]) == (2, 3, 3)
    assert found["total"] == 3 * 2 + MAIN


def test_the_first_record_of_an_item_stands(whole: Here, someone: Participant) -> None:
    body = record_body("instructed", "1", response="green")
    assert someone.post("/session/records", body).json["duplicate"] is False
    assert someone.post("/session/records", body).json["duplicate"] is True
    assert record(someone, "instructed", "1", response="another").json["duplicate"] is True
    assert column(whole, select(Record.data)) == [{"response": "green"}]
    assert state(someone)["done"] == ["instructed/1"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [("instructed", "2"), ("questionnaire", "x"), ("break", "soon"), ("break", "8"), ("break", "09")],
)
def test_an_item_that_the_study_lacks_is_refused(someone: Participant, kind: str, name: str) -> None:
    assert code(record(someone, kind, name)) == (404, "no_such_item")


def test_a_break_has_its_place(someone: Participant) -> None:
    assert record(someone, "break", "9", rest_ms=1).json["duplicate"] is False


def test_nothing_is_recorded_before_consent_or_after_the_end(whole: Here) -> None:
    who = whole.participant()
    assert code(record(who, "warning")) == (409, "no_consent_yet")
    who.consent()
    who.post("/session/withdraw")
    assert code(record(who, "warning")) == (409, "session_finished")


def test_a_uuid_belongs_to_one_record(whole: Here, someone: Participant) -> None:
    body = record_body("warning")
    someone.post("/session/records", body)
    other = whole.participant("another")
    other.consent()
    assert code(other.post("/session/records", body)) == (409, "uuid_in_use")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"device_px_per_mm": 4.5, "distance_mm": 600}, {"device_px_per_mm": 4.5, "distance_mm": 600.0}),
        ({"device_px_per_mm": 4.5, "distance_mm": None}, {"device_px_per_mm": 4.5, "distance_mm": None}),
        ({"device_px_per_mm": 4.5, "distance_mm": 9e9}, {"device_px_per_mm": 4.5, "distance_mm": None}),
        ({"device_px_per_mm": "wide"}, None),
        ({"device_px_per_mm": True}, None),
        ({"device_px_per_mm": 10**400}, None),
        ({}, None),
    ],
)
def test_a_calibration_comes_back_if_it_can_be_one(
    someone: Participant, data: dict[str, Any], expected: Any
) -> None:
    record(someone, "calibration", **data)
    assert state(someone)["calibration"] == expected


def test_the_check_of_the_instructions_is_judged_by_the_server(someone: Participant) -> None:
    wrong = {**RIGHT, "2": "A sentence"}
    first = str(uuid.uuid4())
    expected = {"passed": False, "wrong": ["2"], "attempts": 1, "attempts_left": 1}
    assert attempt(someone, wrong, first) == expected
    assert attempt(someone, RIGHT, first) == expected
    passed = {"passed": True, "wrong": [], "attempts": 2, "attempts_left": 0}
    assert attempt(someone, RIGHT) == passed
    assert attempt(someone, {}) == passed
    assert state(someone)["done"] == ["comprehension/1", "comprehension"]


def test_the_check_ends_with_its_attempts(someone: Participant) -> None:
    assert attempt(someone, {})["attempts_left"] == 1
    last = {"passed": False, "wrong": ["1", "2"], "attempts": 2, "attempts_left": 0}
    assert attempt(someone, {}) == last
    assert attempt(someone, RIGHT) == last


def test_practice_ends_when_a_round_goes_well(whole: Here, someone: Participant) -> None:
    wrong = someone.trials()[0]["alternatives"]
    not_it = next(word for word in wrong if word != "teapot")
    failed = practise(someone, not_it)
    assert (failed["answered"], failed["total"]) == (2, 13)
    passed = practise(someone, "teapot")
    assert (passed["answered"], passed["total"]) == (4, 11)
    assert [trial["practice"] for trial in someone.trials()] == [False] * MAIN
    do_the_rest(someone)
    found = state(someone)
    assert (found["phase"], found["answered"], found["total"]) == ("debrief", 11, 11)
    held = column(whole, select(Stimulus.assigned_count).where(Stimulus.kind == "practice"))
    assert sum(held) == 4
    rounds = column(whole, select(Event.detail).where(Event.kind == "practised"))
    assert [(one["round"], one["right"], one["passed"]) for one in rounds] == [(1, 0, False), (2, 2, True)]


def test_practice_goes_on_to_its_last_round_and_no_further(whole: Here, someone: Participant) -> None:
    for _ in range(3):
        for trial in someone.trials(2):
            assert trial["practice"] is True
            someone.answer(trial, "", dont_know=True)
    assert someone.trials()[0]["practice"] is False
    assert state(someone)["total"] == 13
    assert column(whole, select(Session.skipped)) == [0]


def test_foils_are_the_same_for_everybody_and_their_order_is_not(whole: Here) -> None:
    offered: dict[str, set[frozenset[str]]] = {}
    orders: dict[str, set[tuple[str, ...]]] = {}
    concepts = {
        row.public_id: row.concept for number in range(6) for row in take_part(whole, number, offered, orders)
    }
    assert set(concepts.values()) == set(offered)
    assert all(len(sets) == 1 for sets in offered.values())
    assert all(len(next(iter(sets))) == 3 for sets in offered.values())
    assert all(concept in next(iter(sets)) for concept, sets in offered.items())
    shown = {concept: next(iter(sets)) for concept, sets in offered.items()}
    test = {"sailboat", "raised hand", "umbrella"}
    assert all(words - {concept} <= test for concept, words in shown.items())
    assert any(len(found) > 1 for found in orders.values())


def take_part(
    here: Here,
    number: int,
    offered: dict[str, set[frozenset[str]]],
    orders: dict[str, set[tuple[str, ...]]],
) -> Any:
    who = here.participant(f"number {number}")
    who.consent()
    shown = {trial["trial"]: trial["alternatives"] for trial in who.trials(10)}
    practise(who, "teapot")
    shown |= {trial["trial"]: trial["alternatives"] for trial in who.trials(10)}
    statement = select(Trial.public_id, Stimulus.concept).join(Stimulus).where(Trial.public_id.in_(shown))
    with reading(here.engine) as connection:
        found = connection.execute(statement).all()
    for row in found:
        offered.setdefault(row.concept, set()).add(frozenset(shown[row.public_id]))
        orders.setdefault(row.concept, set()).add(tuple(shown[row.public_id]))
    return found


def test_an_alternative_that_was_not_offered_is_refused(someone: Participant) -> None:
    trial = someone.trials()[0]
    every = {"sailboat", "raised hand", "umbrella", "teapot", "rocket"}
    hidden = sorted(every - set(trial["alternatives"]))[0]
    reply = someone.answer(trial, hidden, confidence=1)
    assert reply.status_code == 400
    assert reply.json["error"]["message"] == "response: this is not one of the alternatives."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "confidence: this study asks for it, from 1 to 4."),
        ({"confidence": 5}, "confidence: this is not asked here, or not one of the levels."),
        (
            {"confidence": 1, "dont_know": True, "response": ""},
            "confidence: this is not asked here, or not one of the levels.",
        ),
    ],
)
def test_confidence_goes_with_an_answer(someone: Participant, changes: dict[str, Any], message: str) -> None:
    trial = someone.trials()[0]
    reply = someone.answer(trial, **{"response": trial["alternatives"][0], **changes})
    assert (reply.status_code, reply.json["error"]["message"]) == (400, message)


def test_what_was_measured_is_stored(whole: Here, someone: Participant) -> None:
    trial = someone.trials()[0]
    measured = {
        "onset_ms": 1200.5,
        "offset_ms": 1700.6,
        "exposure_frames": 30,
        "timing_flags": ["dropped", "long"],
        "confidence": 2,
    }
    assert someone.answer(trial, trial["alternatives"][0], **measured).status_code == 200
    with reading(whole.engine) as connection:
        row = connection.execute(select(Response.__table__)).one()
    assert {name: getattr(row, name) for name in measured} == {**measured, "timing_flags": "dropped long"}


def test_the_code_comes_when_the_questionnaire_is_there(someone: Participant) -> None:
    do_the_rest(someone)
    assert code(someone.post("/session/finish")) == (409, "questionnaire_remains")
    record(someone, "questionnaire", answers={"fluency": "native", "device": None})
    done = someone.post("/session/finish").json
    assert (done["outcome"], done["completion"]["code"]) == ("completed", "DONE1")


def test_withdrawing_can_delete_every_answer(whole: Here, someone: Participant) -> None:
    practise(someone, "teapot")
    trial = someone.trials()[0]
    someone.answer(trial, trial["alternatives"][0], confidence=3)
    record(someone, "warning", read_ms=900)
    left = someone.post("/session/withdraw", {"delete_answers": True}).json
    assert (left["outcome"], left["answered"], left["done"]) == ("withdrawn", 0, [])
    assert column(whole, select(Response.id)) == []
    assert column(whole, select(Record.id)) == []
    assert set(column(whole, select(Trial.state))) == {"abandoned"}
    assert set(column(whole, select(Stimulus.assigned_count))) == {0}
    assert column(whole, select(Event.kind))[-2:] == ["erased", "withdrew"]
    assert column(whole, select(Event.detail).where(Event.kind == "practised")) == [{}]
    again = someone.answer(trial, trial["alternatives"][0], confidence=3)
    assert code(again) == (409, "session_finished")


@pytest.mark.parametrize("ending", ["withdrawn", "abandoned"])
def test_answers_can_be_deleted_after_the_end(whole: Here, someone: Participant, ending: str) -> None:
    practise(someone, "teapot")
    if ending == "withdrawn":
        someone.post("/session/withdraw")
    else:
        whole.clock.forward(60)
        another = whole.participant("another")
        another.consent()
    for _ in range(2):
        assert someone.post("/session/withdraw", {"delete_answers": True}).json["outcome"] == ending
    assert column(whole, select(Response.id)) == []
    assert column(whole, select(Event.kind)).count("erased") == 1


def test_a_completed_session_keeps_its_answers(someone: Participant) -> None:
    do_the_rest(someone)
    record(someone, "questionnaire", answers={})
    assert someone.post("/session/finish").json["outcome"] == "completed"
    assert someone.post("/session/withdraw").json["outcome"] == "completed"
    assert code(someone.post("/session/withdraw", {"delete_answers": True})) == (409, "session_finished")


def test_withdrawing_keeps_the_answers_unless_asked(whole: Here, someone: Participant) -> None:
    practise(someone, "teapot")
    assert someone.post("/session/withdraw").json["answered"] == 2
    assert len(column(whole, select(Response.id))) == 2
