"""Low spatial frequencies only."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from stimuli.corruptions.greys import (
    BACKGROUND,
    ExactGrey,
    Grey,
    exact_grey,
    grey_of,
    in_three,
    picture_of,
    published_picture,
)
from stimuli.corruptions.light import linear
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy

#: the kernel ends this many standard deviations from its middle
TRUNCATE = 4.0
#: the background in linear light, 0 to 255
BACKGROUND_LIGHT = 255 * float(linear(np.array(BACKGROUND)))


def low_pass(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur the grey picture by a Gaussian of standard deviation ``severity``, in pixels.

    The picture lies on a grey of 0.4423, the mean of the published picture set; the kernel is cut at 4
    standard deviations (Geirhos et al. 2018). Nothing is drawn from ``rng``. Legacy: float64, halves
    rounded up.
    """
    if is_legacy(rng):
        return published_picture(exactly_smoothed(exact_grey(image), severity))
    return picture_of(smoothed(grey_of(image), severity, 255 * BACKGROUND))


def low_pass_values(values: Values, severity: float, rng: Rng) -> Values:
    """Blur float32 values of linear light, 0 to 255, on the light of the same background."""
    del rng
    return in_three(smoothed(grey_of(values), severity, BACKGROUND_LIGHT))


def smoothed(grey: Grey, sd: float, background: float) -> Grey:
    """Gaussian blur of grey values that lie on ``background``; not changed where ``sd`` is 0."""
    if not sd:
        return grey
    width = 2 * int(TRUNCATE * sd + 0.5) + 1
    level = np.float32(background)
    blurred = cv2.GaussianBlur(grey - level, (width, width), sd, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32).reshape(grey.shape) + level


def exactly_smoothed(grey: ExactGrey, sd: float) -> ExactGrey:
    """Gaussian blur of grey of 0 to 1 in float64, on the published background."""
    blurred: ExactGrey = ndimage.gaussian_filter(
        grey, sd, mode="constant", cval=BACKGROUND, truncate=TRUNCATE
    )
    return blurred
