"""``manage.py export``: a study's dataset in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from commands.database import study_database
from commands.options import force_option, json_option, quiet_option, say
from experiment_server.services.identities import vault_of
from experiment_server.settings import load_settings
from exports.activations import open_activations
from exports.datasets import FORMATS, export_study
from exports.exclusions import exclusions_in_words
from scoring.neuron_map import read_neuron_map
from stimuli.errors import UserError

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("study")
@click.option("--out", required=True, type=PATH, help="Folder to write; made if it is not there.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="Format of the trials; default: both.")
@click.option("--store", type=PATH, help="Store of activations, to add units' columns to the trials.")
@click.option("--unit", "units", multiple=True, type=click.IntRange(0), help="A unit to add; repeatable.")
@click.option("--neuron-map", type=PATH, help="Add the units of this neuron map.")
@click.option("--layer", help="Layer to read from the store, if it holds more than one.")
@click.option("--preprocess", help="Preprocessing to read from the store, if it holds more than one.")
@click.option("--weights", help="Beginning of the weights' hash, if the store holds more than one model.")
@click.option("--manifest", type=PATH, help="Manifest of the stimuli, to add their measures and credits.")
@force_option
@quiet_option
@json_option
def export(
    study: str,
    out: Path,
    form: str | None,
    store: Path | None,
    units: tuple[int, ...],
    neuron_map: Path | None,
    layer: str | None,
    preprocess: str | None,
    weights: str | None,
    manifest: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the dataset of STUDY into a folder, without anything that tells who took part.

    The trials (CSV and Parquet), the sessions, the stimuli, a codebook, the study's definition, a README and
    checksums. What the study's rules exclude is recorded first. --force replaces an earlier export and
    nothing else.

    \b
    Example:
      python manage.py export demo --out dataset
      python manage.py export demo --out dataset --store activations.zarr --neuron-map neuron_map.json
    """
    wanted = _units(store, units, neuron_map)
    activations = open_activations(store, wanted, layer, preprocess, weights) if store else None
    settings = load_settings()
    with study_database(settings) as engine:
        summary = export_study(
            engine,
            study,
            out,
            now=datetime.now(UTC),
            formats=(form,) if form else FORMATS,
            activations=activations,
            manifest=manifest,
            vault=vault_of(settings),
            force=force,
        )
    counts = summary["counts"]
    sentence = f"{counts['trials']} trials of {counts['participants_with_trials']} participants are in {out}"
    rehearsal = "; it was a rehearsal: no data" if summary["rehearsal"] else ""
    sentence = f"{sentence}; {exclusions_in_words(counts)}{rehearsal}"
    say({"out": str(out), **summary}, sentence, quiet=quiet, as_json=as_json)


def _units(store: Path | None, units: Sequence[int], neuron_map: Path | None) -> list[int]:
    of_map = [pair.channel for pair in read_neuron_map(neuron_map)] if neuron_map else []
    wanted = list(dict.fromkeys([*units, *of_map]))
    if wanted and store is None:
        raise UserError("units are named but no store of activations; add --store")
    if store is not None and not wanted:
        raise UserError("--store is given but no unit; name units with --unit or --neuron-map")
    return wanted
