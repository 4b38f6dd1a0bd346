"""Salt and pepper on each channel."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.draws import CELLS, uniform16
from stimuli.corruptions.pixels import Pixels, Rng, truncated


def impulse_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Replace each channel value, with probability ``severity``, by 0 or 255, as likely one as the other.

    As in ImageNet-C (Hendrycks & Dietterich 2019): each channel on its own, so the specks are coloured. A
    draw of 16 bits decides, and where it falls on the edge of a probability, a finer one. Legacy: one draw of
    uniforms for which values, a second for salt or pepper, values cut off: the draws of scikit-image at
    the time of that publication.
    """
    if isinstance(rng, np.random.RandomState):
        flipped = rng.random_sample(image.shape) < severity
        salted = rng.random_sample(image.shape) < 0.5
        values = np.where(flipped, np.where(salted, 1.0, 0.0), image / 255.0)
        return truncated(values * 255)
    draws = uniform16(rng, image.shape)
    whole, rest = divmod(severity / 2 * CELLS, 1)
    pepper = _below(draws, int(whole), rest, rng)
    salt = _below(~draws, int(whole), rest, rng)
    # a mask of one-byte truth values minus 1 is 255 where it is false; its negative is 255 where it is true
    kept = image & (pepper.view(np.uint8) - np.uint8(1))
    kept |= np.negative(salt.view(np.uint8))
    return kept


def _below(
    draws: npt.NDArray[np.uint16], whole: int, rest: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Tell which draws are below ``whole + rest``: those that are ``whole`` with probability ``rest``."""
    below: npt.NDArray[np.bool_] = draws < whole
    if rest:
        edge = np.flatnonzero(draws == whole)
        below.reshape(-1)[edge] = rng.random(len(edge)) < rest
    return below
