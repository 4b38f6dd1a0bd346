"""Quarter turns."""

from __future__ import annotations

import numpy as np

from stimuli.corruptions.greys import BACKGROUND, exact_grey, grey_of, picture_of, published_picture
from stimuli.corruptions.pixels import Pixels, Rng, is_legacy


def rotation(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Turn the grey picture anticlockwise by ``severity`` quarter turns.

    Pixels are moved, not interpolated (Geirhos et al. 2018; their pictures are square). The frame stays: of
    a picture that is not square the middle is kept, on the mean grey of the published picture set. Nothing
    is drawn from ``rng``. Legacy: float64, halves rounded up.
    """
    grey = published_picture(exact_grey(image)) if is_legacy(rng) else picture_of(grey_of(image))
    return _in_frame(np.rot90(grey, int(severity)), grey.shape)


def _in_frame(turned: Pixels, shape: tuple[int, ...]) -> Pixels:
    """The middle of a picture in the middle of a frame; as it is where it fits."""
    if turned.shape == shape:
        return np.ascontiguousarray(turned)
    frame = np.full(shape, round(255 * BACKGROUND), np.uint8)
    rows, columns = min(shape[0], turned.shape[0]), min(shape[1], turned.shape[1])
    _middle(frame, rows, columns)[:] = _middle(turned, rows, columns)
    return frame


def _middle(image: Pixels, rows: int, columns: int) -> Pixels:
    top, left = (image.shape[0] - rows) // 2, (image.shape[1] - columns) // 2
    return image[top : top + rows, left : left + columns]
