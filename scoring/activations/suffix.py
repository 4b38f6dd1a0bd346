"""What changing one unit does to the image's embedding: the model is run again from the unit's layer.

A ``Readout`` looks at an image once and then gives its embedding for any number of changes of single
channels. At the map before a CLIP ResNet's attention pool this is exact and takes a few matrix products
for all channels (``attention_pool``). At any other layer the rest of the model runs on batches of changed
copies; what ran before the layer is replayed from memory, and only where a model's structure does not
allow that does the whole model run on every copy. ``Readout.method`` says which of the three it was.
Everything is computed in float32 on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from scoring.activations.attention_pool import (
    PoolState,
    PoolWeights,
    moved_embeddings,
    pool_state,
    pool_weights,
)
from scoring.activations.hooks import canonical_layer, watching
from scoring.activations.interventions import scaled
from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import SQUASH, open_image, transform
from scoring.published.causality import SCALES
from stimuli.errors import UserError

#: changed copies to a pass through the rest of the model: at most so many, and so many bytes of the layer
BATCH_SIZE = 256
BATCH_BYTES = 64 * 2**20

EXACT = "exact rank-one attention pool"
SUFFIX = "batched suffix forward"
WHOLE = "batched forward of the whole model"
#: how far apart two float32 embeddings of one image may be, as a share of their length
TOLERANCE = 1e-3

Changes = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Look:
    """One image's pass: the layer's map by channel, the embedding, and what a readout needs to go on."""

    #: (channels, tokens)
    maps: torch.Tensor
    #: (dimensions,), not normalised
    embedding: torch.Tensor
    memory: Any


class Readout(Protocol):
    """Gives embeddings of an image whose channels at one layer are changed, one at a time."""

    method: str

    def look(self, batch: torch.Tensor) -> Look:
        """Run one preprocessed image (1, 3, side, side) on the device."""

    def moved(self, look: Look, channels: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
        """Embeddings (K, J, dimensions) when ``deltas`` (K, J, tokens) are added to ``channels`` (J,).

        Each change is made alone. A delta of 0 everywhere gives the look's own embedding, to the last bit.
        """


def readout(loaded: LoadedModel, layer: str) -> Readout:
    """Choose the fastest readout that is right for a layer (open_clip's name)."""
    visual = _visual(loaded)
    pool = getattr(visual, "attnpool", None)
    if isinstance(pool, torch.nn.Module) and _feeds_pool(visual, layer):
        return PoolReadout(visual, layer, pool)
    blank = loaded.to_device(torch.zeros(1, 3, loaded.image_size, loaded.image_size))
    return SuffixReadout(visual, layer, blank)


def _visual(loaded: LoadedModel) -> torch.nn.Module:
    visual: torch.nn.Module = loaded.model.visual  # type: ignore[assignment]
    return visual


def _feeds_pool(visual: torch.nn.Module, layer: str) -> bool:
    """Whether the layer's output is the very input of the attention pool of a CLIP ResNet."""
    stage = getattr(visual, "layer4", None)
    if not isinstance(stage, torch.nn.Sequential):
        return False
    last = f"visual.layer4.{len(stage) - 1}"
    return layer in ("visual.layer4", last, f"{last}.act3") and hasattr(stage[-1], "act3")


class PoolReadout:
    """The exact readout of the map before an attention pool."""

    method = EXACT

    def __init__(self, visual: torch.nn.Module, layer: str, pool: torch.nn.Module) -> None:
        self._visual, self._layer = visual, layer.removeprefix("visual.")
        with torch.inference_mode():
            self._weights: PoolWeights = pool_weights(pool)

    def look(self, batch: torch.Tensor) -> Look:
        """Run the model once; the attention pool's keys and values of the image are remembered."""
        with torch.inference_mode():
            with watching(self._visual, self._layer, torch.clone) as seen:
                self._visual(batch)
            return self.resume(seen[-1][0].flatten(1).contiguous())

    def resume(self, maps: torch.Tensor) -> Look:
        """Take an image up again from its map (channels, tokens), without running the model."""
        with torch.inference_mode():
            state: PoolState = pool_state(self._weights, maps)
        return Look(maps, state.embedding, state)

    def moved(self, look: Look, channels: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
        """Embeddings (K, J, dimensions); see ``Readout``."""
        with torch.inference_mode():
            return moved_embeddings(self._weights, look.memory, channels, deltas)


@dataclass(frozen=True)
class _Replay:
    """An image's input, the layer's output for it, and what the modules before the layer put out."""

    batch: torch.Tensor
    output: torch.Tensor
    before: Mapping[str, Any]


class SuffixReadout:
    """The readout of any layer: changed copies go through the rest of the model as one batch."""

    def __init__(self, visual: torch.nn.Module, layer: str, blank: torch.Tensor) -> None:
        """``blank`` is an input to find the model's order of modules with."""
        self._visual, self._layer = visual, layer.removeprefix("visual.")
        with torch.inference_mode():
            self._before = _modules_before(visual, self._layer, blank)
            self.method = SUFFIX if self._replays(blank) else WHOLE

    def look(self, batch: torch.Tensor) -> Look:
        """Run the model once; what the modules before the layer put out is remembered."""
        with torch.inference_mode():
            return self._look(batch)

    def _look(self, batch: torch.Tensor) -> Look:
        with _recording(self._visual, (*self._before, self._layer)) as recorded:
            embedding = _embedding(self._visual(batch))
        output = recorded.pop(self._layer)
        return Look(_by_channel(output), embedding[0], _Replay(batch, output, recorded))

    def moved(self, look: Look, channels: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
        """Embeddings (K, J, dimensions); see ``Readout``."""
        flat = deltas.flatten(0, 1)
        moved = look.embedding.repeat(len(flat), 1)
        live = flat.any(-1).nonzero()[:, 0]
        every = channels.repeat(len(deltas))
        with torch.inference_mode():
            step = _copies(look.memory.output)
            for start in range(0, len(live), step):
                part = live[start : start + step]
                moved[part] = self._run(look.memory, _changed(look.memory.output, every[part], flat[part]))
        return moved.reshape(*deltas.shape[:2], -1)

    def _run(self, replay: _Replay, copies: torch.Tensor) -> torch.Tensor:
        """Embeddings of changed copies of the layer's output."""
        if self.method == SUFFIX:
            with _replaying(self._visual, {**replay.before, self._layer: copies}):
                return _embedding(self._visual(replay.batch))
        with _replaying(self._visual, {self._layer: copies}):
            return _embedding(self._visual(replay.batch.expand(len(copies), -1, -1, -1)))

    def _replays(self, blank: torch.Tensor) -> bool:
        """Whether a batch of unchanged copies, replayed, gives the image's own embedding."""
        self.method = SUFFIX
        look = self._look(blank)
        copies = look.memory.output.expand(3, *look.memory.output.shape[1:]).clone()
        try:
            again = self._run(look.memory, copies)
        except RuntimeError:
            return False
        gap = (again - look.embedding).norm(dim=-1).max() if len(again) == len(copies) else torch.inf
        return bool(gap <= TOLERANCE * look.embedding.norm())


def _embedding(output: Any) -> torch.Tensor:
    """What a visual model puts out for the image itself; some give their tokens beside it."""
    embedding: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return embedding


def _modules_before(visual: torch.nn.Module, layer: str, blank: torch.Tensor) -> tuple[str, ...]:
    """Names of the outermost modules that end before the layer and are called once in a pass."""
    ended: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: ended.append(name)

    handles = [module.register_forward_hook(note(name)) for name, module in visual.named_modules() if name]
    try:
        visual(blank)
    finally:
        for handle in handles:
            handle.remove()
    if ended.count(layer) != 1:
        raise UserError(
            f"the layer visual.{layer} runs {ended.count(layer)} times in one pass of the model, "
            "so a change of its units has no one place; name another layer"
        )
    before = {name for name in ended[: ended.index(layer)] if ended.count(name) == 1}
    return tuple(name for name in before if not _inside(name, {*before, layer}))


def _inside(name: str, others: set[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:length]) in others for length in range(1, len(parts)))


@contextmanager
def _recording(visual: torch.nn.Module, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """While the block runs, keep what these modules put out."""
    kept: dict[str, Any] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: object, output: Any) -> None:
            kept[name] = _copied(output)

        return hook

    handles = [visual.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _replaying(visual: torch.nn.Module, outputs: Mapping[str, Any]) -> Iterator[None]:
    """While the block runs, let these modules put out what is given, whatever they are called with."""

    def give(output: Any) -> Callable[..., Any]:
        return lambda *args, **kwargs: _copied(output)

    modules = {name: visual.get_submodule(name) for name in outputs}
    try:
        for name, module in modules.items():
            vars(module)["forward"] = give(outputs[name])
        yield
    finally:
        for module in modules.values():
            vars(module).pop("forward", None)


def _copied(output: Any) -> Any:
    """Copy a module's output, because what follows may work in place."""
    if isinstance(output, torch.Tensor):
        return output.clone()
    return tuple(_copied(part) for part in output) if isinstance(output, tuple) else output


def _by_channel(output: torch.Tensor) -> torch.Tensor:
    """Turn a layer's output for one image into (channels, tokens)."""
    if output.ndim == 3:
        return output[0].T.contiguous()
    if output.ndim in (2, 4):
        return output[0].flatten(1).contiguous() if output.ndim == 4 else output[0][:, None].clone()
    raise UserError(
        f"the layer puts out an array of {output.ndim} axes, {tuple(output.shape)}, "
        "which has no units that could be changed; name another layer with --layer"
    )


def _changed(output: torch.Tensor, channels: torch.Tensor, deltas: torch.Tensor) -> torch.Tensor:
    """Copies (n, ...) of an output for one image, ``deltas`` (n, tokens) added to a channel each."""
    copies = output.repeat(len(channels), *(1,) * (output.ndim - 1))
    rows = torch.arange(len(channels), device=output.device)
    if output.ndim == 3:
        copies[rows, :, channels] += deltas
    else:
        copies[rows, channels] += deltas.reshape(len(channels), *output.shape[2:])
    return copies


def _copies(output: torch.Tensor) -> int:
    """How many copies of a layer's output fit into one batch."""
    return max(1, min(BATCH_SIZE, BATCH_BYTES // (output.numel() * output.element_size())))


def embedding_change(
    loaded: LoadedModel,
    layer: str | None,
    images: Sequence[Path],
    units: Sequence[int],
    scales: Sequence[float] = SCALES,
    preprocess: str = SQUASH,
) -> Changes:
    """Relative change of the image embedding, ||e_scaled - e|| / ||e||, when one unit is scaled.

    ``e`` is the embedding before normalisation. Returns float64 of shape (images, units, scales), each
    at least 0; exactly 0 where scaling changes nothing (scale 1, or a unit that is silent everywhere).
    It is computed in float32 on every device. Raises UserError for a layer or unit that is not there.
    """
    name, to_input = canonical_layer(loaded.model, layer), transform(loaded, preprocess)
    changes = np.empty((len(images), len(units), len(scales)))
    reader = readout(loaded, name) if len(images) else None
    for row, path in enumerate(images):
        assert reader is not None
        look = reader.look(loaded.to_device(to_input(open_image(path)).unsqueeze(0)))
        changes[row] = look_changes(reader, look, units, scales)
    return changes


def image_changes(
    loaded: LoadedModel, layer: str, batch: torch.Tensor, units: Sequence[int], scales: Sequence[float]
) -> Changes:
    """Relative changes (units, scales) for one preprocessed image (1, 3, side, side) on the device."""
    reader = readout(loaded, layer)
    return look_changes(reader, reader.look(batch), units, scales)


def look_changes(reader: Readout, look: Look, units: Sequence[int], scales: Sequence[float]) -> Changes:
    """Relative changes (units, scales) of one image's embedding; see ``embedding_change``."""
    refuse_unknown_units(look, units)
    channels = torch.tensor(list(units), dtype=torch.long, device=look.maps.device)
    moved = reader.moved(look, channels, scaled(look.maps[channels], scales))
    changes: Changes = relative_change(moved, look.embedding).T.double().cpu().numpy()
    return changes


def relative_change(moved: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    """||e' - e|| / ||e|| over the last axis of ``moved``."""
    distance = torch.linalg.vector_norm(moved - embedding, dim=-1)
    share: torch.Tensor = distance / torch.linalg.vector_norm(embedding)
    return share


def refuse_unknown_units(look: Look, units: Sequence[int]) -> None:
    """Raise UserError for a unit that the layer lacks."""
    count = len(look.maps)
    for unit in units:
        if not 0 <= unit < count:
            raise UserError(f"the layer has no unit {unit}; its units are 0 to {count - 1}")
