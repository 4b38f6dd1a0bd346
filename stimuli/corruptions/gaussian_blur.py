"""Blur by a Gaussian."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from stimuli.corruptions.pixels import to_uint8

#: the kernel ends this many standard deviations from its middle
TRUNCATE = 4.0


def gaussian_blur(
    image: npt.NDArray[np.uint8], severity: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Blur each channel by a Gaussian of standard deviation ``severity``, in pixels.

    As in ImageNet-C (Hendrycks & Dietterich 2019): on the encoded (sRGB) values, not in linear light,
    edge pixels repeated outwards. ``rng`` is not used.
    """
    del rng
    floats = image.astype(np.float32)
    return to_uint8(
        ndimage.gaussian_filter(floats, (severity, severity, 0), mode="nearest", truncate=TRUNCATE)
    )
