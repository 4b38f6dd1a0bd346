"""Blur by a Gaussian."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, to_uint8, truncated

#: the kernel ends this many standard deviations from its middle
TRUNCATE = 4.0


def gaussian_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur each channel by a Gaussian of standard deviation ``severity``, in pixels.

    As in ImageNet-C (Hendrycks & Dietterich 2019): on the encoded (sRGB) values, edge pixels repeated
    outwards, the kernel cut at 4 standard deviations. Nothing is drawn from ``rng``. Legacy: float64, cut
    off instead of rounded.
    """
    if is_legacy(rng):
        sigma = (severity, severity, 0)
        return truncated(
            ndimage.gaussian_filter(image / 255.0, sigma, mode="nearest", truncate=TRUNCATE) * 255
        )
    return to_uint8(gaussian_blur_values(image.astype(np.float32), severity, rng))


def gaussian_blur_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    del rng
    if not severity:
        return values.copy()
    width = 2 * int(TRUNCATE * severity + 0.5) + 1
    blurred = cv2.GaussianBlur(values, (width, width), severity, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)
