"""JPEG compression."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from stimuli.corruptions.pixels import Pixels, Rng, is_legacy


def jpeg_compression(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Write the picture as a JPEG of quality ``severity``, 1 to 100, and read it back.

    As in ImageNet-C (Hendrycks & Dietterich 2019): baseline, the standard tables, colour at half the
    resolution. Nothing is drawn from ``rng``. OpenCV's codec, or, in legacy mode, Pillow's; both are
    libjpeg-turbo and give the same pixels.
    """
    if is_legacy(rng):
        return _by_pillow(image, int(severity))
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(severity)]
    _, file = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR_RGB), np.uint8)


def _by_pillow(image: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream, formats=["JPEG"]), np.uint8)
