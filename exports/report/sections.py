"""What a report says, section by section, as plain values for the template.

A section that cannot be filled is a ``Missing`` with the reason, which the page prints in its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exports.attendance import GOING_ON, Attendance
from exports.report.wording import (
    REASONS,
    counted,
    duration,
    family,
    in_order,
    label,
    listed,
    moment,
    number,
    severity,
    share,
    span,
)
from exports.studies import ConditionRecord, StudyRecord, condition_key
from scoring.accuracy import accuracy_table, experiment_trials
from stimuli.perturbations import CLEAN

OUTCOMES = {
    "completed": "Completed",
    "withdrawn": "Withdrew",
    "abandoned": "Left without a word",
    "no_consent": "Did not consent",
    GOING_ON: "Still going on",
}
STATES = {
    "assigned": "never shown",
    "presented": "shown, not answered",
    "timed_out": "timed out",
    "abandoned": "given back when the participant left",
}


#: role of a condition whose pictures were made for a unit, from none
DREAM = "dream"
#: why there is nothing to estimate from
NOTHING_COUNTS = "no answer counts yet: nobody has answered a test trial, or all who did are excluded"
#: why there is nothing to compare
ONLY_ADAPTIVE = (
    "all answers that count are to adaptive trials: who sees better was shown harder pictures, so that "
    "accuracies of conditions cannot be compared; `manage.py study threshold` tells each participant's "
    "threshold"
)


@dataclass(frozen=True)
class Missing:
    """Why a section is empty, and what would fill it."""

    reason: str


@dataclass(frozen=True)
class Cell:
    """A mean with its interval, as a table shows it; ``tint`` is the mean in [0, 1], or None."""

    mean: str
    interval: str
    n: str
    tint: float | None
    note: str = ""


def run_facts(study: StudyRecord, who: Attendance) -> list[tuple[str, str]]:
    """What was run: pairs of a name and a value."""
    file = study.file
    shown, form = file["presentation"], file["response"]
    return [
        ("Study", f"{study.name} (created {moment(study.created_at)}, now {study.status})"),
        ("Answers came", _period(who)),
        ("Concepts", f"{len(file['concepts'])}: {', '.join(file['concepts'])}"),
        ("Each participant", _trials(file)),
        *_adaptive(study),
        ("A trial", _presentation(shown)),
        ("Response", _response(form, study.offered)),
        ("Language", file.get("language", "en")),
        ("Places", number(study.places)),
    ]


def _period(who: Attendance) -> str:
    if who.first_response is None:
        return "not yet"
    return f"{moment(who.first_response)} to {moment(who.last_response)}"


def _trials(file: Mapping[str, Any]) -> str:
    rounds = file["practice"].get("rounds", 1)
    practice = counted(file["practice"]["trials"], "practice trial")
    parts = [
        counted(file["trials"]["test"], "test trial"),
        practice if rounds == 1 else f"{practice} in each of at most {rounds} rounds",
        counted(file["catch"]["trials"], "catch trial"),
    ]
    again = (
        "" if rounds == 1 else " in test and catch trials; practice pictures may come again in another round"
    )
    return f"{listed(parts)}; no picture twice{again}"


def _adaptive(study: StudyRecord) -> list[tuple[str, str]]:
    if not study.adaptive:
        return []
    adaptive, test = study.file["adaptive"]["trials"], study.file["trials"]["test"]
    return [
        (
            "Adaptive trials",
            f"{number(adaptive)} of the {counted(test, 'test trial')}: the severity of "
            f"{adaptive_family(study)} was chosen by the participant's own earlier answers",
        )
    ]


def adaptive_family(study: StudyRecord) -> str:
    """Short name of the family whose severities answers chose; empty where none were chosen."""
    return next((family(one, study.conditions) for one in study.conditions if is_adaptive(one, study)), "")


def is_adaptive(condition: ConditionRecord, study: StudyRecord) -> bool:
    """Whether adaptive trials choose from a condition; then no other test trial shows it."""
    return condition.perturbation == study.adaptive


def _presentation(shown: Mapping[str, Any]) -> str:
    picture = f"picture {shown['exposure_ms']} ms" if shown["exposure_ms"] else "picture until the response"
    mask = (
        f", {shown['mask'].replace('_', ' ')} mask {shown['mask_ms']} ms" if shown["mask"] != "none" else ""
    )
    return f"fixation {shown['fixation_ms']} ms, {picture}{mask}"


def _response(form: Mapping[str, Any], offered: int) -> str:
    also = ", “I don't know” allowed" if form["dont_know"] else ""
    if form.get("confidence"):
        also += f"; then how sure, in {form['confidence']} levels"
    if form["form"] == "free_text":
        return f"free text of at most {counted(form['max_words'], 'word')}{also}"
    return f"a choice of {offered}{also}"


def condition_rows(conditions: Sequence[ConditionRecord]) -> list[dict[str, str]]:
    """The conditions with what their severity means."""
    return [
        {
            "name": one.perturbation.replace("_", " "),
            "severity": "" if one.perturbation == CLEAN else f"{one.severity:g}",
            "unit": one.severity_unit,
            "level": str(one.level),
            "role": one.role,
        }
        for one in in_order(conditions)
    ]


def people_tiles(who: Attendance) -> list[tuple[str, str]]:
    """The four numbers that a reader looks for first."""
    middle = who.median_minutes
    return [
        (number(who.participants), "simulated participants" if all_simulated(who) else "participants came"),
        (number(who.by_outcome.get("completed", 0)), "completed"),
        (number(who.responses), "responses"),
        ("–" if middle is None else duration(middle), "median time of completed sessions"),
    ]


def all_simulated(who: Attendance) -> bool:
    """Whether everyone who answered is a program."""
    return 0 < who.answering == who.simulated


def outcome_rows(who: Attendance) -> list[tuple[str, str, str]]:
    """How the sessions ended: name, count, share of all sessions."""
    return [
        (name, number(who.by_outcome[outcome]), f"{who.by_outcome[outcome] / who.sessions:.0%}")
        for outcome, name in OUTCOMES.items()
        if outcome in who.by_outcome
    ]


def people_facts(who: Attendance, trials: pd.DataFrame) -> list[tuple[str, str]]:
    """Drop-outs, missing answers, times: pairs of a name and a value."""
    left = who.answered_before_leaving
    unanswered = [f"{number(count)} {STATES.get(state, state)}" for state, count in who.unanswered.items()]
    facts = [
        ("Came from", listed([f"{number(n)} {kind}" for kind, n in who.by_kind.items()]) or "nowhere"),
        (
            "Left after consent",
            f"{len(left)}, after {left[0]} to {left[-1]} responses" if left else "nobody",
        ),
        ("Trials without a response", listed(unanswered) if unanswered else "none"),
        (
            "“I don't know”",
            f"{number(who.dont_know)} of {counted(who.responses, 'response')}",
        ),
    ]
    if who.minutes:
        facts.append(
            ("Completed sessions took", f"{duration(who.minutes[0])} to {duration(who.minutes[-1])}")
        )
    return facts + _times(experiment_trials(trials))


def _times(trials: pd.DataFrame) -> list[tuple[str, str]]:
    times = trials["rt_ms"].dropna().astype(float)
    if times.empty:
        return []
    low, middle, high = times.quantile([0.1, 0.5, 0.9])
    return [("Response time in test trials", f"median {middle:.0f} ms (10% {low:.0f}, 90% {high:.0f})")]


def comparable(trials: pd.DataFrame) -> pd.DataFrame | Missing:
    """The trials whose accuracy may be compared between conditions: those that count and are not adaptive."""
    kept = experiment_trials(trials)
    fixed = kept[~kept["adaptive"]]
    if fixed.empty:
        return Missing(NOTHING_COUNTS if kept.empty else ONLY_ADAPTIVE)
    return fixed


def accuracy(trials: pd.DataFrame, study: StudyRecord) -> dict[str, Any] | Missing:
    """Accuracy by concept and condition, with a row over the concepts and one for the exact name.

    Adaptive trials and their conditions are left out.
    """
    counting = comparable(trials)
    if isinstance(counting, Missing):
        return counting
    kept = keyed(counting)
    conditions = in_order(one for one in study.conditions if not is_adaptive(one, study))
    cells = _cells(accuracy_table(kept, ["concept", "condition"]), ["concept", "condition"])
    overall = _cells(accuracy_table(kept, ["condition"]), ["condition"])
    exact = _cells(accuracy_table(kept, ["condition"], "hard_correct"), ["condition"])
    return {
        "columns": [
            {"family": family(one, conditions), "severity": severity(one), "key": one.key, "role": one.role}
            for one in conditions
        ],
        "rows": [
            (concept, [cells.get((concept, one.key), _NOTHING) for one in conditions])
            for concept in sorted(kept["concept"].unique())
        ],
        "totals": [
            ("All concepts", [overall.get((one.key,), _NOTHING) for one in conditions]),
            ("All, exact name only", [exact.get((one.key,), _NOTHING) for one in conditions]),
        ],
        "n": number(len(kept)),
        "bounds": any(cell.note == "bound" for cell in cells.values()),
        "dreams": has_dreams(conditions),
        "gaps": sorted({cell.note for cell in cells.values()} - {"", "bound"}),
    }


def has_dreams(conditions: Sequence[ConditionRecord]) -> bool:
    """Whether a condition shows dreams, which are no degraded pictures."""
    return any(one.role == DREAM for one in conditions)


_NOTHING = Cell("–", "", "no responses", None)


def keyed(trials: pd.DataFrame) -> pd.DataFrame:
    """A trial table with the condition's key as a column."""
    pairs = zip(trials["perturbation"], trials["severity"], strict=True)
    return trials.assign(condition=[condition_key(*pair) for pair in pairs])


def _cells(table: pd.DataFrame, by: Sequence[str]) -> dict[tuple[str, ...], Cell]:
    rows = table.to_dict("records")
    return {tuple(row[name] for name in by): _cell(row) for row in rows}


def _cell(row: Mapping[Any, Any]) -> Cell:
    note = REASONS.get(row["reason"], row["reason"]) or ("bound" if row["method"] == "bound" else "")
    tint = None if math.isnan(row["mean"]) else row["mean"]
    return Cell(share(row["mean"]), span(row["low"], row["high"]), f"n {row['n']}", tint, note)


def summary(
    study: StudyRecord, who: Attendance, found: dict[str, Any] | Missing, weights: str, excluded: int
) -> str:
    """The report in one paragraph; ``excluded`` participants are."""
    people = "simulated participants" if all_simulated(who) else "participants"
    completed = number(who.by_outcome.get("completed", 0))
    start = (
        f"{number(who.participants)} {people} came and {completed} completed; they gave "
        f"{counted(who.responses, 'response')} to pictures of {len(study.file['concepts'])} concepts in "
        f"{counted(len(study.conditions), 'condition')}."
    )
    if excluded:
        are = "participant is" if excluded == 1 else "participants are"
        start += f" {number(excluded)} {are} excluded from what follows."
    if study.adaptive:
        start += f" Trials of {adaptive_family(study)} are adaptive, and count in no accuracy by condition."
    if isinstance(found, Missing):
        return start
    return f"{start} {_best_and_worst(found)} {weights}".strip()


def _best_and_worst(found: Mapping[str, Any]) -> str:
    columns, (_, totals) = found["columns"], found["totals"][0]
    known = [
        (cell, column)
        for cell, column in zip(totals, columns, strict=True)
        if cell.tint is not None and column["role"] != DREAM
    ]
    if not known:
        return ""
    clean = next((cell for cell, column in known if column["key"] == CLEAN), None)
    worst, where = min(known, key=lambda pair: pair[0].tint or 0.0)
    text = f"Clean pictures were named with accuracy {_in_words(clean)}" if clean else ""
    if where["key"] == CLEAN:
        return text + "." if text else ""
    hardest = f"the hardest condition, {where['family']} {where['severity']}, with {_in_words(worst)}"
    return f"{text}, {hardest}." if text else f"{hardest}."


def _in_words(cell: Cell) -> str:
    return f"{cell.mean} (95% interval {cell.interval})" if cell.interval else cell.mean


def condition_label(conditions: Sequence[ConditionRecord], key: str) -> str:
    """Name of a condition by its key."""
    return next(label(one, conditions) for one in conditions if one.key == key)
