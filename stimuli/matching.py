"""Giving pictures one mean luminance and one contrast, so that neither tells them apart."""

from __future__ import annotations

import math

import numpy as np

from stimuli.conditions import Matching
from stimuli.errors import UserError
from stimuli.measures import Pixels, luma

#: mean and RMS contrast of what is written are this close to what was asked: one grey level
TOLERANCE = 1 / 255
#: corrections of gain and offset, each for what clipping and rounding took in the one before
ROUNDS = 60
#: a standard deviation below it is rounding of a picture of one grey
FLAT = 1e-9


class CannotMatchError(UserError):
    """A picture that is too flat, too light or too dark to get where it is wanted."""


def matched(image: Pixels, wanted: Matching, name: str) -> Pixels:
    """Scale and shift all channels alike until luma has the mean and the RMS contrast that are wanted.

    What is not wanted (None) stays as it is. Values that leave the range are clipped, and gain and offset
    corrected for it. Returns RGB of the same shape. Raises CannotMatchError, which calls the picture by
    ``name``, if it cannot get there.
    """
    own = luma(image)
    mean, spread = float(own.mean()), float(own.std())
    target = (
        mean if wanted.luminance is None else wanted.luminance,
        spread if wanted.contrast is None else wanted.contrast,
    )
    middle, gain = target[0], target[1] / spread if spread > FLAT else 0.0
    best, nearest, found = image, math.inf, (mean, spread)
    for _ in range(ROUNDS):
        shown = _scaled(image, mean, gain, middle)
        values = luma(shown)
        achieved = (float(values.mean()), float(values.std()))
        apart = max(abs(achieved[0] - target[0]), abs(achieved[1] - target[1]))
        if apart < nearest:
            best, nearest, found = shown, apart, achieved
        if apart < TOLERANCE / 4 or achieved[1] < FLAT:
            break
        middle += target[0] - achieved[0]
        gain *= min(1.5, target[1] / achieved[1])
    if nearest > TOLERANCE:
        kept = ["" if value is not None else ", its own," for value in (wanted.luminance, wanted.contrast)]
        raise CannotMatchError(
            f"{name} cannot be given mean luminance {target[0]:.3f}{kept[0]} and RMS contrast {target[1]:.3f}"
            f"{kept[1]} (it comes to {found[0]:.3f} and {found[1]:.3f}); "
            "leave it out, or match to other values"
        )
    return best


def matched_at(stage: str, image: Pixels, wanted: Matching | None, name: str) -> Pixels:
    """Match a picture if that is wanted at this stage; else give it back as it is."""
    return image if wanted is None or wanted.stage != stage else matched(image, wanted, name)


def _scaled(image: Pixels, mean: float, gain: float, middle: float) -> Pixels:
    """Each value's distance from the mean times the gain, around another middle."""
    values = np.rint(255 * ((np.arange(256) / 255 - mean) * gain + middle))
    table: Pixels = np.clip(values, 0, 255).astype(np.uint8)
    return table[image]
