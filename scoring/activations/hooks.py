"""Naming a layer of a model, watching what it puts out, and scaling one of its channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

import torch

from stimuli.errors import UserError

#: the published names: stage, block, and which of the block's ReLUs (none, _1, _2)
_PUBLISHED = re.compile(r"image_block_(\d+)/(\d+)/Relu(?:_(\d+))?")


def canonical_layer(model: torch.nn.Module, layer: str | None) -> str:
    """Give open_clip's name of a layer; None is the last ReLU of the last residual block.

    ``image_block_4/5/Relu_2``, as the published activations call it, is ``visual.layer4.5.act3``.
    Raises UserError for a name that the model lacks.
    """
    names = dict(model.named_modules())
    wanted = last_relu(model) if layer is None else canonical_name(layer)
    if wanted not in names or not wanted:
        near = get_close_matches(wanted, list(names), n=4, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see docs/activations.md for the names"
        raise UserError(f"the model has no layer {layer!r}; {hint}")
    return wanted


def last_relu(model: torch.nn.Module) -> str:
    """Name the last ReLU before the attention pool of a CLIP ResNet; UserError for other models."""
    stage = getattr(getattr(model, "visual", None), "layer4", None)
    if not isinstance(stage, torch.nn.Sequential) or not hasattr(stage[-1], "act3"):
        raise UserError("this model is no CLIP ResNet, so it has no default layer; name one with --layer")
    return f"visual.layer4.{len(stage) - 1}.act3"


def canonical_name(layer: str) -> str:
    """Turn a published name of a layer into open_clip's; other names stay as they are."""
    if (match := _PUBLISHED.fullmatch(layer)) is None:
        return layer
    stage, block, relu = match.groups()
    return f"visual.layer{stage}.{block}.act{int(relu or 0) + 1}"


def spatial_mean(output: torch.Tensor) -> torch.Tensor:
    """Average a layer's output over space: (n, units, h, w) or (n, tokens, units) -> (n, units) float32."""
    if output.ndim == 4:
        return output.float().mean(dim=(2, 3))
    if output.ndim == 3:
        return output.float().mean(dim=1)
    if output.ndim == 2:
        return output.float()
    raise UserError(
        f"the layer puts out an array of {output.ndim} axes, {tuple(output.shape)}, "
        "from which no activation per unit can be taken; name another layer with --layer"
    )


@contextmanager
def watching(
    model: torch.nn.Module, layer: str, see: Callable[[torch.Tensor], torch.Tensor]
) -> Iterator[list[torch.Tensor]]:
    """While the block runs, collect ``see(output)`` of every pass through a layer (open_clip's name)."""
    seen: list[torch.Tensor] = []

    def hook(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> None:
        seen.append(see(output))

    handle = model.get_submodule(layer).register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def scaling(model: torch.nn.Module, layer: str, unit: int, scale: float) -> Iterator[None]:
    """While the block runs, multiply one channel (axis 1, or the last of a (n, tokens, units) output)."""

    def hook(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        scaled = output.clone()
        if output.ndim == 3:
            scaled[..., unit] *= scale
        else:
            scaled[:, unit] *= scale
        return scaled

    handle = model.get_submodule(layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
