"""The smoothed grey picture that two-tones and line drawings start from."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from stimuli.corruptions.pixels import Pixels, Values

#: the kernel ends this many standard deviations from its middle
TRUNCATE = 4.0


def smoothed_grey(image: Pixels, sd: float) -> Values:
    """Luma (ITU-R BT.601, whole grey levels) blurred by a Gaussian, edge pixels repeated outwards."""
    grey = np.asarray(Image.fromarray(image).convert("L"), np.float32)
    if not sd:
        return grey
    width = 2 * int(TRUNCATE * sd + 0.5) + 1
    blurred = cv2.GaussianBlur(grey, (width, width), sd, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)
