"""The pages that measure the screen by a card and the viewing distance by the blind spot."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.plugin_page import OpenPage, open_page, plugin_address

__all__ = ["open_page", "plugin_address"]

pytestmark = pytest.mark.browser

LONG_MM, SHORT_MM = 85.6, 53.98
CONFIRM = "It is as large as my card"
PX_PER_MM = 4.0
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
}


class Start(Protocol):
    """Open a page that runs one plugin; ``data`` there becomes what it measured."""

    def __call__(self, plugin: str, parameters: dict[str, Any] | None = None, **options: Any) -> Page: ...


@pytest.fixture
def start(open_page: OpenPage) -> Start:
    def started(plugin: str, parameters: dict[str, Any] | None = None, **options: Any) -> Page:
        page = open_page(**options)
        page.evaluate("([name, given]) => { window.data = runPlugin(name, given) }", [plugin, parameters])
        return page

    return started


def data(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("window.data")
    return found


def size(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box is not None
    return box["width"], box["height"]


@pytest.mark.parametrize("density", [1, 1.5])
def test_the_card_gives_the_size_of_a_device_pixel(start: Start, density: float) -> None:
    page = start("card", device_scale_factor=density)
    confirm = page.get_by_role("button", name=CONFIRM)
    expect(confirm).to_be_disabled()
    for _ in range(40):
        page.keyboard.press("+")
    page.keyboard.press("-")
    width, height = size(page.locator(".card"))
    assert width / height == pytest.approx(LONG_MM / SHORT_MM, rel=0.01)
    confirm.click()
    measured = data(page)
    assert measured["device_px_per_mm"] == pytest.approx(width * density / LONG_MM, rel=0.005)
    assert measured["card_tries"] == 41


def test_the_card_by_pointer_and_slider(start: Start) -> None:
    page = start("card")
    card, slider = page.locator(".card"), page.get_by_role("slider", name="Size of the drawing")
    before, height = size(card)
    box = card.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + before, box["y"] + height / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + before + 100, box["y"] + height / 2, steps=4)
    page.mouse.up()
    assert size(card)[0] == pytest.approx(before + 100, abs=1)
    assert float(slider.input_value()) == pytest.approx(before + 100, abs=1)
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="Larger").click()
    page.get_by_role("button", name="Smaller").click()
    page.get_by_role("button", name="Larger").click()
    assert size(card)[0] == pytest.approx(before + 101.5, abs=1)
    page.get_by_role("button", name=CONFIRM).click()
    assert data(page)["device_px_per_mm"] == pytest.approx((before + 101.5) / LONG_MM, rel=0.01)


def test_the_card_stands_upright_on_a_phone(start: Start) -> None:
    page = start("card", **PHONE, has_touch=True)
    slider = page.get_by_role("slider")
    slider.fill(str(slider.get_attribute("max")))
    width, height = size(page.locator(".card"))
    assert height / width == pytest.approx(LONG_MM / SHORT_MM, rel=0.01)
    assert 370 < width <= 390
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.get_by_role("button", name=CONFIRM).tap()
    assert data(page)["device_px_per_mm"] == pytest.approx(2 * width / SHORT_MM, rel=0.005)


def press_beyond(page: Page, mm: float, press: Callable[[], None]) -> None:
    """Press when the dot has gone so far from the cross."""
    page.wait_for_function(
        """css => {
          const [dot, cross] = [".dot", ".fixate"].map((name) => document.querySelector(name));
          return !dot.hidden && parseFloat(dot.style.left) - parseFloat(cross.style.left) > css;
        }""",
        arg=mm * PX_PER_MM,
        polling=20,
    )
    press()


def test_the_blind_spot_gives_the_distance(start: Start) -> None:
    page = start("blind spot", {"device_px_per_mm": PX_PER_MM, "repeats": 3})
    places = [50.0, 58.0, 53.0]
    page.keyboard.press("Space")
    press_beyond(page, places[0], lambda: page.keyboard.press("Space"))
    expect(page.get_by_role("status")).to_have_text("1 of 3 done")
    press_beyond(page, places[1], lambda: page.locator(".field").click())
    press_beyond(page, places[2], lambda: page.keyboard.press("Space"))
    expect(page.get_by_role("status")).to_contain_text("cm from the screen")
    page.get_by_role("button", name="That is right").click()
    measured = data(page)
    for at, px in zip(places, measured["blind_spot_px"], strict=True):
        assert at * PX_PER_MM < px < (at + 12) * PX_PER_MM
    middle = sorted(measured["blind_spot_px"])[1]
    expected = middle / PX_PER_MM / math.tan(math.radians(13.5))
    assert measured["distance_mm"] == pytest.approx(expected, rel=1e-6)


def test_an_impossible_distance_is_measured_again_or_skipped(start: Start) -> None:
    page = start("blind spot", {"device_px_per_mm": PX_PER_MM, "repeats": 1})
    page.get_by_role("button", name="Start").click()
    press_beyond(page, 20, lambda: page.keyboard.press("Space"))
    expect(page.get_by_role("button", name="Measure again")).to_be_visible()
    assert page.get_by_role("button", name="That is right").count() == 0
    page.get_by_role("button", name="Measure again").click()
    press_beyond(page, 52, lambda: page.keyboard.press("Space"))
    expect(page.get_by_role("button", name="That is right")).to_be_visible()
    page.get_by_role("button", name="Skip this").click()
    assert data(page)["distance_mm"] is None


def test_a_window_too_narrow_for_the_blind_spot_skips_it(start: Start) -> None:
    page = start("blind spot", {"device_px_per_mm": 12.0}, **PHONE)
    assert data(page)["distance_mm"] is None
    assert data(page)["blind_spot_px"] == []
