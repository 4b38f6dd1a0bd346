"""Additive white Gaussian noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import to_uint8


def gaussian_noise(
    image: npt.NDArray[np.uint8], severity: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Add noise of standard deviation ``severity``, a fraction of full scale, to each channel value.

    clip(x + N(0, severity)) for x in 0 to 1, after ImageNet-C (Hendrycks & Dietterich 2019). Values
    are rounded to the nearest grey level; the published code truncates, which darkens by half a level.
    Clipping makes the achieved standard deviation smaller than ``severity`` when that is large.
    """
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    noise *= np.float32(255 * severity)
    noise += image
    return to_uint8(noise)
