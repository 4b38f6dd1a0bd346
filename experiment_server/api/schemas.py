"""What goes over the participant HTTP API. The OpenAPI document is generated from these."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

#: bytes of JSON that a browser may add to a response
CLIENT_BYTES = 2000
#: bytes of JSON in a record
RECORD_BYTES = 16_000
#: words of ``timing_flags``: what can be wrong with a presentation
TIMING_FLAGS = Literal["dropped", "long", "short", "late_onset", "late_offset", "hidden"]
#: a day, milliseconds: nothing that a browser measures takes longer
DAY_MS = 86_400_000.0


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text must not contain the character NUL")
    return text


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _at_most(most: int) -> AfterValidator:
    """A check that a value is at most so many bytes of JSON, its numbers finite, its texts without NUL."""

    def small(value: dict[str, Any]) -> dict[str, Any]:
        try:
            text = json.dumps(value, allow_nan=False)
        except ValueError as error:
            raise ValueError("numbers must be finite") from error
        if len(text) > most:
            raise ValueError(f"at most {most} bytes of JSON")
        for string in _strings(value):
            _no_nul(string)
        return value

    return AfterValidator(small)


#: what ``_no_nul`` accepts, and the form of a real Prolific ID, as the OpenAPI document writes them
NO_NUL = {"pattern": r"^[^\u0000]*$"}
PROLIFIC_FORM = {"pattern": "^[0-9a-fA-F]{24}$"}

ProlificId = Annotated[
    str, Field(min_length=1, max_length=128, json_schema_extra=NO_NUL), AfterValidator(_no_nul)
]
AnswerText = Annotated[str, Field(max_length=200, json_schema_extra=NO_NUL), AfterValidator(_no_nul)]
Milliseconds = Annotated[float, Field(ge=0, le=DAY_MS, allow_inf_nan=False)]
#: the page's own clock, milliseconds since it began
PageTime = Annotated[float, Field(ge=0, le=30 * DAY_MS, allow_inf_nan=False)]
ItemName = Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9_]*$")]
OptionText = Annotated[str, Field(max_length=100, json_schema_extra=NO_NUL), AfterValidator(_no_nul)]

#: the two kinds of response, as the OpenAPI document tells them apart
ANSWERED: JsonDict = {"properties": {"dont_know": {"const": False}}}
NOT_KNOWN: JsonDict = {"properties": {"response": {"const": ""}}}


def _needed(key: str) -> JsonDict:
    """A JSON schema of objects that have a text there."""
    return {"required": [key], "properties": {key: {"type": "string"}}}


class Body(BaseModel):
    """A request's body: no key that is not known, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ArriveBody(Body):
    """Who arrives: a Prolific participant, or a visitor by a UUID that the browser keeps."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_needed("prolific_pid"), _needed("visitor")]})

    prolific_pid: Annotated[ProlificId, Field(json_schema_extra=PROLIFIC_FORM)] | None = None
    prolific_study_id: ProlificId | None = None
    prolific_session_id: ProlificId | None = None
    visitor: UUID | None = None

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if self.prolific_pid is None and self.visitor is None:
            raise ValueError("prolific_pid or visitor is required")
        return self


class ConsentBody(Body):
    """What the participant decided."""

    consented: bool


class EmptyBody(Body):
    """Nothing: an empty object."""


class ResponseBody(Body):
    """An answer and its measurements; null where the browser could not measure."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [ANSWERED, NOT_KNOWN]})

    response_uuid: UUID
    response: AnswerText
    dont_know: bool
    rt_ms: Milliseconds
    rt_first_key_ms: Milliseconds | None = None
    exposure_measured_ms: Milliseconds | None = None
    frame_interval_ms: Milliseconds | None = None
    dropped_frames: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    presented_again: bool = False
    onset_ms: PageTime | None = None
    offset_ms: PageTime | None = None
    exposure_frames: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    timing_flags: list[TIMING_FLAGS] | None = Field(default=None, max_length=10)
    confidence: Annotated[int, Field(ge=1, le=9)] | None = None
    client: Annotated[dict[str, Any], _at_most(CLIENT_BYTES)] = Field(
        default_factory=dict, description=f"at most {CLIENT_BYTES} bytes of JSON"
    )


class RecordBody(Body):
    """What the page asked or measured beside the trials. ``name``: which item, empty where there is one."""

    record_uuid: UUID
    kind: Literal["warning", "calibration", "instructed", "break", "questionnaire"]
    name: ItemName = ""
    data: Annotated[dict[str, Any], _at_most(RECORD_BYTES)] = Field(
        description=f"at most {RECORD_BYTES} bytes of JSON"
    )


class ComprehensionBody(Body):
    """One attempt at the questions about the instructions: the option chosen, by the question's name."""

    attempt_uuid: UUID
    answers: Annotated[dict[str, OptionText], _at_most(RECORD_BYTES)] = Field(max_length=10)


class WithdrawBody(Body):
    """Whether the answers given so far are to be deleted."""

    delete_answers: bool = False


class Reply(BaseModel):
    """A reply's body."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class ResponseForm(Reply):
    """How the study is answered."""

    form: Literal["free_text", "alternatives"]
    max_words: int
    dont_know: bool
    confidence: int = Field(description="levels of the question how sure one is; 0 does not ask it")


class Governance(Reply):
    """Who answers for the study; shown before consent."""

    ethics_reference: str
    data_controller: str
    contact: str
    retention: str
    withdrawal: str


class CalibrationWanted(Reply):
    """What is to be measured before the trials. ``size_degrees``: the pictures' width, or null."""

    card: bool
    distance: bool
    assumed_distance_mm: float
    size_degrees: float | None


class Calibrated(Reply):
    """What was measured: device pixels of a millimetre, and the distance of the eyes or null."""

    device_px_per_mm: float
    distance_mm: float | None


class Item(Reply):
    """A question with options; null where the page has its own words, empty options for a typed answer."""

    name: str
    text: str | None
    options: list[str] | None


class InstructedItem(Reply):
    """What participants are told to type, before the trial with an index."""

    name: str
    text: str
    before: int


class Flow(Reply):
    """What the page does beside the trials."""

    flicker_warning: bool
    break_every: int
    practice_trials: int
    practice_rounds: int
    practice_criterion: int
    calibration: CalibrationWanted
    comprehension: list[Item]
    comprehension_attempts: int
    instructed: list[InstructedItem]
    questionnaire: list[Item]


class Texts(Reply):
    """Plain texts; a blank line begins a new paragraph."""

    consent: str
    instructions: str
    debrief: str


class Completion(Reply):
    """What Prolific is told. ``return_url`` is null for visitors."""

    code: str
    return_url: str | None


class State(Reply):
    """Where a session stands. ``message``: one sentence to show, or null."""

    study: str
    title: str
    language: str
    rehearsal: bool
    session: str
    phase: Literal["consent", "trials", "debrief", "finished"]
    outcome: Literal["completed", "no_consent", "withdrawn", "abandoned"] | None
    answered: int
    total: int
    response: ResponseForm
    texts: Texts
    governance: Governance | None
    flow: Flow
    done: list[str] = Field(description="what is recorded: a kind, or kind/name")
    calibration: Calibrated | None
    completion: Completion | None
    message: str | None


class Arrived(Reply):
    """A session and its bearer token."""

    token: str
    state: State


class Trial(Reply):
    """A trial that waits for its answer. Times in milliseconds, sizes in pixels."""

    trial: str
    index: int
    practice: bool
    image: str
    mask: str | None
    fixation_ms: int
    exposure_ms: int = Field(description="0 shows the picture until the response")
    mask_ms: int
    width: int
    height: int
    alternatives: list[str] | None
    already_presented: bool


class Trials(Reply):
    """The next trials, in order."""

    trials: list[Trial]


class Feedback(Reply):
    """After practice: whether the answer is right, and the right one."""

    correct: bool
    answer: str


class Responded(Reply):
    """The response that is stored; ``duplicate``: it was stored before this request."""

    trial: str
    response_uuid: UUID
    duplicate: bool
    answered: int
    total: int
    feedback: Feedback | None


class Recorded(Reply):
    """A record is stored; ``duplicate``: this item was recorded before this request, and stands."""

    record_uuid: UUID
    duplicate: bool


class Comprehended(Reply):
    """How an attempt went: the names of the questions that were answered wrongly."""

    passed: bool
    wrong: list[str]
    attempts: int
    attempts_left: int


class ErrorDetail(Reply):
    """``code`` never changes; ``message`` can be shown; ``retryable``: the same request may succeed later."""

    code: str
    message: str
    retryable: bool


class Error(Reply):
    """Every refusal has this form."""

    error: ErrorDetail
