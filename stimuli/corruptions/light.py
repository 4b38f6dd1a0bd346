"""Between encoded (sRGB) pixel values and linear light (IEC 61966-2-1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Values


def linear(encoded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Linear light of encoded values, both 0 to 1."""
    low = encoded / 12.92
    return np.where(encoded <= 0.04045, low, ((encoded + 0.055) / 1.055) ** 2.4)


#: linear light of each pixel value, 0 to 255
_LIGHT = (255 * linear(np.arange(256) / 255)).astype(np.float32)
#: where, in linear light, one pixel value goes over into the next: halfway between their encodings
_EDGES = (255 * linear((np.arange(255) + 0.5) / 255)).astype(np.float32)


def to_light(image: Pixels) -> Values:
    """Linear light of a picture, 0 to 255, float32."""
    light: Values = _LIGHT[image]
    return light


def from_light(light: Values) -> Pixels:
    """Pixel values whose encodings are nearest to linear light, which is clipped to 0 to 255."""
    return np.searchsorted(_EDGES, light.ravel()).astype(np.uint8).reshape(light.shape)
