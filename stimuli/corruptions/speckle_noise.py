"""Multiplicative Gaussian noise."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.draws import normal_quantiles, normals, uniform16
from stimuli.corruptions.pixels import Pixels, Rng, Values, truncated


def speckle_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add to each channel value noise in proportion to it: clip(x + x N(0, severity)).

    After ImageNet-C (Hendrycks & Dietterich 2019), rounded to the nearest grey level. Black stays black.
    Deviates are told apart to 16 bits (see ``draws``). Legacy: float64 normals in one draw of the picture's
    shape, cut off.
    """
    if isinstance(rng, np.random.RandomState):
        values = image / 255.0
        return truncated(np.clip(values + values * rng.normal(size=image.shape, scale=severity), 0, 1) * 255)
    gains = 1 + normal_quantiles() * np.float32(severity)
    gain = gains.take(uniform16(rng, image.shape))
    return np.asarray(cv2.multiply(image, gain, dtype=cv2.CV_8U), np.uint8)


def speckle_noise_values(values: Values, severity: float, rng: Rng) -> Values:
    """Speckle on values of 0 to 255, not clipped; float32."""
    noisy = normals(rng, values.shape)
    noisy *= np.float32(severity)
    noisy += 1
    noisy *= values
    return noisy
