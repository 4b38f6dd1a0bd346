"""The study file: what a researcher writes to say who sees what, and how.

Every mistake that can be found in the file alone is found here, and becomes one sentence that names
the file, the key and what is allowed. What needs the manifest is checked in ``design.freeze``.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from experiment_server.design.adaptive import LAPSES
from experiment_server.design.allocation import Family
from experiment_server.design.page_tables import (
    Calibration,
    Comprehension,
    Exclusion,
    Governance,
    Instructed,
    Quality,
    Questionnaire,
)
from experiment_server.design.table import Name, Table, Text, no_twice
from stimuli.conditions import Condition
from stimuli.errors import UserError
from stimuli.files import written_text
from stimuli.perturbations import CLEAN, PERTURBATIONS, unknown

FORMAT_VERSION = 1
MASK = Literal["pink_noise", "none"]
FORM = Literal["free_text", "alternatives"]
ROLE = Literal["clean", "invariant", "adversarial", "dream"]

Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
#: an adaptive study's hardest severity is so many times its mildest at least, or the other way round
LEAST_SPAN = 4.0
#: alternatives from which on it matters little to a threshold whether those who do not know guess
FEW_ALTERNATIVES = 16
Milliseconds = Annotated[int, Field(ge=0, le=60_000)]


class ConditionRow(Table):
    """One ``[[condition]]``: a perturbation at a severity, its level and its role."""

    perturbation: str
    #: absent for clean
    severity: float | None = None
    level: int = Field(ge=0, le=10_000)
    role: ROLE

    @model_validator(mode="after")
    def _severity_fits(self) -> Self:
        if self.perturbation not in PERTURBATIONS:
            raise ValueError(unknown(self.perturbation))
        if (self.perturbation == CLEAN) != (self.role == CLEAN):
            raise ValueError("the role clean belongs to the perturbation clean, and to no other")
        if self.perturbation != CLEAN and self.severity is None:
            raise ValueError(f"{self.perturbation} needs a severity")
        if self.perturbation == CLEAN and self.severity not in (None, 0.0):
            raise ValueError("clean has no severity")
        try:
            _ = self.condition
        except UserError as error:
            raise ValueError(str(error)) from error
        return self

    @property
    def condition(self) -> Condition:
        """The condition, in the vocabulary of the manifest."""
        return Condition(self.perturbation, self.severity or 0.0)


class ResponseForm(Table):
    """``[response]``: how a participant answers."""

    form: FORM = "free_text"
    #: words that a typed answer may have
    max_words: int = Field(default=3, ge=1, le=3)
    #: empty for the concepts, those of practice and catch trials included
    alternatives: tuple[Name, ...] = Field(default=(), max_length=100)
    #: alternatives offered in one trial, the right one and its foils; 0 offers all
    choices: int = Field(default=0, ge=0, le=100)
    #: whether "I don't know" may be chosen
    dont_know: bool = True
    #: levels of the question how sure one is; 0 does not ask it
    confidence: int = Field(default=0, ge=0, le=9)

    @model_validator(mode="after")
    def _more_than_one(self) -> Self:
        if self.choices == 1:
            raise ValueError("choices is 1; allowed is 0 for all, or 2 or more")
        if self.confidence == 1:
            raise ValueError("confidence is 1; allowed is 0 for none, or 2 to 9 levels")
        return self


class Trials(Table):
    """``[trials]``: how many test trials a participant has."""

    test: int = Field(ge=1, le=1000)
    #: of one concept at most, since naming one makes its next picture easier
    per_concept: int = Field(default=2, ge=1, le=1000)
    #: test and catch trials from one break to the next; 0 for no breaks
    break_every: int = Field(default=0, ge=0, le=1000)


class ExtraTrials(Table):
    """``[catch]``: trials beside the test trials, with concepts of their own."""

    concepts: tuple[Name, ...] = ()
    trials: int = Field(default=0, ge=0, le=100)

    @model_validator(mode="after")
    def _has_concepts(self) -> Self:
        if self.trials and not self.concepts:
            raise ValueError("trials need concepts; name some, or write trials = 0")
        return self


class Practice(ExtraTrials):
    """``[practice]``: trials with feedback before the others, in one round or until they go well."""

    #: right answers in one round that end the practice; 0 for one round, however it goes
    criterion: int = Field(default=0, ge=0, le=100)
    #: rounds at most; then the study goes on all the same, and the session is flagged
    rounds: int = Field(default=1, ge=1, le=10)

    @model_validator(mode="after")
    def _criterion_can_be_met(self) -> Self:
        if self.criterion > self.trials:
            raise ValueError(f"criterion is {self.criterion}, and a round has {self.trials} trials; lower it")
        if self.rounds > 1 and not self.criterion:
            raise ValueError("more than one of the rounds needs a criterion that ends the practice")
        return self


class Adaptive(Table):
    """``[adaptive]``: test trials whose severity is chosen by the participant's own earlier answers."""

    #: its conditions are what is chosen from
    perturbation: str
    #: of the test trials
    trials: int = Field(ge=1, le=1000)
    #: what each answer is to tell most about (see ``design.adaptive``)
    aim: Literal["function", "threshold"] = "function"
    #: proportion of right answers whose severity is reported beside the threshold
    target: float = Field(default=0.75, gt=0, lt=1)


class Presentation(Table):
    """``[presentation]``: what a trial shows, for how long, in milliseconds."""

    fixation_ms: Milliseconds = 300
    #: 0 shows the picture until the response
    exposure_ms: Milliseconds = 500
    mask: MASK = "pink_noise"
    mask_ms: Milliseconds = 200
    #: width of the picture in degrees of visual angle; absent for its own pixels
    size_degrees: float | None = Field(default=None, gt=0, le=60)
    #: whether participants are warned of flashing pictures; only where exposure_ms is above 0
    flicker_warning: bool = True


class Texts(Table):
    """``[texts]``: plain text; a blank line begins a new paragraph."""

    consent: Text
    instructions: Text
    debrief: Text


class CompletionCodes(Table):
    """``[completion_codes]``: what Prolific is told, by outcome. They must differ."""

    completed: Code
    no_consent: Code
    withdrawn: Code

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({self.completed, self.no_consent, self.withdrawn}) < 3:
            raise ValueError("the three codes must differ, or an outcome cannot be told from another")
        return self


class SessionRules(Table):
    """``[session]``: a session that is idle for longer than this gives its place back."""

    minutes: int = Field(default=60, ge=1, le=60 * 24 * 30)


class LexiconFile(Table):
    """``[lexicon]``: further words that name the concepts."""

    file: str = Field(min_length=1)


class StudyDesign(Table):
    """All of a study file but its paths: what is frozen when the study is created."""

    format_version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = Field(min_length=1, max_length=200)
    #: of the texts, as BCP 47 writes it; the page's own words too, where it knows the language
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")
    concepts: tuple[Name, ...] = Field(min_length=2)
    places: int = Field(ge=1, le=1_000_000)
    seed: int = Field(ge=0, lt=2**63)
    condition: tuple[ConditionRow, ...] = Field(min_length=1)
    response: ResponseForm = ResponseForm()
    trials: Trials
    practice: Practice = Practice()
    catch: ExtraTrials = ExtraTrials()
    adaptive: Adaptive | None = None
    presentation: Presentation = Presentation()
    calibration: Calibration = Calibration()
    comprehension: Comprehension = Comprehension()
    instructed: tuple[Instructed, ...] = Field(default=(), max_length=20)
    questionnaire: Questionnaire = Questionnaire()
    quality: Quality = Quality()
    exclusion: Exclusion = Exclusion()
    governance: Governance | None = None
    texts: Texts
    completion_codes: CompletionCodes
    session: SessionRules = SessionRules()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        no_twice("condition", [row.condition.key for row in self.condition])
        no_twice("level", [str(row.level) for row in self.condition])
        if sum(row.role == CLEAN for row in self.condition) != 1:
            raise ValueError("condition must be clean exactly once")
        no_twice("concepts", self.concepts)
        no_twice("the list of concepts, practice.concepts and catch.concepts", self.all_concepts)
        self._alternatives_suffice()
        self._thresholds_can_be_met()
        if self.adaptive is not None:
            self._adapts_within(self.adaptive)
        if self.presentation.size_degrees is not None and not self.calibration.card:
            raise ValueError(
                "presentation.size_degrees needs calibration.card = true, to know the screen's size"
            )
        return self

    def _adapts_within(self, adaptive: Adaptive) -> None:
        name, rows = adaptive.perturbation, self.adaptive_conditions
        if name not in PERTURBATIONS:
            raise ValueError(f"adaptive.perturbation: {unknown(name)}")
        if len(rows) < 2:
            raise ValueError(
                f"adaptive.perturbation is {name!r}, which has {len(rows) or 'no'} [[condition]]; add "
                "some until there are two or more, or name another"
            )
        if not PERTURBATIONS[name].direction:
            raise ValueError(
                f"adaptive.perturbation is {name!r}, whose severities are not harder or easier; name another"
            )
        if none := [row for row in rows if not row.condition.severity > 0]:
            raise ValueError(
                f"condition[{self.condition.index(none[0]) + 1}] is {name} with the severity 0, and "
                "[adaptive] chooses by its logarithm; leave this condition out"
            )
        if adaptive.trials > self.trials.test:
            raise ValueError(
                f"adaptive.trials is {adaptive.trials}, of trials.test = {self.trials.test}; lower it"
            )
        others = {row.perturbation for row in self.condition} - {name, CLEAN}
        if adaptive.trials == self.trials.test and others:
            raise ValueError(
                f"adaptive.trials are all of the test trials, so that {min(others)} would never be shown; "
                "lower adaptive.trials, or leave out its conditions"
            )

    def _thresholds_can_be_met(self) -> None:
        there = {
            "quality.catch_right": (self.quality.catch_right, self.catch.trials),
            "quality.instructed_right": (self.quality.instructed_right, len(self.instructed)),
        }
        for key, (wanted, most) in there.items():
            if wanted > most:
                raise ValueError(f"{key} is {wanted}, and there are {most} such items; lower it")

    def _alternatives_suffice(self) -> None:
        given = self.response.alternatives
        if self.response.form == "free_text" and given:
            raise ValueError('response.alternatives goes with form = "alternatives" only')
        no_twice("response.alternatives", given)
        missing = [concept for concept in self.all_concepts if given and concept not in given]
        if missing:
            raise ValueError(f"response.alternatives lacks {missing[0]!r}, which a trial may show")
        if self.response.choices and self.response.form == "free_text":
            raise ValueError('response.choices goes with form = "alternatives" only')
        if self.response.choices > len(self.alternatives):
            most = len(self.alternatives)
            raise ValueError(f"response.choices is {self.response.choices}; there are {most} alternatives")

    @property
    def adaptive_conditions(self) -> tuple[ConditionRow, ...]:
        """What adaptive trials choose from, mildest first; empty where there are none."""
        if self.adaptive is None:
            return ()
        direction = PERTURBATIONS.get(self.adaptive.perturbation, PERTURBATIONS[CLEAN]).direction
        rows = [row for row in self.condition if row.perturbation == self.adaptive.perturbation]
        return tuple(sorted(rows, key=lambda row: direction * row.condition.severity))

    def family(self, name: Callable[[ConditionRow], str]) -> Family | None:
        """The adaptive trials and the conditions that they choose from, named so; None without them."""
        if self.adaptive is None:
            return None
        return Family(tuple(map(name, self.adaptive_conditions)), self.adaptive.trials)

    @property
    def all_concepts(self) -> tuple[str, ...]:
        """The study's concepts, then those of practice, then those of catch trials."""
        return (*self.concepts, *self.practice.concepts, *self.catch.concepts)

    @property
    def alternatives(self) -> tuple[str, ...]:
        """What a participant chooses from; empty when answers are typed."""
        return (self.response.alternatives or self.all_concepts) if self.response.form != "free_text" else ()

    @property
    def offered(self) -> int:
        """How many alternatives a trial offers; 0 where answers are typed."""
        return self.response.choices or len(self.alternatives)

    @property
    def chance(self) -> float:
        """Proportion right of who guesses, in [0, 1); 0 where answers are typed."""
        return 1 / self.offered if self.offered else 0.0


class StudyFile(StudyDesign):
    """A whole study file. Its fields are the keys of the file."""

    #: path of the stimuli's folder or manifest, relative to the study file
    manifest: str = Field(min_length=1)
    lexicon: LexiconFile | None = None

    @model_validator(mode="after")
    def _excludes_by_what_it_asks(self) -> Self:
        """Nor is this one, for the same reason."""
        typed = self.response.form == "free_text"
        asked = {
            "catch": (self.catch.trials, "catch trials"),
            "instructed": (len(self.instructed), "[[instructed]] items"),
            "comprehension": (len(self.comprehension.question), "[[comprehension.question]]"),
            "practice": (self.practice.criterion, "practice.criterion"),
            "pasted": (typed, "typed answers"),
            "machine_typed": (typed, "typed answers"),
        }
        for flag in self.exclusion.flags:
            there, what = asked.get(flag, (True, ""))
            if not there:
                raise ValueError(f"exclusion.flags has {flag!r}, and the study has no {what}; leave it out")
        return self

    @model_validator(mode="after")
    def _few_of_a_concept(self) -> Self:
        """Not a rule of ``StudyDesign``: studies that were frozen before it was made stay as they are."""
        test, concepts, allowed = self.trials.test, len(self.concepts), self.trials.per_concept
        adaptive = self.adaptive.trials if self.adaptive else 0
        parts = [-(-part // concepts) for part in (adaptive, test - adaptive)]
        most = sum(parts)
        if most <= allowed:
            return self
        also = f", {parts[0]} of them adaptive" if adaptive else ""
        raise ValueError(
            f"trials.test = {test} with {concepts} concepts shows a participant {most} pictures of one "
            f"concept{also}, and naming one primes the next; {self._fewer(adaptive)}write "
            f"trials.per_concept = {most} and let the report estimate the effect of repetition"
        )

    def _fewer(self, adaptive: int) -> str:
        """How to have fewer trials of a concept. Both kinds are dealt apart, each share rounded up."""
        test, concepts, allowed = self.trials.test, len(self.concepts), self.trials.per_concept
        if not adaptive:
            return f"lower it to {allowed * concepts}, or "
        others = test - adaptive
        fewer = min(adaptive, (allowed - bool(others)) * concepts)
        left = min(others, (allowed - -(-fewer // concepts)) * concepts)
        return f"lower adaptive.trials to {fewer} and trials.test to {fewer + left}, or " if fewer else ""

    @model_validator(mode="after")
    def _threshold_can_be_told(self) -> Self:
        """Nor is this one."""
        if self.adaptive is not None:
            self._has_a_scale(self.adaptive.perturbation)
            self._has_a_target(self.adaptive.target)
            if self.response.dont_know and 0 < self.offered < FEW_ALTERNATIVES:
                raise ValueError(
                    f"response.dont_know is true with {self.offered} alternatives, where the threshold of "
                    "[adaptive] depends on who guesses and who does not; write dont_know = false, or offer "
                    f"{FEW_ALTERNATIVES} or more"
                )
        return self

    def _has_a_scale(self, name: str) -> None:
        """Thresholds are those of the severity's logarithm."""
        known, severities = PERTURBATIONS[name], [row.condition.severity for row in self.adaptive_conditions]
        if known.direction == 1 and (known.identity or 0.0) > 0:
            raise ValueError(
                f"adaptive.perturbation is {name!r}, whose severity ({known.unit}) does not start from 0, so "
                "that its logarithm means nothing; name another"
            )
        if max(severities) < LEAST_SPAN * min(severities):
            raise ValueError(
                f"adaptive.perturbation is {name!r}, with severities from {min(severities):g} to "
                f"{max(severities):g} only; add [[condition]] until the largest is {LEAST_SPAN:g} times the "
                "smallest or more"
            )

    def _has_a_target(self, target: float) -> None:
        most = 1 - min(lapse for lapse, _ in LAPSES)
        if target <= self.chance:
            raise ValueError(
                f"adaptive.target is {target:g}, and guessing among {self.offered} gets {self.chance:g} "
                "right; raise it"
            )
        if target >= most:
            raise ValueError(
                f"adaptive.target is {target:g}, and who hardly ever errs still gets no more than {most:g} "
                "right; lower it"
            )


def read_study_file(path: Path) -> StudyFile:
    """Read and check a study file.

    Raises UserError naming the file, the key and what is allowed there.
    """
    try:
        table = tomllib.loads(written_text(path))
    except OSError as error:
        raise UserError(f"cannot read the study file {path} ({error.strerror}); check the name") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"the study file {path} is not valid TOML ({error}); correct it there") from error
    try:
        return StudyFile.model_validate(_tuples(table))
    except ValidationError as error:
        raise UserError(f"the study file {path}: {_sentence(error)}") from error


def _tuples(value: Any) -> Any:
    """TOML's arrays as the tuples of the frozen tables."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _sentence(error: ValidationError) -> str:
    """One error as one clause: which key, what is wrong, what is allowed.

    An unknown key comes first: if it is misspelt, another that is missing is its consequence.
    """
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda one: one["type"] != "extra_forbidden")
    key = _key(first["loc"])
    if first["type"] == "extra_forbidden":
        return _unknown_key(first["loc"])
    if first["type"] == "missing":
        return f"the key {key} is missing; add it"
    if first["type"] == "value_error":
        message = str(first["ctx"]["error"])
        return f"{key}: {message}" if key else message
    return f"{key} is {_shown(first['input'])}; {_allowed(first)}"


def _key(location: tuple[int | str, ...]) -> str:
    """A key as a reader of the file finds it; the rows of an array are counted from 1."""
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".")


def _unknown_key(location: tuple[int | str, ...]) -> str:
    allowed = list(_table_at(location[:-1]).model_fields)
    near = difflib.get_close_matches(str(location[-1]), allowed, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown key {_key(location)}; {hint}allowed are {', '.join(allowed)}"


def _table_at(location: tuple[int | str, ...]) -> type[Table]:
    table: type[Table] = StudyFile
    for part in location:
        if isinstance(part, str):
            table = _inner(table.model_fields[part].annotation)
    return table


def _inner(annotation: Any) -> type[Table]:
    """The table inside ``Table``, ``Table | None`` or ``tuple[Table, ...]``."""
    found = [kind for kind in (annotation, *get_args(annotation)) if _is_table(kind)]
    table: type[Table] = found[0]
    return table


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Table)


def _shown(value: Any) -> str:
    text = repr(list(value)) if isinstance(value, tuple) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


#: pydantic's types of error -> what to write instead; the names in braces come with the error
_ALLOWED = {
    "literal_error": "allowed is {expected}",
    "string_type": "write a text in quotes",
    "int_type": "write a whole number",
    "float_type": "write a number",
    "bool_type": "write true or false",
    "tuple_type": "write a list in square brackets",
    "model_type": "write a table",
    "greater_than": "allowed is more than {gt}",
    "greater_than_equal": "allowed is {ge} or more",
    "less_than_equal": "allowed is {le} or less",
    "less_than": "allowed is less than {lt}",
    "string_too_short": "write at least {min_length} character(s)",
    "string_too_long": "write at most {max_length} characters",
    "too_short": "write at least {min_length}",
    "too_long": "write at most {max_length}",
}

#: keys whose form is a pattern -> the pattern in words
_FORMS = {
    "name": "write 1 to 63 lower-case letters, digits and hyphens, a letter or digit first",
    "completion_codes": "write 1 to 64 letters, digits, hyphens and underscores",
    "language": 'write a language as BCP 47 does, such as "en", "pt-BR" or "zh-Hant"',
    "questionnaire": "write 1 to 40 lower-case letters, digits and underscores, a letter first",
}


def _allowed(error: ErrorDetails) -> str:
    if error["type"] == "string_pattern_mismatch":
        return _FORMS[str(error["loc"][0])]
    form = _ALLOWED.get(error["type"])
    return form.format(**error.get("ctx", {})) if form else error["msg"]
