"""The units' scores, read from the file that ``score`` wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from exports.figures.scores import Score, against_null
from exports.report.wording import share, span
from scoring.neuron_map import concept_key
from stimuli.errors import UserError

#: columns that every results file begins with
PUBLISHED = ("Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes")
COMPONENTS = ("S", "C", "R", "H", "InterpScore", "SRH")
_ENDS = ("", "_low", "_high", "_null", "_null_low", "_null_high")
NUMERIC = (
    *("Neuron", "n_sources", "resamples"),
    *(f"{name}{end}" for name in COMPONENTS for end in _ENDS),
)


def read_results(path: Path) -> pd.DataFrame:
    """Read a results file of ``score``. Raises UserError if it is not one, or has no rows."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; write it with `manage.py score`, or leave --results out"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as a results file ({type(error).__name__}); score the study again"
        ) from error
    lacking = [name for name in PUBLISHED if name not in table.columns]
    if lacking:
        raise UserError(f"{path} lacks the column {lacking[0]}; give a file that `manage.py score` wrote")
    if table.empty:
        raise UserError(f"{path} has no rows; score the study again")
    numeric = [name for name in NUMERIC if name in table.columns]
    return table.assign(**{name: _numbers(path, table[name]) for name in numeric})


def _numbers(path: Path, text: pd.Series) -> pd.Series:
    """Numbers of a column; an empty field or NaN is missing."""
    values = pd.to_numeric(text, errors="coerce").astype(float)
    wrong = values.isna() & ~text.str.lower().isin(["", "nan"])
    if wrong.any() or (text.name == "Neuron" and values.isna().any()):
        first = text[wrong | values.isna()].iloc[0]
        raise UserError(f"{path}: {first!r} in the column {text.name} is not a number; score the study again")
    return values


def units_of(table: pd.DataFrame) -> dict[str, int]:
    """The unit of each concept, by its key, in a results file; the first one where there are several."""
    pairs = zip(map(concept_key, table["Concept"]), table["Neuron"], strict=True)
    units: dict[str, int] = {}
    for concept, neuron in pairs:
        units.setdefault(concept, int(neuron))
    return units


def scores(table: pd.DataFrame) -> dict[str, Any]:
    """The table of S, C, R, H for the page, with what was resampled, and a figure against the null."""
    shown = [name for name in COMPONENTS if name in table.columns]
    rows = table.to_dict("records")
    return {
        "components": shown,
        "rows": [_row(row, shown) for row in rows],
        "figure": _figure(rows),
        "weights": _distinct(table, "weights"),
        "c_weights": _distinct(table, "C_weights"),
        "method": _distinct(table, "method"),
        "resampling": _resampling(table),
        "has_intervals": any(f"{name}_low" in table.columns for name in shown),
    }


def _row(row: Mapping[Any, Any], shown: list[str]) -> dict[str, Any]:
    return {
        "concept": row["Concept"],
        "unit": f"{row['Neuron']:.0f}",
        "cells": [
            {
                "value": share(row[name], 3),
                "interval": span(_number(row, f"{name}_low"), _number(row, f"{name}_high"), 3),
                "null": _null(row, name),
            }
            for name in shown
        ],
        "notes": row["Notes"],
        "n": f"{_number(row, 'n_sources'):.0f}" if not math.isnan(_number(row, "n_sources")) else "",
    }


def _null(row: Mapping[Any, Any], name: str) -> str:
    middle = _number(row, f"{name}_null")
    if math.isnan(middle):
        return ""
    ends = span(_number(row, f"{name}_null_low"), _number(row, f"{name}_null_high"))
    return f"{share(middle)} ({ends})" if ends else share(middle)


def _number(row: Mapping[Any, Any], name: str) -> float:
    return float(row.get(name, math.nan))


def _figure(rows: list[dict[Any, Any]]) -> str:
    """SRH against its null where there is one; empty otherwise."""
    found = [
        Score(f"{row['Concept']} · unit {row['Neuron']:.0f}", *(_number(row, f"SRH{end}") for end in _ENDS))
        for row in rows
    ]
    drawn = [score for score in found if not math.isnan(score.value)]
    if not any(not math.isnan(score.null) for score in drawn):
        return ""
    return against_null(drawn, "SRH, the mean of S, R and H")


def _distinct(table: pd.DataFrame, name: str) -> str:
    if name not in table.columns:
        return ""
    return "; ".join(str(value) for value in table[name].dropna().unique() if str(value))


def _resampling(table: pd.DataFrame) -> str:
    if not {"resampled", "resamples", "seed"} <= set(table.columns) or not table["resamples"].max() > 0:
        return ""
    first = table.iloc[0]
    return f"{first['resamples']:.0f} draws of whole {first['resampled']}s, seed {first['seed']}"
