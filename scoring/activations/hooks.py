"""Naming a layer of a model, watching what it puts out, and scaling one of its channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from difflib import get_close_matches

import torch

from stimuli.errors import UserError

#: the published names: stage, block, and which of the block's ReLUs (none, _1, _2)
_PUBLISHED = re.compile(r"image_block_(\d+)/(\d+)/Relu(?:_(\d+))?")


def canonical_layer(model: torch.nn.Module, layer: str | None) -> str:
    """Give open_clip's name of a layer; None is the model's ``default_layer``.

    ``image_block_4/5/Relu_2``, as the published activations call it, is ``visual.layer4.5.act3``.
    Raises UserError for a name that the model lacks.
    """
    names = dict(model.named_modules())
    wanted = default_layer(model) if layer is None else canonical_name(layer)
    if wanted not in names or not wanted:
        near = get_close_matches(wanted, [name for name in names if name], n=4, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "see docs/activations.md for the names"
        raise UserError(f"the model has no layer {layer!r}; {hint}")
    return wanted


def default_layer(model: torch.nn.Module) -> str:
    """Name the last ReLU of a CLIP ResNet, or the last block of a CLIP vision transformer.

    Raises UserError for other models.
    """
    blocks = getattr(getattr(getattr(model, "visual", None), "transformer", None), "resblocks", None)
    if isinstance(blocks, torch.nn.ModuleList):
        return f"visual.transformer.resblocks.{len(blocks) - 1}"
    return last_relu(model)


def last_relu(model: torch.nn.Module) -> str:
    """Name the last ReLU before the attention pool of a CLIP ResNet; UserError for other models."""
    stage = getattr(getattr(model, "visual", None), "layer4", None)
    if not isinstance(stage, torch.nn.Sequential) or not hasattr(stage[-1], "act3"):
        raise UserError(
            "this model is neither a CLIP ResNet nor a CLIP vision transformer, so it has no default layer; "
            "name one with --layer"
        )
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
        return output.mean(dim=(2, 3), dtype=torch.float32)
    if output.ndim == 3:
        return output.mean(dim=1, dtype=torch.float32)
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


class _AllSeen(Exception):  # noqa: N818 (no error: it ends a run of the model)
    """Every layer has been passed as often as it ever is, so that the rest of the model is not needed."""


def collect(
    model: torch.nn.Module,
    layers: Sequence[str],
    see: Callable[[torch.Tensor], torch.Tensor],
    run: Callable[[], object],
    passes: Mapping[str, int] | None = None,
) -> dict[str, list[torch.Tensor]]:
    """Run a model once, and collect ``see(output)`` of every pass through some layers (open_clip's names).

    ``passes`` says how often a whole run passes each layer; the run then ends where all have been passed
    so often, and what comes after them is not computed.
    """
    seen: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}

    def hook(layer: str, output: object) -> None:
        seen[layer].append(see(_one_array(layer, output)))
        if passes is not None and all(len(seen[name]) >= passes[name] for name in layers):
            raise _AllSeen

    with ExitStack() as hooks:
        for layer in layers:
            module = model.get_submodule(layer)
            handle = module.register_forward_hook(lambda _, __, output, layer=layer: hook(layer, output))
            hooks.callback(handle.remove)
        with suppress(_AllSeen):
            run()
    return seen


def _one_array(layer: str, output: object) -> torch.Tensor:
    if not isinstance(output, torch.Tensor):
        raise UserError(
            f"the layer {layer} puts out a {type(output).__name__} and not one array, so it has no units; "
            "name another layer with --layer"
        )
    return output


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
