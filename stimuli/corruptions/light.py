"""Between pixel values and the light they show on a display that follows sRGB (IEC 61966-2-1)."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Values

_BINS = 65535


def linear(encoded: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Linear light of encoded values, both 0 to 1."""
    low = encoded / 12.92
    return np.where(encoded <= 0.04045, low, ((encoded + 0.055) / 1.055) ** 2.4)


#: light that each pixel value shows, 0 to 1
SHOWN = linear(np.arange(256) / 255)
LIGHT = SHOWN.astype(np.float32)


class Steps:
    """From light of 0 to 1 to pixel values, by the 255 edges at which one goes over into the next.

    Gives what a search among the edges would. A table of 65,536 bins, each with one edge at most, leaves
    two candidates, and one comparison decides.
    """

    def __init__(self, edges: npt.NDArray[np.float64]) -> None:
        self._edges = edges
        self._edge_above = np.append(edges, 2).astype(np.float32)
        self._below = np.searchsorted(_bins(self._edge_above[:-1]), np.arange(_BINS + 1)).astype(np.uint8)

    def __call__(self, light: Values) -> Pixels:
        """Pixel values of float32 light, which is clipped to 0 to 1, in place."""
        np.clip(light, 0, 1, out=light)
        darker: Pixels = self._below.take(_bins(light))
        return darker + (light > self._edge_above.take(darker))

    def exactly(self, light: npt.NDArray[np.float64]) -> Pixels:
        """Pixel values of float64 light, by searching."""
        return np.searchsorted(self._edges, light.ravel()).astype(np.uint8).reshape(light.shape)


def _bins(light: Values) -> npt.NDArray[np.uint16]:
    bins: npt.NDArray[np.uint16] = (light * np.float32(_BINS)).astype(np.uint16)
    return bins


#: the pixel value whose encoding is nearest
BY_ENCODING = Steps(linear((np.arange(255) + 0.5) / 255))
#: the pixel value whose light is nearest
BY_LIGHT = Steps((SHOWN[1:] + SHOWN[:-1]) / 2)


def to_light(image: Pixels) -> Values:
    """Linear light of a picture, 0 to 255, float32."""
    return np.asarray(cv2.LUT(image, 255 * LIGHT), np.float32)


def from_light(light: Values) -> Pixels:
    """Pixel values whose encodings are nearest to linear light, which is clipped to 0 to 255."""
    return BY_ENCODING(light / np.float32(255))
