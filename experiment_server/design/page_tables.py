"""Tables of the study file about what the page asks and says beside its trials."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from experiment_server.design.table import Name, Sentence, Table, Text, no_twice

#: questions whose words and answers the page knows in each of its languages
BUILT_IN = ("first_language", "fluency", "colour_vision", "device", "country")
BuiltIn = Literal["first_language", "fluency", "colour_vision", "device", "country"]
Share = Annotated[float, Field(gt=0, le=1)]
Options = Annotated[tuple[Name, ...], Field(max_length=30)]


class Calibration(Table):
    """``[calibration]``: how large a millimetre is on the screen, and how far away the eyes are."""

    #: by laying a bank card on the screen
    card: bool = False
    #: by the blind spot
    distance: bool = False
    #: where the distance is not measured, millimetres
    assumed_distance_mm: float = Field(default=570.0, ge=100, le=5000)

    @model_validator(mode="after")
    def _card_first(self) -> Self:
        if self.distance and not self.card:
            raise ValueError("distance is measured in millimetres of the screen; write card = true too")
        return self


class ComprehensionQuestion(Table):
    """A question about the instructions, of which one option is right."""

    text: Sentence
    options: Options = Field(min_length=2)
    answer: Name

    @model_validator(mode="after")
    def _has_its_answer(self) -> Self:
        no_twice("options", self.options)
        if self.answer not in self.options:
            raise ValueError(f"answer is {self.answer!r}, which is none of the options")
        return self


class Comprehension(Table):
    """``[comprehension]``: whether the instructions were understood, before the first trial."""

    #: after which the study goes on all the same, and the session is flagged
    attempts: int = Field(default=2, ge=1, le=10)
    question: tuple[ComprehensionQuestion, ...] = Field(default=(), max_length=10)


class Instructed(Table):
    """One ``[[instructed]]``: among the trials, a sentence that says what to type."""

    text: Sentence
    answer: Name


class Question(Table):
    """A question of the study's own: with options one of them is chosen, without a text is typed."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    text: Sentence
    options: Options = ()


class Questionnaire(Table):
    """``[questionnaire]``: after the last trial. Each question may be left unanswered."""

    ask: tuple[BuiltIn, ...] = ()
    question: tuple[Question, ...] = Field(default=(), max_length=30)

    @model_validator(mode="after")
    def _no_name_twice(self) -> Self:
        no_twice("the questionnaire", self.names)
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The questions' names, in the order in which they are asked."""
        return (*self.ask, *(one.name for one in self.question))


class Quality(Table):
    """``[quality]``: when a session is flagged. docs/quality.md says what each flag means.

    Shares are of the answered test and catch trials, in (0, 1].
    """

    #: fewer catch trials right; 0 takes half of them, rounded up
    catch_right: int = Field(default=0, ge=0, le=100)
    #: fewer instructed answers right; 0 takes half of them, rounded up
    instructed_right: int = Field(default=0, ge=0, le=100)
    #: an answer within that many milliseconds, from when one could be given, is too fast
    too_fast_ms: float = Field(default=250.0, ge=0, le=60_000)
    too_fast_share: Share = 0.2
    #: of the way from the share that truth or chance gives the commonest answer to that answer always
    repeated_share: Share = 0.25
    #: trials with an answer that was pasted or dragged in
    pasted_trials: int = Field(default=2, ge=1, le=1000)
    #: share of typed answers whose keys no hand could have pressed
    machine_typed_share: Share = 0.2
    #: share of trials in which the page was left
    unfocused_share: Share = 0.2


FLAG = Literal[
    "catch",
    "instructed",
    "comprehension",
    "practice",
    "too_fast",
    "repeated",
    "pasted",
    "machine_typed",
    "unfocused",
]


class Exclusion(Table):
    """``[exclusion]``: the flags that keep a session out of the analysis. They never touch anybody's pay."""

    flags: tuple[FLAG, ...] = ()

    @model_validator(mode="after")
    def _no_flag_twice(self) -> Self:
        no_twice("flags", self.flags)
        return self


class Governance(Table):
    """``[governance]``: who answers for the study. Participants read it before they consent."""

    #: of the approval, and by whom
    ethics_reference: Sentence
    #: who decides about the data: a name and an address
    data_controller: Sentence
    #: whom to write to
    contact: Sentence
    #: how long the data are kept, and what becomes of them
    retention: Text
    #: until when and how one can withdraw, and what becomes of the answers
    withdrawal: Text
