"""What a real browser says of answers that hands and machines put in, and what the server makes of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from experiment_server.design.keystrokes import machine_typed, pasted
from tests.browser.plugin_page import OpenPage, open_page, plugin_address

__all__ = ["open_page", "plugin_address"]

pytestmark = pytest.mark.browser

TRIAL = {"picture": ["red", "green", "blue", "yellow"], "fixation_ms": 0, "exposure_ms": 40, "mask_ms": 0}
WORD = "sailboat"
WRITE = """input => {
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, "sailboat");
  input.dispatchEvent(new Event("input", { bubbles: true }));
}"""


def pause(page: Page, rng: Random) -> None:
    """As long as a hand takes from one key to the next."""
    page.wait_for_timeout(rng.uniform(40, 160))


def type_by_hand(page: Page) -> None:
    rng = Random(1)
    for letter in WORD:
        page.keyboard.press(letter)
        pause(page, rng)


def hold_backspace(page: Page) -> None:
    """Type something else, hold the key that takes it away, and type the word."""
    for letter in "kayak":
        page.keyboard.press(letter)
        page.wait_for_timeout(60)
    for _ in range(8):
        page.keyboard.down("Backspace")
        page.wait_for_timeout(30)
    page.keyboard.up("Backspace")
    type_by_hand(page)


def take_a_suggestion(page: Page) -> None:
    """Two letters composed, and the word that a phone's keyboard suggests."""
    browser = page.context.new_cdp_session(page)
    for text in ("s", "sa"):
        browser.send("Input.imeSetComposition", {"text": text, "selectionStart": 2, "selectionEnd": 2})
        page.wait_for_timeout(90)
    browser.send("Input.insertText", {"text": WORD})


def robot(page: Page) -> None:
    page.keyboard.type(WORD)


def insert(page: Page) -> None:
    page.keyboard.insert_text(WORD)


def fill(page: Page) -> None:
    page.get_by_role("textbox").fill(WORD)


def write(page: Page) -> None:
    page.get_by_role("textbox").evaluate(WRITE)


def paste(page: Page) -> None:
    page.get_by_role("textbox").evaluate("() => navigator.clipboard.writeText('sailboat')")
    page.keyboard.press("Control+v")


HANDS = {"type": type_by_hand, "hold backspace": hold_backspace, "suggestion": take_a_suggestion}
MACHINES = {"robot": robot, "insert": insert, "fill": fill, "write": write}


def answered(page: Page, put_in: Callable[[Page], None]) -> dict[str, Any]:
    """What the page sends of an answer."""
    given = {**TRIAL, "alternatives": None}
    page.evaluate("given => { window.data = runPlugin('recognition', given) }", given)
    expect(page.get_by_role("textbox")).to_be_focused()
    put_in(page)
    expect(page.get_by_role("textbox")).to_have_value(WORD)
    page.keyboard.press("Enter")
    found: dict[str, Any] = page.evaluate("window.data")
    assert found["response"] == WORD
    return dict(found["client"])


@pytest.mark.parametrize("way", HANDS)
def test_hands_are_believed(open_page: OpenPage, way: str) -> None:
    client = answered(open_page(), HANDS[way])
    assert not pasted(client)
    assert not machine_typed(WORD, {"touch": False, **client})


@pytest.mark.parametrize("way", MACHINES)
def test_machines_are_found(open_page: OpenPage, way: str) -> None:
    client = answered(open_page(), MACHINES[way])
    assert machine_typed(WORD, {"touch": False, **client}) is True


def test_pastes_are_found(open_page: OpenPage) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    assert pasted(answered(page, paste))
