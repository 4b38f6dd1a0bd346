"""What the blurs share: the Gaussian in both precisions, sums of moved copies, and rounding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from stimuli.corruptions.pixels import Pixels, Values

#: a Gaussian ends this many standard deviations from its middle
TRUNCATE = 4.0


class Tap(NamedTuple):
    """One entry of a sparse kernel: what lies ``down`` and ``right`` of a pixel counts with ``weight``."""

    down: int
    right: int
    weight: float


def nearest(values: Values) -> Pixels:
    """Round values that are not negative to the nearest grey level, at most 255."""
    return np.asarray(cv2.convertScaleAbs(values), np.uint8)


def gaussian(values: Values | Pixels, sigma: float) -> Values:
    """Blur by a Gaussian of standard deviation ``sigma``, edge pixels repeated outwards; float32."""
    if not sigma:
        return values.astype(np.float32)
    kernel = cv2.getGaussianKernel(2 * int(TRUNCATE * sigma + 0.5) + 1, sigma, cv2.CV_32F)
    blurred = cv2.sepFilter2D(values, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def published_gaussian(image: Pixels, sigma: float) -> npt.NDArray[np.float64]:
    """Blur as the published code does: float64 values, which are 0 to 1 here."""
    blurred = ndimage.gaussian_filter(image / 255.0, (sigma, sigma, 0), mode="nearest", truncate=TRUNCATE)
    return np.asarray(blurred, np.float64)


def moved_sum(values: Values, taps: Iterable[Tap], reach: int) -> Values:
    """Sum of moved and weighted copies, none by more than ``reach``, edge pixels repeated; float32."""
    height, width = values.shape[:2]
    padded = cv2.copyMakeBorder(values, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    total = np.zeros(values.shape, np.float32)
    for down, right, weight in taps:
        top, left = reach + down, reach + right
        cv2.scaleAdd(padded[top : top + height, left : left + width], weight, total, dst=total)
    return total


def published_moved_sum(image: Pixels, taps: Iterable[Tap], reach: int) -> npt.NDArray[np.float64]:
    """Sum moved copies in float64, one after the other."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    total = np.zeros(image.shape)
    for down, right, weight in taps:
        top, left = reach + down, reach + right
        total += weight * padded[top : top + height, left : left + width]
    return total
