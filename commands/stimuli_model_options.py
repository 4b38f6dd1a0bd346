"""What the commands that make stimuli with a model have in common: its options, its identity, estimates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stimuli.errors import UserError

if TYPE_CHECKING:
    from scoring.activations.model import LoadedModel
    from stimuli.model_builds import ModelIdentity

PATH = click.Path(path_type=Path)
Command = Callable[..., Any]

MODEL_OPTIONS = (
    click.option("--model", default="demo", show_default=True, help="A model that open_clip lists, or demo."),
    click.option("--pretrained", help="Tag of pretrained weights, such as openai; random weights without."),
    click.option("--checkpoint", type=PATH, help="Local weights: safetensors, or tensors of torch.save."),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."),
    click.option(
        "--preprocess",
        default="squash",
        show_default=True,
        type=click.Choice(("squash", "model")),
        help="squash: the whole picture, by Lanczos; model: open_clip's own, which may crop.",
    ),
    click.option(
        "--seed",
        default=0,
        show_default=True,
        type=click.IntRange(0),
        help="Of all chance, and of random weights.",
    ),
)


def model_options(command: Command) -> Command:
    """Add the options that choose a model, its preprocessing, and the seed."""
    for option in reversed(MODEL_OPTIONS):
        command = option(command)
    return command


def is_given(name: str) -> bool:
    """Whether an option of the running command stands on the command line."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def check_before_loading(options: dict[str, Any], out: Path, kind: str, force: bool) -> None:
    """Raise UserError for what can be seen without a model: weights named twice or absent, output in the way.

    Loading a model takes seconds; ``kind`` is that of the build to be written.
    """
    from stimuli.build_folder import refuse_filled

    pretrained, checkpoint = options["pretrained"], options["checkpoint"]
    if pretrained is not None and checkpoint is not None:
        raise UserError(
            f"--pretrained {pretrained} and --checkpoint {checkpoint} both name weights; give one of them"
        )
    if checkpoint is not None and not checkpoint.is_file():
        raise UserError(f"there is no file {checkpoint}; check the path of --checkpoint")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder with --out")
    refuse_filled(out, kind, force)


def load_chosen_model(options: dict[str, Any]) -> LoadedModel:
    """Load the model that the options choose."""
    from scoring.activations.model import load_model

    names = ("model", "pretrained", "device", "checkpoint", "seed")
    return load_model(*(options[name] for name in names))


def model_identity(loaded: LoadedModel, preprocess: str, differentiable: str) -> ModelIdentity:
    """Say which model makes stimuli; ``differentiable``: how its preprocessing was made differentiable."""
    from stimuli.model_builds import ModelIdentity

    return ModelIdentity(
        loaded.name, loaded.pretrained, loaded.weights_hash, loaded.label, preprocess, differentiable
    )


def estimate_words(one: dict[str, Any], name: str, form: str) -> str:
    """Write an estimate of a summary with its interval: ``74% [67%, 80%]``; unknown where it is None."""
    if one[name] is None:
        return "unknown"
    return f"{form.format(one[name])} [{form.format(one[f'{name}_low'])}, {form.format(one[f'{name}_high'])}]"
