"""Phases of a picture's spatial frequencies: random shifts of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from stimuli.corruptions.pixels import Rng

Floats = npt.NDArray[np.floating[Any]]
Spectrum = npt.NDArray[np.complexfloating[Any, Any]]


def phase_shifts(shape: tuple[int, int], half_width: float, rng: Rng, *, antisymmetric: bool) -> Floats:
    """Random shifts of the phases of a spectrum, in radians, in the order of ``fft2``.

    Uniform from -``half_width`` to ``half_width``, in degrees. The mean is not shifted, nor, along an even
    side, the highest frequency, which has no partner of opposite sign. The others are run through row by
    row from the lowest: each of the first half takes a draw, and its partner the same one with the other
    sign. Not ``antisymmetric``, as in the published code, the k-th of the second half takes the k-th draw
    with the other sign, and those are not partners. float32 from a Generator, float64 from a RandomState.
    """
    height, width = (side - (side % 2 == 0) for side in shape)
    draws = _draws(height * width // 2, rng)
    draws = (draws - draws.dtype.type(0.5)) * draws.dtype.type(2 * half_width / 180 * np.pi)
    others = -draws[::-1] if antisymmetric else -draws
    mean = np.zeros(1, draws.dtype)
    shifts = np.zeros(shape, draws.dtype)
    shifts[-height:, -width:] = np.concatenate((draws, mean, others)).reshape(height, width)
    return np.asarray(fft.ifftshift(shifts))


def turned(spectrum: Spectrum, shifts: Floats) -> Spectrum:
    """Spectrum with its phases shifted, its amplitudes kept."""
    turns = np.empty_like(spectrum)
    turns.real, turns.imag = np.cos(shifts), np.sin(shifts)
    turns *= spectrum
    return turns


def _draws(count: int, rng: Rng) -> Floats:
    if isinstance(rng, np.random.RandomState):
        return rng.random_sample(count)
    return rng.random(count, dtype=np.float32)
