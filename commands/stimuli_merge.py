"""``manage.py stimuli merge``: several builds in one folder."""

from __future__ import annotations

from pathlib import Path

import click

from commands.options import json_option, quiet_option, say


@click.command()
@click.argument("builds", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for all of them.")
@quiet_option
@json_option
def merge(builds: tuple[Path, ...], out: Path, quiet: bool, as_json: bool) -> None:
    """Put the stimuli of several BUILDS into one folder, for a study that shows them all.

    A stimulus that two builds share (the clean ones that were attacked) is taken once. Builds that differ
    in size, or in a stimulus that both have, are refused.

    \b
    Example:
      python manage.py stimuli merge stimuli-v1 attacked dreams --out stimuli-all
    """
    from stimuli.merge import merge as merge_builds

    rows = merge_builds(builds, out)
    summary = {"out": str(out), "builds": len(builds), "stimuli": len(rows)}
    say(summary, f"{len(rows)} stimuli of {len(builds)} builds in {out}", quiet=quiet, as_json=as_json)
