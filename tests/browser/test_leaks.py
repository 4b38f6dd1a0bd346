"""A whole session, on the wire: nothing that a browser is sent names an answer or a person too early."""

from __future__ import annotations

import json
import tomllib
from base64 import b64encode, urlsafe_b64encode
from collections import defaultdict
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewVisitor
from tests.browser.installation import (
    CATCH,
    CODES,
    CONCEPTS,
    LEXICON,
    PICTURE,
    PRACTICE,
    PRACTICE_TRIALS,
    TRIALS,
    Installation,
)
from tests.browser.recording import Recorder, Reply, names, png_chunks, recording
from tests.browser.visitor import Visitor

#: who takes part: IDs that occur nowhere else
PIDS = {"typed": "5f3c0ffee0badcafe0000101", "chosen": "5f3c0ffee0badcafe0000102"}
STUDY_ID, SESSION_ID = "5f3c0ffee0badcafe0000201", "5f3c0ffee0badcafe0000301"

TRIALS_OF = """
SELECT trial.public_id, trial.kind, stimulus.concept FROM trial
JOIN stimulus ON stimulus.id = trial.stimulus_id JOIN session ON session.id = trial.session_id
JOIN identity ON identity.participant_id = session.participant_id WHERE identity.prolific_pid = ?
"""
STIMULI = "SELECT DISTINCT stimulus, source, image_sha256, cluster FROM stimulus"
PEOPLE = """
SELECT identity.hmac, participant.pseudonym FROM identity
JOIN participant ON participant.id = identity.participant_id
"""
PERTURBATIONS = "SELECT DISTINCT perturbation FROM study_condition WHERE perturbation != 'clean'"

FORMS = [
    "Sailboat",
    "SAIL_BOAT",
    "sail%20boat",
    quote("sail boat"),
    "sail-boat",
    "taoblias",
    "\\u0073\\u0061\\u0069\\u006c\\u0062\\u006f\\u0061\\u0074",
    "&#115;&#97;&#105;&#108;&#98;&#111;&#97;&#116;",
    b"sailboat".hex(),
    b64encode(b"a sailboat!").decode(),
    b64encode(b"Sailboat").decode(),
    urlsafe_b64encode(b"??>sailboat").decode(),
    b64encode(b"it is SAILBOAT").decode(),
]


@pytest.mark.parametrize("form", FORMS)
def test_a_word_is_found_in_any_form(form: str) -> None:
    word = "sail boat"
    assert names(word, f"before {form} after".encode())
    assert names(word, form.encode("utf-16-le")) or "sail" not in form.lower()


def test_what_is_not_there_is_not_found() -> None:
    assert not names("sail boat", b"a boat with a sail, c2FpbA==, and so on")


@pytest.mark.browser
@pytest.mark.parametrize("study", ["typed", "chosen"])
def test_nothing_on_the_wire_tells_too_early(
    new_visitor: NewVisitor, installation: Installation, study: str
) -> None:
    with recording("127.0.0.1", installation.port) as recorder:
        visitor = new_visitor()
        visitor.url = recorder.url
        take_part(visitor, study)
        visitor.page.context.close()
    assert {urlsplit(url).netloc for url in visitor.requested} == {urlsplit(recorder.url).netloc}
    trials = {trial: (kind, concept) for trial, kind, concept in installation.rows(TRIALS_OF, PIDS[study])}
    assert len(trials) == TRIALS
    check(recorder, installation, study, trials)


def take_part(visitor: Visitor, study: str) -> None:
    """A whole session: from Prolific's link, with a reload in the middle, to the code."""
    link = f"/s/{study}?PROLIFIC_PID={PIDS[study]}&STUDY_ID={STUDY_ID}&SESSION_ID={SESSION_ID}"
    visitor.open(link)
    visitor.begin()
    for number in range(TRIALS):
        place = visitor.page.locator("#header .where")
        expect(place).to_contain_text(f"Picture {number + 1} of {TRIALS}")
        if number == PRACTICE_TRIALS + 2:
            visitor.page.reload()
            visitor.press("Continue")
            expect(place).to_contain_text(f"Picture {number + 1} of {TRIALS}")
        if study == "typed":
            visitor.answer(number, "something")
        else:
            expect(visitor.page.locator(".panel:not(.waiting) .choices")).to_be_visible()
            visitor.page.keyboard.press("1")
            visitor.after(number)
    visitor.finish()
    assert visitor.code == CODES["completed"]
    visitor.open(f"/s/{study}/credits")


def check(
    recorder: Recorder, installation: Installation, study: str, trials: dict[str, tuple[str, str]]
) -> None:
    replies = recorder.replies()
    pictures = [reply for reply in replies if ("Content-Type", "image/png") in reply.headers]
    assert len(pictures) >= TRIALS
    assert {chunk for reply in pictures for chunk in png_chunks(reply.body)} == {"IHDR", "IDAT", "IEND"}
    told = [found for reply in replies if (found := feedback_in(reply)) is not None]
    assert told == [PRACTICE] * PRACTICE_TRIALS
    shown = [trial for reply in replies for trial in trials_in(reply)]
    assert {trial["trial"] for trial in shown} == set(trials)
    offered = {tuple(sorted(trial["alternatives"] or ())) for trial in shown}
    assert offered == {() if study == "typed" else tuple(sorted((*CONCEPTS, PRACTICE, CATCH)))}
    hidden = secrets(installation, study)
    leaks = [(word, reply.status) for reply in replies for word in hidden if names(word, without_due(reply))]
    assert leaks == []
    wire = b"".join(recorder.said)
    assert [word for word in identifiers(installation, study) if names(word, wire)] == []
    assert codes_in(replies) == [CODES["completed"]]
    check_alike(shown, pictures, trials)


def feedback_in(reply: Reply) -> str | None:
    """What a reply says that a practice picture was; None if it says nothing of it."""
    found = reply.json.get("feedback") if isinstance(reply.json, dict) else None
    return None if found is None else str(found["answer"])


def trials_in(reply: Reply) -> list[dict[str, Any]]:
    return list(reply.json.get("trials", [])) if isinstance(reply.json, dict) else []


def codes_in(replies: list[Reply]) -> list[str]:
    """The completion codes that were told, each once."""
    everything = b"".join(reply.everything() for reply in replies)
    return [code for code in CODES.values() if names(code, everything)]


def without_due(reply: Reply) -> bytes:
    """A reply without what it may say: the alternatives, and what a practice picture was, once answered."""
    if not (trials_in(reply) or feedback_in(reply)):
        return reply.everything()
    rest = {**reply.json, "feedback": None}
    if trials_in(reply):
        rest["trials"] = [{**trial, "alternatives": None} for trial in trials_in(reply)]
    return Reply(reply.status, reply.headers, json.dumps(rest).encode()).everything()


def secrets(installation: Installation, study: str) -> list[str]:
    """What no reply may name: concepts, their other words, conditions, files, people."""
    words = [word for table in tomllib.loads(LEXICON).values() for kind in table.values() for word in kind]
    perturbations = [row[0] for row in installation.rows(PERTURBATIONS)]
    return [*CONCEPTS, PRACTICE, CATCH, *words, *perturbations, PICTURE, *identifiers(installation, study)]


def identifiers(installation: Installation, study: str) -> list[str]:
    """What nothing on the wire may hold, not even what is due: ids of the manifest's, and of people."""
    of_stimuli = {text for row in installation.rows(STIMULI) for text in row}
    of_people = {text for row in installation.rows(PEOPLE) for text in row}
    return sorted({PIDS[study], STUDY_ID, SESSION_ID} | of_stimuli | of_people)


def check_alike(
    shown: list[dict[str, Any]], pictures: list[Reply], trials: dict[str, tuple[str, str]]
) -> None:
    """Two trials of one concept share nothing that two of different concepts do not share."""
    concepts = defaultdict(set)
    for trial, (_, concept) in trials.items():
        concepts[concept].add(trial)
    assert any(len(alike) > 1 for alike in concepts.values())
    of_trial = {trial["trial"]: trial for trial in shown}
    told = ("index", "practice", "alternatives", "already_presented")
    for key in set(shown[0]) - set(told):
        values = [trial[key] for trial in of_trial.values()]
        assert len({str(value) for value in values}) in (1, len(values)), key
    for name in {name for reply in pictures for name, _ in reply.headers} - {"Content-Length", "Date"}:
        said = [dict(reply.headers).get(name) for reply in pictures]
        assert len(set(said)) in (1, len(said)), name
