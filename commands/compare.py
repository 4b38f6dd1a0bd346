"""``manage.py compare``: several models or layers in one table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.options import force_option, json_option, quiet_option
from commands.score_inputs import Trials, rows_of_study, with_series
from scoring.activations.hooks import canonical_name
from scoring.activations.store import ActivationStore
from scoring.comparison import MEAN, Series, compare, halves
from scoring.counted_rows import listed
from scoring.effects import Settings
from scoring.trial_cells import Levels
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing

PATH = click.Path(path_type=Path)


@click.command("compare")
@click.argument("study")
@click.argument("out", type=PATH)
@click.option(
    "--store", "stores", multiple=True, required=True, type=PATH, help="Store of activations; repeatable."
)
@click.option("--layer", "layers", multiple=True, help="Compare these layers only; repeatable.")
@click.option("--weights-hash", help="Compare the model only whose weights' hash begins so.")
@click.option(
    "--choose-on",
    "clusters",
    multiple=True,
    help="Cluster that units are chosen on; repeatable.  [default: half]",
)
@click.option(
    "--human-score-col", default="soft_correct", show_default=True, help="Column of the human score."
)
@click.option(
    "--resamples", type=click.IntRange(0), default=1000, show_default=True, help="Draws of sources."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws and halves.")
@force_option
@quiet_option
@json_option
def compare_command(
    study: str,
    out: Path,
    stores: tuple[Path, ...],
    layers: tuple[str, ...],
    weights_hash: str | None,
    clusters: tuple[str, ...],
    human_score_col: str,
    resamples: int,
    seed: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare models and layers by the units that they offer for the concepts of STUDY.

    Every series of the stores takes part. In each, a concept's unit is chosen on some sources (the
    clusters of --choose-on, else half of them) and scored on the others, by S, R and H. OUT is a CSV with a
    row for each series and concept; differences are to the first series, on the same draws.

    \b
    Example:
      python manage.py compare demo layers.csv --store activations.zarr --choose-on twemoji --choose-on noto
    """
    if out.suffix.lower() != ".csv":
        raise UserError(f"the comparison is written as CSV; name {out.name} with the ending .csv")
    refuse_to_overwrite(out, force)
    series, chosen_on = _series(study, stores, layers, weights_hash, clusters, human_score_col, seed)
    table = compare(series, chosen_on, Settings(resamples=resamples, seed=seed))
    with replacing(out, force=force) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    _tell(table, out, quiet, as_json)


def _series(
    study: str,
    stores: tuple[Path, ...],
    layers: tuple[str, ...],
    weights_hash: str | None,
    clusters: tuple[str, ...],
    score_column: str,
    seed: int,
) -> tuple[list[Series], list[str]]:
    """Read the series to compare, and name the sources to choose units on."""
    rows = rows_of_study(study)
    _refuse_unknown_layers(stores, layers)
    found = [
        one
        for store in stores
        for one in _of_store(rows, ActivationStore(store), layers, weights_hash, score_column)
    ]
    if len(found) < 2:
        raise UserError(
            f"{listed([str(store) for store in stores])} holds {len(found)} series that fit, and a "
            "comparison takes two; extract another layer or model with: python manage.py activations extract"
        )
    return found, _chosen_on(rows, clusters, found[0], seed)


def _refuse_unknown_layers(stores: tuple[Path, ...], layers: tuple[str, ...]) -> None:
    there = sorted({one.layer for store in stores for one in ActivationStore(store).series()})
    for layer in layers:
        if canonical_name(layer) not in there:
            named = listed([str(store) for store in stores])
            raise UserError(f"no series of {named} is of the layer {layer}; their layers are {listed(there)}")


def _of_store(
    rows: Trials, store: ActivationStore, layers: tuple[str, ...], weights_hash: str | None, score_column: str
) -> Iterator[Series]:
    wanted = {canonical_name(layer) for layer in layers}
    whole = store.whole_hash(weights_hash) if weights_hash else None
    levels = Levels(rows.clean, rows.dreams)
    for one in store.series():
        if (not wanted or one.layer in wanted) and whole in (None, one.weights_hash):
            cells = with_series(rows, store, one).cells(levels, score_column).cells
            yield Series(
                f"{one.model}, {one.layer}, {one.preprocess}", one.model, one.layer, one.preprocess, cells
            )


def _chosen_on(rows: Trials, clusters: tuple[str, ...], series: Series, seed: int) -> list[str]:
    """The sources of the clusters, or half of each concept's sources."""
    if not clusters:
        return halves(series.cells, seed)
    assert rows.stimuli is not None
    known = sorted(set(rows.stimuli["cluster"]))
    for cluster in clusters:
        if cluster not in known:
            raise UserError(f"{rows.origin} has no cluster {cluster}; it has {listed(known)}")
    drawn = set(rows.stimuli.loc[rows.stimuli["cluster"].isin(clusters), "source"])
    return [source for source in series.cells.sources if source in drawn]


def _tell(table: pd.DataFrame, out: Path, quiet: bool, as_json: bool) -> None:
    if as_json:
        rows = table.astype(object).where(table.notna(), None).to_dict("records")
        click.echo(json.dumps({"results": str(out), "rows": rows}, allow_nan=False))
    elif not quiet:
        console = Console(width=None if Console().is_terminal else 120)
        console.print(_rich_table(table[table["Concept"] == MEAN]))
        first = table.iloc[0]
        console.print(
            f"Means over {first['n_concepts']} concepts; differences are to the first series. "
            f"Resampled: whole sources, {first['resamples']} draws, seed {first['seed']}.\nWritten: {out}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


def _rich_table(means: pd.DataFrame) -> Table:
    shown = Table(title="InterpScore (S, R, H) of the chosen units; 95% interval; 0.5 is nothing")
    for name in ("Model", "Layer", "Units", "InterpScore", "Difference", "p"):
        shown.add_column(name, justify="left" if name in ("Model", "Layer") else "right", overflow="fold")
    for row in means.to_dict("records"):
        shown.add_row(
            *(escape(str(row["model"])), escape(str(row["layer"])), str(row["n_units"])),
            _with_ends(row, "InterpScore", "{:.3f}", "{:.2f}"),
            _with_ends(row, "difference", "{:+.3f}", "{:+.2f}"),
            "" if pd.isna(row["p_difference"]) else f"{row['p_difference']:.3f}",
        )
    return shown


def _with_ends(row: dict[Any, Any], name: str, value: str, end: str) -> str:
    if pd.isna(row[name]):
        return ""
    text = value.format(row[name])
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return text if pd.isna(low) else f"{text}\n{end.format(low)} to {end.format(high)}"
