"""A participant who goes through the page, whatever happens to page, tab, browser and network."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import NamedTuple

from playwright.async_api import Error, Page

from tests.chaos.browser.device import Device
from tests.chaos.browser.journal import Journal, Pressed, Sitting

RELOAD = "page reloaded"
CLOSE = "tab closed, another opened"
KILL = "browser killed by SIGKILL, started again"
OFFLINE = "browser offline for a while"
SECOND = "second tab opened"
#: share of the trials in which something happens to the browser
TROUBLED = 0.45
#: how long an offline spell lasts, seconds
OFFLINE_SECONDS = (0.5, 4.0)
#: how long after the press of Enter "in that instant" is at most, seconds
INSTANT_SECONDS = 0.03
#: how long a page may take to take an answer, to arrive, or to be told, seconds
PATIENCE = 60.0
#: how long a sitting may take, seconds
LONGEST = 300.0
SUPERSEDED = "open in another tab"
BROKEN = "Something went wrong"
#: what the page wants: its kind, and the text that says more
LOOK = """() => {
  const page = document.querySelector("#page");
  if (page === null) return ["elsewhere", ""];
  const code = page.querySelector("output.code");
  if (code !== null) return ["code", code.textContent];
  if (page.querySelector(".overdue") !== null) return ["overdue", ""];
  const where = document.querySelector("#header .where").textContent;
  const words = page.querySelector("input.words");
  if (words !== null) {
    const asked = !words.disabled && page.querySelector(".panel.waiting") === null;
    return [asked ? "words" : "wait", where];
  }
  const title = page.querySelector("h1")?.textContent ?? "";
  return [page.querySelector(".button.primary:enabled") === null ? "wait" : "button", title];
}"""
NUMBER = re.compile(r"(\d+) \D+ (\d+)")


class View(NamedTuple):
    """What a page shows."""

    kind: str
    text: str


class Person:
    """Takes part until the page shows a completion code."""

    def __init__(self, device: Device, url: str, sitting: Sitting, journal: Journal, rng: Random) -> None:
        self.device, self.url, self.sitting, self.journal, self.rng = device, url, sitting, journal, rng
        device.taken = self.taken
        self.page: Page
        #: the page that an answer was given to last, and the answer
        self.last: tuple[Page, Pressed] | None = None
        self._back: asyncio.Task[None] | None = None
        self._acts: dict[str, Callable[[], Awaitable[None]]] = {
            RELOAD: self._reload,
            CLOSE: self._close,
            KILL: self._kill,
            OFFLINE: self._offline,
            SECOND: self._second_tab,
        }

    def taken(self, page: Page, count: int) -> None:
        """A page shows so many answers as taken."""
        if self.last is not None and self.last[0] == page and count > self.last[1].index:
            self.last[1].taken = True

    async def take_part(self) -> None:
        """A whole sitting. What should not happen is noted, and ends it."""
        try:
            async with asyncio.timeout(LONGEST):
                self.page = await self.device.start()
                await self._load()
                while self.sitting.code is None:
                    await self._step(await self._look(self.page))
        except (TimeoutError, Error) as error:
            self.sitting.problems.append(f"{type(error).__name__} {error} at: {await self._said()}")
        finally:
            if self._back is not None:
                self._back.cancel()
            await self.device.close()

    async def _look(self, page: Page) -> View:
        try:
            return View(*await page.evaluate(LOOK))
        except Error:
            return View("wait", "")

    async def _step(self, view: View) -> None:
        match view.kind:
            case "code":
                self.sitting.code = view.text
            case "words":
                await self._trial(view.text)
            case "button":
                await self._go_on(view)
            case "elsewhere":
                await self._load()
            case "overdue":
                await self._load_again()
            case _:
                await asyncio.sleep(0.03)

    async def _go_on(self, view: View) -> None:
        if BROKEN in view.text:
            self.sitting.problems.append(f"the page gave up: {await self._said()}")
        with suppress(Error):
            await self.page.get_by_role("main").locator(".button.primary").first.click(timeout=2000)

    async def _said(self) -> str:
        with suppress(Error):
            return " ".join((await self.page.locator("body").inner_text(timeout=2000)).split())
        return "a page that does not answer"

    async def _load_again(self) -> None:
        """Do as a page says whose script did not arrive; return at once if it came after all."""
        with suppress(Error):
            await self.page.locator(".overdue a").click(timeout=10_000)

    async def _load(self) -> None:
        """Open the page, as often as it takes while there is no network or no server."""
        while True:
            with suppress(Error):
                await self.page.goto(self.url)
                await self.page.bring_to_front()
                if await self.page.locator("#page").count():
                    return
            await asyncio.sleep(0.2)

    async def _trial(self, where: str) -> None:
        found = NUMBER.search(where)
        if found is None:
            return
        index, self.sitting.trials = int(found[1]) - 1, int(found[2])
        act, moment = self._trouble()
        if act is not None and moment == "before":
            await act()
            return
        pressed = await self._answer(index)
        if act is not None and moment == "instant":
            await asyncio.sleep(self.rng.random() * INSTANT_SECONDS)
            await act()
            return
        await self._wait_until_taken(pressed)
        if act is not None:
            await act()

    def _trouble(self) -> tuple[Callable[[], Awaitable[None]] | None, str]:
        """What happens to this trial's page, and when; None for nothing."""
        name, moment = self.rng.choice(list(self._acts)), self.rng.choice(("before", "instant", "after"))
        if self.rng.random() >= TROUBLED:
            return None, moment
        self.journal.browsers[name] += 1
        return self._acts[name], moment

    async def _answer(self, index: int) -> Pressed:
        """Type words that nobody else types, and press Enter."""
        text = f"{self.sitting.pid[-4:]} t{index} p{len(self.sitting.pressed)}"
        pressed = Pressed(index, text)
        with suppress(Error):
            await self.page.locator("input.words").fill("", timeout=2000)
            await self.page.keyboard.type(text)
            self.last = (self.page, pressed)
            self.sitting.pressed.append(pressed)
            await self.page.keyboard.press("Enter")
        return pressed

    async def _wait_until_taken(self, pressed: Pressed) -> None:
        """Return when the page shows the next step, or something else than this trial."""
        until = time.monotonic() + PATIENCE
        while not pressed.taken and time.monotonic() < until:
            view = await self._look(self.page)
            if view.kind in ("button", "elsewhere") and not pressed.taken:
                await asyncio.sleep(0.1)
                return
            await asyncio.sleep(0.02)
        if not pressed.taken:
            self.sitting.problems.append(f"the answer {pressed.text!r} was not taken in {PATIENCE:.0f} s")

    async def _reload(self) -> None:
        with suppress(Error):
            await self.page.reload()
        if (await self._look(self.page)).kind == "elsewhere":
            await self._load()

    async def _close(self) -> None:
        await self.page.close()
        self.page = await self.device.tab()
        await self._load()

    async def _kill(self) -> None:
        await self.device.kill()
        self.page = await self.device.start()
        await self._load()

    async def _offline(self) -> None:
        """Cut the network for a while in which the participant goes on."""
        if self._back is not None and not self._back.done():
            return
        await self.device.go_offline(True)

        async def come_back() -> None:
            await asyncio.sleep(self.rng.uniform(*OFFLINE_SECONDS))
            await self.device.go_offline(False)

        self._back = asyncio.create_task(come_back())

    async def _second_tab(self) -> None:
        """Open the study once more; go on there, or in the older tab after it was told."""
        older, self.page = self.page, await self.device.tab()
        await self._load()
        await self._wait_until_told(older)
        newer = self.page
        if self.rng.random() < 0.5:
            await older.close()
            return
        self.page = older
        await older.bring_to_front()
        with suppress(Error):
            await older.get_by_role("button", name="Continue here").click(timeout=5000)
        await self._wait_until_told(newer)
        await newer.close()

    async def _wait_until_told(self, page: Page) -> None:
        """Return when a tab says that the study is open in another one, or has ended."""
        began = time.monotonic()
        while time.monotonic() < began + PATIENCE:
            view = await self._look(page)
            if (await self._look(self.page)).kind == "overdue":
                await self._load_again()
            if SUPERSEDED in view.text or view.kind == "code":
                self.sitting.told.append(time.monotonic() - began)
                return
            await asyncio.sleep(0.03)
        self.sitting.problems.append(f"an older tab was not told to stop in {PATIENCE:.0f} s: {view}")
