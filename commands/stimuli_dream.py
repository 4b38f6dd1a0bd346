"""``manage.py stimuli dream``: pictures that units of a model are most active for, or least."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from commands.options import force_option, json_option, progress, quiet_option, say
from commands.stimuli_model_options import (
    PATH,
    check_before_loading,
    estimate_words,
    is_given,
    load_chosen_model,
    model_identity,
    model_options,
)
from scoring.neuron_map import read_neuron_map
from stimuli.conditions import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE
from stimuli.errors import UserError
from stimuli.manifest import CSV_NAME, PARQUET_NAME, read_manifest
from stimuli.perturbations import CLEAN

if TYPE_CHECKING:
    from scoring.activations.gradients import UnitGradients
    from scoring.activations.model import LoadedModel
    from scoring.fooling import Estimate
    from stimuli.build_folder import Pixels
    from stimuli.dream_build import Dreamt, Subject
    from stimuli.dreams.objective import Unit

STARTS = ("gradient", "grey", "perlin", "structured", "random")
SIGNS = {"positive": (1,), "negative": (-1,), "both": (1, -1)}
#: natural pictures that are read at a time
AT_A_TIME = 64
#: units below which a share's interval says nothing
FEWEST_WITH_INTERVAL = 5


def _as_starts(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Turn "grey,perlin" into ("grey", "perlin"); "all" is every start."""
    names = STARTS if value == "all" else tuple(dict.fromkeys(part.strip() for part in value.split(",")))
    for name in names:
        if name not in STARTS:
            raise click.BadParameter(f"{name!r} is no start; choose among {', '.join(STARTS)}", ctx, param)
    return names


@click.command()
@click.option("--units", "neurons", type=PATH, help='Neuron map of --layer\'s units, JSON {"89": "dog"}.')
@click.option(
    "--unit", "words", multiple=True, help="A unit, LAYER:CHANNEL or CHANNEL of --layer; repeatable."
)
@click.option(
    "--most-selective", type=click.IntRange(1), help="So many of --layer's units, chosen on --pictures."
)
@click.option(
    "--pictures", type=PATH, help="Natural pictures to compare with: concept/picture.png, or a build."
)
@click.option("--out", required=True, type=PATH, help="Folder for the new build.")
@click.option(
    "--starts",
    default="grey",
    show_default=True,
    callback=_as_starts,
    help=f"What to begin with, with commas between: {', '.join(STARTS)}; or all.",
)
@click.option(
    "--sign",
    default="positive",
    show_default=True,
    type=click.Choice(tuple(SIGNS)),
    help="Raise the unit, lower it, or both.",
)
@click.option(
    "--steps", default=256, show_default=True, type=click.IntRange(1, 100_000), help="Steps of a climb."
)
@click.option(
    "--size",
    default=DEFAULT_SIZE,
    show_default=True,
    type=click.IntRange(SMALLEST_SIZE, LARGEST_SIZE),
    help="Side of a dream in pixels.",
)
@click.option("--batch", default=16, show_default=True, type=click.IntRange(1), help="Dreams made at a time.")
@click.option("--layer", help="Layer of the units.  [default: the model's last block]")
@model_options
@force_option
@quiet_option
@json_option
def dream(out: Path, force: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Make pictures that units of a model are most active for, or least (feature visualisation).

    Writes a build with one dream for each unit, start and sign, and a contact sheet, dreams.png and
    dreams.html. With --pictures, each dream is compared with the best natural picture.

    \b
    Example:
      python manage.py stimuli dream --most-selective 30 --pictures pictures/ --out dreams/
      python manage.py stimuli dream --unit visual.layer4.0.act3:89 --starts all --sign both --out dreams/
    """
    _check_units(options)
    _check_pictures(options, out)
    check_before_loading(options, out, "dream", force)
    # these import torch
    from stimuli.dream_build import Request, dream_build
    from stimuli.dream_sheet import write_sheet
    from stimuli.dreams.dream import Climb

    loaded = load_chosen_model(options)
    units, subjects = _subjects(loaded, options)

    def track(steps: Iterable[int], total: int) -> Iterator[int]:
        return progress(steps, "steps", total, quiet=quiet or as_json)

    request = Request(
        options["starts"],
        SIGNS[options["sign"]],
        Climb(options["steps"], options["size"]),
        options["seed"],
        options["batch"],
    )
    identity = model_identity(loaded, options["preprocess"], units.input.description)
    done = dream_build(out, units, identity, subjects, request, force, track)
    write_sheet(out, done, loaded.label)
    summary = _dream_summary(out, done, loaded)
    say(summary, _dream_sentence(summary), quiet=quiet, as_json=as_json)


def _check_units(options: dict[str, Any]) -> None:
    given = [bool(options[name]) for name in ("neurons", "words", "most_selective")]
    if sum(given) != 1:
        raise click.UsageError("Give one of --units, --unit and --most-selective.")
    if options["most_selective"] and options["pictures"] is None:
        raise click.UsageError("--most-selective chooses on pictures; give them with --pictures.")
    if _names_all_layers(options) and is_given("layer"):
        raise click.UsageError("Every --unit names its layer; leave --layer out.")
    for word in options["words"]:
        _layer_and_channel(word)
    if options["neurons"]:
        read_neuron_map(options["neurons"])


def _check_pictures(options: dict[str, Any], out: Path) -> None:
    from stimuli.model_builds import refuse_same

    folder: Path | None = options["pictures"]
    if folder is not None:
        options["pictures"] = folder.parent if folder.is_file() else folder
        refuse_same(out, options["pictures"])
        _refuse_no_pictures(options["pictures"])


def _refuse_no_pictures(folder: Path) -> None:
    from stimuli.sources.folder import scan

    if not _is_build(folder):
        scan(folder)
    elif not any(row.condition == CLEAN for row in read_manifest(folder)):
        raise UserError(f"{folder} has no clean picture to compare with; name another folder")


def _is_build(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (CSV_NAME, PARQUET_NAME))


def _subjects(loaded: LoadedModel, options: dict[str, Any]) -> tuple[UnitGradients, list[Subject]]:
    """The units to dream of, with their activations on natural pictures."""
    from scoring.activations.gradients import UnitGradients
    from scoring.activations.hooks import canonical_layer
    from stimuli.dream_build import Subject

    layer = None if _names_all_layers(options) else canonical_layer(loaded.model, options["layer"])
    wanted = _wanted(loaded, options, layer)
    layers = [unit.layer for unit in wanted] or [str(layer)]
    units = UnitGradients(loaded, layers, options["preprocess"])
    _refuse_absent(units, wanted)
    natural = _natural(units, dict.fromkeys(layers), options["pictures"], options["size"])
    if options["most_selective"]:
        wanted = _most_selective(natural, str(layer), options["most_selective"])
    subjects = []
    for unit, concept in wanted.items():
        values = natural.values[unit.layer][:, unit.channel] if natural else np.array([np.nan])
        subjects.append(Subject(unit, concept, float(values.max()), float(values.min())))
    return units, subjects


def _names_all_layers(options: dict[str, Any]) -> bool:
    return bool(options["words"]) and all(":" in word for word in options["words"])


def _wanted(loaded: LoadedModel, options: dict[str, Any], layer: str | None) -> dict[Unit, str]:
    """The units that are named, with their concepts."""
    from scoring.activations.hooks import canonical_layer
    from stimuli.dreams.objective import Unit

    if options["neurons"]:
        return {Unit(str(layer), pair.channel): pair.key for pair in read_neuron_map(options["neurons"])}
    found: dict[Unit, str] = {}
    for word in options["words"]:
        name, channel = _layer_and_channel(word)
        found[Unit(canonical_layer(loaded.model, name) if name else str(layer), channel)] = ""
    return found


def _layer_and_channel(word: str) -> tuple[str, int]:
    """Take a unit apart; its layer is empty where only a channel is named."""
    layer, colon, channel = word.rpartition(":")
    if not channel.isdecimal() or (colon and not layer):
        raise UserError(f"{word!r} is no unit; write LAYER:CHANNEL, as visual.layer4.0.act3:89, or CHANNEL")
    return layer, int(channel)


def _refuse_absent(units: UnitGradients, wanted: Iterable[Unit]) -> None:
    for unit in wanted:
        count = units.channels(unit.layer)
        if unit.channel >= count:
            raise UserError(
                f"the layer {unit.layer} has units 0 to {count - 1}, not {unit.channel}; name another"
            )


class _Natural:
    """Activations (pictures, units) by layer on natural pictures, and each picture's concept."""

    def __init__(self, units: UnitGradients, layers: Iterable[str], folder: Path, size: int) -> None:
        self.concepts: list[str] = []
        parts: dict[str, list[npt.NDArray[np.float64]]] = {layer: [] for layer in layers}
        for concepts, pictures in _in_groups(_natural_pictures(folder, size)):
            self.concepts += concepts
            for layer, values in parts.items():
                values.append(units.measured(pictures, layer))
        self.values = {layer: np.concatenate(values) for layer, values in parts.items()}


def _natural(units: UnitGradients, layers: Iterable[str], folder: Path | None, size: int) -> _Natural | None:
    return None if folder is None else _Natural(units, layers, folder, size)


def _natural_pictures(folder: Path, size: int) -> Iterator[tuple[str, Pixels]]:
    """Clean stimuli of a build as they are, or pictures of a folder as they would be built."""
    from stimuli.model_builds import read_image
    from stimuli.pictures import load_picture
    from stimuli.sources.folder import scan

    if _is_build(folder):
        for row in read_manifest(folder):
            if row.condition == CLEAN:
                yield row.concept, read_image(folder, row)
        return
    sources, _ = scan(folder)
    for source in sources:
        yield source.concept, load_picture(folder / source.path, size, source.path)


def _in_groups(
    pictures: Iterable[tuple[str, Pixels]],
) -> Iterator[tuple[list[str], list[Pixels]]]:
    concepts: list[str] = []
    images: list[Pixels] = []
    for concept, image in pictures:
        concepts.append(concept)
        images.append(image)
        if len(images) == AT_A_TIME:
            yield concepts, images
            concepts, images = [], []
    if images:
        yield concepts, images


def _most_selective(natural: _Natural | None, layer: str, count: int) -> dict[Unit, str]:
    from scoring.selective_units import most_selective
    from stimuli.dreams.objective import Unit

    assert natural is not None
    chosen = most_selective(natural.values[layer], natural.concepts, count)
    return {Unit(layer, one.channel): one.concept for one in chosen}


def _dream_summary(out: Path, done: Sequence[Dreamt], loaded: LoadedModel) -> dict[str, Any]:
    return {
        "out": str(out),
        "dreams": len(done),
        "units": len({one.subject.unit for one in done}),
        "model": loaded.label,
        "weights_sha256": loaded.weights_hash,
        "beat_best_natural": _beaten(done),
        "each": [
            {
                "stimulus": one.row.stimulus,
                "unit": str(one.subject.unit),
                "concept": one.subject.concept or None,
                "start": one.dream.start,
                "sign": one.dream.sign,
                "activation": one.activation,
                "best_natural": _number(one.subject.natural(one.dream.sign)),
                "beats_best_natural": one.beats_nature,
            }
            for one in done
        ],
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _beaten(done: Sequence[Dreamt]) -> list[dict[str, Any]]:
    """For each start and sign, the share of the units whose dream beats the best natural picture."""
    from scoring.fooling import share

    rows: list[dict[str, Any]] = []
    for start, sign in Counter((one.dream.start, one.dream.sign) for one in done):
        mine = [one for one in done if (one.dream.start, one.dream.sign) == (start, sign)]
        told = [one.beats_nature for one in mine if one.beats_nature is not None]
        estimate: Estimate = share(np.array(told, bool))
        ratios = [
            one.activation / one.subject.natural(sign)
            for one in mine
            if sign > 0 and one.subject.natural(sign) > 0
        ]
        rows.append(
            {"start": start, "sign": sign, "share": estimate.value, "share_low": estimate.low}
            | {"share_high": estimate.high, "n": estimate.n}
            | {"median_ratio": float(np.median(ratios)) if ratios else None}
        )
    return rows


def _dream_sentence(summary: dict[str, Any]) -> str:
    head = f"{summary['out']}: {summary['dreams']} dreams of {summary['units']} units; {summary['model']}"
    compared = [one for one in summary["beat_best_natural"] if one["share"] is not None]
    return "\n".join([head, *map(_dream_line, compared)])


def _dream_line(one: dict[str, Any]) -> str:
    sign = "positive" if one["sign"] > 0 else "negative"
    ratio = one["median_ratio"]
    times = "" if ratio is None else f", activation {ratio:.2f} times as high (median)"
    interval = ""
    if one["n"] >= FEWEST_WITH_INTERVAL:
        interval = f" ({estimate_words(one, 'share', '{:.0%}')})"
    units = f"{round(one['share'] * one['n'])} of {one['n']} units"
    return f"  {one['start']}, {sign}: {units} beat their best natural picture{interval}{times}"
