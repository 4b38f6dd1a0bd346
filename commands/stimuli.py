"""``manage.py stimuli``: from a folder of pictures to degraded stimuli."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from commands.options import force_option, json_option, progress, quiet_option, say
from commands.stimuli_attack import attack
from commands.stimuli_dream import dream
from commands.stimuli_ladder import ladder
from commands.stimuli_list import list_command
from commands.stimuli_merge import merge
from commands.stimuli_norm import norm
from commands.stimuli_preview import preview
from stimuli.conditions import DEFAULT_CONDITIONS
from stimuli.conditions_file import load_conditions
from stimuli.manifest import Stimulus
from stimuli.perturbations import CLEAN

#: share of clipped values of a matched picture from which on it is told
MUCH_CLIPPED = 0.3


@click.group()
def stimuli() -> None:
    """Build degraded stimuli from a folder of pictures."""


@stimuli.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the stimuli.")
@click.option(
    "--conditions",
    type=click.Path(path_type=Path),
    help="TOML file of conditions; by default four families at two severities each.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the build.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes to use.")
@click.option("--skip-broken", is_flag=True, help="Exit with 0 even if a file had to be left out.")
@force_option
@quiet_option
@json_option
def build(
    source: Path,
    out: Path,
    conditions: Path | None,
    seed: int,
    jobs: int,
    skip_broken: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Degrade every picture of SOURCE (concept/picture.png) in every condition.

    Writes images, masks and a manifest into --out; the bytes are the same for any number of jobs. A
    build that was stopped goes on where it was when the same command is run again. Files that cannot be
    read are named and left out, and the exit status is then 1 unless --skip-broken is given.

    \b
    Example:
      python manage.py stimuli build pictures --out stimuli-v1 --conditions conditions.toml --jobs 4
    """
    from stimuli.generate import build as build_stimuli

    wanted = load_conditions(conditions) if conditions else DEFAULT_CONDITIONS
    done = build_stimuli(
        source,
        out,
        wanted,
        seed,
        jobs,
        force,
        lambda outcomes, total: progress(outcomes, "pictures", total, quiet=quiet),
    )
    for row in done.left_out:
        click.echo(f"Left out: {row.reason}", err=True)
    if wanted.matching is not None and (warning := _clipped(done.stimuli)):
        click.echo(warning, err=True)
    pictures = len({row.source for row in done.stimuli})
    summary = {
        "out": str(out),
        "pictures": pictures,
        "rendered": done.rendered,
        "stimuli": len(done.stimuli),
        "left_out": [{"path": row.path, "reason": row.reason} for row in done.left_out],
    }
    say(summary, _sentence(out, pictures, done.rendered, len(done.stimuli)), quiet=quiet, as_json=as_json)
    if done.left_out and not skip_broken:
        sys.exit(1)


def _clipped(stimuli: Sequence[Stimulus]) -> str:
    """What to know of pictures that matching has clipped; empty where it has clipped few values."""
    clean = [row for row in stimuli if row.perturbation == CLEAN and row.clipped_fraction > MUCH_CLIPPED]
    if not clean:
        return ""
    worst = max(clean, key=lambda row: row.clipped_fraction)
    return (
        f"Matched: {len(clean)} of the pictures have more than {MUCH_CLIPPED:.0%} of their values at black "
        f"or white, {worst.source_path} most ({worst.clipped_fraction:.0%}); match to a lower contrast"
    )


def _sentence(out: Path, pictures: int, rendered: int, count: int) -> str:
    kept = pictures - rendered
    before = f" ({kept} of them were there already)" if kept else ""
    return f"{count} stimuli of {pictures} pictures{before} in {out}"


@stimuli.command("demo-pictures")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the pictures.")
@click.option(
    "--artwork",
    type=click.Path(path_type=Path),
    help="Folder that holds node_modules with the artwork; by default where `make setup` puts it.",
)
@force_option
@quiet_option
@json_option
def demo_pictures(out: Path, artwork: Path | None, force: bool, quiet: bool, as_json: bool) -> None:
    """Make the demo's pictures: 12 concepts by four artists' hands, and photographs.

    \b
    Example:
      python manage.py stimuli demo-pictures --out pictures
    """
    from stimuli.sources.artwork import DEFAULT_ARTWORK
    from stimuli.sources.demo import make_demo_pictures

    count = make_demo_pictures(
        out,
        artwork or DEFAULT_ARTWORK,
        force,
        lambda drawings, total: progress(drawings, "drawings", total, quiet=quiet),
    )
    say({"out": str(out), "pictures": count}, f"{count} pictures in {out}", quiet=quiet, as_json=as_json)


stimuli.add_command(list_command)
stimuli.add_command(preview)
stimuli.add_command(ladder)
stimuli.add_command(norm)
stimuli.add_command(merge)
stimuli.add_command(attack)
stimuli.add_command(dream)
