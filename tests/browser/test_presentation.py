"""What a trial shows, for how long, how large, and what it says of that."""

from __future__ import annotations

import io
import itertools
import json
import math
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.installation import TRIALS, Installation
from tests.browser.plugin_page import OpenPage, open_page, plugin_address
from tests.browser.visitor import Visitor

__all__ = ["open_page", "plugin_address"]

pytestmark = pytest.mark.browser

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
PICTURE = ["rgb(255 0 0)", "rgb(0 255 0)", "rgb(0 0 255)", "rgb(255 255 0)"]
MASK = ["rgb(0 0 0)", "rgb(255 255 255)", "rgb(255 255 255)", "rgb(0 0 0)"]
TRIAL = {"picture": PICTURE, "mask": MASK, "fixation_ms": 60, "exposure_ms": 100, "mask_ms": 50}
#: of the drawings on a trial's canvas: the picture's, and that which removes it
PICTURE_DRAWN, REMOVAL_DRAWN = 3, 4


def begin(page: Page, **changes: Any) -> None:
    """Start a trial; the answer is to be chosen between two words."""
    given = {**TRIAL, "alternatives": ["this", "that"], **changes}
    page.evaluate("given => { window.data = runPlugin('recognition', given) }", given)


def choose(page: Page) -> None:
    """Answer as soon as one may."""
    expect(page.locator(".panel:not(.waiting) .choice").first).to_be_visible()
    page.keyboard.press("1")


def trial(page: Page, **changes: Any) -> dict[str, Any]:
    """A whole trial; what it measured."""
    begin(page, **changes)
    choose(page)
    found: dict[str, Any] = page.evaluate("window.data")
    return found


# -- frames ----------------------------------------------------------------------------------------------


RATES = (59.94, 60, 75, 90, 120, 144, 240)


def frame_times(rate: float, whole_ms: bool) -> list[float]:
    """Times of a second's frames, four of them missed; some browsers round them to milliseconds."""
    exact = [1000 * frame / rate for frame in range(61) if frame not in {7, 19, 20, 40}]
    return [math.floor(time) if whole_ms else time for time in exact]


def test_the_interval_of_any_display_is_found(open_page: OpenPage) -> None:
    page = open_page()
    for rate, whole_ms in itertools.product(RATES, (False, True)):
        differences = [later - earlier for earlier, later in itertools.pairwise(frame_times(rate, whole_ms))]
        interval = page.evaluate("differences => intervalFrom(differences)", differences)
        assert interval == pytest.approx(1000 / rate, rel=0.005)


def test_a_frame_that_comes_late_counts_as_the_one_that_shows_it(open_page: OpenPage) -> None:
    frame = 1000 / 60
    grid = [number * frame for number in range(30)]
    on_time = [(time, time + 1) for time in grid]
    late = (30 * frame, 30 * frame + 40)
    after = [(time, time + 1) for time in (33 * frame, 34 * frame)]
    skipped = [(time, time + 1) for time in (36 * frame, 37 * frame)]
    found = open_page().evaluate("pairs => framesOf(pairs)", [*on_time, late, *after, *skipped])
    assert [number for number, frame in enumerate(found["frames"]) if frame["late"]] == [30]
    assert found["frames"][30]["late"] == 2
    assert found["dropped"] == 3
    assert found["interval"] == pytest.approx(frame, rel=1e-6)


# -- what is measured ------------------------------------------------------------------------------------

FRAMES_ONLY = (
    "Object.defineProperty(PerformanceObserver, 'supportedEntryTypes', { get: () => ['mark', 'measure'] });"
)


#: an exposure that is off by this share of a frame is flagged
OFF = 0.45


def flags_are_as_stored(measured: dict[str, Any], frames: int) -> bool:
    """Whether ``long`` and ``short`` say what the stored exposure says."""
    interval, flags = measured["frame_interval_ms"], measured["timing_flags"]
    excess = measured["exposure_measured_ms"] / interval - frames
    return ("long" in flags, "short" in flags) == (excess > OFF, -excess > OFF)


def is_consistent(measured: dict[str, Any], frames: int) -> bool:
    """Whether a trial's numbers agree; one with nothing wrong has the requested frames."""
    interval, exposure = measured["frame_interval_ms"], measured["exposure_measured_ms"]
    assert measured["exposure_frames"] == round(exposure / interval)
    assert flags_are_as_stored(measured, frames)
    if measured["timing_flags"]:
        return False
    assert measured["dropped_frames"] == 0
    assert measured["exposure_frames"] == frames
    assert abs(exposure - 100) <= interval
    assert measured["offset_ms"] - measured["onset_ms"] == pytest.approx(exposure, abs=0.02)
    assert measured["rt_ms"] >= exposure
    return True


@pytest.mark.parametrize("script", ["", FRAMES_ONLY], ids=["display", "frames alone"])
def test_an_idle_trial_lasts_its_whole_frames(open_page: OpenPage, script: str) -> None:
    page = open_page(script)
    trials = [trial(page) for _ in range(4)]
    frames = round(100 / trials[0]["frame_interval_ms"])
    consistent = [is_consistent(measured, frames) for measured in trials]
    assert any(consistent)
    told = [measured["client"]["display_onset_ms"] is not None for measured in trials]
    assert told == [script == ""] * len(trials)


def test_the_display_tells_of_a_picture_that_is_there_for_one_frame(open_page: OpenPage) -> None:
    page = open_page()
    trial(page)
    told = [trial(page, exposure_ms=1) for _ in range(6)]
    verified = [
        measured["client"]["display_onset_ms"] is not None
        and measured["client"]["display_offset_ms"] is not None
        and "late_onset" not in measured["timing_flags"]
        for measured in told
    ]
    assert sum(verified) >= 3


@pytest.mark.parametrize("script", ["", FRAMES_ONLY], ids=["display", "frames alone"])
@pytest.mark.parametrize(
    ("draws", "expected"), [(PICTURE_DRAWN, {"late_onset"}), (REMOVAL_DRAWN, {"late_offset", "long"})]
)
def test_a_stalled_frame_is_flagged(open_page: OpenPage, script: str, draws: int, expected: set[str]) -> None:
    page = open_page(script)
    frames = round(100 / trial(page)["frame_interval_ms"])
    page.evaluate("([draws, ms]) => stallAt(draws, ms)", [draws, 70])
    measured = trial(page)
    assert expected <= set(measured["timing_flags"])
    assert flags_are_as_stored(measured, frames)


def test_a_stall_between_the_frames_is_flagged(open_page: OpenPage) -> None:
    page = open_page()
    trial(page)
    page.evaluate(
        """() => {
          const busy = (ms) => { for (const end = performance.now() + ms; performance.now() < end; ); };
          addEventListener("drawn", () => setTimeout(() => busy(200), 30), { once: true });
          const draw = CanvasRenderingContext2D.prototype.drawImage;
          let count = 0;
          CanvasRenderingContext2D.prototype.drawImage = function (...given) {
            draw.apply(this, given);
            if (this.canvas.isConnected && ++count === 3) dispatchEvent(new Event("drawn"));
          };
        }"""
    )
    measured = trial(page)
    assert {"dropped", "long"} <= set(measured["timing_flags"])
    assert measured["exposure_measured_ms"] > 180
    assert measured["dropped_frames"] >= 4


def test_a_page_out_of_sight_is_flagged(open_page: OpenPage) -> None:
    page = open_page()
    begin(page, exposure_ms=400)
    page.wait_for_timeout(250)
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
          delete document.hidden;
        }"""
    )
    choose(page)
    assert "hidden" in page.evaluate("window.data")["timing_flags"]


def test_a_picture_until_the_answer(open_page: OpenPage) -> None:
    page = open_page()
    begin(page, exposure_ms=0, mask=None)
    expect(page.locator(".panel:not(.waiting) .choice").first).to_be_visible()
    page.wait_for_timeout(200)
    assert colours_shown(page) == {RED, GREEN, BLUE, YELLOW}
    page.keyboard.press("1")
    measured = page.evaluate("window.data")
    assert measured["dropped_frames"] is None
    assert measured["rt_ms"] > 150
    assert measured["exposure_measured_ms"] > measured["rt_ms"] - measured["frame_interval_ms"]
    assert not {"long", "short", "dropped"} & set(measured["timing_flags"])


# -- what is shown ---------------------------------------------------------------------------------------


def test_cross_picture_and_mask_follow_each_other(open_page: OpenPage) -> None:
    page = open_page(
        """
        window.corners = [];
        const draw = CanvasRenderingContext2D.prototype.drawImage;
        CanvasRenderingContext2D.prototype.drawImage = function (...given) {
          draw.apply(this, given);
          if (!this.canvas.isConnected) return;
          const [middle, corner] = [this.canvas.width / 2, 2];
          const at = (x, y) => [...this.getImageData(x, y, 1, 1).data.slice(0, 3)].join(" ");
          window.corners.push([at(corner, corner), at(middle, middle)]);
        };
        """
    )
    trial(page)
    grey, white = "128 128 128", "255 255 255"
    shown = page.evaluate("corners")
    assert shown[0] == [grey, grey]
    assert shown[1] == [grey, white]
    assert [corner for corner, _ in shown[2:]] == ["255 0 0", "0 0 0", grey]


def colours_shown(page: Page) -> set[Any]:
    """The colours on the canvas, as the screen has them."""
    return set(counts(page.locator("canvas").screenshot()))


def counts(screenshot: bytes) -> dict[Any, int]:
    """How many pixels there are of each colour."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    return {colour: count for count, colour in image.getcolors(maxcolors=2**24) or []}


@pytest.mark.parametrize("density", [1, 1.1, 1.25, 1.75, 2.625])
def test_a_picture_lies_on_whole_device_pixels(open_page: OpenPage, density: float) -> None:
    page = open_page(device_scale_factor=density, viewport={"width": 1001, "height": 701})
    begin(page, exposure_ms=0, mask=None, width=90)
    expect(page.locator(".panel:not(.waiting) .choice").first).to_be_visible()
    found = counts(page.screenshot())
    width = page.locator("canvas").evaluate("canvas => canvas.width")
    assert width == 90 * max(1, round(density))
    assert {colour: found.get(colour, 0) for colour in (RED, GREEN, BLUE, YELLOW)} == dict.fromkeys(
        (RED, GREEN, BLUE, YELLOW), (width // 2) ** 2
    )


@pytest.mark.parametrize("density", [1, 2])
def test_degrees_make_the_size(open_page: OpenPage, density: float) -> None:
    page = open_page(device_scale_factor=density)
    eye = {"device_px_per_mm": 4.0 * density, "distance_mm": 500.0}
    begin(page, size_degrees=5.0, **eye)
    expected = 2 * 500 * math.tan(math.radians(2.5)) * 4
    canvas = page.locator("canvas")
    assert canvas.evaluate("canvas => canvas.width") == round(expected * density)
    assert canvas.evaluate("canvas => canvas.getBoundingClientRect().width") == pytest.approx(expected, abs=1)
    choose(page)
    client = page.evaluate("window.data")["client"]
    assert client["picture_degrees"] == pytest.approx(5, abs=0.02)
    assert client["picture_scale"] == pytest.approx(expected * density / 100, rel=0.01)


def test_a_picture_that_does_not_fit_says_how_large_it_was(open_page: OpenPage) -> None:
    measured = trial(open_page(), size_degrees=60.0, device_px_per_mm=4.0, distance_mm=500.0)
    width = measured["client"]["picture_device_px"][0]
    assert width < 800
    seen = 2 * math.degrees(math.atan(width / 4 / 2 / 500))
    assert measured["client"]["picture_degrees"] == pytest.approx(seen, abs=0.01)


def test_the_screen_is_that_of_the_onset(open_page: OpenPage) -> None:
    page = open_page()
    begin(page, fixation_ms=600)
    page.set_viewport_size({"width": 1000, "height": 700})
    expect(page.locator(".panel:not(.waiting) .choice").first).to_be_visible()
    page.set_viewport_size({"width": 900, "height": 650})
    page.keyboard.press("1")
    client = page.evaluate("window.data")["client"]
    assert client["viewport"] == [1000, 700]
    assert client["picture_css_px"] == [100, 100]


def test_without_a_calibration_degrees_are_not_known(open_page: OpenPage) -> None:
    client = trial(open_page(), size_degrees=5.0)["client"]
    assert client["picture_degrees"] is None
    assert client["picture_device_px"] == [100, 100]


# -- what is stored --------------------------------------------------------------------------------------

#: of the study "typed"
EXPOSURE_MS = 100
STORED = """
SELECT onset_ms, offset_ms, exposure_measured_ms, exposure_frames, frame_interval_ms,
       dropped_frames, timing_flags, rt_ms, response.client
FROM response JOIN trial ON trial.id = response.trial_id
JOIN session ON session.id = response.session_id
JOIN identity ON identity.participant_id = session.participant_id
WHERE identity.prolific_pid = ? ORDER BY trial.trial_index
"""


def test_every_response_is_stored_with_what_was_shown(visitor: Visitor, installation: Installation) -> None:
    pid = "5f00000000000000000000a1"
    visitor.open(f"/s/typed?PROLIFIC_PID={pid}&STUDY_ID={pid}&SESSION_ID={pid}")
    visitor.begin()
    visitor.do(range(TRIALS))
    visitor.sees("Thank you!")
    installation.wait_for(TRIALS, STORED, pid)
    rows = installation.rows(STORED, pid)
    onsets = [row[0] for row in rows]
    assert onsets == sorted(onsets)
    for onset, offset, exposure, frames, interval, dropped, flags, rt, client in rows:
        assert frames == round(exposure / interval)
        assert rt > exposure
        assert json.loads(client)["picture_scale"] == 1
        if flags == "":
            assert dropped == 0
            assert abs(exposure - EXPOSURE_MS) <= interval / 2 + 0.1
            assert offset - onset == pytest.approx(exposure, abs=0.02)
