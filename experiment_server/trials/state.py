"""The states of a trial and what moves it between them: pure, so that tests can explore all of it.

    assigned ──present──▶ presented ──respond──▶ responded ──erase──▶ abandoned
       │                      │
       │                      ├──time_out──▶ timed_out
       └──────abandon─────────┴──abandon───▶ abandoned

A response proves that the picture was shown, so ``respond`` is taken from ``assigned`` too: the
notice of the presentation may have been lost on the way. That notice may also come late; it never
moves a trial back.

When a participant has vanished, the picture that was looked at times out and those not yet shown are
abandoned; when one withdraws, all of them are abandoned, for nobody ran out of time. Answers that are
deleted at the participant's wish leave their trials abandoned, and so are practice trials that are not
needed any more because the practice went well.
"""

from __future__ import annotations

from typing import Final, Literal

State = Literal["assigned", "presented", "responded", "timed_out", "abandoned"]
TrialEvent = Literal["present", "respond", "time_out", "abandon", "erase"]

STATES: Final[tuple[State, ...]] = ("assigned", "presented", "responded", "timed_out", "abandoned")
EVENTS: Final[tuple[TrialEvent, ...]] = ("present", "respond", "time_out", "abandon", "erase")
#: states in which the participant still owes an answer
OPEN: Final[tuple[State, ...]] = ("assigned", "presented")
#: states that hold for good, unless answers are deleted
CLOSED: Final[tuple[State, ...]] = ("responded", "timed_out", "abandoned")

#: what ends an open trial when its session was idle for too long
VANISHED: Final[dict[State, TrialEvent]] = {"assigned": "abandon", "presented": "time_out"}
#: what ends an open trial when its participant withdraws
WITHDREW: Final[dict[State, TrialEvent]] = {"assigned": "abandon", "presented": "abandon"}
#: what becomes of answered trials whose answers are deleted
ERASED: Final[dict[State, TrialEvent]] = {"responded": "erase"}
#: what becomes of practice trials that are not needed any more
SKIPPED: Final[dict[State, TrialEvent]] = {"assigned": "abandon", "presented": "abandon"}

_MOVES: Final[dict[tuple[State, TrialEvent], State]] = {
    ("assigned", "present"): "presented",
    ("assigned", "respond"): "responded",
    ("assigned", "abandon"): "abandoned",
    ("presented", "present"): "presented",
    ("presented", "respond"): "responded",
    ("presented", "time_out"): "timed_out",
    ("presented", "abandon"): "abandoned",
    ("responded", "present"): "responded",
    ("responded", "erase"): "abandoned",
    ("timed_out", "present"): "timed_out",
    ("abandoned", "present"): "abandoned",
}


class ForbiddenTransitionError(ValueError):
    """An event that a trial in this state does not take."""

    def __init__(self, state: State, event: TrialEvent) -> None:
        super().__init__(f"a trial that is {state} does not take the event {event}")
        self.state = state
        self.event = event


def transition(state: State, event: TrialEvent) -> State:
    """The state of a trial after an event.

    Raises ForbiddenTransitionError where the diagram has no arrow; nothing has changed then.
    """
    try:
        return _MOVES[state, event]
    except KeyError:
        raise ForbiddenTransitionError(state, event) from None
