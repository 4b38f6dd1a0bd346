"""Blur along a line, as of a picture that moves."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from stimuli.corruptions.kernels import Tap, moved_sum, nearest, published_moved_sum
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, truncated
from stimuli.perturbations import PERTURBATIONS

#: the line lies within this many degrees of the horizontal, to either side
STEEPEST = 45
#: where the widest kernels are cut, in standard deviations: 20 px at 15 px
CUT = 4 / 3


def motion_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur along a line of random slope by a Gaussian of SD ``severity``, in pixels, that stays centred.

    The weights are exp(-k**2 / (2 severity**2)) for k from -radius to radius pixels along the line, each
    shared among the four pixels around its place by bilinear interpolation; edge pixels are repeated
    outwards. The radius is the published one and, beyond the strongest level, 4/3 of the SD, as at that
    level. The slope is uniform within 45 degrees of the horizontal, one draw. After ImageNet-C
    (Hendrycks & Dietterich 2019), whose kernel is one-sided, see ``motion_blur_published``. Legacy: float64,
    cut off instead of rounded.
    """
    taps, reach = _centred(severity, _slope(rng))
    if is_legacy(rng):
        return truncated(published_moved_sum(image, taps, reach))
    return nearest(moved_sum(image.astype(np.float32), taps, reach))


def motion_blur_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    return moved_sum(values, *_centred(severity, _slope(rng)))


def motion_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur along a line by half a Gaussian, in steps of whole pixels, which moves the picture to the left.

    As in imagecorruptions 1.1.2 (Michaelis et al. 2019), written after ImageNet-C (Hendrycks & Dietterich
    2019): weights of k from 0 to twice the radius, places rounded, edge pixels repeated outwards. A picture
    smaller than the line loses the rest of it and gets darker. The slope is uniform within 45 degrees of the
    horizontal, one draw. Legacy: the published pixels.
    """
    taps, reach = _one_sided(image.shape[:2], severity, _slope(rng))
    if is_legacy(rng):
        return truncated(published_moved_sum(image, taps, reach))
    return nearest(moved_sum(image.astype(np.float32), taps, reach))


def motion_blur_published_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    return moved_sum(values, *_one_sided(values.shape[:2], severity, _slope(rng)))


def _slope(rng: Rng) -> float:
    """Draw the angle of the line, in radians; positive is down to the right."""
    return math.radians(rng.uniform(-STEEPEST, STEEPEST))


def _centred(sigma: float, angle: float) -> tuple[list[Tap], int]:
    """Kernel that is the same when turned by 180 degrees, and how far it reaches."""
    radius = _radius(sigma)
    reach = radius + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    for step in range(-radius, radius + 1):
        deviations = step / sigma if step else 0.0
        weight = math.exp(-deviations * deviations / 2)
        for row, column, share in _shared(step * math.sin(angle), step * math.cos(angle)):
            kernel[reach + row, reach + column] += weight * share
    kernel = (kernel + kernel[::-1, ::-1]) / (2 * kernel.sum())
    places = zip(*np.nonzero(kernel), strict=True)
    return [Tap(int(y) - reach, int(x) - reach, float(kernel[y, x])) for y, x in places], reach


def _radius(sigma: float) -> int:
    """Where the centred kernel is cut, in pixels."""
    row = PERTURBATIONS["motion_blur"]
    least = row.companion("least_radius", sigma) if sigma else 0.0
    return int(max(least, round(CUT * sigma))) if sigma > row.levels[-1] else int(least)


def _shared(down: float, right: float) -> list[tuple[int, int, float]]:
    """Share a weight of 1 among the pixels around a place."""
    row, column = math.floor(down), math.floor(right)
    below, beside = down - row, right - column
    return [
        (row + y, column + x, (below if y else 1 - below) * (beside if x else 1 - beside))
        for y, x in product((0, 1), repeat=2)
    ]


def _one_sided(shape: tuple[int, ...], sigma: float, angle: float) -> tuple[list[Tap], int]:
    radius = int(PERTURBATIONS["motion_blur_published"].companion("radius", sigma))
    steps = np.arange(2 * radius + 1)
    density = np.exp(-(steps**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    weights = (density / np.sum(density)).tolist()
    taps: list[Tap] = []
    for step, weight in enumerate(weights):
        down, right = math.ceil(step * math.sin(angle) - 0.5), math.ceil(step * math.cos(angle) - 0.5)
        if abs(down) >= shape[0] or abs(right) >= shape[1]:
            break
        taps.append(Tap(down, right, weight))
    return taps, 2 * radius + 1
