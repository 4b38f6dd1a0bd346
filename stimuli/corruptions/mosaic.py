"""A picture cut into tiles and put together in another order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Rng


def mosaic(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Shuffle ``severity`` x ``severity`` tiles, each kept upright, so that none stays in its place.

    Every such order is equally likely. Tiles have floor(side / severity) pixels, at least one, and lie
    about the middle: where a side is not divisible, a margin of fewer than ``severity`` pixels in all stays
    as it is. A picture of a single pixel stays too. Legacy draws from its own source, otherwise as usual.
    """
    picture = image.copy()
    height, width = image.shape[:2]
    rows, columns = min(int(severity), height), min(int(severity), width)
    if rows * columns == 1:
        return picture
    tall, wide = height // rows, width // columns
    top, left = (height - rows * tall) // 2, (width - columns * wide) // 2
    place = slice(top, top + rows * tall), slice(left, left + columns * wide)
    tiles = image[place].reshape(rows, tall, columns, wide, 3).swapaxes(1, 2).reshape(-1, tall, wide, 3)
    tiles = tiles[derangement(rows * columns, rng)]
    shuffled = tiles.reshape(rows, columns, tall, wide, 3).swapaxes(1, 2)
    picture[place] = shuffled.reshape(rows * tall, columns * wide, 3)
    return picture


def derangement(count: int, rng: Rng) -> npt.NDArray[np.intp]:
    """A random order of ``count`` things, two at least, in which none is where it was."""
    while True:
        order = np.asarray(rng.permutation(count), np.intp)
        if not np.any(order == np.arange(count)):
            return order
