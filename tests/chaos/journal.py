"""What the participants of a kill test remember: all that they did, and all that was acknowledged."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Given:
    """One answer that a participant gave, and what became of it."""

    response_uuid: str
    trial: str
    trial_index: int
    response: str
    dont_know: bool
    rt_ms: float
    #: requests that carried it
    sent: int = 0
    #: of these, those whose connection the participant cut before the reply
    cut: int = 0
    #: time.monotonic() of the 200; None if none came
    acknowledged_at: float | None = None
    #: the 200 said that it had been stored by an earlier request
    duplicate: bool = False


@dataclass
class Visit:
    """One participant's sitting."""

    pid: str
    #: None until the first arrival was acknowledged
    session: str | None = None
    consented: bool = False
    #: trials whose presentation was acknowledged
    presented: set[str] = field(default_factory=set)
    given: list[Given] = field(default_factory=list)
    #: "completed" or "withdrawn" once that was acknowledged; None while it was not
    outcome: str | None = None
    #: went away without a word
    vanished: bool = False
    #: what should not have happened to this participant
    problems: list[str] = field(default_factory=list)

    @property
    def acknowledged(self) -> list[Given]:
        """The answers whose 200 arrived, in the order in which they were given."""
        return [one for one in self.given if one.acknowledged_at is not None]


@dataclass
class Log:
    """What all participants saw together. Safe to be written by several threads."""

    visits: list[Visit] = field(default_factory=list)
    #: replies by status; "no reply" for connections that broke or timed out
    replies: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    #: seconds from a request's first sending to its acknowledgement, the longest
    longest_outage: float = 0.0
    #: tokens that stopped holding because an arrival was sent twice
    superseded: int = 0
    #: set when the test failed or was interrupted: nobody tries any longer
    called_off: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, visit: Visit) -> None:
        """Someone arrives."""
        with self._lock:
            self.visits.append(visit)

    def reply(self, status: int | None) -> None:
        """One request ended; None if no reply came."""
        with self._lock:
            self.replies["no reply" if status is None else str(status)] += 1

    def waited(self, since: float) -> None:
        """A request that was first sent at ``since`` (time.monotonic) succeeded now."""
        with self._lock:
            self.longest_outage = max(self.longest_outage, time.monotonic() - since)

    def supersede(self) -> None:
        """A token no longer held."""
        with self._lock:
            self.superseded += 1

    def acknowledge(self, one: Given, duplicate: bool) -> None:
        """The 200 to an answer arrived."""
        with self._lock:
            one.acknowledged_at, one.duplicate = time.monotonic(), duplicate
            self.acknowledged += 1
