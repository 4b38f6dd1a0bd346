"""Line drawings of a picture's edges."""

from __future__ import annotations

import cv2
import numpy as np

from stimuli.corruptions.pixels import Pixels, Rng
from stimuli.corruptions.smoothed import smoothed_grey

#: the share of pixels whose gradient lies below the upper threshold
BELOW = 0.85
#: the lower threshold as a share of the upper one
LOWER = 0.4
#: no upper threshold is below this gradient, grey levels per pixel
FAINTEST = 1.0
#: gradients are whole numbers of 1/64 grey level per pixel: Sobel's sum of 8 pixels, 8 times as fine
SCALE = 8


def edges(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Draw the edges of the grey picture as black lines, one pixel wide, on white.

    Canny (1986): a blur with a standard deviation of ``severity`` pixels, gradients of greatest size across
    the edge, kept above the upper threshold or, joined to such, above the lower. The upper one is
    the 85th percentile of the picture's gradients, at least 1 grey level per pixel; the lower one is 0.4
    of it. Nothing is drawn from ``rng``; legacy is as usual.
    """
    del rng
    smooth = smoothed_grey(image, severity)
    right, down = (
        np.rint(cv2.Sobel(smooth, cv2.CV_32F, *order, scale=SCALE, borderType=cv2.BORDER_REPLICATE))
        for order in ((1, 0), (0, 1))
    )
    upper = max(float(np.quantile(np.hypot(right, down), BELOW)), FAINTEST * 8 * SCALE)
    lines = cv2.Canny(right.astype(np.int16), down.astype(np.int16), LOWER * upper, upper, L2gradient=True)
    return np.repeat(np.asarray(255 - lines, np.uint8)[:, :, None], 3, axis=2)
