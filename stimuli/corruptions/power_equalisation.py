"""The same amplitude spectrum for every picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from stimuli.corruptions.greys import Float, exact_grey, grey_of, picture_of, published_picture
from stimuli.corruptions.pixels import Pixels, Rng, is_legacy


def power_equalisation(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Give the grey picture an amplitude spectrum that falls as 1/f, for severity 1; 0 leaves it as it is.

    Phases, mean and contrast are the picture's own. Geirhos et al. (2018) set amplitudes to their mean over
    all pictures of the experiment, the mean luminance and the contrast with them; 1/f, f in cycles per pixel
    and in all directions alike, is what such a mean comes near to (Field 1987, Journal of the Optical
    Society of America A), and needs no set of pictures. Nothing is drawn from ``rng``. Legacy: float64,
    halves rounded up.
    """
    if not severity:
        return image.copy()
    if is_legacy(rng):
        return published_picture(equalised(exact_grey(image)))
    return picture_of(equalised(grey_of(image)))


def equalised(grey: npt.NDArray[Float]) -> npt.NDArray[Float]:
    """Grey values with amplitudes in proportion to 1/f, of the same mean and energy; not clipped."""
    mean = grey.mean(dtype=np.float64)
    deviation = grey - grey.dtype.type(mean)
    spectrum = fft.rfft2(deviation)
    amplitude = np.abs(spectrum)
    amplitude[amplitude == 0] = 1
    spectrum *= _one_over_f(*grey.shape) / amplitude
    pink = np.asarray(fft.irfft2(spectrum, s=grey.shape), grey.dtype)
    spread = pink.std(dtype=np.float64)
    gain = deviation.std(dtype=np.float64) / spread if spread else 0
    values: npt.NDArray[Float] = pink * grey.dtype.type(gain) + grey.dtype.type(mean)
    return values


def _one_over_f(height: int, width: int) -> npt.NDArray[np.float64]:
    """1/f on the half plane of ``rfft2``, 0 at the mean."""
    frequency = np.hypot(fft.fftfreq(height)[:, None], fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    return np.asarray(1 / frequency)
