"""Fuzzing the API by its OpenAPI document: requests drawn from it, sent by people in every phase."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import flask
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from experiment_server.api.schemas import CLIENT_BYTES, RECORD_BYTES
from tests.functional.server_fixture import RunningServer, answer, ask
from tests.functional.study_files import STUDY_TOML

Operation = APIOperation[Any, Any, Any, Any]

#: a study that is never full, with few trials
STUDY = STUDY_TOML.replace("places = 20", "places = 100000").replace("test = 6", "test = 3")
TRIALS = 5
#: how far someone is who makes a fuzzed request; ``superseded`` has an old token, ``nobody`` has none
PHASES = ("consent", "trials", "debrief", "completed", "withdrawn", "no_consent", "superseded", "nobody")
#: which trial a request is about; ``any``: the one that was drawn
TRIALS_MEANT = ("next", "next", "later", "answered", "another's", "any")


class Client(Protocol):
    """Asks a server; gives the status and the JSON of its reply."""

    def __call__(self, method: str, path: str, token: str = "", json: Any = None) -> tuple[int, Any]: ...


def in_process(app: flask.Flask) -> Client:
    """Ask an application in the test's process."""

    def client(method: str, path: str, token: str = "", json: Any = None) -> tuple[int, Any]:
        reply = ask(app, method, path, json=json, headers={"Authorization": f"Bearer {token}"})
        return reply.status_code, reply.json if reply.data else None

    return client


def over_http(server: RunningServer) -> Client:
    """Ask a running server."""

    def client(method: str, path: str, token: str = "", json: Any = None) -> tuple[int, Any]:
        reply = server.call(method, path, token, json)
        return reply.status_code, reply.json() if reply.content else None

    return client


@dataclass
class Person:
    """A participant, how far they are, and the trials and pictures that they know."""

    token: str
    phase: str
    trials: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    answered: int = 0


@dataclass
class People:
    """Participants in every phase, made when they are needed."""

    client: Client
    known: dict[str, Person] = field(default_factory=dict)

    def someone(self, phase: str) -> Person:
        """Someone in a phase; the one of the last time, unless that one has moved on."""
        if phase not in self.known:
            self.known[phase] = getattr(self, f"_{phase}")()
        return self.known[phase]

    def new(self) -> Person:
        """Someone who has just arrived."""
        return self._consent()

    def has_changed(self, phase: str) -> None:
        """Someone's request was granted: they may have moved on, so somebody else takes their part."""
        del self.known[phase]

    def take_part(self) -> None:
        """Go through the whole study as anybody would."""
        person = self._completed()
        state = self._ask("GET", "/session", person.token)
        assert (state["outcome"], state["answered"]) == ("completed", TRIALS)

    def go_on(self, person: Person) -> None:
        """What a browser does next, whatever happened before."""
        state = self._ask("GET", "/session", person.token)
        if state["phase"] == "consent":
            self._agree(person)
        elif state["phase"] == "trials":
            self._answer(person, state["answered"], state["answered"] + 1)
        elif state["phase"] == "debrief":
            self._ask("POST", "/session/finish", person.token, {})

    def _ask(self, method: str, path: str, token: str = "", json: Any = None) -> Any:
        status, reply = self.client(method, path, token, json)
        assert status in (200, 201, 204), (method, path, status, reply)
        return reply

    def _consent(self) -> Person:
        reply = self._ask("POST", "/studies/small/sessions", json={"visitor": str(uuid.uuid4())})
        return Person(reply["token"], "consent")

    def _trials(self) -> Person:
        person = self._consent()
        self._agree(person)
        self._answer(person, 0, 1)
        return person

    def _agree(self, person: Person) -> None:
        self._ask("POST", "/session/consent", person.token, {"consented": True})
        trials = self._ask("GET", "/session/trials?limit=10", person.token)["trials"]
        person.trials = [trial["trial"] for trial in trials]
        person.pictures = [trial[kind].rpartition("/")[2] for trial in trials for kind in ("image", "mask")]

    def _answer(self, person: Person, begin: int, end: int) -> None:
        for trial in person.trials[begin:end]:
            self._ask("POST", f"/trials/{trial}/presented", person.token, {})
            self._ask("POST", f"/trials/{trial}/response", person.token, answer())
        person.answered = end

    def _debrief(self) -> Person:
        person = self._trials()
        self._answer(person, 1, TRIALS)
        return person

    def _completed(self) -> Person:
        person = self._debrief()
        self._ask("POST", "/session/finish", person.token, {})
        return person

    def _withdrawn(self) -> Person:
        person = self._trials()
        self._ask("POST", "/session/withdraw", person.token, {})
        return person

    def _no_consent(self) -> Person:
        person = self._consent()
        self._ask("POST", "/session/consent", person.token, {"consented": False})
        return person

    def _superseded(self) -> Person:
        visitor = {"visitor": str(uuid.uuid4())}
        person = Person(self._ask("POST", "/studies/small/sessions", json=visitor)["token"], "superseded")
        self._ask("POST", "/studies/small/sessions", json=visitor)
        return person

    def _nobody(self) -> Person:
        return Person("", "nobody")


@dataclass
class Fuzz:
    """A server under fuzz: who asks it what, and what it replied."""

    schema: OpenApiSchema
    people: People
    #: (operation, mode, status) -> how often
    seen: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    def send(self, case: Case[Any], phase: str, trial: str) -> None:
        """One request by someone in a phase, about one of their trials."""
        reply = self.send_as(case, self.people.someone(phase), trial)
        if case.method == "POST" and "/studies/" not in case.path and reply.status_code < 300:
            self.people.has_changed(phase)

    def send_as(self, case: Case[Any], person: Person, trial: str) -> Response:
        """One request by a person; its reply is checked in full."""
        self.aim(case, person, trial)
        headers = {"Authorization": f"Bearer {person.token}"} if person.token else {}
        excluded: list[Any] = [positive_data_acceptance] if is_unsayable(case.body) else []
        excluded += [negative_data_rejection] if is_harmless(case) else []
        reply = case.call_and_validate(headers=headers, excluded_checks=excluded)
        self.seen[case.operation.label, mode_of(case), reply.status_code] += 1
        return reply

    def aim(self, case: Case[Any], person: Person, trial: str) -> None:
        """Put a study, trial or picture that exists into a request whose path is as it should be."""
        if not case.path_parameters or is_negative(case, ParameterLocation.PATH):
            return
        meant = self.meant(person, trial)
        case.path_parameters = {name: meant.get(name, value) for name, value in case.path_parameters.items()}

    def meant(self, person: Person, trial: str) -> Mapping[str, str]:
        """The path's parameters, as far as there are such things."""
        owner = self.people.someone("trials") if trial == "another's" else person
        if trial == "any" or not owner.trials:
            return {"study": "small"}
        index = {"answered": 0, "later": owner.answered + 1}.get(trial, owner.answered)
        index = min(index, len(owner.trials) - 1)
        return {"study": "small", "trial": owner.trials[index], "picture": owner.pictures[index]}

    def operations(self) -> list[Operation]:
        """All that the document describes."""
        return [found.ok() for found in self.schema.get_all_operations() if isinstance(found, Ok)]

    def covering(self) -> Iterator[Case[Any]]:
        """schemathesis' own list of cases at and beyond every bound that the document states."""
        for operation in self.operations():
            yield from self.schema.iter_coverage_cases(
                operation,
                generation_modes=list(GenerationMode),
                generation_config=self.schema.config.generation,
            )


def mode_of(case: Case[Any]) -> str:
    """Whether a request is as the document says."""
    return case.meta.generation.mode.value if case.meta else "none"


def is_negative(case: Case[Any], where: ParameterLocation) -> bool:
    """Whether one part of a request is not as the document says."""
    return case.meta is not None and case.meta.is_negative_at(where)


def is_harmless(case: Case[Any]) -> bool:
    """Whether a request is not as the document says only in that its query has keys that nobody reads."""
    if case.method != "GET" or is_negative(case, ParameterLocation.PATH):
        return False
    return str((case.query or {}).get("limit", 3)) in [str(number) for number in range(1, 11)]


def is_unsayable(body: Any) -> bool:
    """Whether a body breaks a rule that no JSON schema states.

    NUL, or much, inside ``client``, ``data`` or ``answers``; confidence in a study that does not
    ask for it; and 2.0 is an integer to JSON Schema, but not to the server.
    """
    if not isinstance(body, dict):
        return False
    client, data = json.dumps(body.get("client")), json.dumps(body.get("data") or body.get("answers"))
    unsaid = "\\u0000" in client + data or len(client) > CLIENT_BYTES or len(data) > RECORD_BYTES
    whole = ("dropped_frames", "exposure_frames", "confidence")
    return unsaid or body.get("confidence") is not None or any(isinstance(body.get(k), float) for k in whole)
