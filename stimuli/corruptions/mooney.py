"""Two-tone (Mooney) pictures."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.pixels import Pixels, Rng, to_uint8
from stimuli.corruptions.smoothed import smoothed_grey


def mooney(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur the grey picture with a standard deviation of ``severity`` pixels and make it black and white.

    White is what lies above the threshold of Otsu (1979), at which the two tones' grey levels differ most
    for their spread. Where there is one grey level only, all is white, or black if it was. Nothing is
    drawn from ``rng``; legacy is as usual.
    """
    del rng
    smooth = to_uint8(smoothed_grey(image, severity))
    _, two_tone = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.repeat(np.asarray(two_tone, np.uint8)[:, :, None], 3, axis=2)
