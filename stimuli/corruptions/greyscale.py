"""Colour taken out."""

from __future__ import annotations

from stimuli.corruptions.greys import exact_grey, grey_of, picture_of, published_picture
from stimuli.corruptions.pixels import Pixels, Rng, is_legacy


def greyscale(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Grey picture for severity 1, the picture as it is for 0.

    0.2125 R + 0.7154 G + 0.0721 B of the encoded values (Geirhos et al. 2018). Nothing is drawn from
    ``rng``. Legacy: float64, halves rounded up.
    """
    if not severity:
        return image.copy()
    return published_picture(exact_grey(image)) if is_legacy(rng) else picture_of(grey_of(image))
