"""``manage.py stimuli preview``: a contact sheet of conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.options import force_option, json_option, progress, quiet_option, say
from stimuli.conditions import DEFAULT_CONDITIONS, LARGEST_SIZE, SMALLEST_SIZE, Condition, ConditionsFile
from stimuli.conditions_file import load_conditions
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation

if TYPE_CHECKING:
    from stimuli.contact_sheet import Sheet
    from stimuli.picture_sample import PictureSample

PATH = click.Path(path_type=Path)


@click.command("preview")
@click.argument("source", type=PATH)
@click.option("--out", type=PATH, help="PNG file for the sheet.")
@click.option("--html", type=PATH, help="HTML file for the sheet, the stimuli in it.")
@click.option(
    "--conditions", type=PATH, help="Show the conditions of this file; by default those of `build`."
)
@click.option("--perturbation", "names", multiple=True, help="Show this one at its levels; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Show every perturbation that needs no model.")
@click.option("--pictures", type=click.IntRange(1), default=1, show_default=True, help="Pictures to show.")
@click.option("--per-concept", is_flag=True, help="Show so many --pictures of each concept.")
@click.option("--concept", "concepts", multiple=True, help="Take pictures of this concept; repeatable.")
@click.option(
    "--size",
    type=click.IntRange(SMALLEST_SIZE, LARGEST_SIZE),
    help="Side of a stimulus in pixels, where no file of conditions says it.  [default: 288]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the build.")
@force_option
@quiet_option
@json_option
def preview(
    source: Path,
    out: Path | None,
    html: Path | None,
    conditions: Path | None,
    names: tuple[str, ...],
    everything: bool,
    pictures: int,
    per_concept: bool,
    concepts: tuple[str, ...],
    size: int | None,
    seed: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show pictures of SOURCE in conditions, clean first and then from mild to strong, with measures.

    The stimuli are those that `build` writes with the same conditions and seed, pixel for pixel. Pictures
    of several concepts are taken in turn.

    \b
    Example:
      python manage.py stimuli preview pictures --out sheet.png --html sheet.html --pictures 2
    """
    _check_outputs(out, html, force)
    if sum((conditions is not None, bool(names), everything)) > 1:
        raise click.UsageError("Give one of --conditions, --perturbation and --all.")
    if conditions is not None and size is not None:
        raise click.UsageError("The file of conditions says the size; leave --size out.")
    shown = _shown(conditions, names, everything)
    shown = replace(shown, size=size or shown.size)
    sheet, left_out = _sheet(source, shown, pictures, per_concept, concepts, seed, quiet or as_json)
    for row in left_out.left_out:
        click.echo(f"Left out: {row.reason}", err=True)
    _write(sheet, out, html, force)
    written = [str(path) for path in (out, html) if path]
    summary = {
        "written": written,
        "size": shown.size,
        "seed": seed,
        "pictures": [strip.path for strip in sheet.rows[0].strips],
        "conditions": [condition.key for condition in shown.conditions],
    }
    say(summary, f"{sheet.heading}: {' and '.join(written)}", quiet=quiet, as_json=as_json)


def _check_outputs(out: Path | None, html: Path | None, force: bool) -> None:
    if out is None and html is None:
        raise click.UsageError("Name a file with --out or --html.")
    for path, suffix in ((out, ".png"), (html, ".html")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            raise UserError(f"this sheet is written as {suffix[1:].upper()}; name {path.name} with {suffix}")
        refuse_to_overwrite(path, force)


def _shown(conditions: Path | None, names: tuple[str, ...], everything: bool) -> ConditionsFile:
    """The conditions to show, each perturbation's levels where only its name is given."""
    if conditions is not None:
        shown = load_conditions(conditions)
    elif everything or names:
        wanted = names or [name for name, row in PERTURBATIONS.items() if not row.needs_model]
        shown = ConditionsFile(conditions=(Condition(CLEAN), *_at_levels(dict.fromkeys(wanted))))
    else:
        shown = DEFAULT_CONDITIONS
    if len(shown.conditions) < 2:
        raise UserError("there is no condition but clean to show; name others")
    return shown


def _at_levels(names: Iterable[str]) -> list[Condition]:
    rows = [PERTURBATIONS[Condition(name, _first_level(name)).perturbation] for name in names]
    for row in rows:
        if row.needs_model:
            raise UserError(f"{row.name} is made against a model, so that there is no preview of it")
    return [Condition(row.name, level) for row in rows if row.name != CLEAN for level in row.levels]


def _first_level(name: str) -> float:
    known = PERTURBATIONS.get(name)
    return known.levels[0] if known and known.levels else 0.0


def _sheet(
    source: Path,
    shown: ConditionsFile,
    pictures: int,
    per_concept: bool,
    concepts: tuple[str, ...],
    seed: int,
    quiet: bool,
) -> tuple[Sheet, PictureSample]:
    from stimuli.contact_sheet import make_sheet
    from stimuli.picture_sample import sample_pictures

    sample = sample_pictures(
        source,
        shown,
        pictures,
        concepts=concepts,
        per_concept=pictures if per_concept else None,
        seed=seed,
    )

    def watch(families: Sequence[Perturbation]) -> Iterable[Perturbation]:
        return progress(families, "perturbations", len(families), quiet=quiet)

    return make_sheet(sample.pictures, shown, seed, watch), sample


def _write(sheet: Sheet, out: Path | None, html: Path | None, force: bool) -> None:
    from stimuli.contact_sheet import draw, page

    if out is not None:
        with replacing(out, force=force) as temporary:
            draw(sheet).save(temporary, "PNG")
    if html is not None:
        with replacing(html, force=force) as temporary:
            temporary.write_text(page(sheet), encoding="utf-8")
