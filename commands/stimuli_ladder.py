"""``manage.py stimuli ladder``: choose severities and write them as a conditions file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from commands.options import force_option, json_option, progress, quiet_option, say
from stimuli.conditions import DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE, ConditionsFile
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing
from stimuli.perturbations import PERTURBATIONS, Perturbation

if TYPE_CHECKING:
    from stimuli.ladders import Chosen, Mean, Rung

    Ladders = Sequence[tuple[Perturbation, Sequence[Rung]]]
    from stimuli.picture_sample import Picture, PictureSample

PATH = click.Path(path_type=Path)
#: ends of a human ladder where none are given: the anchors'
HUMAN_ENDS = (0.75, 0.35)


@dataclass(frozen=True)
class Wish:
    """How severities are to be chosen; see the options of the command."""

    by: Literal["physical", "similarity", "human"]
    levels: int
    start: float | None
    stop: float | None
    measure: Literal["ssim", "rms"]
    scale: Literal["linear", "log"]
    at: tuple[float, ...]
    size: int
    linear_light: bool
    seed: int

    @property
    def how(self) -> ConditionsFile:
        """How the stimuli are built."""
        return ConditionsFile(size=self.size, linear_light=self.linear_light)


@click.command("ladder")
@click.argument("source", type=PATH)
@click.option(
    "--perturbation",
    "names",
    multiple=True,
    required=True,
    help="Perturbation whose severities are chosen; repeatable, all into one file.",
)
@click.option(
    "--by",
    type=click.Choice(("physical", "similarity", "human")),
    required=True,
    help="Equal steps in severity, in similarity to clean, or thresholds of people.",
)
@click.option("--levels", type=click.IntRange(2), default=5, show_default=True, help="How many severities.")
@click.option(
    "--from", "start", type=float, help="Where to begin: a severity, a similarity or a proportion correct."
)
@click.option("--to", "stop", type=float, help="Where to end.  [default for both: first and last level]")
@click.option(
    "--at",
    type=float,
    multiple=True,
    help="A similarity or proportion correct; repeatable; no --levels.",
)
@click.option(
    "--measure",
    type=click.Choice(("ssim", "rms")),
    default="ssim",
    show_default=True,
    help="Similarity: SSIM, or 1 - RMS distance.",
)
@click.option(
    "--scale",
    type=click.Choice(("linear", "log")),
    default="linear",
    show_default=True,
    help="Scale of the steps in severity.",
)
@click.option(
    "--pictures", type=click.IntRange(2), default=24, show_default=True, help="Pictures to measure on."
)
@click.option("--concept", "concepts", multiple=True, help="Measure on this concept; repeatable.")
@click.option(
    "--size",
    type=click.IntRange(SMALLEST_SIZE, LARGEST_SIZE),
    default=DEFAULT_SIZE,
    show_default=True,
    help="Side of a stimulus in pixels.",
)
@click.option("--linear-light", is_flag=True, help="Degrade in linear light.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the build.")
@click.option("--out", type=PATH, required=True, help="Conditions file (TOML) to write.")
@force_option
@quiet_option
@json_option
def ladder(
    source: Path,
    names: tuple[str, ...],
    pictures: int,
    concepts: tuple[str, ...],
    out: Path,
    force: bool,
    quiet: bool,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Choose perturbations' severities, check them on pictures of SOURCE, and write a conditions file.

    What each severity does to the pictures is measured and stands in the file as comments: mean SSIM and
    RMS distance to clean with 95% intervals. A ladder is refused if the mean distance does not grow at every
    step, unless by chance. `build --conditions` reads the file.

    \b
    Example:
      python manage.py stimuli ladder pictures --perturbation contrast --by similarity --out contrast.toml
    """
    from stimuli.sources.folder import printable

    wish = Wish(**wishes)
    _check(wish, names)
    families = [_family(name) for name in names]
    refuse_to_overwrite(out, force)
    sample = _sample(source, wish, pictures, concepts)
    ladders = _ladders(families, wish, sample.pictures, quiet or as_json)
    for row in sample.left_out:
        click.echo(f"Left out: {row.reason}", err=True)
    with replacing(out, force=force) as temporary:
        text = conditions_text(ladders, wish, printable(source.resolve().name))
        temporary.write_text(text, encoding="utf-8")
    say(_summary(out, wish, ladders), _sentences(out, wish, ladders), quiet=quiet, as_json=as_json)


def _summary(out: Path, wish: Wish, ladders: Ladders) -> dict[str, Any]:
    rows = [
        {"perturbation": family.name, "levels": [_as_json(rung) for rung in rungs]}
        for family, rungs in ladders
    ]
    return {"out": str(out), "by": wish.by, "ladders": rows}


def _sentences(out: Path, wish: Wish, ladders: Ladders) -> str:
    lines = []
    for family, rungs in ladders:
        lines += [f"{family.name}:"] if len(ladders) > 1 else []
        lines += [*_table(wish, rungs), *_missed(rungs)]
    return "\n".join([*lines, f"Written: {out}"])


def _family(name: str) -> Perturbation:
    known = PERTURBATIONS.get(name)
    if known is None or not known.levels:
        raise UserError(f"{name!r} is not a perturbation with levels; `stimuli list` names them all")
    return known


def _check(wish: Wish, names: Sequence[str]) -> None:
    _refuse_ignored(wish, names)
    if len(set(names)) < len(names):
        raise click.UsageError("One --perturbation is there twice.")
    if not all(math.isfinite(value) for value in (*wish.at, wish.start or 0.0, wish.stop or 0.0)):
        raise click.UsageError("Give finite numbers to choose levels by, such as 0.5.")
    if wish.by == "human" and wish.linear_light:
        raise click.UsageError(
            "The thresholds of --by human were measured on encoded values; leave --linear-light out, "
            "or choose by similarity."
        )
    if len(set(wish.at)) < len(wish.at):
        raise click.UsageError("One value of --at is there twice.")


def _refuse_ignored(wish: Wish, names: Sequence[str]) -> None:
    """Raise UsageError for an option that another one would silence."""
    ends = wish.start is not None or wish.stop is not None
    if wish.at and wish.by == "physical":
        raise click.UsageError("--at is for --by similarity and --by human; write severities into the file.")
    if wish.at and ends:
        raise click.UsageError("Give --at, or --from and --to.")
    if wish.at and _is_given("levels"):
        raise click.UsageError("--at names every level; leave --levels out.")
    if wish.by != "physical" and _is_given("scale"):
        raise click.UsageError("--scale is for --by physical; leave it out.")
    if wish.by != "similarity" and _is_given("measure"):
        raise click.UsageError("--measure is for --by similarity; leave it out.")
    if ends and wish.by == "physical" and len(names) > 1:
        raise click.UsageError("--from and --to are severities of one perturbation; name one only.")


def _is_given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _sample(source: Path, wish: Wish, pictures: int, concepts: tuple[str, ...]) -> PictureSample:
    from stimuli.picture_sample import sample_pictures

    return sample_pictures(source, wish.how, pictures, concepts=concepts)


def _ladders(
    families: Sequence[Perturbation], wish: Wish, pictures: Sequence[Picture], quiet: bool
) -> Ladders:
    """Choose and measure every family's ladder; UserError of which of several, if there is none of one."""
    from stimuli.ladders import measured

    def watch(chosen: Sequence[Chosen]) -> Iterable[Chosen]:
        return progress(chosen, "severities", len(chosen), quiet=quiet)

    ladders = []
    for family in families:
        try:
            chosen = _chosen(family, wish, pictures)
            ladders.append((family, measured(family, chosen, pictures, wish.seed, watch)))
        except UserError as error:
            if len(families) == 1:
                raise
            raise UserError(f"nothing is written for want of a ladder of {family.name}: {error}") from error
    return ladders


def _chosen(family: Perturbation, wish: Wish, pictures: Sequence[Picture]) -> list[Chosen]:
    from stimuli.ladders import Chosen, human_ladder, physical_ladder, similarity_ladder

    if wish.by == "physical":
        severities = physical_ladder(family, wish.levels, wish.start, wish.stop, wish.scale)
        return [Chosen(severity) for severity in severities]
    if wish.by == "human":
        return [Chosen(*pair) for pair in human_ladder(family, wish.at or _proportions(wish), wish.size)]
    at = sorted(wish.at, reverse=True) or None
    return similarity_ladder(
        family, at, wish.levels, pictures, wish.measure, wish.seed, (wish.start, wish.stop)
    )


def _proportions(wish: Wish) -> list[float]:
    first = HUMAN_ENDS[0] if wish.start is None else wish.start
    last = HUMAN_ENDS[1] if wish.stop is None else wish.stop
    if not last < first:
        raise UserError(
            f"proportions correct are to fall, not to go from {first:g} to {last:g}; "
            "name others by --from and --to"
        )
    step = (first - last) / (wish.levels - 1)
    return [round(first - number * step, 12) for number in range(wish.levels)]


# The file


def conditions_text(ladders: Ladders, wish: Wish, source: str) -> str:
    """The conditions file of ladders, with what they do to the pictures in comments.

    The comments of one ladder begin the file; those of several stand above their conditions.
    """
    settings = [f"size = {wish.size}", *(["linear_light = true"] if wish.linear_light else []), ""]
    lines = [] if len(ladders) == 1 else settings
    for family, rungs in ladders:
        lines += [*_comments(family, wish, rungs, source), *(["", *settings] if len(ladders) == 1 else [])]
        lines += [
            "[[condition]]",
            f'perturbation = "{family.name}"',
            f"severity = [{', '.join(f'{rung.severity:g}' for rung in rungs)}]",
            "",
        ]
    return "\n".join(lines)


def _comments(family: Perturbation, wish: Wish, rungs: Sequence[Rung], source: str) -> list[str]:
    stronger = "larger" if family.direction > 0 else "smaller"
    lines = [
        f"{family.name}: {_how(wish, rungs)}.",
        f"{family.parameter}, {family.unit}; {stronger} is stronger.",
        *_table(wish, rungs),
        *_missed(rungs),
        f"Means over {rungs[0].n} pictures of the folder {source}, at {wish.size} px, build seed "
        f"{wish.seed}; 95% t intervals over {_clusters(rungs[0])}.",
        *_protocol(family, wish),
    ]
    return [f"# {line}" for line in lines]


def _how(wish: Wish, rungs: Sequence[Rung]) -> str:
    if wish.by == "physical":
        return f"equal steps in severity on a {'logarithmic' if wish.scale == 'log' else 'linear'} scale"
    if wish.by == "human":
        return "severities at which people were right so often"
    what = "mean SSIM" if wish.measure == "ssim" else "1 - mean RMS distance"
    does = "comes nearest to" if _missed(rungs) else "takes"
    return f"severities at which {what} {does} {'the values asked for' if wish.at else 'equal steps'}"


def _clusters(rung: Rung) -> str:
    if rung.clusters < 2:
        return f"{rung.clusters} cluster, too few for one"
    return f"{rung.clusters} clusters" if rung.clusters < rung.n else "pictures"


def _protocol(family: Perturbation, wish: Wish) -> list[str]:
    from stimuli.ladders import anchor_size, is_in_pixels

    if wish.by != "human":
        return []
    side = anchor_size(family)
    lines = [
        "Geirhos et al. (2018), Generalisation in humans and deep neural networks, NeurIPS: 16 alternatives,",
        f"grey pictures of {side} px, seen about 3 degrees wide; fixation 300 ms, stimulus 200 ms, mask",
        "200 ms, response 1,500 ms. Other pictures, sizes on the screen, tasks and exposures shift these",
        "thresholds; an adaptive study finds yours.",
    ]
    if is_in_pixels(family) and wish.size != side:
        lines.append(f"Pixels were scaled by {wish.size}/{side}, for a picture that is seen as large.")
    return lines


def _missed(rungs: Sequence[Rung]) -> list[str]:
    """A line for each severity whose similarity moves in jumps, past the one wanted."""
    return [
        f"Severity {one.severity:g} came to {one.reached:.4f}, the nearest to {one.wanted:.4f} that there is."
        for one in (rung.chosen for rung in rungs)
        if one.missed
    ]


def _table(wish: Wish, rungs: Sequence[Rung]) -> list[str]:
    wanted = {"physical": "", "similarity": "  wanted", "human": "  people"}[wish.by]
    head = f"{'severity':>10}{wanted}  {'SSIM':<27}{'RMS distance':<24}".rstrip()
    return [head, *(_line(wish, rung) for rung in rungs)]


def _line(wish: Wish, rung: Rung) -> str:
    wanted = "" if rung.wanted is None else f"{rung.wanted:>8.3f}"
    return f"{rung.severity:>10g}{wanted}  {_with_ends(rung.ssim):<27}{_with_ends(rung.rms)}".rstrip()


def _with_ends(mean: Mean) -> str:
    ends = "" if math.isnan(mean.low) else f" ({mean.low:.3f} to {mean.high:.3f})"
    return f"{mean.value:.4f}{ends}"


def _as_json(rung: Rung) -> dict[str, Any]:
    row: dict[str, Any] = rung.chosen._asdict()
    for name, mean in (("ssim", rung.ssim), ("rms_distance", rung.rms)):
        low, high = (None if math.isnan(end) else end for end in (mean.low, mean.high))
        row |= {name: mean.value, f"{name}_low": low, f"{name}_high": high}
    return row | {"n": rung.n, "clusters": rung.clusters}
