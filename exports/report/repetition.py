"""What earlier pictures of the same concept did to naming the next one."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from exports.report.sections import NOTHING_COUNTS, Missing
from exports.report.wording import REASONS, counted, number, share, signed, signed_span, span
from scoring.accuracy import accuracy_table, experiment_trials
from scoring.repetition import NO_REPETITION, Effect, Repetition
from scoring.repetition import repetition as estimate

#: how a participant's pictures of one concept are called
ORDINALS = ("first", "second", "third", "fourth", "fifth")
#: why nothing can be told of repetition
ADAPTIVE = (
    "earlier answers chose how hard later pictures were, so that repetition cannot be told from severity"
)


def repetition(trials: pd.DataFrame) -> dict[str, Any] | Missing:
    """Accuracy at a participant's first, second, … picture of a concept, and the effect of repetition."""
    if experiment_trials(trials)["adaptive"].any():
        return Missing(ADAPTIVE)
    found = estimate(trials)
    if found.n == 0:
        return Missing(NOTHING_COUNTS)
    if found.reason == NO_REPETITION:
        return Missing("no participant was shown a concept twice, so that there is nothing to repeat")
    there = not found.reason
    return {
        "rows": _rows(trials),
        "missing": REASONS.get(found.reason, found.reason),
        "effects": _effects(found) if there else [],
        "sentence": in_words(found.later) if there else "",
        "n": counted(found.n, "test trial"),
        "participants": number(found.participants),
        "repeating": number(found.repeating),
        "draws": number(found.draws),
        "seed": str(found.seed),
    }


def _rows(trials: pd.DataFrame) -> list[dict[str, str]]:
    """Mean credit at each repetition, the rarest ones together."""
    kept = experiment_trials(trials)
    order = kept["concept_repetition"].clip(upper=len(ORDINALS))
    table = accuracy_table(kept.assign(order=order), ["order"])
    last = kept["concept_repetition"].max() > len(ORDINALS)
    return [
        {
            "name": ORDINALS[int(row["order"]) - 1]
            + (" and later" if last and row["order"] == len(ORDINALS) else ""),
            "mean": share(row["mean"]),
            "interval": span(row["low"], row["high"]),
            "n": number(row["n"]),
        }
        for row in table.to_dict("records")
    ]


def _effects(found: Repetition) -> list[dict[str, str]]:
    rows = [_effect("Any later picture of a concept, less the first", found.later)]
    if found.most > 2:
        rows.append(_effect("Each further picture of a concept", found.further))
    return [*rows, _effect("Ten trials further on, whatever they show", found.practice)]


def _effect(name: str, effect: Effect) -> dict[str, str]:
    return {
        "name": name,
        "estimate": signed(effect.estimate),
        "interval": signed_span(effect.low, effect.high),
        "null": signed_span(effect.null_low, effect.null_high),
        "p": "" if math.isnan(effect.p) else share(effect.p, 3),
    }


def in_words(effect: Effect) -> str:
    """What an effect of repetition says, for a reader who wants no statistics."""
    interval = f"{signed(effect.estimate)} in credit (95% interval {signed_span(effect.low, effect.high)})"
    if effect.low > 0:
        return f"Having named a concept made its later pictures easier to name: {interval}."
    if effect.high < 0:
        return f"Later pictures of a concept were named worse than the first one: {interval}."
    return (
        f"The study cannot tell whether having named a concept makes its later pictures easier: {interval}; "
        "everything in between is compatible with these answers."
    )
