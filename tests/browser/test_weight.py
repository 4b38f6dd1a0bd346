"""What the page weighs, and whether it can be used at 1 Mbit/s."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Response

from tests.browser import installation as small
from tests.browser.conftest import NewVisitor
from tests.browser.installation import TRIALS, Installation
from tests.browser.plugin_page import build_page, served
from tests.browser.test_participant_flow import prolific
from tests.browser.visitor import ANSWERS, Visitor

pytestmark = pytest.mark.browser

MOST_BYTES = 150_000
#: of a picture's sides, pixels
SIDE = 288
SOURCES = 3
#: answers that are given on the slow line
ANSWERED = 5
#: shades of a picture's noise and the step from one to the next, so that pictures and masks have about 100 KB
SHADES = 8
STEP = 8
BITS_PER_SECOND = 1_000_000
LATENCY_MS = 100
#: from the moment when an answer may be typed to Enter
THINKING_MS = 1500
#: from Enter to the next trial, in ms
WAITS = """(() => {
  window.waits = [];
  let pressed = null, panel = null;
  addEventListener("keydown", (event) => { if (event.key === "Enter") pressed = event.timeStamp; }, true);
  new MutationObserver(() => {
    const found = document.querySelector("input.words");
    if (found !== null && found !== panel && pressed !== null) window.waits.push(performance.now() - pressed);
    if (found !== null && found !== panel) [panel, pressed] = [found, null];
  }).observe(document, {childList: true, subtree: true});
})()"""


def test_the_first_load_is_light_and_asks_no_one_else(visitor: Visitor, installation: Installation) -> None:
    text = small.study_text("typed").replace('name = "typed"', 'name = "italiano"\nlanguage = "it"')
    (installation.folder / "italiano.toml").write_text(text)
    open_study(installation, "italiano")
    replies: list[Response] = []

    def hear(reply: Response) -> None:
        replies.append(reply)

    visitor.page.on("response", hear)
    visitor.open(prolific("italiano", "5f0000000000000000000501"))
    visitor.sees("You may stop at any time.")
    visitor.page.wait_for_load_state("networkidle")
    assert {urlsplit(url).netloc for url in visitor.requested} == {urlsplit(visitor.url).netloc}
    bodies = {urlsplit(reply.url).path: reply.body() for reply in replies}
    assert {"/s/italiano", "/static/app.js", "/static/app.css"} <= set(bodies)
    packed = {path: len(gzip.compress(body, mtime=0)) for path, body in bodies.items()}
    print(packed, sum(packed.values()), sum(map(len, bodies.values())))
    assert sum(packed.values()) < MOST_BYTES


def open_study(installation: Installation, name: str) -> None:
    """Create a study from the file that is called like it, and open it."""
    installation.manage("study", "create", f"{name}.toml", "--quiet")
    installation.manage("study", "rehearse", name, "--quiet")


class Heavy(Installation):
    """One study, with pictures as heavy as photographs, shown as long as a study file's defaults say."""

    def create(self) -> None:
        rng = np.random.default_rng(5)
        for concept in (*small.CONCEPTS, small.PRACTICE, small.CATCH):
            for number in range(SOURCES):
                noise(self.folder / "pictures" / concept / f"{small.PICTURE}-{number}.png", rng)
        (self.folder / "conditions.toml").write_text(with_contrast(small.CONDITIONS))
        (self.folder / "lexicon.toml").write_text(small.LEXICON)
        options = ["--out", "stimuli", "--conditions", "conditions.toml", "--quiet"]
        self.manage("stimuli", "build", "pictures", *options)
        text = with_contrast(small.study_text("typed"))
        for name, ms in (("fixation", 300), ("exposure", 500), ("mask", 200)):
            text = re.sub(rf"{name}_ms = \d+", f"{name}_ms = {ms}", text)
        (self.folder / "typed.toml").write_text(text)
        open_study(self, "typed")

    def weights(self, kind: str) -> tuple[int, int]:
        """Bytes of the lightest and of the heaviest PNG in a folder of the stimuli."""
        sizes = [path.stat().st_size for path in (self.folder / "stimuli" / kind).glob("*.png")]
        return min(sizes), max(sizes)


def with_contrast(text: str) -> str:
    """Noise would make each picture twice as heavy."""
    of_this_size = text.replace(f"size = {small.SIZE}", f"size = {SIDE}")
    return of_this_size.replace('"gaussian_noise"\nseverity = 0.2', '"contrast"\nseverity = 0.5')


def noise(path: Path, rng: np.random.Generator) -> None:
    values = 128 + STEP * (rng.integers(0, SHADES, (SIDE, SIDE, 3)) - SHADES // 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


@pytest.fixture
def heavy(tmp_path: Path) -> Iterator[Heavy]:
    made = Heavy(tmp_path)
    made.create()
    made.start()
    yield made
    made.stop()


def test_no_trial_but_the_first_waits_for_its_picture_at_1_mbit(
    new_visitor: NewVisitor, heavy: Heavy
) -> None:
    visitor = new_visitor()
    visitor.url = heavy.url
    throttle(visitor.page)
    visitor.page.add_init_script(WAITS)
    visitor.open(prolific("typed", "5f0000000000000000000502"))
    visitor.sees("You may stop at any time.")
    loaded_ms = visitor.page.evaluate("performance.now()")
    visitor.begin()
    began = time.monotonic()
    visitor.may_answer(0)
    first_ms = 1000 * (time.monotonic() - began)
    behind = []
    for number, answer in enumerate(ANSWERS[:ANSWERED]):
        visitor.may_answer(number)
        visitor.page.keyboard.type(answer)
        visitor.page.wait_for_timeout(THINKING_MS)
        if pictures(visitor) < 2 * min(number + 2, TRIALS):
            behind.append(number + 1)
        visitor.page.keyboard.press("Enter" if answer else "Escape")
        visitor.after(number)
    weights = {kind: heavy.weights(kind) for kind in ("images", "masks")}
    print(f"first load: {loaded_ms:.0f} ms, first trial: {first_ms:.0f} ms; least and most bytes: {weights}")
    print("from Enter to the next trial, ms:", [round(ms) for ms in visitor.page.evaluate("waits")])
    assert behind == []


#: hands out the front end's client of the server
SCRIPT = """
import { Api } from "participant/api";
window.Api = Api;
"""
#: fetches a picture with so many ms of patience; the red, green and blue of its pixels, or the error's code
FETCH = """async ([path, patience]) => {
  try {
    const picture = await new Api("", "", patience).picture(path);
    const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, picture.width, picture.height);
    return [...data].filter((_, place) => place % 4 !== 3);
  } catch (error) {
    return error.code;
  }
}"""
#: a picture of that many grey pixels a side takes three times the patience, and is one of our masks' kind
SLOW_SIDE, SLOW_BYTES_PER_SECOND, PATIENCE_MS = 200, 13_000, 1000


@pytest.fixture
def slow_page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A slow line to a folder with ``slow.png``; ``never.png`` is never answered."""
    (tmp_path / "script.js").write_text(SCRIPT)
    build_page(tmp_path / "script.js", tmp_path)
    grey = np.random.default_rng(6).integers(0, 256, (SLOW_SIDE, SLOW_SIDE))
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "slow.png")
    context = browser.new_context()
    page = context.new_page()
    with served(tmp_path) as url:
        page.goto(url)
        page.route("**/never.png", lambda _: None)
        throttle(page, SLOW_BYTES_PER_SECOND)
        yield page
        context.close()


def test_a_picture_may_take_long_as_long_as_it_comes(slow_page: Page, tmp_path: Path) -> None:
    colours = slow_page.evaluate(FETCH, ["slow.png", PATIENCE_MS])
    took_ms = slow_page.evaluate(
        "performance.getEntriesByName(new URL('slow.png', document.URL).href)[0].duration"
    )
    assert took_ms > 2 * PATIENCE_MS
    grey = np.asarray(Image.open(tmp_path / "slow.png"))
    assert colours == np.repeat(grey.reshape(-1, 1), 3, axis=1).ravel().tolist()


def test_a_picture_of_which_nothing_comes_is_given_up(slow_page: Page) -> None:
    assert slow_page.evaluate(FETCH, ["never.png", PATIENCE_MS]) == "unreachable"


def throttle(page: Page, bytes_per_second: float = BITS_PER_SECOND / 8) -> None:
    conditions = {
        "offline": False,
        "latency": LATENCY_MS,
        "downloadThroughput": bytes_per_second,
        "uploadThroughput": bytes_per_second,
    }
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", conditions)


def pictures(visitor: Visitor) -> int:
    """How many pictures and masks are fetched."""
    return len([url for url in visitor.fetched if "/pictures/" in url])
