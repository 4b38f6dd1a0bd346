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
from playwright.sync_api import Page, Response

from tests.browser import installation as small
from tests.browser.conftest import NewVisitor
from tests.browser.installation import TRIALS, Installation
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
THROTTLED = {
    "offline": False,
    "latency": LATENCY_MS,
    "downloadThroughput": BITS_PER_SECOND / 8,
    "uploadThroughput": BITS_PER_SECOND / 8,
}
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


def throttle(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", THROTTLED)


def pictures(visitor: Visitor) -> int:
    """How many pictures and masks are fetched."""
    return len([url for url in visitor.fetched if "/pictures/" in url])
