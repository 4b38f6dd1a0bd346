"""What the operators share: types, chance, and the way from numbers to pixel values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]
#: where chance comes from; a RandomState asks for the published draws and the published pixels
Rng = np.random.Generator | np.random.RandomState


def is_legacy(rng: Rng) -> bool:
    """Whether the published pixels are asked for: their draws in their order, their way to 8 bits."""
    return isinstance(rng, np.random.RandomState)


def to_uint8(values: Values) -> Pixels:
    """Round to the nearest grey level and clip to 0 to 255. Changes ``values`` in place."""
    np.rint(values, out=values)
    np.clip(values, 0, 255, out=values)
    pixels: Pixels = values.astype(np.uint8)
    return pixels


def truncated(values: npt.NDArray[np.floating[Any]]) -> Pixels:
    """Clip to 0 to 255 and cut the fraction off, as most of the published code does."""
    pixels: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return pixels
