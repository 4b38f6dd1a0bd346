"""Blur towards the middle, as of a camera that comes closer."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from stimuli.corruptions.kernels import nearest
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, truncated
from stimuli.perturbations import PERTURBATIONS

#: along one axis, a magnified picture's pixel k is the picture's at ``start + k * step``
Axis = tuple[float, float]


def zoom_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Average the picture and its magnifications by 1 to ``severity``, all about its exact centre.

    The factors are equally spaced, about 0.01 to 0.03 apart; pixels between pixels by bilinear
    interpolation. After ImageNet-C (Hendrycks & Dietterich 2019), where the picture itself also counts twice,
    once beside the factor 1; for the published crop see ``zoom_blur_published``. Nothing is drawn from
    ``rng``. Legacy: float64, cut off instead of rounded.
    """
    if is_legacy(rng):
        return truncated(_average(image.astype(np.float64), _centred(image.shape, severity)))
    return nearest(zoom_blur_values(image.astype(np.float32), severity, rng))


def zoom_blur_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    del rng
    blurred: Values = _average(values, _centred(values.shape, severity))
    return blurred


def zoom_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Average magnifications of crops of whole pixels, cut to size at the right and below.

    As in imagecorruptions 1.1.2 (Michaelis et al. 2019), written after ImageNet-C (Hendrycks & Dietterich
    2019). The copies' centres lie up to a pixel apart, so that the picture moves by 0.3 to 0.6 pixels down
    and to the right. Nothing is drawn from ``rng``. Legacy: SciPy's zoom of float32 values, the published
    pixels; otherwise the same within 1 grey level.
    """
    factors = _published_factors(severity)
    if not is_legacy(rng):
        return nearest(zoom_blur_published_values(image.astype(np.float32), severity, rng))
    values = (image / 255.0).astype(np.float32)
    total = np.zeros_like(values)
    for factor in factors:
        total += _published_copy(values, factor)
    return truncated(np.clip((values + total) / (len(factors) + 1), 0, 1) * 255)


def zoom_blur_published_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    del rng
    height, width = values.shape[:2]
    axes = [
        (_cropped(height, factor), _cropped(width, factor)) for factor in _published_factors(severity)[1:]
    ]
    blurred: Values = _average(values, axes)
    return blurred


def _average(values: npt.NDArray[Any], copies: list[tuple[Axis, Axis]]) -> npt.NDArray[Any]:
    """Mean of a picture, counted twice, and of its magnified copies."""
    height, width = values.shape[:2]
    total = 2 * values
    for (top, down), (left, right) in copies:
        places = np.array([[right, 0, left], [0, down, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        total += cv2.warpAffine(values, places, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    total /= len(copies) + 2
    return total


def _centred(shape: tuple[int, ...], largest: float) -> list[tuple[Axis, Axis]]:
    spacing = PERTURBATIONS["zoom_blur"].companion("step", largest)
    count = math.ceil((largest - 1) / spacing - 1e-6)
    factors = np.linspace(1, largest, count + 1)[1:]
    middles = [(side - 1) / 2 for side in shape[:2]]
    return [((middles[0] * (1 - 1 / f), 1 / f), (middles[1] * (1 - 1 / f), 1 / f)) for f in factors.tolist()]


def _published_factors(largest: float) -> list[float]:
    """Factors from 1 in steps up to the largest, with the rounding of the published ranges."""
    spacing = PERTURBATIONS["zoom_blur_published"].companion("step", largest)
    count = math.floor((largest - 1) / spacing + 1e-6)
    factors: list[float] = np.arange(1, 1 + (count + 0.5) * spacing, spacing).tolist()
    return factors


def _cropped(side: int, factor: float) -> Axis:
    """Places that SciPy's zoom reads, corner pixels on corner pixels, from a crop of whole pixels."""
    few = math.ceil(side / factor)
    many = round(few * factor)
    return (side - few) // 2, (few - 1) / (many - 1) if many > 1 else 1.0


def _published_copy(values: Values, factor: float) -> Values:
    height, width = values.shape[:2]
    few = [math.ceil(side / factor) for side in (height, width)]
    top, left = (height - few[0]) // 2, (width - few[1]) // 2
    crop = values[top : top + few[0], left : left + few[1]]
    return np.asarray(ndimage.zoom(crop, (factor, factor, 1), order=1)[:height, :width], np.float32)
