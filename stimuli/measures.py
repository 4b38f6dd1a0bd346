"""Measures of one stimulus, and of what was lost between it and its clean picture.

All are taken on encoded (sRGB) values as a fraction of full scale, on luma where one channel is
needed: 0.2126 R + 0.7152 G + 0.0722 B (ITU-R BT.709).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

#: weights of red, green and blue in luma, ITU-R BT.709
LUMA = np.array((0.2126, 0.7152, 0.0722))
#: of structural similarity: the window's standard deviation and radius in pixels, and the constants
#: that keep its quotients finite, from Wang et al. (2004)
SSIM_SD, SSIM_RADIUS, SSIM_K1, SSIM_K2 = 1.5, 5, 0.01, 0.03


def luma(image: Pixels) -> npt.NDArray[np.float64]:
    """Luma of an RGB picture of shape (height, width, 3), 0 to 1."""
    values: npt.NDArray[np.float64] = image @ (LUMA / 255)
    return values


def clipped_fraction(image: Pixels) -> float:
    """Share of channel values that are 0 or 255, where a brighter or darker value could not show."""
    return float(np.mean((image == 0) | (image == 255)))


def rms_contrast(image: Pixels) -> float:
    """Standard deviation of luma, 0 to 0.5 (RMS contrast of Peli 1990, not divided by the mean)."""
    return float(luma(image).std())


def mean_luminance(image: Pixels) -> float:
    """Mean luma, 0 to 1."""
    return float(luma(image).mean())


def distance(image: Pixels, clean: Pixels) -> float:
    """Root-mean-square difference of channel values, 0 to 1."""
    difference = image.astype(np.float64) - clean
    return math.sqrt(float(np.mean(difference * difference))) / 255


def psnr(image: Pixels, clean: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all channels; NaN where the two are equal.

    Two equal pictures have no error to take a logarithm of.
    """
    apart = distance(image, clean)
    return -20 * math.log10(apart) if apart else math.nan


def ssim(image: Pixels, clean: Pixels) -> float:
    """Mean structural similarity of two lumas, at most 1 (Wang, Bovik, Sheikh & Simoncelli 2004).

    Gaussian window of 11 pixels and standard deviation 1.5, population (co)variances, and a border
    of half a window left out of the mean. Pictures must be larger than the window.
    """
    one, two = luma(image), luma(clean)
    mean_one, mean_two = _smooth(one), _smooth(two)
    variance_one = _smooth(one * one) - mean_one**2
    variance_two = _smooth(two * two) - mean_two**2
    covariance = _smooth(one * two) - mean_one * mean_two
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    similarity = ((2 * mean_one * mean_two + c1) * (2 * covariance + c2)) / (
        (mean_one**2 + mean_two**2 + c1) * (variance_one + variance_two + c2)
    )
    inside = slice(SSIM_RADIUS, -SSIM_RADIUS)
    return float(similarity[inside, inside].mean())


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    smoothed: npt.NDArray[np.float64] = ndimage.gaussian_filter(
        values, SSIM_SD, truncate=SSIM_RADIUS / SSIM_SD
    )
    return smoothed
