"""Blur by a disc, as of a lens out of focus."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.kernels import nearest
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, truncated
from stimuli.perturbations import PERTURBATIONS

#: up to this radius the disc is smoothed over 3 by 3 pixels, from there over 5 by 5
SMALL = 8


def defocus_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur each channel by a smoothed disc of radius ``severity``, in pixels, whose weights sum to 1.

    After ImageNet-C (Hendrycks & Dietterich 2019): the disc is the pixels whose centres lie within the
    radius, smoothed by a small Gaussian; the picture goes on beyond its edges as its mirror image. The
    kernel has room for the whole smoothed disc here, see ``defocus_blur_published``. Nothing is drawn from
    ``rng``. Legacy: float64, cut off instead of rounded.
    """
    if is_legacy(rng):
        return _filtered_as_published(image, _kernel(severity))
    return nearest(_defocused(image, severity))


def defocus_blur_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    del rng
    return _defocused(values, severity)


def defocus_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur by the disc in the kernel of the published code, which ends at 8 pixels or at the radius.

    From radius 7 on, the smoothed disc reaches the kernel's edge, where it is mirrored: the weights sum to
    more than 1, and the picture gets brighter, by 1.3% at radius 8 and 1.1% at radius 10. Nothing is drawn
    from ``rng``. Legacy: the published pixels.
    """
    kernel = _published_kernel(severity)
    if is_legacy(rng):
        return _filtered_as_published(image, kernel)
    return nearest(_filtered(image.astype(np.float32), kernel))


def defocus_blur_published_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    del rng
    return _filtered(values, _published_kernel(severity))


def _defocused(values: Values | Pixels, radius: float) -> Values:
    """Sum over the disc, then smooth: as with the whole kernel, but for rounding in float32."""
    margin = _side(radius) // 2
    total, pixels = _disc_sum(values, radius, margin)
    weights = cv2.getGaussianKernel(_side(radius), _smoothing("defocus_blur", radius), cv2.CV_32F)
    smooth = cv2.sepFilter2D(total, cv2.CV_32F, weights, weights / pixels)
    height, width = values.shape[:2]
    return np.ascontiguousarray(smooth[margin : margin + height, margin : margin + width], np.float32)


def _disc_sum(values: Values | Pixels, radius: float, margin: int) -> tuple[npt.NDArray[Any], int]:
    """Sum of all pixels in the disc around each pixel, ``margin`` more to each side; how many those are.

    Sums along a row grow from the disc's narrowest rows to its widest.
    """
    reach, rows = math.floor(radius), _rows_of_disc(radius)
    pixels = sum((2 * half + 1) * len(row) for half, row in rows.items())
    around = reach + margin
    padded = cv2.copyMakeBorder(values, around, around, around, around, cv2.BORDER_REFLECT_101)
    exact = values.dtype == np.uint8 and 255 * pixels < 1 << 16
    wide: npt.NDArray[Any] = padded.astype(np.uint16 if exact else np.float32)
    height, width = values.shape[0] + 2 * margin, values.shape[1] + 2 * margin
    along = wide[:, reach : reach + width].copy()
    total = np.zeros((height, width, 3), wide.dtype)
    for half in range(reach + 1):
        if half:
            along += wide[:, reach - half : reach - half + width]
            along += wide[:, reach + half : reach + half + width]
        for row in rows.get(half, ()):
            total += along[reach + row : reach + row + height]
    return total, pixels


def _rows_of_disc(radius: float) -> dict[int, list[int]]:
    """Rows of the disc, counted from its middle, by how many pixels they go to either side of theirs."""
    reach = math.floor(radius)
    rows: dict[int, list[int]] = {}
    for row in range(-reach, reach + 1):
        half = sum(step**2 + row**2 <= radius**2 for step in range(1, reach + 1))
        rows.setdefault(half, []).append(row)
    return rows


def _filtered(values: Values, kernel: Values) -> Values:
    return np.asarray(cv2.filter2D(values, -1, kernel), np.float32)


def _filtered_as_published(image: Pixels, kernel: Values) -> Pixels:
    channels = [cv2.filter2D(image[:, :, k] / 255.0, -1, kernel) for k in range(3)]
    values = np.stack(channels, axis=2).astype(np.float64, copy=False)
    return truncated(np.clip(values, 0, 1) * 255)


def _kernel(radius: float) -> Values:
    """Smoothed disc with room for all of it; shape (n, n), n odd."""
    disc = _disc(radius, math.floor(radius) + _side(radius) // 2)
    kernel = _smoothed(disc, radius, "defocus_blur", cv2.BORDER_CONSTANT)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _published_kernel(radius: float) -> Values:
    disc = _disc(radius, max(SMALL, math.floor(radius)))
    return _smoothed(disc, radius, "defocus_blur_published", cv2.BORDER_REFLECT_101)


def _disc(radius: float, reach: int) -> Values:
    squares = np.arange(-reach, reach + 1) ** 2
    inside = (squares[:, None] + squares <= radius**2).astype(np.float32)
    return np.asarray(inside / inside.sum(), np.float32)


def _smoothed(disc: Values, radius: float, name: str, beyond: int) -> Values:
    side, width = _side(radius), _smoothing(name, radius)
    return np.asarray(cv2.GaussianBlur(disc, (side, side), width, borderType=beyond), np.float32)


def _smoothing(name: str, radius: float) -> float:
    return PERTURBATIONS[name].companion("alias_blur", radius)


def _side(radius: float) -> int:
    """Side of the Gaussian that smooths the disc, in pixels."""
    return 3 if radius <= SMALL else 5
