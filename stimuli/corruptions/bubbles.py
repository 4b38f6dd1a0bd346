"""A picture seen through bubbles: soft round apertures in mid-grey."""

from __future__ import annotations

import math

import numpy as np

from stimuli.corruptions.pixels import Pixels, Rng, Values, to_uint8

#: standard deviation of an aperture, as a fraction of the shorter side
APERTURE = 0.06
#: an aperture ends at so many standard deviations
CUT = 4.0
#: what is between the apertures
GREY = 128
#: how many places are drawn at a time
BATCH = 64


def bubbles(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Show the fraction ``severity`` of a picture through Gaussian apertures at random places.

    After Gosselin & Schyns (2001). Apertures have a standard deviation of 0.06 of the shorter side; what
    several of them show is 1 - (1 - a)(1 - b)... at each pixel, the rest is grey (128). They are added
    until the mean over the picture is ``severity``, the last one as faint as that takes. The same chance
    with a larger ``severity`` adds apertures and moves none. Legacy draws from its own source, otherwise
    as usual.
    """
    if severity == 1:
        return image.copy()
    height, width = image.shape[:2]
    shown = 1 - hidden(height, width, severity, rng)
    return to_uint8((image - np.float32(GREY)) * shown[:, :, None] + GREY)


def hidden(height: int, width: int, severity: float, rng: Rng) -> Values:
    """How much of each pixel is covered, 0 to 1; the mean is 1 - ``severity``."""
    covered = np.ones((height, width), np.float32)
    excess = severity * height * width
    sd = max(0.5, APERTURE * min(height, width))
    while excess > 0:
        for down, right in rng.random((BATCH, 2)):
            place, aperture = _aperture(height, width, int(down * height), int(right * width), sd)
            taken = covered[place] * aperture
            gain = float(taken.sum(dtype=np.float64))
            covered[place] -= taken * np.float32(min(1.0, excess / gain) if gain else 0.0)
            excess -= gain
            if excess <= 0:
                break
    return covered


def _aperture(
    height: int, width: int, row: int, column: int, sd: float
) -> tuple[tuple[slice, slice], Values]:
    """Where in the picture an aperture about a pixel lies, and how much it shows there."""
    reach = math.ceil(CUT * sd)
    rows = np.arange(max(0, row - reach), min(height, row + reach + 1))
    columns = np.arange(max(0, column - reach), min(width, column + reach + 1))
    down, right = (np.exp(-(away**2) / (2 * sd**2)) for away in (rows - row, columns - column))
    place = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return place, np.outer(down, right).astype(np.float32)
