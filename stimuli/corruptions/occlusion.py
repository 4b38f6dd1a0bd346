"""Grey patches in front of a picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Rng

#: side of a patch, as a fraction of the shorter side
PATCH = 0.125
#: what patches look like
GREY = 128
#: how many places are drawn at a time
BATCH = 64


def occlusion(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Cover the fraction ``severity`` of the pixels, to the nearest pixel, with grey (128) patches.

    Squares of an eighth of the shorter side at random places, partly outside too, so that each pixel is as
    likely to be covered; of the last one only as many rows (of the last row, as many pixels) as are
    still needed. The same chance with a larger ``severity`` adds patches and moves none. Legacy draws from
    its own source, otherwise as usual.
    """
    picture = image.copy()
    height, width = image.shape[:2]
    picture[covered(height, width, severity, rng)] = GREY
    return picture


def covered(height: int, width: int, severity: float, rng: Rng) -> npt.NDArray[np.bool_]:
    """Which pixels are covered; round(severity * height * width) of them are."""
    mask = np.zeros((height, width), bool)
    needed = round(severity * height * width)
    side = max(1, round(PATCH * min(height, width)))
    while needed:
        for down, right in rng.random((BATCH, 2)):
            top, left = int(down * (height + side - 1)), int(right * (width + side - 1))
            patch = mask[max(0, top - side + 1) : top + 1, max(0, left - side + 1) : left + 1]
            needed -= _cover(patch, needed)
            if not needed:
                break
    return mask


def _cover(patch: npt.NDArray[np.bool_], most: int) -> int:
    """Cover a part of a mask, in reading order and ``most`` pixels at the most; returns how many it took."""
    free = np.flatnonzero(~patch)[:most]
    patch[np.unravel_index(free, patch.shape)] = True
    return len(free)
