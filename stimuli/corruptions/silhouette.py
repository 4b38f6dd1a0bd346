"""The outline of a figure, filled."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Rng

#: width of the frame that the background's colour is read from, as a fraction of the shorter side
FRAME = 0.02


def silhouette(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Paint the figure black and its plain background white; ``severity`` 0 leaves the picture as it is.

    The background's colour is the median of a frame along the edges, 2% of the shorter side wide. What is
    further from it in RGB than the threshold of Otsu (1979) is figure: of it the largest connected part,
    with its holes filled. Nothing is drawn from ``rng``; legacy is as usual.
    """
    del rng
    if not severity:
        return image.copy()
    tones = np.where(_filled(_largest(_apart(image))), np.uint8(0), np.uint8(255))
    return np.repeat(tones[:, :, None], 3, axis=2)


def _apart(image: Pixels) -> Pixels:
    """1 where the colour differs from the background's, 0 elsewhere."""
    distance = np.sqrt(((image - _background(image)) ** 2).sum(axis=2))
    scaled = np.rint(distance * (255 / max(1e-9, distance.max()))).astype(np.uint8)
    _, apart = cv2.threshold(scaled, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return np.asarray(apart, np.uint8)


def _background(image: Pixels) -> npt.NDArray[np.float32]:
    wide = max(1, round(FRAME * min(image.shape[:2])))
    inner = np.zeros(image.shape[:2], bool)
    inner[wide:-wide, wide:-wide] = True
    return np.asarray(np.median(image[~inner], axis=0), np.float32)


def _largest(mask: Pixels) -> Pixels:
    """The largest part of a mask; pixels that touch at a corner belong together."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = facts[1:, cv2.CC_STAT_AREA]
    return np.asarray(labels == (1 + int(np.argmax(areas)) if len(areas) else -1), np.uint8)


def _filled(mask: Pixels) -> npt.NDArray[np.bool_]:
    """A mask and what it encloses: all that no path along pixels' sides joins with the outside."""
    _, labels = cv2.connectedComponents(np.pad(1 - mask, 1, constant_values=1), connectivity=4)
    return np.asarray(labels[1:-1, 1:-1] != labels[0, 0])
