"""What a browser measures of one trial, as a simulated participant's page would have measured it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Any

from experiment_server.design.observer import ObservedAnswer
from experiment_server.design.observer_hands import Entry, Hand
from experiment_server.design.observer_kinds import Person

#: of a 60 Hz screen
FRAME_MS = 1000 / 60
#: probability that a frame is dropped while a picture is shown
DROPPED = 0.02
#: key times that the page notes for one answer at most
MOST_KEYS = 60
#: what marks every response, so that it never passes for a person's
AGENT = "interpscore simulate"


@dataclass
class Page:
    """One loaded page; ``clock_ms`` is its own clock, which a reload sets back."""

    person: Person
    clock_ms: float = 0.0

    def reload(self) -> None:
        """Begin anew."""
        self.clock_ms = 0.0

    def body(
        self, trial: dict[str, Any], answer: ObservedAnswer, sure: int | None, rng: Random
    ) -> dict[str, Any]:
        """The response as the browser sends it: times in ms, the exposure in whole frames."""
        shown = _exposure(trial["exposure_ms"], rng)
        opened = opened_ms(trial)
        entry = self.person.hand.enter(answer, rng)
        rt = opened + entry.ended_ms
        onset = self.clock_ms + trial["fixation_ms"]
        self.clock_ms = onset + rt + 400.0
        exposure = rt if shown is None else shown.frames * FRAME_MS
        return {
            "response": answer.text,
            "dont_know": answer.dont_know,
            "rt_ms": round(rt, 2),
            "rt_first_key_ms": _first_key(answer, opened),
            "exposure_measured_ms": None if shown is None else round(exposure, 2),
            "frame_interval_ms": round(FRAME_MS, 2),
            "dropped_frames": None if shown is None else shown.dropped,
            "presented_again": bool(trial["already_presented"]),
            "onset_ms": round(onset, 2),
            "offset_ms": round(onset + exposure, 2),
            "exposure_frames": None if shown is None else shown.frames,
            "timing_flags": [] if shown is None or not shown.dropped else ["dropped", "long"],
            "confidence": sure,
            "client": self._client(entry, opened, rng),
        }

    def _client(self, entry: Entry, opened: float, rng: Random) -> dict[str, Any]:
        left = rng.random() < self.person.leaves
        hidden = left and rng.random() < 0.5
        away = round(3000 * math.exp(rng.gauss(0, 0.8)))
        return {
            "agent": AGENT,
            **_screen(self.person.hand),
            "times_hidden": int(hidden),
            "hidden_ms": away if hidden else 0,
            "times_blurred": int(left),
            "blurred_ms": away if left else 0,
            "pastes": entry.pastes,
            "drops": 0,
            "key_times_ms": [round(opened + at) for at in entry.key_times_ms[:MOST_KEYS]],
            "largest_insert": entry.largest_insert,
            "largest_insert_by": entry.inserted_by,
        }


def opened_ms(trial: dict[str, Any]) -> float:
    """From the picture's first frame to the moment at which an answer can be given."""
    mask = trial["mask_ms"] if trial["mask"] is not None else 0
    return float(trial["exposure_ms"] + mask) if trial["exposure_ms"] else 0.0


def _first_key(answer: ObservedAnswer, opened: float) -> float | None:
    first = answer.rt_first_key_ms
    return None if first is None else round(opened + first, 2)


def _screen(hand: Hand) -> dict[str, Any]:
    return {
        "viewport": list(hand.viewport),
        "device_pixel_ratio": hand.device_pixel_ratio,
        "touch": hand.touch,
    }


@dataclass(frozen=True)
class _Exposure:
    frames: int
    dropped: int


def _exposure(requested_ms: float, rng: Random) -> _Exposure | None:
    """Frames for which a picture was shown, now and then one too many; None if it stayed until the answer."""
    dropped = int(rng.random() < DROPPED)
    return _Exposure(max(round(requested_ms / FRAME_MS), 1) + dropped, dropped) if requested_ms else None
