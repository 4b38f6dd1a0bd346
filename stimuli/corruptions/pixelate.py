"""Pixelation: fewer, larger pixels."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stimuli.corruptions.pixels import Pixels, Rng


def pixelate(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Keep the fraction ``severity`` of the pixels along each side, shown at the size of the original.

    Down with Pillow's BOX filter to int(side * severity) pixels, at least one, and up with NEAREST,
    after ImageNet-C (Hendrycks & Dietterich 2019) as imagecorruptions has it, whose pixels these are in
    both modes; the first version went up with BOX. Nothing is drawn from ``rng``.
    """
    del rng
    height, width = image.shape[:2]
    few = (max(1, int(width * severity)), max(1, int(height * severity)))
    small = Image.fromarray(image).resize(few, Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))
