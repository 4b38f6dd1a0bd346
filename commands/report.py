"""``manage.py report``: a study's report as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from commands.database import study_database
from commands.options import force_option, json_option, quiet_option, say
from experiment_server.services.identities import vault_of
from experiment_server.settings import load_settings
from exports.activations import open_activations
from exports.exclusions import exclusions_in_words
from exports.report.build import Sources, write_report
from exports.report.scores import read_results, units_of
from scoring.neuron_map import read_neuron_map
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("study")
@click.option("--out", required=True, type=PATH, help="The HTML file to write.")
@click.option("--results", type=PATH, help="Results file of `score`: the S, C, R, H table, and the units.")
@click.option(
    "--controls", type=PATH, help="Controls that `score` wrote.  [default: RESULTS_controls.csv, if there]"
)
@click.option("--store", type=PATH, help="Store of activations: the units' curves.")
@click.option("--layer", help="Layer to read from the store, if it holds more than one.")
@click.option("--preprocess", help="Preprocessing to read from the store, if it holds more than one.")
@click.option("--weights", help="Beginning of the weights' hash, if the store holds more than one model.")
@click.option("--neuron-map", type=PATH, help="Names the concepts' units, where --results is not given.")
@click.option(
    "--cluster", "clusters", multiple=True, help="Draw units' curves on this cluster only; repeatable."
)
@click.option("--manifest", type=PATH, help="Manifest of the stimuli: what each condition did to them.")
@force_option
@quiet_option
@json_option
def report(
    study: str,
    out: Path,
    results: Path | None,
    controls: Path | None,
    store: Path | None,
    layer: str | None,
    preprocess: str | None,
    weights: str | None,
    neuron_map: Path | None,
    clusters: tuple[str, ...],
    manifest: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the report of STUDY as one HTML file that needs nothing else.

    What the study's rules exclude is recorded first. What is not given is said to be missing in the report,
    with the reason. Choose with --cluster the
    sources that the units were not chosen on.

    \b
    Example:
      python manage.py report demo --out report.html
      python manage.py report demo --out report.html --results results.csv --store activations.zarr
    """
    refuse_to_overwrite(out, force)
    if controls is not None and results is None:
        raise UserError("--controls goes with the results that it belongs to; add --results")
    units = _units(results, neuron_map)
    wanted = list(dict.fromkeys(units.values()))
    activations = open_activations(store, wanted, layer, preprocess, weights) if store else None
    settings = load_settings()
    vault = vault_of(settings)
    sources = Sources(settings.images_dir, results, controls, activations, units, clusters, manifest, vault)
    with study_database(settings) as engine:
        summary = write_report(engine, study, out, sources, force=force)
    rehearsal = "; it was a rehearsal: no data" if summary["rehearsal"] else ""
    sentence = (
        f"the report is {out} ({summary['bytes'] / 1e6:.1f} MB); {exclusions_in_words(summary)}{rehearsal}"
    )
    say(summary, sentence, quiet=quiet, as_json=as_json)


def _units(results: Path | None, neuron_map: Path | None) -> dict[str, int]:
    if results is not None:
        return units_of(read_results(results))
    return {pair.key: pair.channel for pair in read_neuron_map(neuron_map)} if neuron_map else {}
