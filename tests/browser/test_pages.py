"""The pages around the trials: the study that asks for everything, taken part in by keyboard."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser import whole
from tests.browser.conftest import NewVisitor
from tests.browser.installation import CODES, DRAFT, GOVERNANCE, Installation
from tests.browser.plugin_page import OpenPage, open_page, plugin_address
from tests.browser.test_participant_flow import prolific
from tests.browser.visitor import Visitor
from tests.browser.whole import RETURNED, STEPS, sees_heading, take_part, walk

__all__ = ["open_page", "plugin_address"]

pytestmark = pytest.mark.browser

OF_PID = "JOIN identity ON identity.participant_id = session.participant_id WHERE identity.prolific_pid = ?"
GIVEN = f"""
SELECT trial.trial_index, response.response, response.confidence, response.presented_again
FROM response JOIN trial ON trial.id = response.trial_id JOIN session ON session.id = trial.session_id
{OF_PID} ORDER BY response.id
"""
MEASURED = f"""
SELECT response.onset_ms, response.offset_ms, response.exposure_frames, response.timing_flags,
response.exposure_measured_ms, response.client
FROM response JOIN session ON session.id = response.session_id {OF_PID} ORDER BY response.id
"""
RECORDS = f"""
SELECT record.kind, record.name, record.data FROM record
JOIN session ON session.id = record.session_id {OF_PID} ORDER BY record.id
"""
STATES = f"""
SELECT trial.kind, trial.state, count(*) FROM trial JOIN session ON session.id = trial.session_id
{OF_PID} GROUP BY trial.kind, trial.state ORDER BY 1, 2
"""
ENDED = f"SELECT session.outcome FROM session {OF_PID}"

#: below the instructions: to the questions about them, or past those that are answered
GO_ON = re.compile("I have read this|Start the practice")
#: bytes that the server takes
CLIENT_BYTES = 2000


def records(installation: Installation, pid: str) -> dict[str, Any]:
    return {f"{kind}/{name}": json.loads(data) for kind, name, data in installation.rows(RECORDS, pid)}


def test_everything_is_asked_shown_and_stored(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000041"
    visitor.open(prolific("whole", pid))
    where = visitor.page.locator("#header .where")
    said = []
    for step in walk(visitor):
        if step.heading == whole.QUESTION:
            said.append(where.inner_text())
    sees_heading(visitor, whole.END)
    assert visitor.code == CODES["completed"]
    practice = ["Practice Picture 1 of 8", "Practice Picture 2 of 8"]
    once_more = ["Practice Picture 3 of 10", "Practice Picture 4 of 10"]
    assert said == [*practice, *once_more, *(f"Picture {number} of 10" for number in range(5, 11))]
    expected = [(index, *answer, 0) for index, answer in enumerate(whole.ANSWERS)]
    assert installation.rows(GIVEN, pid) == expected
    assert_measured(installation, pid)
    kept = records(installation, pid)
    asked = [name for name in kept if name.startswith("comprehension/")]
    assert asked == ["comprehension/1", "comprehension/2"]
    # asked about directly, while the others wait their turn: neither is before the other by any promise
    sent = [name for name in kept if name not in asked]
    assert sent == ["warning/", "calibration/", "instructed/1", "break/7", "questionnaire/"]
    assert kept["warning/"]["read_ms"] > 0
    assert kept["calibration/"]["distance_mm"] is None
    assert 2 < kept["calibration/"]["device_px_per_mm"] < 6
    assert [kept[f"comprehension/{number}"]["wrong"] for number in (1, 2)] == [["1"], []]
    assert kept["instructed/1"]["response"] == "green"
    assert kept["break/7"]["rest_ms"] > 0
    assert kept["questionnaire/"] == {"answers": whole.QUESTIONNAIRE}
    assert visitor.complaints == []


def assert_measured(installation: Installation, pid: str) -> None:
    rows = installation.rows(MEASURED, pid)
    for (onset, offset, frames, flags, exposure, client), (words, level) in zip(
        rows, whole.ANSWERS, strict=True
    ):
        assert 0 < onset < offset
        assert exposure > 0
        assert frames > 0
        assert flags is not None
        assert len(client) <= CLIENT_BYTES
        told = json.loads(client)
        assert len(told["key_times_ms"]) == len(words) + 1
        assert told["key_times_ms"] == sorted(told["key_times_ms"])
        assert (told["pastes"], told["drops"], told["largest_insert"]) == (0, 0, 0)
        assert told["touch"] is False
        assert ("confidence_rt_ms" in told) == (level is not None)


def test_a_reload_leads_back_to_every_page(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000042"
    visitor.open(prolific("whole", pid))
    reloaded = set()
    for step in walk(visitor):
        if step.stays and step.heading not in reloaded:
            reloaded.add(step.heading)
            visitor.page.reload()
            return_to(visitor, step.heading)
    sees_heading(visitor, whole.END)
    assert len(reloaded) == len({step.heading for step in STEPS if step.stays})
    given = [row[:3] for row in installation.rows(GIVEN, pid)]
    assert given == [(index, *answer) for index, answer in enumerate(whole.ANSWERS)]
    kept = records(installation, pid)
    assert kept["questionnaire/"] == {"answers": whole.QUESTIONNAIRE}
    assert {"warning/", "calibration/", "instructed/1", "break/7"} <= set(kept)


def return_to(visitor: Visitor, heading: str) -> None:
    """Go through what somebody who comes back sees before the page that they were on."""
    title = visitor.page.locator("main h1")
    for _ in range(4):
        expect(title).to_have_count(1)
        now = title.inner_text()
        if now == RETURNED:
            visitor.enter("Continue")
        elif now == "You will name what you see" and now != heading:
            visitor.enter(GO_ON)
        else:
            break
        expect(title).not_to_have_text(now)
    sees_heading(visitor, heading)


def test_an_answer_without_confidence_is_not_complete(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000043"
    visitor.open(prolific("whole", pid))
    take_part(visitor, whole.OPENING)
    take_part(visitor, whole.PRACTICE[:1])
    sees_heading(visitor, whole.SURE)
    visitor.page.reload()
    sees_heading(visitor, "You will name what you see")
    visitor.enter(GO_ON)
    take_part(visitor, whole.PRACTICE[:4])
    assert installation.rows(GIVEN, pid) == [(0, "teacup", 2, 1)]
    sees_heading(visitor, whole.SURE)
    visitor.press("Withdraw")
    visitor.press("Leave, and keep my answers")
    visitor.sees("Thank you for the time that you gave.")
    assert installation.rows(GIVEN, pid) == [(0, "teacup", 2, 1)]


def test_practice_that_goes_well_is_over_after_one_round(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000044"
    visitor.open(prolific("whole", pid))
    take_part(visitor, whole.OPENING)
    for _ in range(2):
        take_part(visitor, whole.practised("teacup", 4, "Right!"))
    take_part(visitor, whole.PRACTICE[-1:])
    sees_heading(visitor, whole.QUESTION)
    expect(visitor.page.locator("#header .where")).to_have_text("Picture 3 of 8")
    take_part(visitor, whole.MAIN[:2])
    sees_heading(visitor, whole.QUESTION)
    installation.wait_for(3, GIVEN, pid)
    assert [row[0] for row in installation.rows(GIVEN, pid)] == [0, 1, 4]
    states = installation.rows(STATES, pid)
    assert [row for row in states if row[0] == "practice"] == [
        ("practice", "abandoned", 2),
        ("practice", "responded", 2),
    ]


def test_someone_who_never_understands_goes_on_all_the_same(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f0000000000000000000045"
    visitor.open(prolific("whole", pid))
    take_part(visitor, whole.OPENING[:8])
    sees_heading(visitor, "What do you do after each picture?")
    whole.choice("Nothing")(visitor)
    sees_heading(visitor, "Let’s start all the same")
    visitor.enter("Start the practice")
    sees_heading(visitor, whole.QUESTION)
    assert records(installation, pid)["comprehension/2"]["passed"] is False


def test_consent_says_who_answers_for_the_study(visitor: Visitor) -> None:
    visitor.open("/s/whole")
    about = visitor.page.get_by_role("region", name="About this study")
    for line in GOVERNANCE.strip().splitlines()[1:]:
        text = line.partition(" = ")[2].strip('"')
        for part in text.split("\\n\\n"):
            expect(about).to_contain_text(part)
    expect(visitor.page.get_by_role("banner")).to_contain_text("Rehearsal")
    visitor.open("/s/typed")
    visitor.sees("You may stop at any time.")
    expect(about).to_have_count(0)


def test_a_study_that_is_not_open_says_so(visitor: Visitor) -> None:
    visitor.open(f"/s/{DRAFT}")
    sees_heading(visitor, "The study has not begun yet")
    expect(visitor.page.get_by_role("button", name="Try again")).to_be_visible()


def test_leaving_at_the_warning(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000046"
    visitor.open(prolific("typed", pid))
    visitor.enter("I agree")
    visitor.enter("Leave the study")
    visitor.press("Leave, and keep my answers")
    visitor.sees("You have left the study")
    assert visitor.code == CODES["withdrawn"]
    assert installation.rows(ENDED, pid) == [("withdrawn",)]


def test_leaving_before_consent_has_nothing_to_delete(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000047"
    visitor.open(prolific("typed", pid))
    visitor.press("Withdraw")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog.get_by_role("button")).to_have_text(["Keep going", "Yes, leave the study"])
    visitor.press("Yes, leave the study")
    visitor.sees("None of your answers are kept.")
    assert installation.rows(ENDED, pid) == [("withdrawn",)]


def test_leaving_with_deletion_leaves_nothing_behind(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000048"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(3))
    installation.wait_for(3, GIVEN, pid)
    assert list(records(installation, pid)) == ["warning/"]
    visitor.page.route("**/response", lambda route: route.abort())
    visitor.do([3])
    expect(visitor.page.get_by_role("textbox")).to_be_focused()
    assert waiting(visitor) > 0
    visitor.press("Withdraw")
    visitor.press("Leave, and delete my answers")
    visitor.sees("None of your answers are kept.")
    assert visitor.code == CODES["withdrawn"]
    visitor.page.unroute_all()
    visitor.page.reload()
    visitor.sees("You have left the study")
    assert waiting(visitor) == 0
    assert installation.rows(GIVEN, pid) == []
    assert installation.rows(RECORDS, pid) == []
    assert installation.rows(ENDED, pid) == [("withdrawn",)]


def waiting(visitor: Visitor) -> int:
    """How many parcels the browser still keeps."""
    count: int = visitor.page.evaluate("""() => new Promise((resolve, reject) => {
        const opened = indexedDB.open("interpscore");
        opened.onerror = reject;
        opened.onsuccess = () => {
            const counted = opened.result.transaction("outbox").objectStore("outbox").count();
            counted.onsuccess = () => { opened.result.close(); resolve(counted.result); };
        };
    })""")
    return count


def test_the_browsers_back_and_forward_do_no_harm(visitor: Visitor, installation: Installation) -> None:
    pid = "5f0000000000000000000049"
    visitor.open("/s/typed/credits")
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.do(range(2))
    visitor.may_answer(2)
    visitor.page.go_back()
    visitor.sees("Who made the pictures")
    visitor.page.go_forward()
    sees_heading(visitor, RETURNED)
    visitor.press("Continue")
    visitor.do([2])
    installation.wait_for(3, GIVEN, pid)


#: how something comes into the field -> characters of the largest piece, and its way
INSERTIONS: dict[str, tuple[int, str | None]] = {
    "keys": (0, None),
    "paste": (10, "paste"),
    "text": (10, "text"),
    "script": (10, "script"),
}


@pytest.mark.parametrize("way", INSERTIONS)
def test_how_an_answer_came_is_recorded_without_its_content(
    visitor: Visitor, installation: Installation, way: str
) -> None:
    pid = f"5f000000000000000000005{list(INSERTIONS).index(way)}"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    insert(visitor, way)
    visitor.page.keyboard.press("Enter")
    visitor.sees("Not this time")
    told = json.loads(installation.rows(MEASURED, pid)[0][-1])
    assert (told["largest_insert"], told["largest_insert_by"]) == INSERTIONS[way]
    assert told["pastes"] == int(way == "paste")
    assert "lighthouse" not in json.dumps(told)


def insert(visitor: Visitor, way: str) -> None:
    words, keyboard = visitor.page.locator("main input.words"), visitor.page.keyboard
    if way in ("keys", "paste"):
        keyboard.type("lighthouse")
    if way == "paste":
        for key in ("Control+A", "Control+X", "Control+V"):
            keyboard.press(key)
    if way == "text":
        keyboard.insert_text("lighthouse")
    if way == "script":
        words.evaluate("input => { input.value = 'lighthouse'; }")
    expect(words).to_have_value("lighthouse")


def test_leaving_the_window_is_timed(new_visitor: NewVisitor, installation: Installation) -> None:
    pid = "5f000000000000000000005a"
    visitor = new_visitor()
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    real_focus = visitor.page.context.new_cdp_session(visitor.page)
    real_focus.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
    other = visitor.page.context.new_page()
    other.bring_to_front()
    other.wait_for_timeout(300)
    visitor.page.bring_to_front()
    visitor.page.get_by_role("textbox").fill("tree")
    visitor.press("Enter")
    visitor.sees("Not this time")
    told = json.loads(installation.rows(MEASURED, pid)[0][-1])
    assert told["times_hidden"] + told["times_blurred"] >= 1
    assert 250 < max(told["hidden_ms"], told["blurred_ms"]) < 20_000


def test_a_phone_shows_that_the_connection_is_lost_before_the_first_picture(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(viewport={"width": 390, "height": 844})
    visitor.open("/s/typed")
    visitor.press("I agree")
    visitor.read_warning()
    visitor.page.context.set_offline(True)
    visitor.press("Start the practice")
    status = visitor.page.locator("#header .status")
    expect(status).to_contain_text("Not connected")
    expect(status).to_be_in_viewport(ratio=1)
    visitor.page.context.set_offline(False)
    visitor.may_answer(0)


def test_what_no_database_stores_is_taken_out_of_an_answer(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f000000000000000000005b"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    visitor.page.evaluate(r"document.execCommand('insertText', false, 'bo\u0000at\ud83d')")
    visitor.page.keyboard.press("Enter")
    visitor.sees("Not this time")
    assert installation.rows(GIVEN, pid) == [(0, "boat\ufffd", None, 0)]


#: what happens at a key: another one in the same moment as the one that submits; other work for 0.1 s
AT_A_KEY = {
    "press after Enter": """() => window.addEventListener("keydown", ({ key, target }) => {
  if (key === "Enter") target.dispatchEvent(new KeyboardEvent("keydown", { key: "x", bubbles: true }));
})""",
    "be busy": """() => document.addEventListener("keydown", () => {
  const until = performance.now() + 100;
  while (performance.now() < until);
})""",
}


@pytest.mark.parametrize(("what", "pid"), [("press after Enter", "5c"), ("be busy", "5f")])
def test_each_key_of_an_answer_counts_once(
    visitor: Visitor, installation: Installation, what: str, pid: str
) -> None:
    pid = f"5f00000000000000000000{pid}"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    visitor.page.evaluate(AT_A_KEY[what])
    visitor.page.keyboard.type("cup\n")
    visitor.sees("Not this time")
    told = json.loads(installation.rows(MEASURED, pid)[0][-1])
    assert len(told["key_times_ms"]) == len("cup\n")


def test_letters_land_in_the_field_wherever_the_focus_is(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f000000000000000000005d"
    visitor.open(prolific("typed", pid))
    visitor.begin()
    visitor.may_answer(0)
    words = visitor.page.get_by_role("textbox")
    words.blur()
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.type("cup")
    expect(words).to_have_value("cup")
    visitor.press("Withdraw")
    visitor.press("Keep going")
    expect(words).to_be_focused()
    visitor.page.keyboard.press("Enter")
    visitor.sees("Not this time")
    told = json.loads(installation.rows(MEASURED, pid)[0][-1])
    assert len(told["key_times_ms"]) == len("cup\n")
    assert told["times_blurred"] == 1
    assert told["blurred_ms"] > 0


def test_a_key_that_is_held_down_passes_no_feedback(visitor: Visitor) -> None:
    visitor.open("/s/typed")
    visitor.begin()
    visitor.may_answer(0)
    keyboard, onwards = visitor.page.keyboard, visitor.page.get_by_role("button", name="Next")
    keyboard.type("cup")
    keyboard.down("Enter")
    expect(onwards).to_be_focused()
    keyboard.down("Enter")
    visitor.page.wait_for_timeout(100)
    expect(onwards).to_be_focused()
    keyboard.up("Enter")
    keyboard.press("Enter")
    visitor.may_answer(1)


def test_a_refused_questionnaire_is_asked_again_as_it_was(
    visitor: Visitor, installation: Installation
) -> None:
    pid = "5f000000000000000000005e"
    visitor.open(prolific("whole", pid))
    practised = whole.practised("teacup", 4, "Right!")
    take_part(visitor, (*whole.OPENING, *practised, *practised, whole.PRACTICE[-1], *whole.MAIN))
    sees_heading(visitor, whole.CLOSING[0].heading)

    def spoil(route: Route) -> None:
        route.continue_(post_data=(route.request.post_data or "").replace("It was fun", r"It was \u0000"))

    visitor.page.route("**/session/records", spoil)
    take_part(visitor, whole.CLOSING[:-1])
    visitor.sees("What you answered last could not be saved")
    assert "questionnaire/" not in records(installation, pid)
    visitor.page.unroute_all()
    visitor.press("Load the page again")
    for step in whole.CLOSING[:-1]:
        sees_heading(visitor, step.heading)
        visitor.enter("I’d rather not say" if "country" in step.heading else "Next")
    visitor.sees("Thank you!")
    visitor.finish()
    assert visitor.code == CODES["completed"]
    assert records(installation, pid)["questionnaire/"] == {"answers": whole.QUESTIONNAIRE}


def test_answers_that_are_too_long_together_are_cut_between_characters(open_page: OpenPage) -> None:
    answers = {f"q{number}": "x" + "😀" * 99 for number in range(20)}
    answers["constructor"] = "short"
    cut = open_page().evaluate("answers => fitting(answers)", answers)
    assert 14_500 < len(json.dumps(cut)) <= 16_000
    assert cut.keys() == answers.keys()
    assert cut["constructor"] == "short"
    for name, answer in cut.items():
        assert answers[name].startswith(answer)


def test_what_was_typed_is_still_there_after_going_back(visitor: Visitor) -> None:
    visitor.open("/s/whole")
    take_part(visitor, whole.OPENING[:6])
    sees_heading(visitor, "May you guess?")
    visitor.page.keyboard.press("2")
    visitor.enter("Back")
    sees_heading(visitor, "What do you do after each picture?")
    visitor.enter("Next")
    sees_heading(visitor, "May you guess?")
    expect(visitor.page.get_by_role("radio").nth(1)).to_be_checked()
