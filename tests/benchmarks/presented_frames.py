"""When the browser presented what a page drew, by the browser's own trace."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser

CATEGORIES = ["blink.user_timing", "devtools.timeline"]


class Trace:
    """The marks that a page set, and the frames that were presented after each of them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._ends: list[tuple[int, str]] = []
        self._presented: dict[str, int] = {}

    def read(self) -> None:
        """Find the frames. A frame's render phase and its presentation share an identifier."""
        rendering: dict[tuple[int, str], str] = {}
        for event in sorted(self.events, key=lambda event: int(event.get("ts", 0))):
            name, phase = event["name"], event["ph"]
            if not name.startswith("AnimationFrame"):
                continue
            if name == "AnimationFrame::Presentation":
                self._note_presentation(event)
                continue
            key = (event["pid"], str(event.get("id2")))
            if name == "AnimationFrame" and phase == "b":
                rendering[key] = event["args"]["id"]
            elif name == "AnimationFrame::Render" and phase == "e" and key in rendering:
                self._ends.append((event["ts"], rendering[key]))

    def _note_presentation(self, event: dict[str, Any]) -> None:
        """A frame in which nothing changed is never presented; the trace then names no display frame."""
        if event["args"]["begin_frame_id"]["sequence_number"] > 0:
            self._presented[event["args"]["id"]] = event["ts"]

    def marks(self) -> Iterator[tuple[str, int]]:
        """Name and time in microseconds of each ``performance.mark``, in order."""
        for event in sorted(self.events, key=lambda event: int(event.get("ts", 0))):
            if event["cat"] == "blink.user_timing" and event["ph"] in ("I", "R"):
                yield event["name"], event["ts"]

    def presented(self, mark: int) -> float:
        """When that was on the display, in ms, which the page changed at a time in microseconds."""
        first = bisect.bisect_left(self._ends, (mark, ""))
        for _, frame in self._ends[first:]:
            if frame in self._presented:
                return self._presented[frame] / 1000
        raise AssertionError(f"nothing was presented after {mark}")


@contextmanager
def traced(browser: Browser, more: tuple[str, ...] = ()) -> Iterator[Trace]:
    """Trace what the browser does in the block; ``read`` when it ends."""
    session = browser.new_browser_cdp_session()
    trace, complete = Trace(), []
    session.on("Tracing.dataCollected", lambda data: trace.events.extend(data["value"]))
    session.on("Tracing.tracingComplete", lambda _: complete.append(True))
    config = {"includedCategories": [*CATEGORIES, *more], "recordMode": "recordAsMuchAsPossible"}
    session.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": config})
    yield trace
    session.send("Tracing.end")
    while not complete:
        browser.contexts[0].pages[0].wait_for_timeout(20)
    session.detach()
    trace.read()
