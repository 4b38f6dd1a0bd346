"""Stronger colours."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.hsv import brightest_and_darkest, from_hsv, three_times, to_hsv
from stimuli.corruptions.pixels import Pixels, Rng, is_legacy, truncated
from stimuli.perturbations import PERTURBATIONS


def saturate(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Multiply the saturation of HSV by ``severity``, at most to 1; hue and value are kept.

    After ImageNet-C (Hendrycks & Dietterich 2019), whose five levels first take colour away and then add
    it: see ``saturate_published``. A grey picture stays as it is. Nothing is drawn from ``rng``. Legacy:
    float64 to HSV and back, cut off instead of rounded, so that up to 1 remains between the two.
    """
    return _saturated(image, severity, 0.0, rng)


def saturate_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Saturation times a factor, plus an offset, at level ``severity`` of ImageNet-C, 1 to 5.

    Levels 1 and 2 take colour away, 3 to 5 add it; by the offset of levels 4 and 5 grey becomes red, the
    colour of hue 0. Legacy: float64 to HSV and back, cut off instead of rounded (±1 between the two).
    """
    known = PERTURBATIONS["saturate_published"]
    return _saturated(image, known.companion("factor", severity), known.companion("offset", severity), rng)


def _saturated(image: Pixels, factor: float, offset: float, rng: Rng) -> Pixels:
    if is_legacy(rng):
        hue, saturation, value = to_hsv(image)
        return truncated(from_hsv(hue, np.clip(saturation * factor + offset, 0, 1), value) * 255)
    largest, smallest = brightest_and_darkest(image)
    span = cv2.subtract(largest, smallest)
    most = np.divide(largest, np.maximum(span, 1), dtype=np.float32)
    gain = np.minimum(np.float32(factor) + np.float32(offset) * most, most)
    # x -> largest - (largest - x) gain
    scaled = cv2.multiply(image, three_times(gain), dtype=cv2.CV_32F)
    kept = three_times(largest * (1 - gain))
    picture = np.asarray(cv2.add(scaled, kept, dtype=cv2.CV_8U), np.uint8)
    if offset:
        grey = span == 0
        picture[grey, 1:] = np.rint(largest[grey, None] * (1 - offset))
    return picture
