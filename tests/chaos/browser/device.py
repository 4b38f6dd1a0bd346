"""A participant's browser: a Chromium with a profile on the disk, which may be killed and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import BrowserContext, Error, Page, Playwright

from tests.browser.conftest import CHROMIUM_OPTIONS
from tests.functional.postgres_process import wait_until_gone

PATIENCE_MS = 20_000
#: tells how many answers the page has taken, whenever its progress bar moves
WATCH = """(() => {
  const look = () => {
    const bar = document.querySelector("#header progress");
    if (bar !== null && !bar.hidden) window.interpscoreTaken(bar.value);
  };
  new MutationObserver(look).observe(document, {subtree: true, attributeFilter: ["value", "hidden"]});
})()"""


class Device:
    """One profile, and the browser that is open on it."""

    def __init__(self, playwright: Playwright, profile: Path) -> None:
        self._playwright, self._profile = playwright, profile
        #: is told by a page how many answers it shows as taken
        self.taken: Callable[[Page, int], None]
        self.context: BrowserContext | None = None

    async def start(self) -> Page:
        """Open the browser; gives its one tab. A second one could push the first into the background."""
        self.context = await self._playwright.chromium.launch_persistent_context(
            self._profile,
            executable_path=os.environ.get("INTERPSCORE_CHROMIUM") or shutil.which("chromium"),
            args=CHROMIUM_OPTIONS,
        )
        self.context.set_default_timeout(PATIENCE_MS)
        await self.context.expose_binding("interpscoreTaken", self._hear)
        await self.context.add_init_script(WATCH)
        return self.context.pages[0]

    def _hear(self, source: dict[str, Any], count: float) -> None:
        self.taken(source["page"], int(count))

    async def tab(self) -> Page:
        """Open another tab."""
        assert self.context is not None
        return await self.context.new_page()

    async def go_offline(self, offline: bool) -> None:
        """Cut the browser's network, or put it back; a tab that closes in this moment makes it try again."""
        while (context := self.context) is not None:
            with suppress(Error):
                await context.set_offline(offline)
                break
            await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """SIGKILL to the browser and all its processes at once."""
        processes = self._processes()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until_gone(processes)
        await self.close()

    def _processes(self) -> list[psutil.Process]:
        """All that name the profile, and what they started."""
        option = f"--user-data-dir={self._profile}"
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if option in process.cmdline():
                    found += [process, *process.children(recursive=True)]
        return found

    async def close(self) -> None:
        """Close the browser; nothing if it is closed."""
        context, self.context = self.context, None
        if context is not None:
            with suppress(Error):
                await context.close()
