"""Grey pictures, as in the stimuli of Geirhos et al. (2018): conversion, mean grey, way to 8 bits."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Values, to_uint8

#: of grey values: float32 in the usual mode, float64 in the published one
Float = TypeVar("Float", np.float32, np.float64)
#: one channel, shape (height, width)
Grey = npt.NDArray[np.float32]
ExactGrey = npt.NDArray[np.float64]

#: of red, green and blue in grey
WEIGHTS = np.array((0.2125, 0.7154, 0.0721))
#: mean grey of the published picture set, as a fraction of full scale
BACKGROUND = 0.4423

_ROW = WEIGHTS[None].astype(np.float32)


def grey_of(values: Values | Pixels) -> Grey:
    """Grey of RGB values, in their own unit; shape (height, width)."""
    grey = cv2.transform(values.astype(np.float32, copy=False), _ROW)
    return np.asarray(grey, np.float32).reshape(values.shape[:2])


def exact_grey(image: Pixels) -> ExactGrey:
    """Grey of a picture as the published code takes it, 0 to 1."""
    red, green, blue = (image[:, :, channel] / 255.0 * WEIGHTS[channel] for channel in range(3))
    grey: ExactGrey = red + green + blue
    return grey


def in_three(grey: Grey) -> Values:
    """Three equal channels, shape (height, width, 3)."""
    return np.repeat(grey[:, :, None], 3, axis=2)


def picture_of(grey: Grey) -> Pixels:
    """RGB picture of grey values of 0 to 255, rounded and clipped. Changes ``grey`` in place."""
    return np.asarray(cv2.cvtColor(to_uint8(grey), cv2.COLOR_GRAY2RGB), np.uint8)


def published_picture(grey: ExactGrey) -> Pixels:
    """RGB picture of grey values of 0 to 1, halves rounded up.

    The published code wrote its files with SciPy's ``toimage``, which rounds like this.
    """
    pixels = np.floor(np.clip(grey, 0, 1) * 255 + 0.5).astype(np.uint8)
    return np.repeat(pixels[:, :, None], 3, axis=2)
