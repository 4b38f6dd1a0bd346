from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import NewVisitor
from tests.browser.installation import (
    CODES,
    CONCEPTS,
    PRACTICE,
    PRACTICE_TRIALS,
    TRIALS,
    Installation,
)
from tests.browser.visitor import ANSWERS, Visitor

pytestmark = pytest.mark.browser

RESPONSES = """
SELECT trial.trial_index, trial.state, response.response, response.dont_know, response.presented_again
FROM response JOIN trial ON trial.id = response.trial_id JOIN session ON session.id = trial.session_id
JOIN identity ON identity.participant_id = session.participant_id
WHERE identity.prolific_pid = ? ORDER BY response.id
"""
TIMING = """
SELECT rt_ms, rt_first_key_ms, exposure_measured_ms, frame_interval_ms, timing_flags, client
FROM response JOIN session ON session.id = response.session_id
JOIN identity ON identity.participant_id = session.participant_id
WHERE identity.prolific_pid = ? AND NOT dont_know ORDER BY response.id
"""
OUTCOMES = """
SELECT session.outcome, identity.prolific_session_id FROM session
JOIN identity ON identity.participant_id = session.participant_id WHERE identity.prolific_pid = ?
"""


STUDY_ID = "5f3c00000000000000000001"
SESSION_ID = "5f3c00000000000000000002"


def prolific(study: str, pid: str) -> str:
    return f"/s/{study}?PROLIFIC_PID={pid}&STUDY_ID={STUDY_ID}&SESSION_ID={SESSION_ID}"


def expected_rows(again: int | None = None) -> list[tuple[Any, ...]]:
    return [
        (index, "responded", answer, int(answer == ""), int(index == again))
        for index, answer in enumerate(ANSWERS)
    ]


def test_prolific_participant_reloads_in_the_middle_and_finishes(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000001"
    visitor.open(prolific("typed", pid))
    visitor.sees("You may stop at any time.")
    visitor.begin()
    visitor.do(range(4))
    expect(visitor.page.get_by_role("textbox")).to_be_enabled()
    visitor.page.keyboard.type("half an ans")
    visitor.page.reload()
    visitor.sees(f"4 of {TRIALS} pictures are answered and saved.")
    visitor.press("Continue")
    visitor.do(range(4, TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    back = visitor.page.get_by_role("link", name="Return to Prolific")
    assert (
        back.get_attribute("href") == f"https://app.prolific.com/submissions/complete?cc={CODES['completed']}"
    )
    assert installation.rows(RESPONSES, pid) == expected_rows(again=4)
    assert installation.rows(OUTCOMES, pid) == [("completed", SESSION_ID)]
    assert visitor.complaints == []


def test_timing_is_measured_and_stored(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000002"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(TRIALS))
    visitor.sees("Thank you!")
    rows = installation.rows(TIMING, pid)
    assert len(rows) == TRIALS - 1
    for rt, first_key, exposure, interval, flags, client in rows:
        assert exposure - 1 <= first_key <= rt
        assert abs(exposure - 100) <= interval or flags != ""
        assert 2 < interval < 200
        assert json.loads(client)["durable_queue"] is True


def test_practice_tells_what_was_right_and_trials_do_not(visitor: Visitor) -> None:
    visitor.open("/s/typed")
    visitor.begin()
    main = visitor.page.get_by_role("main")
    words = visitor.page.get_by_role("textbox")
    expect(words).to_be_focused()
    visitor.page.keyboard.type("teacup\n")
    expect(main).to_contain_text("Right!")
    visitor.press("Next")
    expect(words).to_be_focused()
    visitor.page.keyboard.type("spoon\n")
    expect(main).to_contain_text("Not this time")
    expect(main).to_contain_text(f"It was: {PRACTICE}")
    visitor.press("Next")
    visitor.press("I’m ready")
    visitor.answer(PRACTICE_TRIALS, "sailboat")
    expect(words).to_be_focused()
    assert "Right!" not in main.inner_text()


def test_visitor_gets_a_code_and_is_known_again(visitor: Visitor) -> None:
    visitor.open("/s/typed")
    visitor.begin()
    visitor.do(range(TRIALS))
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert visitor.page.get_by_role("link", name="Return to Prolific").count() == 0
    visitor.open("/s/typed")
    assert visitor.code == CODES["completed"]
    assert visitor.complaints == []


def test_declining_ends_with_its_own_code(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000003"
    visitor.open(prolific("typed", pid))
    visitor.press("No, thank you")
    visitor.sees("no answers were recorded")
    assert visitor.code == CODES["no_consent"]
    assert installation.rows(OUTCOMES, pid) == [("no_consent", SESSION_ID)]
    assert installation.rows(RESPONSES, pid) == []


def test_withdrawing_asks_first(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000004"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    expect(visitor.page.get_by_role("textbox")).to_be_focused()
    visitor.press("Withdraw")
    visitor.press("Keep going")
    visitor.answer(3, ANSWERS[3])
    expect(visitor.page.get_by_role("textbox")).to_be_focused()
    visitor.press("Withdraw")
    visitor.press("Leave, and keep my answers")
    visitor.sees("You have left the study")
    assert visitor.code == CODES["withdrawn"]
    assert installation.rows(OUTCOMES, pid) == [("withdrawn", SESSION_ID)]
    assert installation.rows(RESPONSES, pid) == expected_rows()[:4]


def test_answers_on_their_way_are_stored_before_leaving(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000006"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, RESPONSES, pid)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visitor.page.route("**/response", hold)
    visitor.do([3])
    expect(visitor.page.get_by_role("textbox")).to_be_focused()
    visitor.press("Withdraw")
    visitor.press("Leave, and keep my answers")
    visitor.page.wait_for_timeout(500)
    assert [url for url in visitor.requested if url.endswith("/withdraw")] == []
    held.pop().continue_()
    visitor.sees("You have left the study")
    assert installation.rows(OUTCOMES, pid) == [("withdrawn", SESSION_ID)]
    assert installation.rows(RESPONSES, pid) == expected_rows()[:4]


def test_alternatives_by_keyboard_alone(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000005"
    visitor.open(prolific("chosen", pid))
    visitor.sees("You may stop")
    chosen = []
    visitor.enter("I agree, let’s start")
    visitor.enter("Start the practice")
    for number in range(TRIALS):
        wait_for_trial(visitor.page, number)
        choices = visitor.page.locator(".panel:not(.waiting) .choice")
        expect(choices).to_have_count(len(CONCEPTS) + 2)
        chosen.append(choices.nth(1).locator("span").inner_text())
        visitor.page.keyboard.press("2")
        if number < PRACTICE_TRIALS:
            expect(visitor.page.get_by_role("button", name="Next")).to_be_focused()
            visitor.page.keyboard.press("Enter")
        if number == PRACTICE_TRIALS - 1:
            expect(visitor.page.get_by_role("button", name="I’m ready")).to_be_focused()
            visitor.page.keyboard.press("Enter")
    visitor.sees("Thank you!")
    visitor.enter("Finish and get my completion code")
    assert visitor.code == CODES["completed"]
    rows = installation.rows(RESPONSES, pid)
    assert [row[2] for row in rows] == chosen
    assert len(set(chosen)) > 1
    assert visitor.complaints == []


def wait_for_trial(page: Page, number: int) -> None:
    expect(page.locator("#header .where")).to_contain_text(f"Picture {number + 1} of {TRIALS}")
    expect(page.locator(".panel:not(.waiting) .choices")).to_be_visible()


def test_an_empty_or_long_answer_is_not_sent(visitor: Visitor) -> None:
    visitor.open("/s/typed")
    visitor.begin()
    words = visitor.page.get_by_role("textbox")
    expect(words).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.sees("Type a guess, or choose “I don’t know”.")
    visitor.page.keyboard.type("one two three four\n")
    visitor.sees("Please use at most three words.")
    expect(words).to_be_focused()
    words.fill("one two three")
    visitor.press("Enter")
    visitor.sees("Not this time")


@pytest.mark.parametrize("study", ["typed", "chosen"])
def test_a_phone_never_scrolls_sideways(new_visitor: NewVisitor, study: str) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True}
    visitor = new_visitor(**phone, has_touch=True)
    widths = []

    def look() -> None:
        widths.append(visitor.page.evaluate("document.documentElement.scrollWidth"))

    visitor.open(f"/s/{study}")
    visitor.sees("You may stop")
    look()
    visitor.press("I agree")
    visitor.read_warning()
    visitor.sees("You will name what you see")
    look()
    visitor.press("Start the practice")
    for number in range(TRIALS):
        wait_for_panel(visitor.page, number)
        look()
        visitor.press("I don’t know")
        visitor.after(number)
    visitor.sees("Thank you!")
    look()
    visitor.finish()
    assert visitor.code
    look()
    visitor.open(f"/s/{study}/credits")
    look()
    assert set(widths) == {390}


def wait_for_panel(page: Page, number: int) -> None:
    expect(page.locator("#header .where")).to_contain_text(f"Picture {number + 1} of {TRIALS}")
    expect(page.locator(".panel:not(.waiting) .answer")).to_be_visible()


def test_the_picture_is_drawn_pixel_for_pixel(new_visitor: NewVisitor) -> None:
    for density, expected in ((1, 96), (1.5, 192), (3, 288)):
        visitor = new_visitor(device_scale_factor=density)
        visitor.open("/s/chosen")
        visitor.begin()
        wait_for_trial(visitor.page, 0)
        canvas = visitor.page.locator("canvas")
        assert canvas.evaluate("canvas => canvas.width") == expected
        assert canvas.evaluate("canvas => canvas.getBoundingClientRect().width") == pytest.approx(
            expected / density, abs=0.1
        )


def test_pages_for_those_who_cannot_take_part(new_visitor: NewVisitor) -> None:
    first, second = new_visitor(), new_visitor()
    first.open("/s/full")
    first.begin()
    second.open("/s/full")
    second.sees("The study is full")
    second.open("/s/no-such-study")
    second.sees("There is no study here")
    second.open(prolific("typed", "sailboat"))
    second.sees("The link you followed is not complete. Please open the study from Prolific again.")
