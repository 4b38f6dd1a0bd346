"""The units' scores, read from the file that ``score`` wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from exports.figures.scores import Score, against_null
from exports.report.interpscore import NEEDED, is_default
from exports.report.interpscore import NUMERIC as DEFAULT_NUMERIC
from exports.report.tables import distinct, number_of, read_table, require, resampling
from exports.report.wording import listed, share, span
from scoring.neuron_map import concept_key
from stimuli.errors import UserError

#: columns that every results file begins with
PUBLISHED = ("Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes")
COMPONENTS = ("S", "C", "R", "H", "InterpScore", "SRH")
_ENDS = ("", "_low", "_high", "_null", "_null_low", "_null_high")
NUMERIC = (
    *("Neuron", "n_sources", "resamples"),
    *(f"{name}{end}" for name in COMPONENTS for end in _ENDS),
    *DEFAULT_NUMERIC,
)


def read_results(path: Path) -> pd.DataFrame:
    """Read a results file of ``score``. Raises UserError if it is not one, has no rows, or mixes methods."""
    table = read_table(path, PUBLISHED, NUMERIC, "--results")
    if table["Neuron"].isna().any():
        raise UserError(f"{path} has a row without a Neuron; score the study again")
    methods = distinct(table, "method").split("; ")
    if len(methods) > 1:
        raise UserError(f"{path} mixes the methods {listed(methods)}; give the results of one run of `score`")
    if is_default(table):
        require(path, table, NEEDED)
    return table


def units_of(table: pd.DataFrame) -> dict[str, int]:
    """The unit of each concept, by its key, in a results file; the first one where there are several."""
    pairs = zip(map(concept_key, table["Concept"]), table["Neuron"], strict=True)
    units: dict[str, int] = {}
    for concept, neuron in pairs:
        units.setdefault(concept, int(neuron))
    return units


def scores(table: pd.DataFrame) -> dict[str, Any]:
    """What the page says of a scoring by the published method: a table, and a figure against the null."""
    shown = [name for name in COMPONENTS if name in table.columns]
    rows = table.to_dict("records")
    return {
        "form": "reference",
        "components": shown,
        "rows": [_row(row, shown) for row in rows],
        "figure": _figure(rows),
        "weights": distinct(table, "weights"),
        "c_weights": distinct(table, "C_weights"),
        "method": distinct(table, "method"),
        "resampling": resampling(table),
        "has_intervals": any(f"{name}_low" in table.columns for name in shown),
    }


def _row(row: Mapping[Any, Any], shown: list[str]) -> dict[str, Any]:
    return {
        "concept": row["Concept"],
        "unit": f"{row['Neuron']:.0f}",
        "cells": [
            {
                "value": share(row[name], 3),
                "interval": span(number_of(row, f"{name}_low"), number_of(row, f"{name}_high"), 3),
                "null": _null(row, name),
            }
            for name in shown
        ],
        "notes": row["Notes"],
        "n": f"{number_of(row, 'n_sources'):.0f}" if not math.isnan(number_of(row, "n_sources")) else "",
    }


def _null(row: Mapping[Any, Any], name: str) -> str:
    middle = number_of(row, f"{name}_null")
    if math.isnan(middle):
        return ""
    ends = span(number_of(row, f"{name}_null_low"), number_of(row, f"{name}_null_high"))
    return f"{share(middle)} ({ends})" if ends else share(middle)


def _figure(rows: list[dict[Any, Any]]) -> str:
    """SRH against its null where there is one; empty otherwise."""
    found = [
        Score(f"{row['Concept']} · unit {row['Neuron']:.0f}", *(number_of(row, f"SRH{end}") for end in _ENDS))
        for row in rows
    ]
    drawn = [score for score in found if not math.isnan(score.value)]
    if not any(not math.isnan(score.null) for score in drawn):
        return ""
    return against_null(drawn, "SRH, the mean of S, R and H")
