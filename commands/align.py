"""``manage.py align``: how alike people and models recognise."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from commands.align_inputs import Given, read_given
from commands.options import force_option, json_option, quiet_option
from exports.alignment.folder import refuse_existing, write_alignment
from exports.alignment.origin import Origin
from exports.alignment.wording import MEASURES, decimal, ends, in_words
from exports.report.wording import counted
from scoring.alignment.align import Alignment, Settings, align
from stimuli.errors import UserError
from stimuli.perturbations import PERTURBATIONS

PATH = click.Path(path_type=Path)
#: what stands in place of a number that is not printed
REFUSED = "refused"


@click.command("align")
@click.argument("data")
@click.option("--out", required=True, type=PATH, help="Folder to write.")
@click.option("--trials", type=PATH, help="Trial table in place of the dataset's, such as one judged again.")
@click.option("--model", "models", multiple=True, help="An observer of DATA that is a model; repeatable.")
@click.option(
    "--alternatives",
    type=click.IntRange(2),
    help="Words of the choice in model-vs-human data.",
)
@click.option("--choices", type=PATH, help="Models' decisions: CSV with observer, stimulus, chosen.")
@click.option("--neuron-map", type=PATH, help="Units that decide together, each for its concept.")
@click.option("--store", type=PATH, help="Store of activations: its series are the layers.")
@click.option("--layer", help="Layer that the units of --neuron-map are of, if the store holds several.")
@click.option("--manifest", type=PATH, help="Manifest of the stimuli, if DATA does not say their images.")
@click.option("--lexicon", type=PATH, help="Study's lexicon: what else a typed answer may name.")
@click.option("--key-file", type=PATH, help="Key of the pseudonyms, for DATA with Prolific IDs.")
@click.option(
    "--human-score-col", default="soft_correct", show_default=True, help="Column of the human score."
)
@click.option(
    "--harder",
    type=click.Choice(["larger", "smaller"]),
    help="Which severities are harder in model-vs-human data.",
)
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True, help="Draws.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random draws."
)
@force_option
@quiet_option
@json_option
def align_command(data: str, out: Path, force: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Measure how alike people, and models, recognise the pictures of DATA.

    DATA is a folder of model-vs-human CSV files, a trial table, an exported dataset, or the name of a study.
    OUT gets summary.json, one CSV for each table, figures, and report.html. What the data do not allow is
    refused with its reason, in refused.csv and in the report.

    \b
    Example:
      python manage.py align dataset --out alignment --store activations.zarr --neuron-map neuron_map.json
    """
    refuse_existing(out, force)
    given = read_given(data, options)
    settings = Settings(options["resamples"], options["seed"])
    found = align(
        given.observations,
        given.layers,
        settings,
        tasks=given.tasks,
        unit=given.unit,
        directions=_directions(given, options["harder"]),
        say=lambda what: None if quiet else click.echo(f"{what} …", err=True),
    )
    origin = Origin(given.title, _again(data, options), given.files, given.weights, given.notes)
    summary = write_alignment(found, origin, out, force=force)
    _tell(found, given, summary, out, quiet, as_json)


def _directions(given: Given, harder: str | None) -> dict[str, int]:
    """Where severities lead in perturbations that are not among our own."""
    if harder is None:
        return {}
    names = given.observations.frame["perturbation"].dropna().unique()
    unknown = [str(name) for name in names if name not in PERTURBATIONS]
    if not unknown:
        raise UserError("--harder is for perturbations of others; it is known where those of DATA lead")
    severity = given.observations.frame.groupby("perturbation")["severity"].nunique()
    if not any(severity[name] > 1 for name in unknown):
        raise UserError(
            "--harder is about severities, of which DATA has none or one for each perturbation; leave it out"
        )
    return dict.fromkeys(unknown, 1 if harder == "larger" else -1)


def _again(data: str, options: Mapping[str, Any]) -> str:
    """The command to make it again; files by name only."""
    parts = [f"python manage.py align {quote(Path(data).name)} --out alignment"]
    for name, value in options.items():
        flag = {"models": "--model"}.get(name, f"--{name.replace('_', '-')}")
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None and (name, one) not in _DEFAULTS.items():
                parts.append(f"{flag} {quote(one.name if isinstance(one, Path) else str(one))}")
    return " ".join(parts)


_DEFAULTS = {"human_score_col": "soft_correct", "resamples": 1000, "seed": 0}


def _tell(
    found: Alignment, given: Given, summary: Mapping[str, Any], out: Path, quiet: bool, as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps({"out": str(out), **summary}, allow_nan=False))
        return
    if quiet:
        return
    console = Console(width=None if Console().is_terminal else 120)
    console.print(_table(found, given.title))
    for note in (*given.notes, *given.observations.notes):
        console.print(note, soft_wrap=True, markup=False, highlight=False)
    refused = f"; {counted(len(found.refused), 'number')} refused, see refused.csv" if found.refused else ""
    counts = (
        counted(summary["n_observers"], "person", "people"),
        counted(len(found.models), "model"),
        counted(summary["n_stimuli"], "stimulus", "stimuli"),
    )
    console.print(
        f"{', '.join(counts)}{refused}.\nWritten: {out}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def _table(found: Alignment, title: str) -> Table:
    shown = Table(title=f"Alignment of {title}; 95% intervals")
    for name in ("Measure", "Value", "Interval", "Null", "n"):
        shown.add_column(name, justify="left" if name == "Measure" else "right", overflow="fold")
    for key, one in found.estimates.items():
        name = MEASURES[key].title if key in MEASURES else key.replace("_", " ")
        why = REFUSED if math.isnan(one.value) else in_words(one.reason) if one.reason else ""
        interval = ends(one.low, one.high) or why
        shown.add_row(name, decimal(one.value), interval, decimal(one.null), f"{one.n} {one.unit}".strip())
    return shown
