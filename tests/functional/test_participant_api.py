"""The participant HTTP API, call by call, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from sqlalchemy import func, select, text, update

from experiment_server.models import Base, Event, Identity, Response, Session, Stimulus, Study, Trial
from experiment_server.models import Participant as ParticipantRow
from experiment_server.models.database import connect, reading, writing
from experiment_server.security import SECURITY_HEADERS
from experiment_server.services import studies
from experiment_server.services.sessions import ABANDONED
from experiment_server.settings import Settings
from stimuli.files import sha256_of_bytes
from tests.functional.server_fixture import (
    Clock,
    Here,
    Participant,
    RunningServer,
    answer,
    ask,
    create_study,
    pid,
    running_server,
    served_here,
)
from tests.functional.study_files import CATCH, CONCEPTS, PRACTICE, STUDY_TOML

TRIALS = 8


def error_of(reply: Any) -> tuple[int, str]:
    """Status and code of a refusal, whose form is checked."""
    error = reply.json["error"]
    assert set(error) == {"code", "message", "retryable"}
    assert error["message"].endswith(".")
    return reply.status_code, error["code"]


def count(here: Here, table: type[Base]) -> int:
    with reading(here.engine) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def assigned(here: Here) -> int:
    with reading(here.engine) as connection:
        return connection.execute(select(func.sum(Stimulus.assigned_count))).scalar_one()


def test_a_whole_session(here: Here) -> None:
    someone = here.participant()
    assert someone.status == 201
    assert someone.state["phase"] == "consent"
    assert someone.state["total"] == 0
    assert someone.consent()["total"] == TRIALS
    assert someone.answer_all() == TRIALS
    assert someone.get("/session").json["phase"] == "debrief"
    assert someone.get("/session").json["completion"] is None
    assert someone.trials() == []
    state = someone.post("/session/finish").json
    assert (state["phase"], state["outcome"], state["answered"]) == ("finished", "completed", TRIALS)
    assert state["completion"] == {
        "code": "DONE1",
        "return_url": "https://app.prolific.com/submissions/complete?cc=DONE1",
    }
    assert someone.post("/session/finish").json == state
    assert count(here, Response) == TRIALS


def test_trials_show_each_source_once_practice_first(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    trials = someone.trials()
    assert [trial["index"] for trial in trials] == list(range(TRIALS))
    assert [trial["practice"] for trial in trials] == [True] + [False] * (TRIALS - 1)
    with reading(here.engine) as connection:
        rows = connection.execute(
            select(Trial.kind, Stimulus.kind, Stimulus.source, Stimulus.concept).join(Stimulus)
        ).all()
    assert all(kind == stimulus_kind for kind, stimulus_kind, _, _ in rows)
    assert len({source for _, _, source, _ in rows}) == TRIALS
    assert Counter(concept for kind, _, _, concept in rows if kind == "test") == dict.fromkeys(CONCEPTS, 2)


def test_a_trial_is_described_as_documented(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    trial = someone.trials(limit=1)[0]
    assert trial == {
        "trial": trial["trial"],
        "index": 0,
        "practice": True,
        "image": trial["image"],
        "mask": trial["mask"],
        "fixation_ms": 300,
        "exposure_ms": 500,
        "mask_ms": 200,
        "width": 48,
        "height": 48,
        "alternatives": None,
        "already_presented": False,
    }


def test_pictures_are_those_of_the_manifest(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    with reading(here.engine) as connection:
        known = dict(connection.execute(select(Trial.public_id, Stimulus.image_sha256).join(Stimulus)).all())
    for trial in someone.trials():
        reply = here.get(trial["image"])
        assert sha256_of_bytes(reply.data) == known[trial["trial"]]
        assert reply.headers["Content-Type"] == "image/png"
        assert reply.headers["Cache-Control"] == "private, max-age=3600"
        assert here.get(trial["mask"]).data.startswith(b"\x89PNG")


def test_practice_gives_feedback_and_test_does_not(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first, second, *_ = someone.trials()
    assert someone.answer(first, "teapots").json["feedback"] == {"correct": True, "answer": "teapot"}
    assert someone.answer(second, "sailboat").json["feedback"] is None
    other = here.participant("another")
    other.consent()
    practice = other.trials()[0]
    wrong = other.answer(practice, "", dont_know=True).json
    assert wrong["feedback"] == {"correct": False, "answer": "teapot"}


def test_arriving_again_resumes_and_the_older_token_no_longer_holds(here: Here) -> None:
    first = here.participant()
    first.consent()
    trials = first.trials()
    first.answer(trials[0])
    again = here.participant()
    assert again.status == 200
    assert again.state["session"] == first.state["session"]
    assert again.state["answered"] == 1
    assert again.trials()[0] == trials[1]
    assert error_of(first.get("/session")) == (401, "superseded")
    assert error_of(first.answer(trials[1])) == (401, "superseded")


def test_a_reload_in_a_trial_is_known(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    trial = someone.trials()[0]
    assert someone.post(f"/trials/{trial['trial']}/presented").status_code == 204
    assert someone.post(f"/trials/{trial['trial']}/presented").status_code == 204
    assert [trial["already_presented"] for trial in here.participant().trials(2)] == [True, False]
    with reading(here.engine) as connection:
        kinds = list(connection.execute(select(Event.kind).order_by(Event.id)).scalars())
    assert kinds == ["arrived", "consented", "presented", "resumed"]


def test_visitors_are_told_apart_by_their_uuid_and_have_no_return_url(here: Here) -> None:
    body = {"visitor": str(uuid.uuid4())}
    someone = Participant.arrive(here.app, body)
    assert Participant.arrive(here.app, body).status == 200
    other = Participant.arrive(here.app, {"visitor": str(uuid.uuid4())})
    assert other.state["session"] != someone.state["session"]
    state = other.post("/session/withdraw").json
    assert state["completion"] == {"code": "WITHD3", "return_url": None}


def test_refusing_ends_the_session_and_frees_the_place(here: Here) -> None:
    someone = here.participant()
    state = someone.post("/session/consent", {"consented": False}).json
    assert (state["phase"], state["outcome"]) == ("finished", "no_consent")
    assert state["completion"]["code"] == "NOCON2"
    assert someone.post("/session/consent", {"consented": False}).json == state
    assert error_of(someone.post("/session/consent", {"consented": True})) == (409, "session_finished")
    assert error_of(someone.get("/session/trials")) == (409, "session_finished")
    assert count(here, Trial) == 0


def test_consent_is_idempotent_and_cannot_be_taken_back_as_consent(here: Here) -> None:
    someone = here.participant()
    assert error_of(someone.get("/session/trials")) == (409, "no_consent_yet")
    assert error_of(someone.post("/session/finish")) == (409, "trials_remain")
    state = someone.consent()
    assert someone.consent() == state
    assert count(here, Trial) == TRIALS
    assert error_of(someone.post("/session/consent", {"consented": False})) == (409, "already_consented")


def test_answers_come_in_order(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first, second, *_ = someone.trials()
    assert error_of(someone.answer(second)) == (409, "out_of_order")
    assert error_of(someone.post("/session/finish")) == (409, "trials_remain")
    assert someone.answer(first).json["answered"] == 1
    assert count(here, Response) == 1


def test_sending_again_returns_the_first_result(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    first, second, *_ = someone.trials()
    body = answer("teapot")
    stored = someone.post(f"/trials/{first['trial']}/response", body).json
    assert stored["duplicate"] is False
    again = someone.post(f"/trials/{first['trial']}/response", body).json
    assert again == {**stored, "duplicate": True}
    other = someone.answer(first, "something else").json
    assert (other["response_uuid"], other["duplicate"]) == (body["response_uuid"], True)
    assert other["feedback"]["correct"] is True
    assert error_of(someone.post(f"/trials/{second['trial']}/response", body)) == (409, "uuid_in_use")
    with reading(here.engine) as connection:
        assert connection.execute(select(Response.response)).scalars().all() == ["teapot"]


def test_an_answer_is_stored_as_it_was_given(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    measured = {
        "rt_ms": 1234.5,
        "rt_first_key_ms": 800,
        "exposure_measured_ms": 499.9,
        "frame_interval_ms": 16.67,
        "dropped_frames": 1,
        "presented_again": True,
        "client": {"width": 1280, "deep": [{"é": "ü"}]},
    }
    reply = someone.answer(someone.trials()[0], "  Sail Boat! ⛵ ", **measured)
    assert reply.status_code == 200
    with reading(here.engine) as connection:
        row = connection.execute(select(*Response.__table__.columns)).one()._asdict()
    assert row["response"] == "  Sail Boat! ⛵ "
    assert {name: row[name] for name in measured} == measured
    assert row["received_at"] == here.clock.now


def test_someone_elses_trial_does_not_exist(here: Here) -> None:
    someone, other = here.participant(), here.participant("other")
    someone.consent()
    other.consent()
    trial = someone.trials()[0]
    assert error_of(other.answer(trial)) == (404, "no_such_trial")
    assert error_of(other.post(f"/trials/{trial['trial']}/presented")) == (404, "no_such_trial")


def test_withdrawing_gives_back_what_was_not_answered(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    someone.answer(someone.trials()[0])
    assert assigned(here) == TRIALS
    state = someone.post("/session/withdraw").json
    assert (state["phase"], state["outcome"], state["answered"]) == ("finished", "withdrawn", 1)
    assert state["completion"]["code"] == "WITHD3"
    assert assigned(here) == 1
    assert someone.post("/session/withdraw").json == state
    assert here.participant().state["outcome"] == "withdrawn"


def test_an_abandoned_place_goes_back(here: Here) -> None:
    close_places(here, 1)
    someone = here.participant()
    someone.consent()
    first, second, *_ = someone.trials()
    someone.answer(first)
    assert error_of(here.post("/studies/small/sessions", {"prolific_pid": pid("late")})) == (
        409,
        "study_full",
    )
    here.clock.forward(minutes=31)
    late = here.participant("late")
    assert late.status == 201
    assert assigned(here) == 1
    assert late.consent()["total"] == TRIALS
    assert error_of(someone.answer(second)) == (409, "session_abandoned")
    state = here.participant().state
    assert (state["phase"], state["outcome"], state["message"]) == ("finished", "abandoned", ABANDONED)
    assert state["completion"] is None
    with reading(here.engine) as connection:
        states = connection.execute(select(Trial.state)).scalars()
        assert Counter(states) == {"responded": 1, "abandoned": TRIALS - 1, "assigned": TRIALS}


def test_who_has_answered_everything_is_never_abandoned(here: Here) -> None:
    close_places(here, 1)
    someone = here.participant()
    someone.consent()
    assert someone.answer_all() == TRIALS
    here.clock.forward(minutes=500)
    late = here.post("/studies/small/sessions", {"prolific_pid": pid("late")})
    assert error_of(late) == (409, "study_full")
    state = someone.post("/session/finish").json
    assert (state["outcome"], state["completion"]["code"]) == ("completed", "DONE1")
    assert assigned(here) == TRIALS


def test_who_comes_back_before_the_place_is_needed_goes_on(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    here.clock.forward(minutes=500)
    again = here.participant()
    assert again.state["phase"] == "trials"
    here.participant("other").consent()
    assert again.answer_all() == TRIALS


def test_consent_takes_back_idle_counts_but_never_its_own(here: Here) -> None:
    idle, slow = here.participant("idle"), here.participant("slow")
    idle.consent()
    here.clock.forward(minutes=31)
    assert slow.consent()["phase"] == "trials"
    assert assigned(here) == TRIALS
    assert idle.get("/session").json["outcome"] == "abandoned"


def test_sessions_are_counted_by_outcome(here: Here) -> None:
    done, gone, refuses, _waits = (here.participant(name) for name in ("done", "gone", "refuses", "waits"))
    done.consent()
    done.answer_all()
    done.post("/session/finish")
    gone.consent()
    gone.post("/session/withdraw")
    refuses.post("/session/consent", {"consented": False})
    with reading(here.engine) as connection:
        found = studies.status(connection, "small")
    assert found.sessions == {
        "going_on": 1,
        "completed": 1,
        "no_consent": 1,
        "withdrawn": 1,
        "abandoned": 0,
    }
    assert (found.places_left, found.responses) == (18, TRIALS)


def test_a_clock_set_back_abandons_nobody(here: Here) -> None:
    someone = here.participant()
    here.clock.forward(minutes=-500)
    here.participant("other")
    assert someone.get("/session").json["outcome"] is None


def close_places(here: Here, places: int) -> None:
    with writing(here.engine) as connection:
        connection.execute(update(Study).values(places=places))


def test_a_full_a_closed_and_a_missing_study_say_so(here: Here) -> None:
    known = here.participant()
    close_places(here, 1)
    reply = here.post("/studies/small/sessions", {"prolific_pid": pid("other")})
    assert reply.json == {
        "error": {
            "code": "study_full",
            "message": "All places of this study are taken; thank you for your interest.",
            "retryable": False,
        }
    }
    with writing(here.engine) as connection:
        connection.execute(update(Study).values(status="closed"))
    assert error_of(here.post("/studies/small/sessions", {"prolific_pid": pid("o")})) == (409, "study_closed")
    assert here.participant().state["session"] == known.state["session"]
    assert error_of(here.post("/studies/none/sessions", {"prolific_pid": pid("o")})) == (404, "no_such_study")
    assert count(here, ParticipantRow) == 1


BAD_BODIES: dict[str, bytes] = {
    "no JSON": b"{",
    "not UTF-8": b'{"consented": "\xff"}',
    "an array": b"[]",
    "a number": b"1",
    "null": b"null",
    "nested": b"[" * 20_000,
    "nested objects": b'{"a":' * 6_000,
    "unknown key": b'{"consented": true, "admin": true}',
    "wrong type": b'{"consented": "yes"}',
    "number for bool": b'{"consented": 1}',
    "NaN": b'{"consented": NaN}',
    "missing": b"{}",
    "empty": b"",
    "NUL": b"\x00",
}


def test_a_body_of_another_form_is_refused(here: Here) -> None:
    someone = here.participant()
    for name, body in BAD_BODIES.items():
        reply = someone.call("POST", "/session/consent", data=body)
        assert error_of(reply) == (400, "bad_request"), name
    assert someone.get("/session").json["phase"] == "consent"


BAD_ANSWERS: dict[str, dict[str, Any]] = {
    "uuid": {"response_uuid": "1"},
    "uuid number": {"response_uuid": 1},
    "response null": {"response": None},
    "response number": {"response": 3},
    "response long": {"response": "x" * 201},
    "response NUL": {"response": "a\x00b"},
    "response surrogate": {"response": "\ud800"},
    "dont_know": {"dont_know": "true"},
    "rt negative": {"rt_ms": -1},
    "rt text": {"rt_ms": "1"},
    "rt bool": {"rt_ms": True},
    "rt NaN": {"rt_ms": float("nan")},
    "rt infinite": {"rt_ms": float("inf")},
    "rt huge": {"rt_ms": 10**400},
    "rt large": {"rt_ms": 1e300},
    "frames fraction": {"dropped_frames": 1.5},
    "frames huge": {"dropped_frames": 10**30},
    "client list": {"client": []},
    "client large": {"client": {"a": "x" * 2000}},
    "client NaN": {"client": {"a": [float("nan")]}},
    "client infinite": {"client": {"a": float("-inf")}},
    "client NUL": {"client": {"a": {"b\x00": 1}}},
    "client surrogate": {"client": {"a": "\udfff"}},
    "unknown": {"concept": "sailboat"},
}


def test_an_answer_of_another_form_is_refused_and_not_stored(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    trial = someone.trials()[0]
    for name, change in BAD_ANSWERS.items():
        body = json.dumps({**answer(), **change}).encode()
        reply = someone.call("POST", f"/trials/{trial['trial']}/response", data=body)
        assert error_of(reply) == (400, "bad_request"), name
    assert count(here, Response) == 0
    assert someone.answer(trial).status_code == 200


def test_a_refusal_names_the_field(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    reply = someone.answer(someone.trials()[0], rt_ms=-1)
    assert reply.json["error"]["message"] == "rt_ms: Input should be greater than or equal to 0."
    reply = here.post("/studies/small/sessions", {})
    assert reply.json["error"]["message"] == "Value error, prolific_pid or visitor is required."


def test_who_does_not_know_gives_no_answer_besides(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    trial = someone.trials()[0]
    reply = someone.answer(trial, "sailboat", dont_know=True)
    assert error_of(reply) == (400, "bad_request")
    assert reply.json["error"]["message"] == "response: it must be empty when dont_know is true."
    assert count(here, Response) == 0
    assert someone.answer(trial, "", dont_know=True).status_code == 200


NO_PROLIFIC_IDS = ["sailboat", "{{%PROLIFIC_PID%}}", "5f3c" * 5, "5f3c" * 6 + "0", "5f3c" * 5 + "xyzw"]


def test_a_link_without_a_real_prolific_id_is_refused(here: Here) -> None:
    for written in [*NO_PROLIFIC_IDS, "5f3c" * 6 + "\n"]:
        reply = here.post("/studies/small/sessions", {"prolific_pid": written})
        assert reply.status_code == 400
        assert reply.json["error"] == {
            "code": "incomplete_link",
            "message": "The link you followed is not complete; please open the study from Prolific again.",
            "retryable": False,
        }
    assert count(here, ParticipantRow) == 0


def test_prolifics_other_ids_are_kept_only_if_they_are_such(here: Here) -> None:
    real = {"prolific_study_id": pid("study"), "prolific_session_id": pid("session").upper()}
    Participant.arrive(here.app, {"prolific_pid": pid("one"), **real})
    typed = {"prolific_study_id": "sailboat", "prolific_session_id": "{{%SESSION_ID%}}"}
    Participant.arrive(here.app, {"prolific_pid": pid("other"), **typed})
    with reading(here.engine) as connection:
        columns = (Identity.prolific_study_id, Identity.prolific_session_id)
        kept = connection.execute(select(*columns).order_by(Identity.participant_id)).all()
    assert [tuple(row) for row in kept] == [(pid("study"), pid("session")), (None, None)]


def test_a_prolific_id_is_the_same_in_capitals(here: Here) -> None:
    someone = here.participant()
    again = Participant.arrive(here.app, {"prolific_pid": pid("someone").upper()})
    assert (again.status, again.state["session"]) == (200, someone.state["session"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
#: requests that are almost as they should be: any value for some of the keys that the API knows
near_bodies = st.dictionaries(
    st.sampled_from(["consented", "visitor", "prolific_pid", "response", "rt_ms", "client", *answer()]),
    json_values,
    max_size=6,
)


@given(body=near_bodies | json_values, valid=st.booleans(), raw=st.none() | st.binary(max_size=40))
@settings_of_hypothesis(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_body_makes_the_server_fail(here: Here, body: Any, valid: bool, raw: bytes | None) -> None:
    close_places(here, 1000)
    someone = here.participant("fuzzed")
    trial = next(iter(someone.trials(1)), {"trial": NOBODY}) if someone.consent() else {}
    sent = {**answer(), **body} if valid and isinstance(body, dict) else body
    data = json.dumps(sent).encode() if raw is None else raw
    for path in (
        "/studies/small/sessions",
        f"/trials/{trial['trial']}/presented",
        f"/trials/{trial['trial']}/response",
        "/session/consent",
    ):
        reply = someone.call("POST", path, data=data)
        assert reply.status_code < 500
        assert reply.status_code == 204 or reply.json


NOBODY = "0" * 32
ODD_ADDRESSES = [
    ("GET", "/api/v1/pictures/%00", (404, "no_such_picture")),
    ("GET", "/api/v1/pictures/%ff%fe", (404, "no_such_picture")),
    ("GET", f"/api/v1/pictures/{4 * NOBODY}", (404, "no_such_picture")),
    ("GET", "/api/v1/pictures/..%2f..%2fsecret_key", (404, "not_found")),
    ("POST", "/api/v1/studies/%00/sessions", (404, "no_such_study")),
    ("POST", "/api/v1/studies/Small/sessions", (404, "no_such_study")),
    ("GET", "/api/v1/nothing", (404, "not_found")),
    ("DELETE", "/api/v1/session", (405, "method_not_allowed")),
    ("GET", "/api/v1/session/trials?limit=0", (400, "bad_request")),
    ("GET", "/api/v1/session/trials?limit=11", (400, "bad_request")),
    ("GET", "/api/v1/session/trials?limit=%00", (400, "bad_request")),
    ("GET", "/api/v1/session/trials?limit=٣", (400, "bad_request")),
]


def test_odd_addresses_are_refused(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    for method, path, expected in ODD_ADDRESSES:
        json_body = {"prolific_pid": pid("x")} if method == "POST" else None
        assert error_of(someone.call(method, path, json=json_body)) == expected, path


NO_TOKENS = ["", "Bearer", "Bearer ", "Basic abc", "Bearer \x80", "Bearer " + "a" * 5000, "Bearer a.b"]


def test_without_a_valid_token_nothing_is_told(here: Here) -> None:
    for headers in [{}, *({"Authorization": header} for header in NO_TOKENS)]:
        for path in ("/session", "/session/trials"):
            assert error_of(ask(here.app, "GET", path, headers=headers)) == (401, "unauthorized")
        for path in ("/session/finish", "/session/withdraw", f"/trials/{NOBODY}/presented"):
            assert error_of(ask(here.app, "POST", path, json={}, headers=headers)) == (401, "unauthorized")


def test_a_large_body_is_refused(here: Here) -> None:
    reply = here.post("/studies/small/sessions", {"prolific_pid": "x" * 40_000})
    assert error_of(reply) == (413, "request_entity_too_large")


def test_a_study_with_alternatives_offers_them_shuffled(
    settings: Settings, clock: Clock, tmp_path: Path
) -> None:
    text = STUDY_TOML.replace('"free_text"', '"alternatives"\ndont_know = false')
    create_study(settings, tmp_path / "study", text)
    with served_here(settings, clock) as here:
        someone = here.participant()
        someone.consent()
        offered = [trial["alternatives"] for trial in someone.trials()]
        assert all(sorted(one) == sorted([*CONCEPTS, *PRACTICE, *CATCH]) for one in offered)
        assert len({tuple(one) for one in offered}) > 1
        assert offered == [trial["alternatives"] for trial in here.participant().trials()]
        someone = here.participant()
        first = someone.trials()[0]
        assert error_of(someone.answer(first, "cat")) == (400, "bad_request")
        assert error_of(someone.answer(first, "", dont_know=True)) == (400, "bad_request")
        assert someone.answer(first, "teapot").json["feedback"]["correct"] is True


def test_every_reply_has_the_security_headers(here: Here) -> None:
    client = here.app.test_client()
    for path in ("/healthz", "/api/v1/session", "/api/v1/openapi.json", "/nothing", "/s/nothing"):
        reply = client.get(path)
        assert {name: reply.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "unsafe" not in SECURITY_HEADERS["Content-Security-Policy"]


def test_nothing_is_told_too_early(here: Here) -> None:
    """Neither concepts nor conditions nor codes nor anyone's ID, in any byte, before they are due."""
    someone = Participant.arrive(
        here.app,
        {
            "prolific_pid": "5f3c0ffee0badcafe0000001",
            "prolific_study_id": "5f3c0ffee0badcafe0000002",
            "prolific_session_id": "5f3c0ffee0badcafe0000003",
        },
    )
    someone.get("/session")
    someone.consent()
    practice, *_ = someone.trials()
    hidden = [*CONCEPTS, *PRACTICE, *CATCH, "gaussian", "contrast", "DONE1", "NOCON2", "WITHD3", "c0ffee"]
    assert not leaks(someone, hidden)
    someone.answer(practice)
    someone.received.clear()
    while trials := someone.trials():
        for trial in trials:
            someone.get(trial["image"])
            someone.get(trial["mask"])
            someone.post(f"/trials/{trial['trial']}/presented")
            someone.answer(trial)
    someone.get("/session")
    assert not leaks(someone, hidden)
    someone.received.clear()
    someone.post("/session/finish")
    assert leaks(someone, hidden) == ["DONE1"]


def leaks(someone: Participant, hidden: list[str]) -> list[str]:
    received = b"\n".join(someone.received).lower()
    spellings = {word: (word, word.replace(" ", "_"), word.replace(" ", "%20")) for word in hidden}
    return [
        word
        for word, spelt in spellings.items()
        if any(spelling.lower().encode() in received for spelling in spelt)
    ]


def test_prolific_ids_stand_in_one_table_only(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    someone.answer_all()
    with reading(here.engine) as connection:
        holding = [
            table.name
            for table in Base.metadata.sorted_tables
            if pid("someone") in repr(connection.execute(select(table)).all())
        ]
        assert holding == ["identity"]
        row = connection.execute(select(Identity.hmac, ParticipantRow.pseudonym).join(ParticipantRow)).one()
    assert re.fullmatch(r"P-[0-9a-f]{8}", row.pseudonym)
    assert row.hmac != sha256_of_bytes(pid("someone").encode())


def test_tokens_are_stored_hashed(here: Here) -> None:
    someone = here.participant()
    secret = someone.token.partition(".")[2]
    assert len(secret) == 43
    with reading(here.engine) as connection:
        stored = connection.execute(select(Session.token_sha256)).scalar_one()
        everything = repr([connection.execute(select(table)).all() for table in Base.metadata.sorted_tables])
    assert stored == sha256_of_bytes(someone.token.encode())
    assert secret not in everything


def test_the_history_of_a_session_is_kept(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    someone.answer_all()
    someone.post("/session/finish")
    with reading(here.engine) as connection:
        kinds = list(connection.execute(select(Event.kind).order_by(Event.id)).scalars())
    assert kinds == [
        "arrived",
        "consented",
        *(["presented", "responded"] * TRIALS),
        "debriefed",
        "completed",
    ]


def test_a_participant_answers_over_a_real_server(live: RunningServer) -> None:
    token = live.arrive({"visitor": str(uuid.uuid4())}).json()["token"]
    live.call("POST", "/session/consent", token, {"consented": True})
    trials = live.call("GET", "/session/trials?limit=10", token).json()["trials"]
    assert len(trials) == TRIALS
    for number, trial in enumerate(trials, start=1):
        reply = live.call("POST", f"/trials/{trial['trial']}/response", token, answer())
        assert reply.json()["answered"] == number
    assert live.call("POST", "/session/finish", token, {}).json()["outcome"] == "completed"


def together(n: int, act: Callable[[int], Any]) -> list[Any]:
    """Do something from ``n`` threads at the same moment."""
    barrier = threading.Barrier(n)

    def one(number: int) -> Any:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(one, range(n)))


def test_the_same_response_sent_by_many_at_once_is_stored_once(
    live: RunningServer, settings: Settings
) -> None:
    token = live.arrive({"visitor": str(uuid.uuid4())}).json()["token"]
    live.call("POST", "/session/consent", token, {"consented": True})
    for trial in live.call("GET", "/session/trials?limit=3", token).json()["trials"]:
        body = answer()
        replies = together(
            12,
            partial(send_response, live, token, trial["trial"], body),
        )
        assert [reply.status_code for reply in replies] == [200] * 12
        assert sorted(reply.json()["duplicate"] for reply in replies) == [False] + [True] * 11
        assert {reply.json()["response_uuid"] for reply in replies} == {body["response_uuid"]}
    assert rows(settings, Response) == 3


def send_response(live: RunningServer, token: str, trial: str, body: Any, _number: int) -> Any:
    return live.call("POST", f"/trials/{trial}/response", token, body)


def rows(settings: Settings, table: type[Base]) -> int:
    engine = connect(settings)
    with reading(engine) as connection:
        number = connection.execute(select(func.count()).select_from(table)).scalar_one()
    engine.dispose()
    return number


def test_one_who_arrives_many_times_at_once_has_one_session(live: RunningServer, settings: Settings) -> None:
    body = {"prolific_pid": pid("impatient")}
    replies = together(12, lambda _: live.arrive(body))
    assert Counter(reply.status_code for reply in replies) == {201: 1, 200: 11}
    assert rows(settings, ParticipantRow) == 1
    tokens = [reply.json()["token"] for reply in replies]
    statuses = Counter(live.call("GET", "/session", token).status_code for token in tokens)
    assert statuses == {200: 1, 401: 11}


def test_an_acknowledged_answer_survives_a_kill(settings: Settings, tmp_path: Path) -> None:
    create_study(settings, tmp_path / "study")
    who = {"prolific_pid": pid("survivor")}
    with running_server(settings) as server:
        token = server.arrive(who).json()["token"]
        server.call("POST", "/session/consent", token, {"consented": True})
        trials = server.call("GET", "/session/trials", token).json()["trials"]
        body = answer("teapot")
        assert server.call("POST", f"/trials/{trials[0]['trial']}/response", token, body).status_code == 200
        server.kill()
    with running_server(settings) as server:
        again = server.call("POST", f"/trials/{trials[0]['trial']}/response", token, body).json()
        assert (again["duplicate"], again["answered"]) == (True, 1)
        resumed = server.arrive(who).json()
        assert resumed["state"]["answered"] == 1
        following = server.call("GET", "/session/trials", resumed["token"]).json()["trials"]
        assert following[0]["trial"] == trials[1]["trial"]


def test_a_database_that_cannot_is_a_retryable_error(
    here: Here, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = here.participant()
    someone.consent()
    trial = someone.trials()[0]
    with writing(here.engine) as connection:
        connection.execute(text("ALTER TABLE response RENAME TO elsewhere"))
    reply = someone.answer(trial)
    assert reply.status_code in (500, 503)
    assert reply.json["error"]["retryable"] is True
    with writing(here.engine) as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO response"))
    assert someone.answer(trial).json["duplicate"] is False


def test_a_database_that_stays_locked_is_a_retryable_error(
    settings: Settings, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiment_server.models.database.SQLITE_BUSY_MS", 50)
    monkeypatch.setattr("experiment_server.models.database.POSTGRES_OPTIONS", "-c lock_timeout=50")
    create_study(settings, tmp_path / "study")
    with served_here(settings, clock) as here:
        someone = here.participant()
        someone.consent()
        trial = someone.trials()[0]
        with writing(here.engine) as connection:
            connection.execute(select(Session.id).with_for_update())
            reply = someone.answer(trial)
            assert error_of(reply) == (503, "database_busy")
            assert reply.json["error"]["retryable"] is True
        assert someone.answer(trial).json["duplicate"] is False
