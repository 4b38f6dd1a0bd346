"""Reduced contrast."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import to_uint8


def contrast(
    image: npt.NDArray[np.uint8], severity: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Keep the fraction ``severity`` of each channel's deviation from that channel's mean.

    (x - mean) * severity + mean, as in ImageNet-C (Hendrycks & Dietterich 2019); mean luminance is
    kept. Below about 5% few grey levels are left. ``rng`` is not used.
    """
    del rng
    means = image.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return to_uint8((image - means) * np.float32(severity) + means)
