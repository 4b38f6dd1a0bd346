"""White and black pixels on a grey picture of low contrast."""

from __future__ import annotations

import numpy as np

from stimuli.corruptions.grey_contrast import faded
from stimuli.corruptions.greys import Grey, exact_grey, grey_of, in_three, picture_of, published_picture
from stimuli.corruptions.pixels import Pixels, Rng, Values

#: fraction of the grey picture's contrast that is kept under the noise
CONTRAST = 0.3


def salt_and_pepper(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Make each pixel of the grey picture at 30% contrast white or black, with probability ``severity``.

    One uniform draw for each pixel: black below severity / 2, white from 1 - severity / 2 on (Geirhos et al.
    2018). Legacy: float64 draws in one call, halves rounded up.
    """
    if isinstance(rng, np.random.RandomState):
        grey = faded(exact_grey(image), CONTRAST, 1)
        draws = rng.uniform(size=grey.shape)
        grey[draws < severity / 2] = 0
        grey[draws >= 1 - severity / 2] = 1
        return published_picture(grey)
    return picture_of(_speckled(image, severity, rng))


def salt_and_pepper_values(values: Values, severity: float, rng: Rng) -> Values:
    """White and black in float32 values of 0 to 255."""
    return in_three(_speckled(values, severity, rng))


def _speckled(values: Values | Pixels, severity: float, rng: Rng) -> Grey:
    assert isinstance(rng, np.random.Generator)
    grey = faded(grey_of(values), CONTRAST, 255)
    draws = rng.random(grey.shape, dtype=np.float32)
    np.putmask(grey, draws < severity / 2, np.float32(0))
    np.putmask(grey, draws >= 1 - severity / 2, np.float32(255))
    return grey
