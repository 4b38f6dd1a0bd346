"""``manage.py demo-model``: train the small CLIP that comes with InterpScore."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from commands.options import force_option, json_option, progress, quiet_option, say
from scoring.activations.train import STEPS, Trained, train
from stimuli.sources.artwork import DEFAULT_ARTWORK

PATH = click.Path(path_type=Path)


@click.group("demo-model")
def demo_model() -> None:
    """Train the small embedded CLIP.

    \b
    Example:
      python manage.py demo-model train --out demo.safetensors
    """


@demo_model.command("train")
@click.option("--out", required=True, type=PATH, help="The safetensors file to write.")
@click.option(
    "--artwork",
    type=PATH,
    default=DEFAULT_ARTWORK,
    envvar="INTERPSCORE_ARTWORK",
    help="The folder that holds node_modules with the artwork; `make setup` fills the default one.",
)
@click.option("--seed", default=0, show_default=True, help="Decides the weights at the start and every view.")
@click.option(
    "--steps", default=STEPS, show_default=True, type=click.IntRange(min=1), help="Steps of training."
)
@force_option
@quiet_option
@json_option
def train_command(
    out: Path, artwork: Path, seed: int, steps: int, force: bool, quiet: bool, as_json: bool
) -> None:
    """Train on the drawings of two hands; say how well the others' are recognised.

    \b
    Example:
      python manage.py demo-model train --out demo.safetensors --seed 0
    """

    def track(numbers: Iterable[int], total: int) -> Iterable[int]:
        return progress(numbers, "steps", total, quiet=quiet)

    trained = train(out, artwork, seed, steps, track, force)
    say({"file": str(out), **asdict(trained)}, _sentence(trained, out), quiet=quiet, as_json=as_json)


def _sentence(trained: Trained, out: Path) -> str:
    shares = ", ".join(f"{hand} {share:.1%}" for hand, share in trained.accuracy.items())
    return (
        f"{out}: {trained.label}, {out.stat().st_size / 1e6:.2f} MB, {trained.steps} steps; "
        f"zero-shot accuracy by hand: {shares}"
    )
