"""Brighter pictures."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.hsv import brightest_and_darkest, from_hsv, three_times, to_hsv
from stimuli.corruptions.pixels import Pixels, Rng, is_legacy, truncated

LEVELS = np.arange(256)


def brightness(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add ``severity`` to the value of HSV, at most 1; hue and saturation are kept.

    As in ImageNet-C (Hendrycks & Dietterich 2019). With hue and saturation fixed, each channel is
    multiplied by the new value over the old one; black becomes grey. Nothing is drawn from ``rng``.
    Legacy: float64 to HSV and back, cut off instead of rounded, so that up to 1 remains between the two.
    """
    if is_legacy(rng):
        hue, saturation, value = to_hsv(image)
        return truncated(from_hsv(hue, saturation, np.clip(value + severity, 0, 1)) * 255)
    largest, _ = brightest_and_darkest(image)
    brighter = np.minimum(LEVELS + 255 * severity, 255)
    gain = (brighter / np.maximum(LEVELS, 1)).astype(np.float32)
    picture = np.asarray(
        cv2.multiply(image, three_times(np.asarray(cv2.LUT(largest, gain))), dtype=cv2.CV_8U), np.uint8
    )
    picture[largest == 0] = np.rint(brighter[0])
    return picture
