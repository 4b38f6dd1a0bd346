"""Measures of one stimulus, and of what was lost between it and its clean picture.

All are taken on encoded (sRGB) values as a fraction of full scale, on luma where one channel is
needed: 0.2126 R + 0.7152 G + 0.0722 B (ITU-R BT.709).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]

#: weights of red, green and blue in luma, ITU-R BT.709
LUMA = np.array((0.2126, 0.7152, 0.0722))
#: of structural similarity: the window's standard deviation and radius in pixels, and the constants
#: that keep its quotients finite, from Wang et al. (2004)
SSIM_SD, SSIM_RADIUS, SSIM_K1, SSIM_K2 = 1.5, 5, 0.01, 0.03


@dataclass(frozen=True)
class Measures:
    """What the manifest says of a stimulus; each is defined at the function of its name."""

    clipped_fraction: float
    rms_contrast: float
    mean_luminance: float
    psnr_db: float
    ssim: float


class Reference:
    """A clean picture, with what every comparison with it needs, computed once.

    Pictures are RGB, uint8, of one shape (height, width, 3), larger than the window of structural
    similarity.
    """

    def __init__(self, clean: Pixels) -> None:
        self._clean = clean
        self._luma = luma(clean).astype(np.float32)
        self._mean = _smooth(self._luma)
        self._mean_squared = self._mean * self._mean
        self._variance = _smooth(self._luma * self._luma) - self._mean_squared

    def measures(self, image: Pixels) -> Measures:
        """All measures of a stimulus made from this picture."""
        values = luma(image)
        return Measures(
            clipped_fraction(image),
            float(values.std()),
            float(values.mean()),
            psnr(image, self._clean),
            self.ssim(values),
        )

    def ssim(self, values: Floats) -> float:
        """Mean structural similarity of a luma to this picture's, at most 1; see ``ssim``.

        Single precision, which is good to six digits and twice as fast.
        """
        single = values.astype(np.float32)
        mean = _smooth(single)
        product = mean * self._mean
        covariance = _smooth(single * self._luma) - product
        squared = mean * mean
        variance = _smooth(single * single) - squared
        c1, c2 = np.float32(SSIM_K1**2), np.float32(SSIM_K2**2)
        similarity = ((2 * product + c1) * (2 * covariance + c2)) / (
            (squared + self._mean_squared + c1) * (variance + self._variance + c2)
        )
        inside = slice(SSIM_RADIUS, -SSIM_RADIUS)
        return float(similarity[inside, inside].mean(dtype=np.float64))


def luma(image: Pixels) -> Floats:
    """Luma of an RGB picture of shape (height, width, 3), 0 to 1."""
    return np.asarray(cv2.transform(image.astype(np.float64), LUMA[None] / 255), np.float64)


def clipped_fraction(image: Pixels) -> float:
    """Share of channel values that are 0 or 255, where a brighter or darker value could not show."""
    return float(np.count_nonzero((image - np.uint8(1)) >= 254)) / image.size


def rms_contrast(image: Pixels) -> float:
    """Standard deviation of luma, 0 to 0.5 (RMS contrast of Peli 1990, not divided by the mean)."""
    return float(luma(image).std())


def mean_luminance(image: Pixels) -> float:
    """Mean luma, 0 to 1."""
    return float(luma(image).mean())


def distance(image: Pixels, clean: Pixels) -> float:
    """Root-mean-square difference of channel values, 0 to 1."""
    return math.sqrt(cv2.norm(image, clean, cv2.NORM_L2SQR) / image.size) / 255


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
    return Reference(clean).ssim(luma(image))


def _smooth(values: Singles) -> Singles:
    width = 2 * SSIM_RADIUS + 1
    return np.asarray(cv2.GaussianBlur(values, (width, width), SSIM_SD), np.float32)
