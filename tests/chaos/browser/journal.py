"""What the participants of a browser chaos test did, and all the trouble that they met."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Pressed:
    """One answer, from the press of Enter on."""

    #: of the trial, counted from 0
    index: int
    #: no other press has the same
    text: str
    #: the page went on to the next step: from then on the answer is given
    taken: bool = False


@dataclass
class Sitting:
    """One participant's sitting."""

    pid: str
    pressed: list[Pressed] = field(default_factory=list)
    #: trials that the study has; 0 while it is not known
    trials: int = 0
    #: the completion code that the page showed; None while it shows none
    code: str | None = None
    #: seconds until an older tab was told that a newer one leads
    told: list[float] = field(default_factory=list)
    #: what should not have happened to this participant
    problems: list[str] = field(default_factory=list)

    @property
    def given(self) -> list[Pressed]:
        """The answers that the page has shown as taken."""
        return [one for one in self.pressed if one.taken]


@dataclass
class Journal:
    """All sittings, and how often each kind of trouble happened."""

    sittings: list[Sitting] = field(default_factory=list)
    #: what the connection did to requests
    requests: Counter[str] = field(default_factory=Counter)
    #: what happened to the participants' browsers
    browsers: Counter[str] = field(default_factory=Counter)
    #: what of the server was killed
    kills: Counter[str] = field(default_factory=Counter)
