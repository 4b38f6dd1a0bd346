"""The tables of a calibration: how often intervals covered the truth, and how uniform p-values were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest, kstest

from scoring.intervals import BOUND
from tests.reference.calibration.designs import Truth
from tests.reference.calibration.studies import Found

#: a share is shown with the interval that its number of studies leaves
CONFIDENCE = 0.95


def coverage_table(found: Iterable[Found], truth: Truth) -> pd.DataFrame:
    """One row for each design, unit and estimate.

    ``studies`` counts the intervals with two ends. ``covered`` is the share of them with the truth inside,
    ``above`` and ``below`` are those with the truth above their upper and below their lower end. One-sided
    bounds and missing intervals are counted beside them.
    """
    every = pd.DataFrame(list(found))
    keys = ["design", "unit", "estimate"]
    groups = every.groupby(keys, sort=False)
    rows = []
    for key, group in groups:
        names = [str(name) for name in key]
        rows.append(dict(zip(keys, names, strict=True)) | _row(group, _true(truth, *names[1:])))
    return pd.DataFrame([row for row in rows if not np.isnan(row["true"])])


def _true(truth: Truth, unit: str, estimate: str) -> float:
    return truth.effects.get((unit, estimate), np.nan) if unit else truth.accuracy[estimate]


def _row(group: pd.DataFrame, true: float) -> dict[str, Any]:
    bound = group["kind"].eq(BOUND)
    missing = group["low"].isna()
    sided = group[~bound & ~missing]
    inside = sided["low"].le(true) & sided["high"].ge(true)
    low, high = _share_interval(int(inside.sum()), len(sided))
    return {
        "true": true,
        "mean": float(group["value"].mean()),
        "studies": len(sided),
        "covered": float(inside.mean()),
        "covered_low": low,
        "covered_high": high,
        "above": float(sided["high"].lt(true).mean()),
        "below": float(sided["low"].gt(true).mean()),
        "width": float((sided["high"] - sided["low"]).mean()),
        "bounds": int(bound.sum()),
        "missing": int(missing.sum()),
    }


def _share_interval(successes: int, n: int) -> tuple[float, float]:
    if not n:
        return (np.nan, np.nan)
    ends = binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return (float(ends.low), float(ends.high))


def null_table(found: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """One row for each p-value: how far from uniform, and how often at most .05 and .01."""
    values = pd.DataFrame(list(found))
    return pd.DataFrame([_null_row(name, values[name].to_numpy(float)) for name in values.columns])


def _null_row(name: str, values: np.ndarray) -> dict[str, object]:
    test = kstest(values, "uniform")
    low, high = _share_interval(int((values <= 0.05).sum()), values.size)
    return {
        "p-value": name,
        "studies": values.size,
        "KS distance": float(test.statistic),
        "KS p": float(test.pvalue),
        "at most .05": float((values <= 0.05).mean()),
        "low": low,
        "high": high,
        "at most .01": float((values <= 0.01).mean()),
    }


def presented(table: pd.DataFrame) -> pd.DataFrame:
    """The coverage table as it is read: shares with their intervals in one column, in per cent."""
    ends = [table[name].mul(100).map("{:.1f}".format) for name in ("covered", "covered_low", "covered_high")]
    sides = [table[name].mul(100).map("{:.1f}".format) for name in ("above", "below")]
    shown = table[["design", "unit", "estimate", "true", "mean", "studies"]].copy()
    shown["covered %"] = ends[0] + " [" + ends[1] + ", " + ends[2] + "]"
    shown["truth above / below %"] = sides[0] + " / " + sides[1]
    return shown.assign(width=table["width"], bounds=table["bounds"], missing=table["missing"])


def markdown(table: pd.DataFrame) -> str:
    """Write a table in Markdown, numbers to three decimals."""
    lines = ["| " + " | ".join(table.columns) + " |", "|" + "---|" * len(table.columns)]
    for row in table.itertuples(index=False):
        lines.append("| " + " | ".join(_shown(value) for value in row) + " |")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return str(value)
