"""Additive white Gaussian noise."""

from __future__ import annotations

import numpy as np

from stimuli.corruptions.pixels import Pixels, Rng, Values, to_uint8, truncated


def gaussian_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add noise of standard deviation ``severity``, a fraction of full scale, to each channel value.

    clip(x + N(0, severity)) for x in 0 to 1, after ImageNet-C (Hendrycks & Dietterich 2019). Values
    are rounded to the nearest grey level; the published code truncates, which darkens by half a level.
    Clipping makes the achieved standard deviation smaller than ``severity`` when that is large. Legacy:
    float64 normals in one draw of the picture's shape, cut off instead of rounded.
    """
    if isinstance(rng, np.random.RandomState):
        return truncated(np.clip(image / 255.0 + rng.normal(size=image.shape, scale=severity), 0, 1) * 255)
    return to_uint8(gaussian_noise_values(image, severity, rng))


def gaussian_noise_values(values: Values | Pixels, severity: float, rng: Rng) -> Values:
    """Noise added to values of 0 to 255, not clipped; float32."""
    assert isinstance(rng, np.random.Generator)
    noise = rng.standard_normal(values.shape, dtype=np.float32)
    noise *= np.float32(255 * severity)
    noise += values
    return noise
