"""Additive white uniform noise on a grey picture of low contrast."""

from __future__ import annotations

import numpy as np

from stimuli.corruptions.grey_contrast import faded
from stimuli.corruptions.greys import Grey, exact_grey, grey_of, in_three, picture_of, published_picture
from stimuli.corruptions.pixels import Pixels, Rng, Values

#: fraction of the grey picture's contrast that is kept under the noise
CONTRAST = 0.3


def uniform_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Add noise, uniform from -``severity`` to ``severity``, to the grey picture at 30% contrast.

    clip(0.35 + 0.3 grey + U(-severity, severity)), one draw for each pixel (Geirhos et al. 2018). What
    leaves the range of 0 to 1 is clipped: nothing up to 0.35, 44% of the pixels at 0.9, whatever the
    picture. Legacy: float64 draws in one call, halves rounded up.
    """
    if isinstance(rng, np.random.RandomState):
        grey = faded(exact_grey(image), CONTRAST, 1)
        return published_picture(grey + rng.uniform(-severity, severity, grey.shape))
    return picture_of(_noisy(image, severity, rng))


def uniform_noise_values(values: Values, severity: float, rng: Rng) -> Values:
    """Noise on float32 values of 0 to 255, not clipped."""
    return in_three(_noisy(values, severity, rng))


def _noisy(values: Values | Pixels, severity: float, rng: Rng) -> Grey:
    assert isinstance(rng, np.random.Generator)
    noise = rng.random(values.shape[:2], dtype=np.float32)
    noise -= np.float32(0.5)
    noise *= np.float32(2 * 255 * severity)
    noise += faded(grey_of(values), CONTRAST, 255)
    return noise
