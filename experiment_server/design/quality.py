"""Flags: signs that a session's answers tell little about what was seen, with the numbers behind them.

A flag decides nothing. A study's file may name flags that keep a session out of the analysis, before there
are any data (``[exclusion]``); none has to do with anybody's pay. docs/quality.md says what each one means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiment_server.design.foils import offered
from experiment_server.design.keystrokes import counted, machine_typed, pasted
from experiment_server.design.study_file import StudyDesign
from scoring.answers import judge, normalise
from scoring.answers.words import says_dont_know

#: the numbers behind a flag, and perhaps a word
Evidence = dict[str, float | int | str]

#: of the rules; recorded with every exclusion that they decide
QUALITY_VERSION = "1"
#: trials whose answers count; practice is there to go wrong
MAIN = ("test", "catch")
#: an answer is right from this credit on
RIGHT = 0.5
#: trials from which on a share is held against a threshold: once is chance
FEWEST = 2
#: times from which on an answer counts as repeated
FEWEST_REPEATS = 5


@dataclass(frozen=True)
class TrialSignals:
    """An answered trial. ``correct``: credit in [0, 1]; ``client``: whatever the browser sent with it."""

    kind: str
    concept: str
    #: empty for "don't know"
    response: str
    dont_know: bool
    correct: float
    rt_ms: float
    #: None if no key was pressed or it was not measured
    rt_first_key_ms: float | None = None
    #: whether it was chosen from alternatives, not typed
    chosen: bool = False
    client: Mapping[str, Any] = field(default_factory=dict)
    #: what was wrong with the presentation, in words
    timing_flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class SessionSignals:
    """What a session answered. ``instructed``: responses to instructed items, by the item's name."""

    trials: tuple[TrialSignals, ...]
    instructed: Mapping[str, str] = field(default_factory=dict)
    #: None if it was not asked
    comprehension_passed: bool | None = None
    #: None if the practice has no criterion
    practice_met: bool | None = None

    @property
    def main(self) -> tuple[TrialSignals, ...]:
        """The trials whose answers count."""
        return tuple(trial for trial in self.trials if trial.kind in MAIN)


@dataclass(frozen=True)
class Flag:
    """What one rule says of a session, and its numbers."""

    name: str
    raised: bool
    evidence: Evidence


def assess(design: StudyDesign, signals: SessionSignals) -> tuple[Flag, ...]:
    """One flag for each rule that applies to a study, raised or not, in the order of ``RULES``."""
    found = (rule(design, signals) for rule in RULES.values())
    return tuple(flag for flag in found if flag is not None)


def in_words(flag: Flag) -> str:
    """A flag's evidence as a reader understands it: ``catch pictures: 1 of 4 right, 2 needed``."""
    return _WORDS[flag.name].format(**flag.evidence)


def _catch(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    planned = design.catch.trials
    catches = [trial for trial in signals.trials if trial.kind == "catch"]
    right = sum(trial.correct >= RIGHT for trial in catches)
    return _enough("catch", right, len(catches), planned, design.quality.catch_right)


def _instructed(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    """Items that were skipped are wrong once all trials are answered."""
    asked = {str(number): one.answer for number, one in enumerate(design.instructed, start=1)}
    given = {name: signals.instructed[name] for name in asked if name in signals.instructed}
    right = sum(judge(asked[name], response).soft >= RIGHT for name, response in given.items())
    over = len(signals.main) >= design.trials.test + design.catch.trials
    answered = len(asked) if over else len(given)
    return _enough("instructed", right, answered, len(asked), design.quality.instructed_right)


def _enough(name: str, right: int, answered: int, planned: int, wanted: int) -> Flag | None:
    """Raised if the number wanted cannot be reached any more; 0 wants half of them, rounded up."""
    if not planned:
        return None
    needed = wanted or -(-planned // 2)
    evidence: Evidence = {"right": right, "of": answered, "needed": needed}
    return Flag(name, right + max(0, planned - answered) < needed, evidence)


def _comprehension(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    passed = signals.comprehension_passed
    if passed is None or not design.comprehension.question:
        return None
    return Flag("comprehension", not passed, {"passed": _yes(passed)})


def _practice(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    met = signals.practice_met
    if met is None or not design.practice.criterion:
        return None
    return Flag("practice", not met, {"met": _yes(met), "criterion": design.practice.criterion})


def _too_fast(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    """An answer is timed from when it could be given; "don't know", which needs no mask's end, from onset."""
    limit, shown = design.quality.too_fast_ms, design.presentation
    opened = shown.exposure_ms + shown.mask_ms * (shown.mask != "none") if shown.exposure_ms else 0
    main = signals.main
    fast = sum(trial.rt_ms - (0 if trial.dont_know else opened) < limit for trial in main)
    return _share("too_fast", fast, len(main), design.quality.too_fast_share, ms=limit)


def _repeated(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    """How much of the way from what truth or chance would give to one answer always.

    ``share`` is of the trials in which the answer could be given; ``expected`` is the share of these in
    which it was right, at least that of a guess among the alternatives; ``excess`` = (share - expected) /
    (1 - expected), as guessing is corrected for. The answer with the largest excess is looked at.
    """
    threshold = design.quality.repeated_share
    given = [(key, trial) for trial in signals.main if (key := _answer(trial))]
    times = Counter(key for key, _ in given)
    often = [answer for answer in sorted(times) if times[answer] >= FEWEST_REPEATS]
    looked_at = often or sorted(times, key=lambda answer: (-times[answer], answer))[:1]
    found = [_repeats(design, answer, given) for answer in looked_at]
    nothing: Evidence = {"answer": "", "count": 0, "of": 0, "share": 0.0, "expected": 0.0, "excess": 0.0}
    most = max(found, key=lambda one: float(one["excess"]), default=nothing)
    raised = bool(often) and float(most["excess"]) >= threshold
    return Flag("repeated", raised, {**most, "threshold": threshold})


def _repeats(design: StudyDesign, answer: str, given: Sequence[tuple[str, TrialSignals]]) -> Evidence:
    """The numbers of one answer."""
    possible = [
        (key, trial) for key, trial in given if key == answer or _could_be_given(design, answer, trial)
    ]
    times = sum(key == answer for key, _ in possible)
    share, expected = times / len(possible), _expected(design, answer, possible)
    excess = (share - expected) / (1 - expected) if expected < 1 else 0.0
    numbers = {"share": _short(share), "expected": _short(expected), "excess": _short(excess)}
    return {"answer": answer, "count": times, "of": len(possible), **numbers}


def _could_be_given(design: StudyDesign, answer: str, trial: TrialSignals) -> bool:
    return not trial.chosen or answer in offered(design, trial.concept)


def _answer(trial: TrialSignals) -> str:
    """An answer in one comparable spelling; empty for "don't know", chosen or typed."""
    if trial.dont_know or trial.chosen:
        return "" if trial.dont_know else trial.response
    words = normalise(trial.response)
    return "" if says_dont_know(words) else " ".join(words)


def _expected(design: StudyDesign, answer: str, given: Sequence[tuple[str, TrialSignals]]) -> float:
    named = {trial.concept for key, trial in given if key == answer and trial.correct >= RIGHT} | {answer}
    true = sum(trial.concept in named for _, trial in given) / len(given)
    return max(true, design.chance)


def _pasted(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    if design.alternatives:
        return None
    main = signals.main
    count = sum(pasted(trial.client) for trial in main)
    threshold = design.quality.pasted_trials
    return Flag("pasted", count >= threshold, {"count": count, "of": len(main), "threshold": threshold})


def _machine_typed(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    if design.alternatives:
        return None
    typed = [trial for trial in signals.main if not trial.dont_know]
    told = [verdict for one in typed if (verdict := machine_typed(one.response, one.client)) is not None]
    return _share("machine_typed", sum(told), len(told), design.quality.machine_typed_share)


def _unfocused(design: StudyDesign, signals: SessionSignals) -> Flag | None:
    main = signals.main
    return _share("unfocused", sum(map(_left, main)), len(main), design.quality.unfocused_share)


def _left(trial: TrialSignals) -> bool:
    """Whether the page was out of sight or out of focus during a trial."""
    times = counted(trial.client, "times_hidden") + counted(trial.client, "times_blurred")
    return times > 0 or "hidden" in trial.timing_flags


def _share(name: str, count: int, of: int, threshold: float, **more: float) -> Flag:
    share = count / of if of else 0.0
    evidence: Evidence = {"count": count, "of": of, "share": _short(share)}
    return Flag(name, count >= FEWEST and share >= threshold, {**evidence, "threshold": threshold, **more})


def _short(number: float) -> float:
    return round(number, 4)


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


#: name of a flag -> its rule, which returns None where a study has nothing that it could judge
RULES: dict[str, Callable[[StudyDesign, SessionSignals], Flag | None]] = {
    "catch": _catch,
    "instructed": _instructed,
    "comprehension": _comprehension,
    "practice": _practice,
    "too_fast": _too_fast,
    "repeated": _repeated,
    "pasted": _pasted,
    "machine_typed": _machine_typed,
    "unfocused": _unfocused,
}

_WORDS = {
    "catch": "catch pictures: {right} of {of} right, {needed} needed",
    "instructed": "instructed answers: {right} of {of} right, {needed} needed",
    "comprehension": "comprehension check passed: {passed}",
    "practice": "practice criterion of {criterion} right met: {met}",
    "too_fast": "answers within {ms:g} ms: {count} of {of}",
    "repeated": "the answer '{answer}': {count} of {of}, where {expected:.0%} would be expected",
    "pasted": "pasted answers: {count} of {of}",
    "machine_typed": "answers that no hand typed: {count} of {of}",
    "unfocused": "trials in which the page was left: {count} of {of}",
}
