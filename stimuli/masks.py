"""Backward masks: pink (1/f) noise that is as bright and as contrasty as what it covers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stimuli.measures import luma

#: matching stops when mean and contrast are this close, as a fraction of full scale
TOLERANCE = 1e-4
_ROUNDS = 100


def pink_noise(height: int, width: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Noise whose amplitude falls as 1/f, with mean 0 and standard deviation 1.

    White Gaussian noise divided, in the Fourier domain, by the spatial frequency in cycles per pixel;
    the mean is set to 0. Returns shape (height, width).
    """
    white = np.fft.rfft2(rng.standard_normal((height, width)))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(white / frequency, s=(height, width))
    return np.asarray(noise / noise.std())


def matched_mask(
    height: int, width: int, luminance: float, contrast: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Grey pink-noise mask of a mean luma and an RMS contrast, both fractions of full scale.

    Clipping at black and white lowers the contrast and moves the mean, so gain and offset are
    corrected until the shown values match. Contrast beyond what the range allows comes as near as it
    can. Returns RGB, shape (height, width, 3).
    """
    noise = pink_noise(height, width, rng)
    gain, offset = contrast, luminance
    for _ in range(_ROUNDS):
        shown = np.clip(gain * noise + offset, 0, 1)
        low, flat = luminance - shown.mean(), contrast - shown.std()
        if abs(low) < TOLERANCE and abs(flat) < TOLERANCE:
            break
        offset, gain = offset + low, max(0.0, gain + flat)
    grey = np.rint(255 * shown).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def pink_noise_mask(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Mask for one picture: pink noise of the picture's mean luma and RMS contrast, same shape."""
    values = luma(image)
    height, width = values.shape
    return matched_mask(height, width, float(values.mean()), float(values.std()), rng)
