"""Participants who never pause, and who send again whatever was not acknowledged, as a browser does."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import select

from experiment_server.models import Response
from experiment_server.models.database import connect, reading
from experiment_server.settings import Settings
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import SECRET, answer
from tests.functional.study_files import STUDY_TOML

#: a study that is never full
ROOMY_STUDY = STUDY_TOML.replace("places = 20", "places = 100000")
#: between two attempts, seconds
PAUSE = 0.02
#: after which what is waited for will not happen any more, seconds
PATIENCE = 40.0

BUSY = {
    "error": {
        "code": "database_busy",
        "message": "The server is busy; please try again in a moment.",
        "retryable": True,
    }
}

Json = dict[str, Any]


class Stopped(Exception):  # noqa: N818 - the end of a participant's work, and no error
    """The test wants no more answers."""


@dataclass
class Answering:
    """Participants in threads. All that servers replied is counted; each goes to the servers in turn."""

    urls: Sequence[str]
    study: str = "small"
    #: response_uuid -> the answer that a server said is stored
    acknowledged: dict[str, str] = field(default_factory=dict)
    #: how often which status came
    statuses: Counter[int] = field(default_factory=Counter)
    #: replies that tell of a mistake: neither what was asked for nor "database_busy"
    odd: list[str] = field(default_factory=list)
    #: requests to which nothing was replied
    unanswered: int = 0
    _turn: Iterator[int] = field(default_factory=count)
    _stop: threading.Event = field(default_factory=threading.Event)

    def take_part(self, http: requests.Session) -> None:
        """Go through the study again and again, as somebody else each time."""
        try:
            while True:
                self._one_session(http)
        except Stopped:
            return

    def _one_session(self, http: requests.Session) -> None:
        arrived = self.send(http, "POST", f"/studies/{self.study}/sessions", {"visitor": str(uuid.uuid4())})
        http.headers["Authorization"] = f"Bearer {arrived['token']}"
        self.send(http, "POST", "/session/consent", {"consented": True})
        while trials := self.send(http, "GET", "/session/trials?limit=1")["trials"]:
            for trial in trials:
                self.send(http, "POST", f"/trials/{trial['trial']}/presented", {})
                self._answer(http, trial["trial"])
        self.send(http, "POST", "/session/finish", {})

    def _answer(self, http: requests.Session, trial: str) -> None:
        body = answer(f"seen {uuid.uuid4().hex}")
        reply = self.send(http, "POST", f"/trials/{trial}/response", body)
        if reply["response_uuid"] != body["response_uuid"]:
            self.odd.append(f"{body['response_uuid']} was not stored, but {reply['response_uuid']}")
        self.acknowledged[body["response_uuid"]] = body["response"]

    def send(self, http: requests.Session, method: str, path: str, body: Json | None = None) -> Json:
        """One request until it is granted. A retried arrival may have ended an earlier token: no matter."""
        for _ in self._attempts():
            url = self.urls[next(self._turn) % len(self.urls)]
            try:
                reply = http.request(method, f"{url}/api/v1{path}", json=body, timeout=PATIENCE)
            except requests.RequestException:
                self.unanswered += 1
                continue
            self.statuses[reply.status_code] += 1
            if reply.status_code in (200, 201):
                return dict(reply.json())
            if reply.status_code == 204:
                return {}
            self._note_refusal(method, path, reply)
        raise Stopped

    def _attempts(self) -> Iterator[int]:
        """Numbers, with a pause before each but the first, until the test wants no more."""
        for attempt in count():
            if self._stop.wait(PAUSE if attempt else 0):
                return
            yield attempt

    def _note_refusal(self, method: str, path: str, reply: requests.Response) -> None:
        busy = reply.status_code == 503 and reply.headers.get("Retry-After") == "1"
        if not busy or reply.json() != BUSY:
            self.odd.append(f"{method} {path}: {reply.status_code} {reply.text}")

    def wait_for(self, what: Callable[[], int], more: int, why: str) -> None:
        """Wait until a count has grown by some. Fails the test if it does not."""
        before, deadline = what(), time.monotonic() + PATIENCE
        while what() < before + more:
            assert self.odd == [], self.odd[:3]
            assert time.monotonic() < deadline, f"{why}: {dict(self.statuses)}, {self.unanswered} unanswered"
            time.sleep(PAUSE)

    def go_on(self, more: int = 20) -> None:
        """Wait for some more acknowledged answers."""
        self.wait_for(lambda: len(self.acknowledged), more, "no more answers were acknowledged")

    def meet_refusals(self, more: int = 5) -> None:
        """Wait for some more refusals."""
        self.wait_for(lambda: self.statuses[503], more, "nothing was refused")

    def stop(self) -> None:
        self._stop.set()


def unlimited(data_dir: Path, database_url: str) -> Settings:
    """Settings that let participants be faster than people are."""
    return Settings.model_validate(
        {
            "data_dir": data_dir,
            "database_url": database_url,
            "secret_key": SECRET,
            "requests_per_minute": 1_000_000,
            "arrivals_per_minute": 1_000_000,
        }
    )


@contextmanager
def answering(*urls: str, participants: int = 4, study: str = "small") -> Iterator[Answering]:
    """Participants who answer while the block runs. Fails the test if one met anything odd."""
    group = Answering(urls, study)
    threads = [
        threading.Thread(target=group.take_part, args=(requests.Session(),)) for _ in range(participants)
    ]
    for thread in threads:
        thread.start()
    try:
        yield group
    finally:
        group.stop()
        for thread in threads:
            thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert group.odd == [], group.odd[:3]


def require_all(settings: Settings, *groups: Answering) -> None:
    """Fail unless every acknowledged answer is stored once, as it was given, and the database is in order."""
    engine = connect(settings)
    with reading(engine) as connection:
        stored = dict(connection.execute(select(Response.response_uuid, Response.response)).all())
    lost = [key for group in groups for key, text in group.acknowledged.items() if stored.get(key) != text]
    assert lost == []
    check_invariants(engine)
    engine.dispose()
