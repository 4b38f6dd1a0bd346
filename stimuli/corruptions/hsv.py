"""Hue, saturation and value of a picture: exact, and in the shortened form that the fast operators use."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Values

Floats = npt.NDArray[np.float64]


def brightest_and_darkest(image: Pixels) -> tuple[Pixels, Pixels]:
    """Largest channel value of each pixel, 255 times its HSV value, and smallest; (height, width)."""
    red, green, blue = cv2.split(image)
    largest, smallest = cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue)
    return np.asarray(largest, np.uint8), np.asarray(smallest, np.uint8)


def three_times(plane: Values) -> Values:
    """One plane as each of three channels."""
    return np.asarray(cv2.merge([plane, plane, plane]), np.float32)


def to_hsv(image: Pixels) -> tuple[Floats, Floats, Floats]:
    """Hue in turns, saturation and value, 0 to 1, of uint8 RGB (Smith 1978), float64.

    A grey pixel has hue 0 and saturation 0. Of two channels that are both the largest the later one counts.
    The order of the operations is scikit-image's, so that the last bit is too.
    """
    red, green, blue = np.moveaxis(image / 255.0, 2, 0)
    value = np.maximum(np.maximum(red, green), blue)
    span = value - np.minimum(np.minimum(red, green), blue)
    coloured = span != 0
    step = np.where(coloured, span, 1)
    turns = np.select(
        [blue == value, green == value],
        [4 + (red - green) / step, 2 + (blue - red) / step],
        (green - blue) / step,
    )
    hue = np.where(coloured, (turns / 6) % 1, 0)
    return hue, np.where(coloured, span, 0) / np.where(value > 0, value, 1), value


def from_hsv(hue: Floats, saturation: Floats, value: Floats) -> Floats:
    """RGB, 0 to 1, shape (height, width, 3), of hue in turns, saturation and value."""
    sixth = np.floor(hue * 6)
    share = hue * 6 - sixth
    low = value * (1 - saturation)
    falling = value * (1 - share * saturation)
    rising = value * (1 - (1 - share) * saturation)
    sector = sixth.astype(np.intp) % 6
    red = np.choose(sector, [value, falling, low, low, rising, value])
    green = np.choose(sector, [rising, value, value, falling, low, low])
    blue = np.choose(sector, [low, low, rising, value, value, falling])
    return np.stack([red, green, blue], axis=2)
