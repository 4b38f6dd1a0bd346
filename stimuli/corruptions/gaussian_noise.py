"""Additive white Gaussian noise."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.draws import normal_quantiles, normals, uniform16
from stimuli.corruptions.pixels import Pixels, Rng, Values, truncated


def gaussian_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add noise of standard deviation ``severity``, a fraction of full scale, to each channel value.

    clip(x + N(0, severity)) for x in 0 to 1, after ImageNet-C (Hendrycks & Dietterich 2019), rounded to the
    nearest grey level; the published code truncates, which darkens by half a level. Clipping makes the
    achieved standard deviation smaller than ``severity`` when that is large. Deviates are told apart to 16
    bits (see ``draws``). Legacy: float64 normals in one draw of the picture's shape, cut off.
    """
    if isinstance(rng, np.random.RandomState):
        return truncated(np.clip(image / 255.0 + rng.normal(size=image.shape, scale=severity), 0, 1) * 255)
    levels = np.rint(normal_quantiles() * np.float32(255 * severity)).astype(np.int16)
    noise = levels.take(uniform16(rng, image.shape))
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def gaussian_noise_values(values: Values, severity: float, rng: Rng) -> Values:
    """Noise added to values of 0 to 255, not clipped; float32."""
    noisy = normals(rng, values.shape)
    noisy *= np.float32(255 * severity)
    noisy += values
    return noisy
