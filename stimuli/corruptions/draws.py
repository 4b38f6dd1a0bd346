"""Chance for the noises: fast draws, one for each channel value, independent between stimuli.

From a Generator the draws are 16 bits wide: a normal deviate is the quantile of one of 65,536 equally
likely cells, so its distribution is nowhere further than 1 / 131,072 from the normal one, and no deviate is
beyond 4.33 standard deviations. From a RandomState they are NumPy's own float64 normals, in one draw.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from stimuli.corruptions.pixels import Rng, Values

#: how many equally likely cells a draw tells apart
CELLS = 1 << 16


def uniform8(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Draw whole numbers from 0 to 255: eight from each 64 bits, the lowest bits first."""
    return _bits(rng, shape, "<u1").astype(np.uint8, copy=False)


def uniform16(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.uint16]:
    """Draw whole numbers from 0 to 65,535: four from each 64 bits, the lowest bits first."""
    return _bits(rng, shape, "<u2").astype(np.uint16, copy=False)


def _bits(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> npt.NDArray[Any]:
    count, bytes_each = math.prod(shape), np.dtype(kind).itemsize
    words = rng.integers(0, 1 << 64, size=-(-count * bytes_each // 8), dtype=np.uint64)
    return words.astype("<u8", copy=False).view(kind)[:count].reshape(shape)


def normals(rng: Rng, shape: tuple[int, ...]) -> Values:
    """Draw standard normal deviates, float32."""
    if isinstance(rng, np.random.RandomState):
        return rng.normal(size=shape).astype(np.float32)
    deviates: Values = normal_quantiles().take(uniform16(rng, shape))
    return deviates


@cache
def normal_quantiles() -> Values:
    """Standard normal deviate in the middle of each cell; their standard deviation is 0.99999."""
    quantiles: Values = special.ndtri((np.arange(CELLS) + 0.5) / CELLS).astype(np.float32)
    quantiles.flags.writeable = False
    return quantiles
