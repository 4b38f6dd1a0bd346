"""Showing a picture shifted, scaled and turned at random, so that it holds for more than one view.

Without it a climb finds patterns of single pixels. One affine map does all three, and what it brings in
from outside the picture is mid-grey (the padding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional


@dataclass(frozen=True)
class Views:
    """How far views may differ: drawn evenly from minus to plus each.

    ``shift`` is a fraction of the side, along each axis; ``scale`` the change of the size as a fraction;
    ``turn`` an angle in degrees.
    """

    shift: float = 0.1
    scale: float = 0.2
    turn: float = 15.0


def random_maps(views: Views, chances: Sequence[np.random.Generator]) -> npt.NDArray[np.float32]:
    """One affine map (n, 2, 3) for each picture, drawn from its own generator, four numbers each.

    The maps are those of ``torch.nn.functional.affine_grid``: from a view's place to the picture's, both
    from -1 to 1.
    """
    draws = np.stack([rng.uniform(-1, 1, 4) for rng in chances])
    size, turn = 1 + views.scale * draws[:, 0], np.deg2rad(views.turn) * draws[:, 1]
    cosine, sine = np.cos(turn) / size, np.sin(turn) / size
    right, down = 2 * views.shift * draws[:, 2], 2 * views.shift * draws[:, 3]
    rows = [np.stack([cosine, -sine, right], axis=1), np.stack([sine, cosine, down], axis=1)]
    return np.stack(rows, axis=1).astype(np.float32)


def viewed(pictures: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Pictures (n, 3, side, side) of 0 to 1 through affine maps, bilinear, on mid-grey; differentiable."""
    grid = functional.affine_grid(maps, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures - 0.5, grid, align_corners=False) + 0.5
