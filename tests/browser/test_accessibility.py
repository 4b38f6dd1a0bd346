"""Every page that a participant may see, judged by axe-core and by measure."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import whole
from tests.browser.conftest import NewVisitor
from tests.browser.installation import DRAFT, ROOT, TRIALS
from tests.browser.test_participant_flow import prolific
from tests.browser.visitor import Visitor
from tests.browser.whole import sees_heading, walk

pytestmark = pytest.mark.browser

AXE = ROOT / "experiment_server" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
#: WCAG 2.2, levels A and AA, and what axe-core holds for good practice
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: smallest side of what is touched or clicked, CSS pixels: WCAG 2.5.8
TARGET = 24
#: the measured width is rounded
ROUNDING = 0.1

TARGETS = """() => [...document.querySelectorAll("button, input, a.button, label.option")]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("label input"))
    .map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 80)])
    .map(([{ width, height }, html]) => [Math.min(width, height), html])"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

#: window sizes: a desktop, it zoomed to 200%, a phone, and the narrowest that WCAG 1.4.10 asks of a page
WINDOWS = {"desktop": (1280, 800), "zoomed": (640, 400), "phone": (390, 844), "narrow": (360, 640)}


@cache
def axe() -> str:
    if not AXE.is_file():
        pytest.fail("axe-core is not installed; run: make setup")
    return AXE.read_text(encoding="utf-8")


def complaints(page: Page) -> list[str]:
    """What axe-core has against the page as it is now."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe())
    options = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found: list[dict[str, Any]] = page.evaluate(f"axe.run({options}).then((result) => result.violations)")
    return [f"{one['impact']} {one['id']}: {one['nodes'][0]['html']}" for one in found]


def small(page: Page) -> list[str]:
    """Targets that are smaller than a finger may need."""
    return [html for side, html in page.evaluate(TARGETS) if side < TARGET - ROUNDING]


def judge(page: Page, name: str, seen: dict[str, list[str]]) -> None:
    expect(page.locator("h1")).to_have_count(1)
    seen[name] = [*complaints(page), *(f"small: {html}" for html in small(page))]
    if page.evaluate(SIDEWAYS) > 0:
        seen[name].append("scrolls sideways")


def test_nothing_is_wrong_with_any_page_of_a_session(visitor: Visitor) -> None:
    """Consent, warning, card, distance, instructions, comprehension check and what follows a wrong answer,
    practice, confidence, feedback, rounds, trials, an instructed item, a break, the questionnaire, the
    debriefing, the end; the dialog to withdraw before and after consent; a trial that complains."""
    seen: dict[str, list[str]] = {}
    visitor.open(prolific("whole", "5f0000000000000000000061"))
    for number, step in enumerate(walk(visitor)):
        judge(visitor.page, f"{number} {step.heading}", seen)
        if number in (0, len(whole.OPENING)):
            judge_withdrawal(visitor, seen, f"{number} withdrawing")
        if number == len(whole.OPENING):
            visitor.page.keyboard.press("Enter")
            judge(visitor.page, f"{number} complaint", seen)
    sees_heading(visitor, whole.END)
    judge(visitor.page, whole.END, seen)
    assert {name: found for name, found in seen.items() if found} == {}
    assert len(seen) == len(whole.STEPS) + 4


def judge_withdrawal(visitor: Visitor, seen: dict[str, list[str]], name: str) -> None:
    visitor.press("Withdraw")
    judge(visitor.page, name, seen)
    visitor.page.keyboard.press("Escape")
    expect(visitor.page.get_by_role("dialog")).to_have_count(0)


def decline(visitor: Visitor) -> None:
    visitor.open(prolific("typed", "5f0000000000000000000062"))
    visitor.press("No, thank you")


def withdraw(visitor: Visitor) -> None:
    visitor.open(prolific("typed", "5f0000000000000000000063"))
    visitor.begin()
    visitor.may_answer(0)
    visitor.press("Withdraw")
    visitor.press("Leave, and delete my answers")


def open_twice(visitor: Visitor) -> None:
    visitor.open(prolific("typed", "5f0000000000000000000064"))
    visitor.sees("You may stop")
    newer = Visitor(visitor.page.context.new_page(), visitor.url)
    newer.open(prolific("typed", "5f0000000000000000000064"))
    newer.sees("You may stop")


def come_back(visitor: Visitor) -> None:
    visitor.open(prolific("typed", "5f0000000000000000000065"))
    visitor.begin()
    visitor.do([0])
    visitor.may_answer(1)
    visitor.page.reload()


def break_the_server(visitor: Visitor) -> None:
    refusal = {"error": {"code": "no_good", "message": "no", "retryable": False}}
    visitor.page.route("**/consent", lambda route: route.fulfill(status=400, json=refusal))
    visitor.open("/s/typed")
    visitor.press("I agree")


def choose(visitor: Visitor) -> None:
    visitor.open("/s/chosen")
    visitor.begin()
    expect(visitor.page.locator(".panel:not(.waiting) .choices")).to_be_visible()


def opening(path: str) -> Callable[[Visitor], None]:
    return lambda visitor: visitor.open(path)


#: heading -> how to get there
OTHERS: dict[str, Callable[[Visitor], None]] = {
    "That’s fine": decline,
    "You have left the study": withdraw,
    "This study is open in another tab or window": open_twice,
    "Carry on where you left off": come_back,
    "Something went wrong": break_the_server,
    "What do you see?": choose,
    "Who made the pictures": opening("/s/typed/credits"),
    "The study has not begun yet": opening(f"/s/{DRAFT}"),
    "This link is not complete": opening("/s/typed?PROLIFIC_PID=sailboat"),
    "There is no study here": opening("/s/no-such-study"),
}


@pytest.mark.parametrize("heading", OTHERS)
def test_nothing_is_wrong_with_the_other_pages(visitor: Visitor, heading: str) -> None:
    """Endings by outcome, trouble, coming back, choosing, the credits."""
    seen: dict[str, list[str]] = {}
    OTHERS[heading](visitor)
    sees_heading(visitor, heading)
    judge(visitor.page, heading, seen)
    assert seen == {heading: []}


@pytest.mark.parametrize("window", ["zoomed", "phone", "narrow"])
def test_everything_is_in_reach_in_small_windows(new_visitor: NewVisitor, window: str) -> None:
    width, height = WINDOWS[window]
    visitor = new_visitor(viewport={"width": width, "height": height})
    visitor.open("/s/whole")
    for step in walk(visitor, (*whole.OPENING, *whole.PRACTICE[:3])):
        assert visitor.page.evaluate(SIDEWAYS) == 0, step.heading
        for button in visitor.page.locator("main button:visible").all():
            assert_in_reach(button)
        if step.heading == whole.QUESTION:
            for part in ("main input.words", "main h1", "main .typed .button.primary"):
                expect(visitor.page.locator(part)).to_be_in_viewport(ratio=1)


def assert_in_reach(button: Locator) -> None:
    """It can be scrolled into the window, and nothing lies on it there."""
    button.scroll_into_view_if_needed()
    top = """button => {
        const { left, top, width, height } = button.getBoundingClientRect();
        return button.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }"""
    assert button.evaluate(top), button.inner_text()


def test_a_session_with_forced_colours_and_reduced_motion(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(forced_colors="active", reduced_motion="reduce")
    visitor.open("/s/whole")
    seen: dict[str, list[str]] = {}
    for step in walk(visitor, (*whole.OPENING, *whole.PRACTICE[:3])):
        judge(visitor.page, step.heading, seen)
        assert visitor.page.evaluate("document.getAnimations().length") == 0
    assert {name: found for name, found in seen.items() if found} == {}
    grey = visitor.page.locator(".stage").evaluate("stage => getComputedStyle(stage).backgroundColor")
    assert grey == "rgb(128, 128, 128)"


def test_a_screen_reader_is_told_where_one_is(visitor: Visitor) -> None:
    """Up to the picture: headings take the focus, questions name their fields, changes are announced."""
    visitor.open("/s/typed")
    heading = visitor.page.get_by_role("heading", level=1)
    expect(heading).to_be_focused()
    visitor.enter("I agree")
    expect(heading).to_have_text("The pictures flash")
    expect(heading).to_be_focused()
    visitor.read_warning()
    visitor.enter("Start the practice")
    visitor.may_answer(0)
    expect(visitor.page.get_by_role("img", name="The picture appears here")).to_be_attached()
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_role("alert")).to_contain_text("Type a guess")
    expect(visitor.page.get_by_role("textbox", name="Your answer")).to_have_accessible_description(
        "Type a guess, or choose “I don’t know”."
    )
    visitor.page.keyboard.type("teacup\n")
    expect(visitor.page.locator("main [role=status]")).to_contain_text("Right!")
    expect(visitor.page.get_by_role("progressbar", name="Progress")).to_have_attribute("max", str(TRIALS))
