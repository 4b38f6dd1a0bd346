"""How long a picture was really shown: our plugin beside jsPsych's own, judged by the browser's trace.

By default 200 trials of each plugin, 50 at each exposure, with and without stalls of the main thread, and 48
of ours without the browser's account of its display; ``INTERPSCORE_TRIALS=200`` makes it 200 at each
exposure. The judge is compared once with the pixels of a screencast.
"""

from __future__ import annotations

import base64
import io
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.benchmarks.numbers_table import Numbers
from tests.benchmarks.presented_frames import Trace, traced
from tests.browser.conftest import browser
from tests.browser.plugin_page import build_page, served

__all__ = ["browser"]

pytestmark = pytest.mark.browser

EXPOSURES = (50, 100, 200, 500)
TRIALS = int(os.environ.get("INTERPSCORE_TRIALS", "50"))
PICTURES = 12
RED, BLUE = 0, 2
#: trials at the beginning of each block, which count for nothing
WARM_UP = 4
BLOCK = 100
INTERVAL_MS = 1000 / 60
#: takes the browser's own account of the display away from the page, as other browsers never give one
FRAMES_ONLY = (
    "Object.defineProperty(PerformanceObserver, 'supportedEntryTypes', { get: () => ['mark', 'measure'] });"
)


@dataclass
class Trial:
    """One trial: what was asked, what the page says, and what the trace says."""

    plugin: str
    exposure: int
    shown: float
    data: dict[str, Any] = field(repr=False)

    @property
    def error(self) -> float:
        """Of the exposure, in ms."""
        return self.shown - self.exposure

    @property
    def within_a_frame(self) -> bool:
        return abs(self.error) <= INTERVAL_MS

    @property
    def wrong(self) -> bool:
        """Whether the picture was not there for the requested number of frames."""
        return round(self.shown / INTERVAL_MS) != round(self.exposure / INTERVAL_MS)

    @property
    def flagged(self) -> bool:
        return bool(self.data.get("timing_flags"))


def picture(path: Path, rng: np.random.Generator, colour: int) -> None:
    """A blurred pattern in red or in blue, so that pictures and masks are told apart."""
    coarse = np.zeros((16, 16, 3), dtype=np.uint8)
    coarse[..., colour] = rng.integers(180, 256, (16, 16))
    Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("presentation")
    build_page(Path(__file__).with_name("presentation_page.js"), folder)
    rng = np.random.default_rng(5)
    for number in range(2 * PICTURES):
        picture(folder / f"{number}.png", rng, RED if number < PICTURES else BLUE)
    with served(folder) as url:
        yield url


def planned(plugins: Sequence[str], count: int, seed: int) -> list[dict[str, Any]]:
    """So many trials of each plugin at each exposure, in random order, the plugins by turns."""
    exposures = [exposure for exposure in EXPOSURES for _ in range(count)]
    random.Random(seed).shuffle(exposures)
    pairs = [(plugin, exposure) for exposure in exposures for plugin in plugins]
    return [
        {
            "number": number,
            "plugin": plugin,
            "exposure": exposure,
            "picture": f"{number % PICTURES}.png",
            "mask": f"{PICTURES + number % PICTURES}.png",
        }
        for number, (plugin, exposure) in enumerate(pairs)
    ]


def judged(trials: list[dict[str, Any]], data: list[dict[str, Any]], trace: Trace) -> list[Trial]:
    """The trace's verdict on each trial. Ours draws blank, cross, picture, mask; theirs draws, and hides."""
    marks: dict[tuple[int, str], list[int]] = {}
    for name, at in trace.marks():
        if name.startswith("trial "):
            _, number, what = name.split(" ")
            marks.setdefault((int(number), what), []).append(at)
    found = []
    for trial, measured in zip(trials, data, strict=True):
        drawn = marks[trial["number"], "drawn"]
        ours = trial["plugin"] == "ours"
        on, off = drawn[2:4] if ours else (drawn[0], marks[trial["number"], "hidden"][-1])
        shown = trace.presented(off) - trace.presented(on)
        found.append(Trial(trial["plugin"], trial["exposure"], shown, measured))
    return found


def run(page: Page, trials: list[dict[str, Any]], seed: int) -> list[Trial]:
    """Run trials in blocks, each traced; ``seed`` is that of the stalls, 0 for none."""
    assert page.context.browser is not None
    found: list[Trial] = []
    for first in range(0, len(trials), BLOCK):
        block = trials[:WARM_UP] + trials[first : first + BLOCK]
        block = [{**trial, "number": number} for number, trial in enumerate(block)]
        with traced(page.context.browser) as trace:
            data = page.evaluate("([trials, seed]) => run(trials, seed)", [block, seed and seed + first])
        found += judged(block, data, trace)[WARM_UP:]
    return found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(address)
    yield page
    context.close()


def tell(numbers: Numbers, what: str, trials: Sequence[Trial]) -> None:
    """A row for each plugin and exposure."""
    for plugin in ("jspsych", "ours"):
        for exposure in EXPOSURES:
            some = [trial for trial in trials if (trial.plugin, trial.exposure) == (plugin, exposure)]
            if some:
                numbers.add(f"{what}, {exposure} ms, {len(some)} trials", plugin, summary(some))
    ours = [trial for trial in trials if trial.plugin == "ours"]
    wrong = [trial for trial in ours if trial.wrong]
    right = [trial for trial in ours if not trial.wrong]
    caught = f"{sum(trial.flagged for trial in wrong)} of {len(wrong)}"
    numbers.add(f"{what}: wrong ones flagged", "ours", caught, "all")
    numbers.add(f"{what}: right ones flagged", "ours", f"{sum(t.flagged for t in right)} of {len(right)}")


def summary(trials: Sequence[Trial]) -> str:
    near = np.mean([trial.within_a_frame for trial in trials])
    exact = 1 - np.mean([trial.wrong for trial in trials])
    errors = np.array([trial.error for trial in trials])
    shares = f"{near:6.1%} within a frame, {exact:6.1%} exact"
    return f"{shares}, error {errors.mean():+6.1f} ± {errors.std():5.1f} ms"


def unnoticed(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.plugin == "ours" and trial.wrong and not trial.flagged]


@pytest.mark.parametrize("stalls", [0, 7], ids=["idle", "stalled"])
def test_exposure_beside_jspsych(page: Page, numbers: Numbers, stalls: int) -> None:
    trials = run(page, planned(("ours", "jspsych"), TRIALS, 1), stalls)
    tell(numbers, "stalled" if stalls else "idle", trials)
    assert unnoticed(trials) == []


@pytest.mark.parametrize("stalls", [0, 7], ids=["idle", "stalled"])
def test_exposure_where_the_browser_tells_only_frames(
    browser: Browser, address: str, numbers: Numbers, stalls: int
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.add_init_script(FRAMES_ONLY)
    page = context.new_page()
    page.goto(address)
    trials = run(page, planned(("ours",), max(1, TRIALS // 4), 2), stalls)
    tell(numbers, ("stalled" if stalls else "idle") + ", by frames alone", trials)
    context.close()


def shows_picture(frame: str) -> bool:
    """Whether a frame of a screencast has a picture, no mask and no grey, in its middle."""
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(frame))).convert("RGB")).astype(int)
    return bool(np.mean((image[..., RED] > 140) & (image[..., 1:].max(axis=2) < 90)) > 0.02)


def shown_in(frames: Sequence[tuple[float, str]]) -> list[float]:
    """How long each picture was there, by the times of the frames in ms."""
    shown, since = [], None
    for at, frame in frames:
        if shows_picture(frame) and since is None:
            since = at
        elif since is not None and not shows_picture(frame):
            shown.append(at - since)
            since = None
    return shown


@contextmanager
def screencast(page: Page) -> Iterator[list[tuple[float, str]]]:
    """Every frame that the browser composes in the block, small, with its time in ms."""
    session, frames = page.context.new_cdp_session(page), []

    def keep(frame: dict[str, Any]) -> None:
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})
        frames.append((1000 * frame["metadata"]["timestamp"], frame["data"]))

    session.on("Page.screencastFrame", keep)
    size = {"maxWidth": 160, "maxHeight": 120, "format": "jpeg", "everyNthFrame": 1}
    session.send("Page.startScreencast", size)
    yield frames
    session.send("Page.stopScreencast")


def test_the_judge_beside_the_pixels(browser: Browser, address: str, numbers: Numbers) -> None:
    page = browser.new_context(viewport={"width": 640, "height": 480}).new_page()
    page.goto(address)
    trials = planned(("ours", "jspsych"), 5, 3)
    with traced(browser) as trace, screencast(page) as frames:
        data = page.evaluate("([trials, seed]) => run(trials, seed)", [trials, 9])
    page.context.close()
    judge = [trial.shown for trial in judged(trials, data, trace)]
    shown = shown_in(frames)
    told = f"{len(shown)} pictures in the screencast of {len(judge)}"
    if len(shown) == len(judge):
        apart = np.abs(np.subtract(shown, judge))
        near = f"{np.mean(apart <= INTERVAL_MS):.0%} within a frame of the trace"
        told += f"; {near}, median {np.median(apart):.1f} ms"
    numbers.add("stalled: the trace beside the pixels", "both", told)
