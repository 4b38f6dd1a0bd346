"""High spatial frequencies only."""

from __future__ import annotations

from stimuli.corruptions.greys import (
    BACKGROUND,
    Grey,
    exact_grey,
    grey_of,
    in_three,
    picture_of,
    published_picture,
)
from stimuli.corruptions.low_pass import BACKGROUND_LIGHT, exactly_smoothed, smoothed
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy


def high_pass(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Take from the grey picture its blur by a Gaussian of standard deviation ``severity``, in pixels.

    grey - low_pass(grey), its mean set to 0.4423 and clipped (Geirhos et al. 2018). A smaller standard
    deviation leaves less. Nothing is drawn from ``rng``. Legacy: float64, halves rounded up.
    """
    if is_legacy(rng):
        grey = exact_grey(image)
        fine = grey - exactly_smoothed(grey, severity)
        return published_picture(fine + (BACKGROUND - fine.mean()))
    return picture_of(_fine(grey_of(image), severity, 255 * BACKGROUND))


def high_pass_values(values: Values, severity: float, rng: Rng) -> Values:
    """High frequencies of float32 values of linear light, 0 to 255, about the light of the same grey."""
    del rng
    return in_three(_fine(grey_of(values), severity, BACKGROUND_LIGHT))


def _fine(grey: Grey, sd: float, background: float) -> Grey:
    fine = grey - smoothed(grey, sd, background)
    fine += grey.dtype.type(background - float(fine.mean(dtype="float64")))
    return fine
