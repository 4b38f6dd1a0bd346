"""Reduced contrast."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, truncated


def contrast(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Keep the fraction ``severity`` of each channel's deviation from that channel's mean.

    (x - mean) * severity + mean, as in ImageNet-C (Hendrycks & Dietterich 2019); mean luminance is
    kept. Below about 5% few grey levels are left. Nothing is drawn from ``rng``. Legacy: float64 values
    of 0 to 1, cut off instead of rounded.
    """
    if is_legacy(rng):
        values = image / 255.0
        means = np.mean(values, axis=(0, 1), keepdims=True)
        return truncated(np.clip((values - means) * severity + means, 0, 1) * 255)
    means = np.array(cv2.mean(image)[:3])
    levels = np.arange(256)[:, None]
    table = np.rint((levels - means) * severity + means).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[None]), np.uint8)


def contrast_values(values: Values, severity: float, rng: Rng) -> Values:
    """Contrast of float32 values, shape (height, width, 3)."""
    del rng
    means = values.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    kept: Values = (values - means) * np.float32(severity) + means
    return kept
