"""The section of the default score: each pair with its intervals and nulls, and the controls beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from exports.figures.scores import Score, against_null
from exports.figures.style import data_uri
from exports.report.remarks import COMPONENT_NAMES, remarks
from exports.report.tables import distinct, number_of, read_table, resampling
from exports.report.wording import REASONS, counted, listed, number, share, span
from scoring.composite import score_of
from scoring.controls import ALL, BEST, CONSTANT, MISMATCHED, SHUFFLED
from scoring.controls import COLUMNS as CONTROL_COLUMNS
from scoring.metrics.registry import METRICS
from scoring.neuron_map import concept_key
from scoring.results import METHOD
from stimuli.errors import UserError

#: a unit is said to stand out from its null above this share of it
CLEARLY = 0.975
#: units of a concept that are shown where a file has more
MOST_SHOWN = 3
#: the numbers of the results that are shown
NUMERIC = (
    *(f"{name}{end}" for name in ("InterpScore", *COMPONENT_NAMES) for end in ("", "_low", "_high")),
    *("InterpScore_null", "InterpScore_null_low", "InterpScore_null_high", "reliability"),
    *("Q_perm", "Q_ctrl", "n_ctrl", "p_max", "n_units", "q_S", "n_tests", "n_sources", "resamples", "seed"),
)
#: what a results file of the default score must have
NEEDED = (*NUMERIC, "components", "resampled", "weights", "C_weights")
#: components that a unit of noise can have
FROM_NOISE = tuple(symbol for symbol, metric in METRICS.items() if metric.from_noise)
_CONTROL_NUMBERS = ("Neuron", "E", "E_low", "E_high", "n", "labelled_E", "at_or_above")

Row = Mapping[Any, Any]


def is_default(table: pd.DataFrame) -> bool:
    """Tell whether a results file is one of the default score."""
    return distinct(table, "method") == METHOD


def controls_beside(results: Path) -> Path:
    """Where ``score`` writes the controls of a results file."""
    return results.with_name(f"{results.stem}_controls{results.suffix}")


def read_controls(path: Path, results: pd.DataFrame) -> pd.DataFrame:
    """Read the controls of some results. Raises UserError if it has none, or those of other units."""
    table = read_table(path, CONTROL_COLUMNS, _CONTROL_NUMBERS, "--controls")
    own = {(concept_key(row["Concept"]), row["Neuron"]) for row in table.to_dict("records")}
    for row in results.to_dict("records"):
        if (concept_key(row["Concept"]), row["Neuron"]) not in own:
            raise UserError(
                f"{path} has no controls of unit {row['Neuron']:.0f} for {row['Concept']}; "
                "give the file that `manage.py score` wrote beside the results"
            )
    return table


def default_scores(table: pd.DataFrame, controls: pd.DataFrame | None) -> dict[str, Any]:
    """All that the page says of a default scoring; without ``controls``, that they are not there."""
    shown = _shown(table)
    rows = shown.to_dict("records")
    beside = {} if controls is None else _controls_by_pair(controls)
    first = rows[0]
    return {
        "form": METHOD,
        "sentence": _sentence(rows),
        "rows": [_row(row) for row in rows],
        "left_out": number(len(table) - len(shown)) if len(shown) < len(table) else "",
        "figure": _figure(rows, beside, narrow=False),
        "narrow_figure": _figure(rows, beside, narrow=True),
        "figure_diamonds": any(not math.isnan(_score(row, beside).comparable) for row in rows),
        "figure_words": _figure_words(rows),
        "components": _components(rows),
        "remarks": remarks(rows),
        "has_h": any(not math.isnan(number_of(row, "H")) for row in rows),
        "tests": number(number_of(first, "n_tests")),
        "units": number(number_of(first, "n_units")),
        "channels": number(number_of(first, "n_ctrl")),
        "best_draws": _best_draws(beside),
        "reliability": share(number_of(first, "reliability")),
        "controls": None if controls is None else _controls(rows, beside, controls),
        "resampling": resampling(table),
        "weights": distinct(table, "weights"),
        "c_weights": distinct(table, "C_weights"),
    }


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """All pairs, or the best few units of each concept where every unit was scored."""
    key = table["Concept"].map(concept_key)
    if key.value_counts().max() <= MOST_SHOWN:
        return table
    best = table.sort_values("InterpScore", ascending=False, kind="stable").groupby(key).head(MOST_SHOWN)
    order = best["Concept"].map(concept_key).sort_values(kind="stable").index
    return best.loc[order]


def _sentence(rows: Sequence[Row]) -> str:
    """The scores in a sentence; empty where there are none, or no nulls."""
    there = [row for row in rows if not math.isnan(number_of(row, "Q_perm"))]
    if not there:
        return ""
    values = sorted(number_of(row, "InterpScore") for row in there)
    above = sum(number_of(row, "Q_perm") > CLEARLY for row in there)
    return (
        f"InterpScore is {share(values[0])} to {share(values[-1])}, where .5 is nothing; {above} of "
        f"{counted(len(there), 'unit')} score above {CLEARLY:.1%} of what they get when pictures exchange "
        "their activations."
    )


def _row(row: Row) -> dict[str, Any]:
    cells = {name: _cell(row, name) for name in ("InterpScore", *COMPONENT_NAMES)}
    return {
        "concept": row["Concept"],
        "unit": f"{row['Neuron']:.0f}",
        "sources": counted(int(number_of(row, "n_sources")), "picture"),
        **cells,
        **{name: _fraction(number_of(row, name)) for name in ("Q_perm", "Q_ctrl", "p_max", "q_S")},
    }


def _cell(row: Row, name: str) -> dict[str, str]:
    interval = span(number_of(row, f"{name}_low"), number_of(row, f"{name}_high"))
    return {"value": share(number_of(row, name)), "interval": interval}


def _fraction(value: float) -> str:
    """A probability to three digits; what is smaller, or nearer to 1, is said to be.

    >>> _fraction(0.0001), _fraction(0.9999), _fraction(0.25), _fraction(1.0)
    ('<.001', '>.999', '.250', '1')
    """
    if 0 < value < 0.0005:
        return "<.001"
    return ">.999" if 0.9995 <= value < 1 else share(value, 3)


def _components(rows: Sequence[Row]) -> str:
    """Which components InterpScore is the mean of, in a sentence; a warning where this differs."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(str(row["components"]), []).append(str(row["Concept"]))
    if len(groups) == 1:
        return f"InterpScore is the weighted mean of {_letters(next(iter(groups)))}.{_weightless(rows)}"
    parts = [f"{_letters(symbols)} for {listed(concepts)}" for symbols, concepts in groups.items()]
    return (
        "InterpScore is the weighted mean of the components that are there, and these differ: "
        f"{'; '.join(parts)}. Compare scores only where they are of the same components."
    )


def _weightless(rows: Sequence[Row]) -> str:
    """Say which components have values and no weight."""
    used = {symbol for row in rows for symbol in str(row["components"]).split()}
    valued = {symbol for symbol in COMPONENT_NAMES for row in rows if not math.isnan(number_of(row, symbol))}
    idle = [symbol for symbol in COMPONENT_NAMES if symbol in valued - used]
    return f" {listed(idle)} {'was' if len(idle) == 1 else 'were'} given no weight in it." if idle else ""


def _letters(symbols: str) -> str:
    return listed(symbols.split()) or "nothing"


def _of_noise(symbols: str) -> str:
    """The components of a score that a unit of noise can have."""
    return ", ".join(symbol for symbol in symbols.split() if symbol in FROM_NOISE)


def _figure(rows: Sequence[Row], beside: Mapping[tuple[str, float, str], Row], *, narrow: bool) -> str:
    """The scores against their nulls as the address of an image; empty where no row has a score."""
    scores = [
        _score(row, beside, "" if narrow else f" · unit {row['Neuron']:.0f}")
        for row in rows
        if not math.isnan(number_of(row, "InterpScore"))
    ]
    drawn = against_null(scores, "InterpScore", narrow=narrow) if scores else ""
    return data_uri(drawn.encode(), "svg+xml") if drawn else ""


def _score(row: Row, beside: Mapping[tuple[str, float, str], Row], unit: str = "") -> Score:
    best, shuffled = (_control(row, name, beside) for name in (BEST, SHUFFLED))
    ends = ("", "_low", "_high", "_null", "_null_low", "_null_high")
    noise = _scored(shuffled, "labelled_E")
    same = math.isnan(noise) or math.isclose(noise, number_of(row, "InterpScore"), abs_tol=1e-9)
    own = [number_of(row, f"InterpScore{end}") for end in ends]
    bests = [_scored(best, name) for name in ("E_low", "E_high")]
    values = [*own, *bests, math.nan if same else noise]
    return Score(f"{row['Concept']}{unit}", *values)


def _figure_words(rows: Sequence[Row]) -> str:
    """The figure for who does not see it."""
    told = [
        f"{row['Concept']} {share(number_of(row, 'InterpScore'))}, null "
        f"{span(number_of(row, 'InterpScore_null_low'), number_of(row, 'InterpScore_null_high')) or 'none'}"
        for row in rows
    ]
    return f"InterpScore of each unit beside its null: {'; '.join(told)}"


def _controls_by_pair(controls: pd.DataFrame) -> dict[tuple[str, float, str], Row]:
    return {
        (concept_key(row["Concept"]), row["Neuron"], row["Control"]): row
        for row in controls[controls["Concept"] != ALL].to_dict("records")
    }


def _control(row: Row, name: str, beside: Mapping[tuple[str, float, str], Row]) -> Row:
    return beside.get((concept_key(row["Concept"]), row["Neuron"], name), {})


def _scored(control: Row, name: str) -> float:
    """An effect of the controls' table on the scale of InterpScore."""
    return float(score_of(number_of(control, name)))  # type: ignore[arg-type]


def _best_draws(beside: Mapping[tuple[str, float, str], Row]) -> str:
    """How many draws p(max) comes from, and how small it can be; empty without any."""
    counts = [number_of(row, "n") for (_, _, name), row in beside.items() if name == BEST]
    if not counts or not max(counts) > 0:
        return ""
    return f"{number(max(counts))} draws, so at least {share(1 / (max(counts) + 1), 3)}"


def _controls(
    rows: Sequence[Row], beside: Mapping[tuple[str, float, str], Row], controls: pd.DataFrame
) -> dict[str, Any]:
    return {
        "rows": [_control_row(row, beside) for row in rows],
        "all": _all_controls(rows, beside, controls),
        "constant": _constant([_control(row, CONSTANT, beside) for row in rows]),
    }


def _control_row(row: Row, beside: Mapping[tuple[str, float, str], Row]) -> dict[str, Any]:
    whole, noise = (_scored(_control(row, name, beside), "labelled_E") for name in (MISMATCHED, SHUFFLED))
    alike = math.isnan(noise) or math.isclose(whole, noise, abs_tol=1e-9)
    return {
        "concept": row["Concept"],
        "unit": f"{row['Neuron']:.0f}",
        "labelled": share(whole),
        "comparable": "" if alike else f"{_of_noise(str(row['components']))}: {share(noise)}",
        "cells": [_control_cell(_control(row, name, beside)) for name in (SHUFFLED, BEST, MISMATCHED)],
    }


def _control_cell(control: Row) -> dict[str, str]:
    if reason := str(control.get("reason", "")):
        return {"value": "–", "span": REASONS.get(reason, reason), "reached": ""}
    reached = number_of(control, "at_or_above")
    return {
        "value": share(_scored(control, "E")),
        "span": span(_scored(control, "E_low"), _scored(control, "E_high")),
        "reached": "" if math.isnan(reached) else _percent(reached),
    }


def _percent(part: float) -> str:
    return "0%" if part == 0 else "<1%" if part < 0.005 else f"{part:.0%}"


def _all_controls(
    rows: Sequence[Row], beside: Mapping[tuple[str, float, str], Row], controls: pd.DataFrame
) -> dict[str, Any]:
    """The means over all concepts."""
    overall = [row for row in controls.to_dict("records") if row["Concept"] == ALL]
    cells = [
        _mean_cell([_control(row, name, beside) for row in rows]) for name in (SHUFFLED, BEST, MISMATCHED)
    ]
    if overall:
        cells[2]["span"] = span(_scored(overall[0], "E_low"), _scored(overall[0], "E_high"))
    labelled = _mean(_scored(_control(row, MISMATCHED, beside), "labelled_E") for row in rows)
    return {"labelled": share(labelled), "cells": cells}


def _mean_cell(controls: Sequence[Row]) -> dict[str, str]:
    reached = _mean(number_of(control, "at_or_above") for control in controls)
    return {
        "value": share(_mean(_scored(control, "E") for control in controls)),
        "span": "",
        "reached": "" if math.isnan(reached) else _percent(reached),
    }


def _mean(values: Iterable[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan


def _constant(controls: Sequence[Row]) -> str:
    """What a unit gets that has the same activation everywhere."""
    scored = [control for control in controls if not math.isnan(number_of(control, "E"))]
    if scored:
        values = listed([share(_scored(control, "E")) for control in scored])
        return f"A unit with one activation everywhere got a score, which it should not: {values}."
    return "A unit with one activation everywhere, put through the same metrics, has no score."
