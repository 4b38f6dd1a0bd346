"""What scaling one unit does to the image's embedding: the model is run again from the unit's layer.

The published causality takes the last block's output (n, units, h, w), multiplies one unit's map by a
scale and runs the rest of the model, the attention pool. Every scaled copy is a row of one batch. For
a layer in the middle of the model the whole of it is run again with the unit scaled on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from scoring.activations.hooks import canonical_layer, last_relu, scaling, watching
from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import SQUASH, open_image, transform
from stimuli.errors import UserError

#: the scales of the published causality: the unit silenced, and doubled
PUBLISHED_SCALES = (0.0, 2.0)
#: scaled copies to a pass through the rest of the model
BATCH_SIZE = 64

Changes = npt.NDArray[np.float64]


def embedding_change(
    loaded: LoadedModel,
    layer: str | None,
    images: Sequence[Path],
    units: Sequence[int],
    scales: Sequence[float] = PUBLISHED_SCALES,
    preprocess: str = SQUASH,
) -> Changes:
    """Relative change of the image embedding, ||e_scaled - e|| / ||e||, when one unit is scaled.

    ``e`` is the embedding before normalisation. Returns float64 of shape (images, units, scales), each
    at least 0; exactly 0 where scaling changes nothing (scale 1, or a unit that is silent everywhere).
    It is computed in float32 on every device. Raises UserError for a layer or unit that is not there.
    """
    name, to_input = canonical_layer(loaded.model, layer), transform(loaded, preprocess)
    changes = np.empty((len(images), len(units), len(scales)))
    for row, path in enumerate(images):
        batch = loaded.to_device(to_input(open_image(path)).unsqueeze(0))
        changes[row] = image_changes(loaded, name, batch, units, scales)
    return changes


def image_changes(
    loaded: LoadedModel, layer: str, batch: torch.Tensor, units: Sequence[int], scales: Sequence[float]
) -> Changes:
    """Relative changes (units, scales) for one preprocessed image (1, 3, side, side) on the device."""
    visual: torch.nn.Module = loaded.model.visual  # type: ignore[assignment]
    with torch.inference_mode():
        with watching(loaded.model, layer, torch.clone) as seen:
            embedding = visual(batch)
        _refuse_unknown_units(seen[-1], units)
        pool = getattr(visual, "attnpool", None)
        if isinstance(pool, torch.nn.Module) and layer == last_relu(loaded.model):
            moved = _through_pool(pool, seen[-1], units, scales)
        else:
            moved = _through_everything(loaded.model, layer, batch, units, scales)
    change = torch.linalg.vector_norm(moved - embedding, dim=-1) / torch.linalg.vector_norm(embedding)
    changes: Changes = change.double().cpu().numpy()
    changes[_no_change(seen[-1], units, scales)] = 0.0
    return changes


def _through_pool(
    pool: torch.nn.Module, maps: torch.Tensor, units: Sequence[int], scales: Sequence[float]
) -> torch.Tensor:
    """Embeddings (units, scales, dimensions) from the maps (1, units of the layer, h, w), scaled."""
    pairs = [(unit, scale) for unit in units for scale in scales]
    parts = []
    for start in range(0, len(pairs), BATCH_SIZE):
        part = pairs[start : start + BATCH_SIZE]
        copies = maps.expand(len(part), -1, -1, -1).clone()
        factors = torch.tensor([scale for _, scale in part], dtype=maps.dtype, device=maps.device)
        copies[range(len(part)), [unit for unit, _ in part]] *= factors[:, None, None]
        parts.append(pool(copies))
    return torch.cat(parts).reshape(len(units), len(scales), -1)


def _through_everything(
    model: torch.nn.Module, layer: str, batch: torch.Tensor, units: Sequence[int], scales: Sequence[float]
) -> torch.Tensor:
    rows = []
    for unit in units:
        for scale in scales:
            with scaling(model, layer, unit, scale):
                rows.append(model.visual(batch)[0])  # type: ignore[operator]
    return torch.stack(rows).reshape(len(units), len(scales), -1)


def _no_change(output: torch.Tensor, units: Sequence[int], scales: Sequence[float]) -> npt.NDArray[np.bool_]:
    axis = 2 if output.ndim == 3 else 1
    silent = [not output.select(axis, unit).any() for unit in units]
    unmoved: npt.NDArray[np.bool_] = np.logical_or.outer(silent, np.equal(scales, 1.0))
    return unmoved


def _refuse_unknown_units(output: torch.Tensor, units: Sequence[int]) -> None:
    count = output.shape[2 if output.ndim == 3 else 1]
    for unit in units:
        if not 0 <= unit < count:
            raise UserError(f"the layer has no unit {unit}; its units are 0 to {count - 1}")
