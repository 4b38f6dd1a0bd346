"""``manage.py causality``: what each unit does to the concepts' logits and to the embedding."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import pandas as pd

from commands.options import force_option, json_option, progress, quiet_option, say
from exports.spreadsheets import safe_for_spreadsheets
from scoring.causal_effects import CleanImage
from scoring.channel_study import ABLATIONS, ChannelStudy, DegradedImage, Request, measure_channels
from scoring.channel_table import Draws, channel_table
from scoring.neuron_map import concept_key, read_neuron_map
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing, sha256_of_file
from stimuli.manifest import CSV_NAME, PARQUET_NAME, Stimulus, read_manifest
from stimuli.perturbations import CLEAN
from stimuli.sources.folder import SUFFIXES, scan

if TYPE_CHECKING:
    from scoring.activations.model import LoadedModel

PATH = click.Path(path_type=Path)
CSV, PARQUET = ".csv", ".parquet"
#: options that take one or more words, and what such a word looks like
SEVERAL = {"--units": re.compile(r"\d+|all|.+\.json"), "--scales": re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?")}


class SeveralWords(click.Command):
    """A command whose options in ``SEVERAL`` take several words: ``--scales 0 2``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat such an option's name before each of its words."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(args: Sequence[str]) -> Iterator[str]:
    option = ""
    for place, word in enumerate(args):
        follows = place > 0 and args[place - 1] != option
        if option and follows and SEVERAL[option].fullmatch(word):
            yield option
        elif word != option and follows:
            option = ""
        option = word if word in SEVERAL else option
        yield word


def _as_scales(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[float, ...]:
    """Turn ("0", "2") into (0.0, 2.0)."""
    scales = []
    for value in values:
        try:
            scale = float(value)
        except ValueError:
            scale = math.nan
        if not math.isfinite(scale):
            raise click.BadParameter(f"{value!r} is not a number", ctx, param)
        scales.append(scale)
    return tuple(dict.fromkeys(scales))


@click.command(cls=SeveralWords)
@click.argument("images", type=PATH)
@click.option("--out", required=True, type=PATH, help="The table to write, .parquet or .csv.")
@click.option(
    "--units", multiple=True, default=("all",), help="all, channels (1 2 3), or a neuron map.  [default: all]"
)
@click.option(
    "--scales",
    multiple=True,
    default=("0", "2"),
    callback=_as_scales,
    help="Scales at which the embedding's change is reported.  [default: 0 2]",
)
@click.option("--concept", "concepts", multiple=True, help="Report these concepts only; repeatable.")
@click.option("--cluster", "clusters", multiple=True, help="Use sources of this cluster only; repeatable.")
@click.option(
    "--ablation",
    "ablations",
    multiple=True,
    type=click.Choice([*ABLATIONS, "none"]),
    default=ABLATIONS,
    help="mean, resample or none; repeatable.  [default: mean and resample]",
)
@click.option("--patch", is_flag=True, help="Put clean maps into the degraded images' passes, too.")
@click.option("--model", default="demo", show_default=True, help="A model that open_clip lists, or demo.")
@click.option("--pretrained", help="Tag of pretrained weights, such as openai; random weights without.")
@click.option("--checkpoint", type=PATH, help="Local weights: safetensors, or tensors of torch.save.")
@click.option("--layer", help="Layer of the units.  [default: the model's last block]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--preprocess",
    default="squash",
    show_default=True,
    type=click.Choice(("squash", "model")),
    help="squash: the whole picture, by Lanczos; model: open_clip's own, which may crop.",
)
@click.option(
    "--controls", default=100, show_default=True, type=click.IntRange(1), help="Control channels to a unit."
)
@click.option(
    "--resamples",
    default=1000,
    show_default=True,
    type=click.IntRange(0),
    help="Draws of sources for the intervals; 0 for none.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Of the draws, of the donors, and of random weights.",
)
@force_option
@quiet_option
@json_option
def causality(images: Path, out: Path, force: bool, quiet: bool, as_json: bool, **options: Any) -> None:
    """Change every unit of a layer, one at a time, and measure what that does to each concept's logit.

    IMAGES is a folder that `stimuli build` made, a folder of pictures by concept (concept/picture.png), or a
    folder of pictures, which gives the changes of the embedding only.

    \b
    Example:
      python manage.py causality stimuli/ --out causality.parquet --units 1 2 3 --scales 0 2
      python manage.py causality stimuli/ --out causality.csv --units neuron_map.json --patch
    """
    _check_output(out, force)
    units, labels = _units(options["units"])
    clean, degraded = _images(images, options["clusters"], options["patch"])
    concepts = _concepts(images, clean, options["concepts"])
    _concepts(images, clean, tuple(labels.values()))
    loaded = _model(options)

    def track(steps: Iterable[Any], what: str, total: int) -> Iterable[Any]:
        return progress(steps, f"images {what}", total, quiet=quiet or as_json)

    request = Request(
        units,
        options["scales"],
        tuple(name for name in ABLATIONS if name in options["ablations"]),
        options["controls"],
        options["seed"],
    )
    names = sorted({image.concept for image in clean} - {""})
    study = measure_channels(
        loaded, clean, degraded, names, options["layer"], options["preprocess"], request, track
    )
    table = channel_table(study, Draws(options["resamples"], options["seed"]), concepts)
    _write(_labelled(table, labels), out, force)
    say(_summary(table, study, out), _sentence(table, study, out), quiet=quiet, as_json=as_json)


def _check_output(out: Path, force: bool) -> None:
    if out.suffix.lower() not in (CSV, PARQUET):
        raise UserError(f"the table is written as CSV or Parquet; name {out.name} with .csv or .parquet")
    refuse_to_overwrite(out, force)


def _units(words: tuple[str, ...]) -> tuple[tuple[int, ...] | None, dict[int, str]]:
    """The channels that are asked for (None: all), and the concepts that a neuron map gives them."""
    if words == ("all",):
        return None, {}
    if len(words) == 1 and words[0].endswith(".json"):
        pairs = read_neuron_map(Path(words[0]))
        return tuple(pair.channel for pair in pairs), {pair.channel: pair.key for pair in pairs}
    for word in words:
        if not word.isdecimal():
            raise UserError(f"{word!r} is no unit's number; give --units all, 1 2 3, or a neuron_map.json")
    return tuple(dict.fromkeys(int(word) for word in words)), {}


def _images(
    folder: Path, clusters: tuple[str, ...], patch: bool
) -> tuple[list[CleanImage], list[DegradedImage]]:
    if _is_manifest(folder):
        return _of_manifest(folder, clusters, patch)
    if patch:
        raise UserError(f"--patch needs degraded stimuli, and {folder} is no folder of `stimuli build`")
    if clusters:
        raise UserError(f"--cluster needs a manifest, and {folder} is no folder of `stimuli build`")
    return _of_pictures(folder), []


def _is_manifest(path: Path) -> bool:
    return path.is_file() or any((path / name).is_file() for name in (CSV_NAME, PARQUET_NAME))


def _of_manifest(
    path: Path, clusters: tuple[str, ...], patch: bool
) -> tuple[list[CleanImage], list[DegradedImage]]:
    folder = path if path.is_dir() else path.parent
    rows = read_manifest(path)
    _refuse_unknown("cluster", clusters, {row.cluster for row in rows}, path)
    rows = [row for row in rows if not clusters or row.cluster in clusters]
    shown = [row for row in rows if row.condition == CLEAN]
    if not shown:
        raise UserError(f"{path} lists no clean stimulus; build one with a clean condition")
    clean = [
        CleanImage(row.source, concept_key(row.concept), folder / row.image, row.image_sha256)
        for row in shown
    ]
    return clean, list(_degraded(rows, shown, folder, path)) if patch else []


def _degraded(
    rows: Sequence[Stimulus], clean: Sequence[Stimulus], folder: Path, path: Path
) -> Iterator[DegradedImage]:
    place = {row.source: number for number, row in reversed(list(enumerate(clean)))}
    others = [row for row in rows if row.condition != CLEAN and row.source in place]
    if not others:
        raise UserError(f"--patch needs degraded stimuli, and {path} lists none; leave --patch out")
    for row in others:
        yield DegradedImage(place[row.source], folder / row.image, row.image_sha256)


def _of_pictures(folder: Path) -> list[CleanImage]:
    """Pictures by concept, or pictures without one."""
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}; name one that `stimuli build` made, or one of pictures"
        )
    flat = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    if flat:
        return [CleanImage(sha256_of_file(path)[:12], "", path) for path in flat]
    sources, _ = scan(folder)
    return [CleanImage(one.id, concept_key(one.concept), folder / one.path, one.sha256) for one in sources]


def _concepts(folder: Path, images: Sequence[CleanImage], wanted: tuple[str, ...]) -> list[str]:
    """The keys of some concepts, each once; UserError for one that no image shows."""
    known = {image.concept for image in images} - {""}
    keys = [concept_key(concept) for concept in wanted]
    _refuse_unknown("concept", keys, known, folder)
    return list(dict.fromkeys(keys))


def _refuse_unknown(what: str, given: Sequence[str], known: set[str], path: Path) -> None:
    for name in given:
        if name not in known:
            there = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise UserError(f"{path} has no {what} {name!r}; {there}")


def _model(options: dict[str, Any]) -> LoadedModel:
    from scoring.activations.model import load_model

    names = ("model", "pretrained", "device", "checkpoint", "seed")
    return load_model(*(options[name] for name in names))


def _labelled(table: pd.DataFrame, labels: dict[int, str]) -> pd.DataFrame:
    """Mark the pairs that a neuron map names, where one was given."""
    if not labels:
        return table
    named = table["unit"].map(labels).eq(table["concept"])
    table.insert(2, "labelled", named)
    return table


def _write(table: pd.DataFrame, out: Path, force: bool) -> None:
    with replacing(out, force=force) as temporary:
        if out.suffix.lower() == PARQUET:
            table.to_parquet(temporary, index=False)
        else:
            safe_for_spreadsheets(table).to_csv(temporary, index=False, lineterminator="\n")


def _summary(table: pd.DataFrame, study: ChannelStudy, out: Path) -> dict[str, Any]:
    return {
        "table": str(out),
        "rows": len(table),
        "units": len(study.units),
        "concepts": list(dict.fromkeys(table["concept"].dropna())),
        "images": len(study.images),
        "degraded_images": len(study.degraded),
        "controls": study.controls.shape[1],
        "silent_units": int((study.mean_activation[study.units] == 0).sum()),
        "missing": int((table["reason"] != "").sum()),
        "layer": study.layer,
        "method": study.method,
        "weights": study.weights,
        "seed": study.request.seed,
    }


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that are printed: the pairs of the neuron map, or else each concept's largest effect."""
    there = table.dropna(subset="e_C")
    if "labelled" in table:
        return there[there["labelled"]]
    return there.sort_values("specific", ascending=False).groupby("concept").head(1)


def _sentence(table: pd.DataFrame, study: ChannelStudy, out: Path) -> str:
    lines = [
        f"{out}: {len(table)} rows, {len(study.units)} units on {len(study.images)} clean images; "
        f"{study.layer} of {study.weights}; {study.method}"
    ]
    if "e_C" in table:
        best = _shown(table)
        lines += [
            f"  {row.concept}: unit {row.unit}, specific effect {row.specific:.3g} "
            f"[{row.specific_low:.3g}, {row.specific_high:.3g}], e_C {row.e_C:.2f}"
            for row in best.sort_values("concept").itertuples()
        ]
    missing = int(np.count_nonzero(table["reason"] != ""))
    return "\n".join([*lines, *([f"  {missing} rows lack an estimate; see reason"] if missing else [])])
