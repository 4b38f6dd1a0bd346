"""``manage.py activations``: extract unit activations, and choose the units to score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from commands.options import force_option, json_option, progress, quiet_option, say
from scoring.activations.extract import BATCH_SIZE, Batch, Extraction, extract
from scoring.activations.model import DEMO, load_model
from scoring.activations.preprocess import PREPROCESSINGS, SQUASH
from scoring.activations.store import ActivationStore, Series
from scoring.units import Choice, choose_units, neuron_map, write_neuron_map
from stimuli.conditions import CLEAN
from stimuli.errors import UserError
from stimuli.manifest import Stimulus, read_manifest

PATH = click.Path(path_type=Path)


@click.group()
def activations() -> None:
    """Extract unit activations; choose units.

    \b
    Example:
      python manage.py activations extract stimuli/ --out activations.zarr
      python manage.py activations choose stimuli/ --store activations.zarr --out neuron_map.json
    """


@activations.command("extract")
@click.argument("manifest", type=PATH)
@click.option("--out", required=True, type=PATH, help="The store, a folder; added to if it is there.")
@click.option("--model", default=DEMO, show_default=True, help="A model that open_clip lists, or demo.")
@click.option("--pretrained", help="Tag of pretrained weights, such as openai; random weights without.")
@click.option("--checkpoint", type=PATH, help="Local weights: safetensors, or tensors of torch.save.")
@click.option("--seed", default=0, show_default=True, help="Seed of random weights.")
@click.option("--layer", help="open_clip's name of a layer; default: the last ReLU of the last block.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--preprocess",
    default=SQUASH,
    show_default=True,
    type=click.Choice(PREPROCESSINGS),
    help="squash: the whole picture, by Lanczos; model: open_clip's own, which may crop.",
)
@click.option(
    "--batch-size",
    default=BATCH_SIZE,
    show_default=True,
    type=click.IntRange(min=1),
    help="Images to a pass through the model.",
)
@quiet_option
@json_option
def extract_command(
    manifest: Path,
    out: Path,
    model: str,
    pretrained: str | None,
    checkpoint: Path | None,
    seed: int,
    layer: str | None,
    device: str,
    preprocess: str,
    batch_size: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a manifest's images through a model and store each unit's activation.

    MANIFEST is a folder that `stimuli build` made. What the store holds already is not computed again.

    \b
    Example:
      python manage.py activations extract stimuli/ --out activations.zarr --model RN50x4 --pretrained openai
    """
    images = images_of(manifest)
    loaded = load_model(model, pretrained, device, checkpoint, seed)

    def track(batches: Iterable[Batch], total: int) -> Iterable[Batch]:
        return progress(batches, f"batches of {batch_size} images", total, quiet=quiet)

    done = extract(images, loaded, layer, preprocess, ActivationStore(out), batch_size, track)
    say(_summary(done, out), _sentence(done, out), quiet=quiet, as_json=as_json)


def images_of(manifest: Path) -> dict[str, Path]:
    """Map the SHA-256 of each image of a manifest to its path, in the manifest's order."""
    folder = manifest if manifest.is_dir() else manifest.parent
    return {row.image_sha256: folder / row.image for row in read_manifest(manifest)}


def _summary(done: Extraction, out: Path) -> dict[str, Any]:
    return {
        "store": str(out),
        "images": done.images,
        "computed": done.computed,
        "already_there": done.already_there,
        "units": done.units,
        **asdict(done.series),
    }


def _sentence(done: Extraction, out: Path) -> str:
    return (
        f"{out}: {done.computed} of {done.images} images computed, {done.already_there} there already; "
        f"{done.units} units of {done.series.layer}, {done.series.preprocess}, of {done.series.model}"
    )


@activations.command("choose")
@click.argument("manifest", type=PATH)
@click.option("--store", required=True, type=PATH, help="The store that `activations extract` made.")
@click.option("--out", required=True, type=PATH, help="The neuron map to write, JSON.")
@click.option("--cluster", "clusters", multiple=True, help="Choose on these clusters only; repeatable.")
@click.option("--concept", "concepts", multiple=True, help="Choose for these concepts only; repeatable.")
@click.option("--layer", help="Layer, where the store holds more than one.")
@click.option("--preprocess", type=click.Choice(PREPROCESSINGS), help="Where the store holds both.")
@click.option("--weights", help="Hash of the weights, where the store holds more than one model.")
@force_option
@quiet_option
@json_option
def choose_command(
    manifest: Path,
    store: Path,
    out: Path,
    clusters: tuple[str, ...],
    concepts: tuple[str, ...],
    layer: str | None,
    preprocess: str | None,
    weights: str | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Choose each concept's unit on clean stimuli, and write the neuron map.

    Score the units on other sources than those they were chosen on: keep some clusters out here.

    \b
    Example:
      python manage.py activations choose stimuli/ --store activations.zarr --out neuron_map.json \\
        --cluster twemoji --cluster noto
    """
    rows = _selection(read_manifest(manifest), clusters, concepts)
    held = ActivationStore(store)
    series = held.find(layer, preprocess, weights)
    values = held.read_series(series, [row.image_sha256 for row in rows])
    choices = choose_units(values, [row.concept for row in rows])
    write_neuron_map(out, neuron_map(choices), force)
    say(
        _chosen(choices, series, out, clusters),
        _chosen_sentence(choices, series, out, clusters),
        quiet=quiet,
        as_json=as_json,
    )


def _selection(
    stimuli: Sequence[Stimulus], clusters: Sequence[str], concepts: Sequence[str]
) -> list[Stimulus]:
    _refuse_unknown("cluster", clusters, {row.cluster for row in stimuli})
    _refuse_unknown("concept", concepts, {row.concept for row in stimuli})
    return [
        row
        for row in stimuli
        if row.condition == CLEAN
        and (not clusters or row.cluster in clusters)
        and (not concepts or row.concept in concepts)
    ]


def _refuse_unknown(what: str, given: Sequence[str], known: set[str]) -> None:
    for name in given:
        if name not in known:
            raise UserError(f"the manifest has no {what} {name!r}; it has {', '.join(sorted(known))}")


def _chosen(choices: Sequence[Choice], series: Series, out: Path, clusters: Sequence[str]) -> dict[str, Any]:
    return {
        "neuron_map": str(out),
        "clusters": list(clusters) or None,
        "units": [asdict(choice) for choice in choices],
        **asdict(series),
    }


def _chosen_sentence(choices: Sequence[Choice], series: Series, out: Path, clusters: Sequence[str]) -> str:
    lines = [f"  {one.concept}: unit {one.unit}, AUROC {one.auroc:.3f}" for one in choices]
    where = f"clean stimuli of {', '.join(clusters)}" if clusters else "all clean stimuli: score on others"
    return "\n".join([f"{out}: chosen on {where}; {series.layer} of {series.model}", *lines])
