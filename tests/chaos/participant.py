"""Participants who never give up: each sends what it did again until that is acknowledged.

They speak the participants' HTTP contract as the browser's queue does: a UUID for each answer, one
request at a time, growing random pauses after a failure, ``Retry-After`` honoured. Some hang up before
the reply, some reload, some withdraw, and some vanish, a few of them in the middle of sending.
"""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.chaos.journal import Given, Log, Visit
from tests.functional.adaptive_study import CONCEPTS

TIMEOUT_SECONDS = 15.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
#: a participant who waited longer than this for one acknowledgement has lost its session
PATIENCE_SECONDS = 120.0
LONGEST_THOUGHT_SECONDS = 0.02
STUDY = "small"

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """A reply: its status, its body, and how many seconds it asks to wait (0: nothing said)."""

    status: int
    body: Json
    retry_after: float

    @property
    def code(self) -> str:
        """The refusal's code; empty if it is none."""
        return str(self.body.get("error", {}).get("code", ""))


class RefusedError(Exception):
    """The server will not do it, however often it is asked; or it did not do it in all the time."""


class Line:
    """One kept-alive HTTP connection, opened again after it broke."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def send(self, method: str, path: str, token: str, body: Json | None) -> None:
        """Send a request. Raises OSError or HTTPException if the connection breaks."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, f"/api/v1{path}", data, headers)

    def receive(self) -> Reply:
        """Read the reply to what was sent. Raises OSError or HTTPException if none comes."""
        got = self._connection.getresponse()
        data = got.read()
        body = json.loads(data) if data else {}
        return Reply(got.status, body, float(got.headers.get("Retry-After", 0)))

    def hang_up(self) -> None:
        """Close the connection, whatever is under way on it."""
        self._connection.close()


@dataclass(frozen=True)
class Habits:
    """How likely a participant does what, at each trial; hanging up: at each request."""

    vanishes: float = 0.01
    withdraws: float = 0.003
    reloads: float = 0.01
    hangs_up: float = 0.02


STEADY = Habits(0.0, 0.0, 0.0, 0.0)


class Participant:
    """One participant with one browser."""

    def __init__(self, port: int, log: Log, visit: Visit, rng: Random, habits: Habits) -> None:
        self.log, self.visit, self.rng, self.habits = log, visit, rng, habits
        self._line = Line(port)
        self._token = ""
        #: trial -> address of its picture, which never changes
        self._pictures: dict[str, str] = {}

    def take_part(self) -> None:
        """Do a whole sitting, or go on with one that was left; problems are noted in the visit."""
        try:
            self._sit()
        except RefusedError as refused:
            self.visit.problems.append(str(refused))
        finally:
            self._line.hang_up()

    def _sit(self) -> None:
        state = self._arrive()
        if state["phase"] == "finished":
            self.visit.outcome = state["outcome"]
            left_for_good = self.visit.vanished and state["outcome"] == "abandoned"
            self._require(left_for_good, f"came back and was told {state['outcome']}")
            return
        self._call("POST", "/session/consent", {"consented": True})
        self.visit.consented = True
        for trial in self._trials():
            if self._leaves(trial):
                return
            if self._does(self.habits.reloads):
                self._arrive()
            self._do(trial)
        self._end("finish", "completed")

    def _leaves(self, trial: Json) -> bool:
        """Whether it vanishes or withdraws now; half of those who vanish do it while they send."""
        if self._does(self.habits.vanishes):
            self.visit.vanished = True
            if self._does(0.5):
                one = self._answer(trial)
                self.visit.given.append(one)
                self._try("POST", f"/trials/{one.trial}/response", self._token, _body(one), one, True)
            return True
        if self._does(self.habits.withdraws):
            self._end("withdraw", "withdrawn")
            return True
        return False

    def _does(self, likelihood: float) -> bool:
        return self.rng.random() < likelihood

    def _end(self, how: str, outcome: str) -> None:
        state = self._call("POST", f"/session/{how}", {})
        self._require(state["outcome"] == outcome, f"told {state['outcome']} after {how}")
        self.visit.outcome = outcome

    def _arrive(self) -> Json:
        """Open the session or resume it: all that was acknowledged must be there."""
        body = {"prolific_pid": self.visit.pid}
        reply = self._insist("POST", f"/studies/{STUDY}/sessions", body, arriving=True)
        state: Json = reply["state"]
        self._token = reply["token"]
        self._require(self.visit.session in (None, state["session"]), "was given another session")
        self.visit.session = state["session"]
        known, given = len(self.visit.acknowledged), len(self.visit.given)
        self._require(
            known <= state["answered"] <= given,
            f"{known} of {given} answers were acknowledged, but the session has {state['answered']}",
        )
        return state

    def _trials(self) -> Iterator[Json]:
        while trials := self._call("GET", "/session/trials?limit=3")["trials"]:
            for trial in trials:
                first = self._pictures.setdefault(trial["trial"], trial["image"])
                self._require(trial["image"] == first, f"trial {trial['index']}: another picture than before")
            yield from trials

    def _do(self, trial: Json) -> None:
        """Look, think, answer."""
        time.sleep(self.rng.random() * LONGEST_THOUGHT_SECONDS)
        self._call("POST", f"/trials/{trial['trial']}/presented", {})
        self.visit.presented.add(trial["trial"])
        one = self._answer(trial)
        self.visit.given.append(one)
        reply = self._call("POST", f"/trials/{one.trial}/response", _body(one), given=one)
        self.log.acknowledge(one, reply["duplicate"])
        self._check_receipt(one, reply)

    def _answer(self, trial: Json) -> Given:
        dont_know = self._does(0.1)
        named = (
            self.rng.choice(CONCEPTS) if self._does(0.5) else f"{self.visit.pid[:8]} ✓ {self.rng.random()}"
        )
        text = "" if dont_know else named
        rt_ms = round(300 + 4000 * self.rng.random(), 3)
        return Given(str(_uuid(self.rng)), trial["trial"], trial["index"], text, dont_know, rt_ms)

    def _check_receipt(self, one: Given, reply: Json) -> None:
        index, said = one.trial_index, reply["answered"]
        self._require(reply["trial"] == one.trial, f"trial {index}: the receipt is for another trial")
        self._require(
            reply["response_uuid"] == one.response_uuid, f"trial {index}: the receipt is for another answer"
        )
        self._require(said == index + 1, f"trial {index} was acknowledged as answer number {said}")

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.visit.problems.append(otherwise)

    def _call(self, method: str, path: str, body: Json | None = None, given: Given | None = None) -> Json:
        return self._insist(method, path, body, given=given)

    def _insist(
        self, method: str, path: str, body: Json | None, *, given: Given | None = None, arriving: bool = False
    ) -> Json:
        """Send a request until it succeeds. Raises RefusedError for a refusal that trying cannot mend."""
        began = time.monotonic()
        pause = FIRST_PAUSE_SECONDS
        while time.monotonic() - began < PATIENCE_SECONDS:
            hangs_up = body is not None and not arriving and self._does(self.habits.hangs_up)
            reply = self._try(method, path, "" if arriving else self._token, body, given, hangs_up)
            if reply is not None and reply.status < 300:
                self.log.waited(began)
                return reply.body
            if reply is not None and reply.code == "superseded":
                self.log.supersede()
                self._arrive()
            elif reply is not None and not _may_succeed_later(reply):
                raise RefusedError(f"{method} {path} was refused: {reply.status} {reply.code}")
            asked_for = reply.retry_after if reply else 0.0
            if self.log.called_off.wait(max(asked_for, pause * self.rng.uniform(0.25, 1.0))):
                raise RefusedError("the test was called off")
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise RefusedError(f"{method} {path} was not acknowledged in {PATIENCE_SECONDS:.0f} s")

    def _try(
        self, method: str, path: str, token: str, body: Json | None, given: Given | None, hangs_up: bool
    ) -> Reply | None:
        """One request; None if no reply came."""
        if given is not None:
            given.sent += 1
            given.cut += hangs_up
        try:
            self._line.send(method, path, token, body)
            if hangs_up:
                self._line.hang_up()
                return None
            reply = self._line.receive()
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            self._line.hang_up()
            self.log.reply(None)
            return None
        self.log.reply(reply.status)
        return reply


def _may_succeed_later(reply: Reply) -> bool:
    return reply.status == 429 or reply.status >= 500


def _body(one: Given) -> Json:
    return {
        "response_uuid": one.response_uuid,
        "response": one.response,
        "dont_know": one.dont_know,
        "rt_ms": one.rt_ms,
    }


def _uuid(rng: Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


def made_up_pid(rng: Random) -> str:
    """A Prolific ID that nobody has: 24 hexadecimal digits."""
    return f"{rng.getrandbits(96):024x}"


def keep_taking_part(port: int, log: Log, rng: Random, enough: Callable[[], bool]) -> None:
    """One participant after the other, until it is enough; the last one ends its sitting."""
    while not enough():
        visit = Visit(made_up_pid(rng))
        log.begin(visit)
        Participant(port, log, visit, rng, Habits()).take_part()
