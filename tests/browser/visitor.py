"""A person at the page: what they read, type and press, and what their browser noticed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.installation import PRACTICE_TRIALS, TRIALS

ANSWERS = ("a teacup", "cup", "sailboat", "light house", "tree", "Umbrella", "", "pine apple")


@dataclass
class Visitor:
    """One page and everything it said. An empty answer means "I don't know"."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    fetched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfinished", lambda request: self.fetched.add(request.url))
        self.page.on("request", lambda request: self.requested.append(request.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name).click()

    def enter(self, name: str | re.Pattern[str]) -> None:
        """Go on with Tab to the button of this name, and press it with Enter."""
        target = self.page.get_by_role("button", name=name)
        expect(target).to_be_enabled()
        for _ in range(12):
            if target.evaluate("button => button === document.activeElement"):
                break
            self.page.keyboard.press("Tab")
        expect(target).to_be_focused()
        self.page.keyboard.press("Enter")

    def sees(self, text: str) -> None:
        expect(self.page.get_by_role("main")).to_contain_text(text)

    def begin(self) -> None:
        self.press("I agree")
        self.read_warning()
        self.press("Start the practice")

    def read_warning(self) -> None:
        """Go past the warning of flashing pictures, in studies that give one."""
        title = self.page.get_by_role("heading", level=1, name=re.compile("^(The pictures|You will name)"))
        if title.inner_text().startswith("The pictures"):
            self.press("That is fine for me")

    def answer(self, number: int, response: str) -> None:
        """Type the answer to the trial with this number, counted from 0, when it may be typed."""
        self.may_answer(number)
        self.page.keyboard.type(response)
        self.page.keyboard.press("Enter" if response else "Escape")
        self.after(number)

    def may_answer(self, number: int) -> None:
        """Wait until the answer to the trial with this number may be typed."""
        expect(self.page.locator("#header .where")).to_contain_text(f"Picture {number + 1} of {TRIALS}")
        words = self.page.get_by_role("textbox", name="Your answer")
        expect(words).to_be_enabled()
        expect(words).to_be_focused()

    def has_pictures(self, count: int) -> None:
        """Wait until the pictures and masks of so many trials, counted from the first, are fetched."""
        for _ in range(400):
            if len([url for url in self.fetched if "/pictures/" in url]) >= 2 * count:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"not all pictures of {count} trials were fetched: {sorted(self.fetched)}")

    def after(self, number: int) -> None:
        """Read the feedback of a practice trial, and what stands between practice and trials."""
        if number < PRACTICE_TRIALS:
            self.press("Next")
        if number == PRACTICE_TRIALS - 1:
            self.press("I’m ready")

    def do(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.answer(number, ANSWERS[number])

    def finish(self) -> None:
        self.sees("Thank you!")
        self.press("Finish and get my completion code")

    @property
    def code(self) -> str:
        return self.page.locator("output.code").inner_text()
