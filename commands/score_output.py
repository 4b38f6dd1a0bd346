"""What ``score`` says: tables on a terminal, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

#: units of a concept that are shown where every unit is scored
BEST_SHOWN = 3

PUBLISHED_TITLE = "Published method; 95% interval; null: median when sources exchange activations"
PUBLISHED_SHOWN = ("S", "C", "R", "H", "InterpScore", "SRH")
TITLE = "InterpScore; 95% interval; 0.5 is nothing"
SHOWN = ("S", "C", "R", "H", "InterpScore")


def tell(
    table: pd.DataFrame,
    controls: pd.DataFrame | None,
    written: Sequence[Path],
    notes: Sequence[str],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    """Tell the outcome of a scoring; ``controls`` is None where there are none."""
    if as_json:
        click.echo(_as_json(table, controls, written, notes))
    elif not quiet:
        _print(table, controls, written, notes)


def _as_json(
    table: pd.DataFrame, controls: pd.DataFrame | None, written: Sequence[Path], notes: Sequence[str]
) -> str:
    found = {"results": str(written[0]), "notes": list(notes), "pairs": _records(table)}
    if controls is not None:
        found |= {"controls_file": str(written[1]), "controls": _records(controls)}
    return json.dumps(found, allow_nan=False)


def _records(table: pd.DataFrame) -> list[dict[Any, Any]]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _print(
    table: pd.DataFrame, controls: pd.DataFrame | None, written: Sequence[Path], notes: Sequence[str]
) -> None:
    console = Console(width=None if Console().is_terminal else 120)
    shown = table
    if table["Concept"].duplicated().any() and len(table) > len(set(table["Concept"])) * BEST_SHOWN:
        by = "InterpScore" if table["InterpScore"].notna().any() else "SRH"
        shown = table.sort_values(by, ascending=False).groupby("Concept").head(BEST_SHOWN)
        shown = shown.sort_values(["Concept", by], ascending=[True, False])
        console.print(f"{len(table)} pairs; the best {BEST_SHOWN} units of each concept:")
    console.print(_rich_table(shown, published="SRH" in shown.columns))
    if controls is not None and len(controls):
        console.print(_rich_controls(controls))
    for line in (*_row_notes(shown), *notes, *_provenance(table), *(f"Written: {path}" for path in written)):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _row_notes(table: pd.DataFrame) -> Iterator[str]:
    """What is to be known of rows; what holds for all of them is said once."""
    notes = table["Notes"].fillna("")
    if len(table) > 1 and notes.nunique() == 1:
        yield from filter(None, [f"All units: {notes.iloc[0]}" if notes.iloc[0] else ""])
        return
    for row in table[notes != ""].to_dict("records"):
        yield f"Unit {row['Neuron']}, {row['Concept']}: {row['Notes']}"


def _rich_table(table: pd.DataFrame, *, published: bool) -> Table:
    names = PUBLISHED_SHOWN if published else SHOWN
    last = ("trials", "sources") if published else ("Q_perm", "Q_ctrl", "p_max", "sources")
    shown = Table(title=PUBLISHED_TITLE if published else TITLE)
    for name in ("Unit", "Concept", *names, *last):
        shown.add_column(name, justify="left" if name == "Concept" else "right")
    for row in table.to_dict("records"):
        cells = [_cell(row, name, with_null=published) for name in names]
        shown.add_row(
            str(row["Neuron"]), escape(str(row["Concept"])), *cells, *(_last(row, name) for name in last)
        )
    return shown


def _cell(row: dict[Any, Any], name: str, *, with_null: bool) -> str:
    lines = ["–" if np.isnan(row[name]) else f"{row[name]:.3f}"]
    if not np.isnan(row.get(f"{name}_low", np.nan)):
        lines.append(f"{row[f'{name}_low']:.2f}–{row[f'{name}_high']:.2f}")
    if with_null and not np.isnan(row.get(f"{name}_null", np.nan)):
        lines.append(f"null {row[f'{name}_null']:.2f}")
    return "\n".join(lines)


def _last(row: dict[Any, Any], name: str) -> str:
    if name in ("trials", "sources"):
        return str(row[f"n_{name}"])
    return "–" if np.isnan(row[name]) else f"{row[name]:.3f}"


def _rich_controls(controls: pd.DataFrame) -> Table:
    """The controls over all concepts: what they get, and how often they reach the labelled unit."""
    shown = Table(title="Controls: E of what should get nothing, beside the labelled units")
    for name in ("Control", "mean E", "97.5%, worst concept", "labelled, mean E", "at or above the labelled"):
        shown.add_column(name, justify="left" if name == "Control" else "right")
    for control, rows in controls[controls["Neuron"] != ""].groupby("Control", sort=False):
        reasons = " ".join(sorted(set(rows["reason"]) - {""}))
        reached = rows["at_or_above"].dropna()
        shown.add_row(
            str(control),
            _number(rows["E"].mean()) if rows["E"].notna().any() else f"none ({reasons})",
            _number(rows["E_high"].max()),
            _number(rows["labelled_E"].mean()),
            f"{reached.mean():.1%} (worst concept {reached.max():.1%})" if len(reached) else "–",
        )
    return shown


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:+.3f}"


def _provenance(table: pd.DataFrame) -> Iterator[str]:
    first = table.iloc[0]
    yield f"Weights: {first['weights']}." + (f" C: {first['C_weights']}." if first["C_weights"] else "")
    drawn = f"Resampled: whole sources, {first['resamples']} draws for the intervals"
    has_null = any(table[name].notna().any() for name in table if str(name).endswith("_null"))
    if not first["resamples"]:
        yield "No intervals and no nulls (--resamples 0)."
    else:
        yield f"{drawn}{' and for the nulls' if has_null else ''}, seed {first['seed']}."
