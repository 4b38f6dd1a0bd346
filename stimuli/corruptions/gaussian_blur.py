"""Blur by a Gaussian."""

from __future__ import annotations

from stimuli.corruptions.kernels import gaussian, nearest, published_gaussian
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, truncated


def gaussian_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur each channel by a Gaussian of standard deviation ``severity``, in pixels.

    As in ImageNet-C (Hendrycks & Dietterich 2019): on the encoded (sRGB) values, edge pixels repeated
    outwards, the kernel cut at 4 standard deviations. Nothing is drawn from ``rng``. Legacy: float64, cut
    off instead of rounded.
    """
    if is_legacy(rng):
        return truncated(published_gaussian(image, severity) * 255)
    return nearest(gaussian(image, severity))


def gaussian_blur_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values, shape (height, width, 3)."""
    del rng
    return gaussian(values, severity)
