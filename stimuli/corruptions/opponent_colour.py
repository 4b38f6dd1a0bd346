"""Opponent colours: red for green, yellow for blue, at equal luminance."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.light import BY_LIGHT, LIGHT, SHOWN
from stimuli.corruptions.pixels import Pixels, Rng, is_legacy

#: weights of red, green and blue light in L + M cone activation, from the published monitor and cones
LUMINANCE = np.array((0.2588284345, 0.6074359169, 0.1337356486))
#: 2 Y - x for each channel
REFLECTION = 2 * np.tile(LUMINANCE, (3, 1)) - np.eye(3)

_REFLECTION = REFLECTION.astype(np.float32)


def opponent_colour(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Opposite colours of equal luminance for severity 1, the picture as it is for 0.

    Geirhos et al. (2018) change the sign of the L - M and the S - (L + M) axes of the colour space of
    Derrington, Krauskopf & Lennie about mid-grey. Their matrices, of one monitor and the cones of Stiles &
    Burch, put together, come to 2 Y - x for the light x of each channel, with Y the luminance. Light is
    clipped to what a display can show, and shown by the pixel value nearest in light. Their measured
    non-linearity of the monitor is not at hand; sRGB's stands for it, so that pixels differ from the
    published ones where the two curves do. Nothing is drawn from ``rng``. Legacy: float64.
    """
    if not severity:
        return image.copy()
    if is_legacy(rng):
        return BY_LIGHT.exactly(SHOWN[image] @ REFLECTION.T)
    light = cv2.transform(cv2.LUT(image, LIGHT), _REFLECTION)
    return BY_LIGHT(np.asarray(light, np.float32))
