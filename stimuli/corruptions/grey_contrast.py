"""Reduced contrast of the grey picture, about mid-grey."""

from __future__ import annotations

import numpy.typing as npt

from stimuli.corruptions.greys import Float, exact_grey, grey_of, in_three, picture_of, published_picture
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy


def grey_contrast(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Keep the fraction ``severity`` of the grey picture's contrast about mid-grey.

    (1 - severity) / 2 + severity * grey, for grey of 0 to 1 (Geirhos et al. 2018). Severity 1 is the grey
    picture, not the coloured one. Nothing is drawn from ``rng``. Legacy: float64, halves rounded up.
    """
    if is_legacy(rng):
        return published_picture(faded(exact_grey(image), severity, 1))
    return picture_of(faded(grey_of(image), severity, 255))


def grey_contrast_values(values: Values, severity: float, rng: Rng) -> Values:
    """Contrast of float32 values of 0 to 255; mid-grey is half of the most light."""
    del rng
    return in_three(faded(grey_of(values), severity, 255))


def faded(grey: npt.NDArray[Float], kept: float, full: float) -> npt.NDArray[Float]:
    """Grey values of 0 to ``full``, the fraction ``kept`` of their contrast about the middle."""
    values: npt.NDArray[Float] = grey * grey.dtype.type(kept) + grey.dtype.type(full * (1 - kept) / 2)
    return values
