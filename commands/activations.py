"""``manage.py activations``: extract unit activations, and choose the units to score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from commands.options import force_option, json_option, progress, quiet_option, say
from scoring.activations.extract import CPU_BATCH_SIZE, CUDA_BATCH_SIZE, Batch, Extraction, extract_layers
from scoring.activations.model import DEMO, load_model
from scoring.activations.preprocess import PREPROCESSINGS, SQUASH
from scoring.activations.store import ActivationStore, Series
from scoring.units import Choice, choose_units, neuron_map, write_neuron_map
from stimuli.errors import UserError
from stimuli.manifest import Stimulus, read_manifest
from stimuli.perturbations import CLEAN

PATH = click.Path(path_type=Path)


@click.group()
def activations() -> None:
    """Extract unit activations; list what a store holds; choose units.

    \b
    Example:
      python manage.py activations extract stimuli/ --out activations.zarr
      python manage.py activations list activations.zarr
      python manage.py activations choose stimuli/ --store activations.zarr --out neuron_map.json
    """


@activations.command("extract")
@click.argument("manifest", type=PATH)
@click.option("--out", required=True, type=PATH, help="The store, a folder; added to if it is there.")
@click.option("--model", default=DEMO, show_default=True, help="A model that open_clip lists, or demo.")
@click.option("--pretrained", help="Tag of pretrained weights, such as openai; random weights without.")
@click.option("--checkpoint", type=PATH, help="Local weights: safetensors, or tensors of torch.save.")
@click.option("--seed", default=0, show_default=True, help="Seed of random weights.")
@click.option(
    "--layer",
    "layers",
    multiple=True,
    help="open_clip's name of a layer; repeatable; default: the last ReLU or transformer block.",
)
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
    type=click.IntRange(min=1),
    help=f"Images to a pass through the model; default: {CPU_BATCH_SIZE}, on CUDA {CUDA_BATCH_SIZE}.",
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
    layers: tuple[str, ...],
    device: str,
    preprocess: str,
    batch_size: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a manifest's images through a model and store each unit's activation.

    MANIFEST is a folder that `stimuli build` made. What the store holds already is not computed again.
    Several layers take one pass of the images through the model.

    \b
    Example:
      python manage.py activations extract stimuli/ --out activations.zarr --model RN50x4 --pretrained openai
      python manage.py activations extract stimuli/ --out activations.zarr --model ViT-B-32 \\
        --layer visual.transformer.resblocks.5 --layer visual.transformer.resblocks.11
    """
    images = images_of(manifest)
    loaded = load_model(model, pretrained, device, checkpoint, seed)

    def track(batches: Iterable[Batch], total: int) -> Iterable[Batch]:
        return progress(batches, "batches of images", total, quiet=quiet)

    store = ActivationStore(out)
    done = extract_layers(images, loaded, layers or [None], preprocess, store, batch_size, track)
    say(_summary(done, out), _sentence(done, out), quiet=quiet, as_json=as_json)


def images_of(manifest: Path) -> dict[str, Path]:
    """Map the SHA-256 of each image of a manifest to its path, in the manifest's order."""
    folder = manifest if manifest.is_dir() else manifest.parent
    return {row.image_sha256: folder / row.image for row in read_manifest(manifest)}


def _summary(done: Sequence[Extraction], out: Path) -> dict[str, Any]:
    """Sum up; ``layers`` has an entry a layer, and what is the same for all is beside it."""
    each = [
        {"images": one.images, "computed": one.computed, "already_there": one.already_there}
        | {"units": one.units, **asdict(one.series)}
        for one in done
    ]
    shared = {key: value for key, value in each[0].items() if all(one[key] == value for one in each)}
    own = ("layer", "units", "computed", "already_there")
    return {"store": str(out), **shared, "layers": [{key: one[key] for key in own} for one in each]}


def _sentence(done: Sequence[Extraction], out: Path) -> str:
    return "\n".join(
        f"{out}: {one.computed} of {one.images} images computed, {one.already_there} there already; "
        f"{one.units} units of {one.series.layer}, {one.series.preprocess}, of {one.series.model}"
        for one in done
    )


@activations.command("list")
@click.argument("store", type=PATH)
@quiet_option
@json_option
def list_command(store: Path, quiet: bool, as_json: bool) -> None:
    """List the series that a store holds: model, layer, preprocessing, images and units.

    STORE is the folder that `activations extract` made.

    \b
    Example:
      python manage.py activations list activations.zarr
    """
    held = ActivationStore(store)
    each = [_held(held, one) for one in held.series()]
    say({"store": str(store), "series": each}, _list_of(store, each), quiet=quiet, as_json=as_json)


def _held(store: ActivationStore, series: Series) -> dict[str, Any]:
    images, computed, units = store.sizes(series)
    return {**asdict(series), "images": images, "computed": computed, "units": units}


def _list_of(store: Path, each: Sequence[dict[str, Any]]) -> str:
    lines = [
        f"  {one['model']}: {one['layer']}, {one['preprocess']}, {one['dtype']}; "
        f"{one['computed']} of {one['images']} images computed, {one['units']} units"
        for one in each
    ]
    return "\n".join([f"{store}: {len(each)} series", *lines])


@activations.command("choose")
@click.argument("manifest", type=PATH)
@click.option("--store", required=True, type=PATH, help="The store that `activations extract` made.")
@click.option("--out", required=True, type=PATH, help="The neuron map to write, JSON.")
@click.option("--cluster", "clusters", multiple=True, help="Choose on these clusters only; repeatable.")
@click.option("--concept", "concepts", multiple=True, help="Choose for these concepts only; repeatable.")
@click.option("--layer", help="Layer, where the store holds more than one.")
@click.option("--preprocess", type=click.Choice(PREPROCESSINGS), help="Where the store holds both.")
@click.option("--weights", help="Beginning of the weights' hash, if the store holds more than one model.")
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
    series = held.find(layer, preprocess, held.whole_hash(weights) if weights else None)
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
