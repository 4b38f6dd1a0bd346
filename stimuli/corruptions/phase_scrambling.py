"""Noise on the phases of the grey picture's spatial frequencies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from stimuli.corruptions.fourier import phase_shifts, turned
from stimuli.corruptions.greys import (
    Float,
    exact_grey,
    grey_of,
    in_three,
    picture_of,
    published_picture,
)
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy


def phase_scrambling(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Shift the phase of each spatial frequency of the grey picture by up to ±``severity`` degrees.

    As Geirhos et al. (2018) say they do: uniform shifts, opposite ones for frequencies of opposite sign, so
    that the picture stays real and its amplitude spectrum, its mean and its contrast are kept, but for what
    is clipped at black and white. Their code does not; see ``phase_scrambling_published``. Legacy: the
    published draws and rounding, float64, with the shifts where they should have gone.
    """
    if is_legacy(rng):
        return published_picture(scrambled(exact_grey(image), severity, rng))
    return picture_of(scrambled(grey_of(image), severity, rng))


def phase_scrambling_values(values: Values, severity: float, rng: Rng) -> Values:
    """Shifted phases of float32 values, not clipped."""
    return in_three(scrambled(grey_of(values), severity, rng))


def phase_scrambling_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Shift phases as the published code does, which lowers the contrast as well.

    The shifts of frequencies of opposite sign are independent there, so that the result is not real; its
    real part is shown, whose amplitudes are smaller. Published for even sides only; along an odd side, where
    that code stops with an error, the highest frequency is shifted too. Legacy: float64 draws in one call,
    halves rounded up.
    """
    if is_legacy(rng):
        return published_picture(half_scrambled(exact_grey(image), severity, rng))
    return picture_of(half_scrambled(grey_of(image), severity, rng))


def scrambled(grey: npt.NDArray[Float], half_width: float, rng: Rng) -> npt.NDArray[Float]:
    """Grey values with shifted phases and the amplitudes that they had; not clipped."""
    shifts = phase_shifts(grey.shape, half_width, rng, antisymmetric=True)
    spectrum = fft.rfft2(grey)
    kept = fft.irfft2(turned(spectrum, shifts[:, : spectrum.shape[1]]), s=grey.shape)
    return np.asarray(kept, grey.dtype)


def half_scrambled(grey: npt.NDArray[Float], half_width: float, rng: Rng) -> npt.NDArray[Float]:
    """Real part of grey values whose partners' phases are shifted independently; not clipped."""
    shifts = phase_shifts(grey.shape, half_width, rng, antisymmetric=False)
    return np.asarray(fft.ifft2(turned(fft.fft2(grey), shifts)).real, grey.dtype)
