"""Pixelation: fewer, larger pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image


def pixelate(
    image: npt.NDArray[np.uint8], severity: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Keep the fraction ``severity`` of the pixels along each side, shown at the size of the original.

    Down with Pillow's BOX filter to int(side * severity) pixels, at least one, and up with NEAREST,
    after ImageNet-C (Hendrycks & Dietterich 2019). ``rng`` is not used.
    """
    del rng
    height, width = image.shape[:2]
    few = (max(1, int(width * severity)), max(1, int(height * severity)))
    small = Image.fromarray(image).resize(few, Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))
