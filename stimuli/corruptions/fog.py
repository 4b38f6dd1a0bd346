"""Fog: a bright, uneven veil."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, to_uint8, truncated
from stimuli.perturbations import PERTURBATIONS

Floats = npt.NDArray[np.floating]
#: (samples along a side, largest deviation) -> deviations, uniform around 0, shape (samples, samples)
Deviations = Callable[[int, float], Floats]

#: samples along the side of the veil; a finer octave would change a picture by less than a tenth of a level
SAMPLES = 128
#: roughness: by how much the published "wibble" falls from one octave to the next; the deviations fall by
#: its square
DECAY = 1.7
#: the published wibble of the coarsest octave; deviations are of up to its square
WIBBLE = 100.0


def fog(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Lay ``severity`` times a fractal veil of 0 to 1 over the picture, and scale back to its maximum.

    (x + c veil) m / (m + c) for x in 0 to 1, m the picture's largest value, after ImageNet-C (Hendrycks &
    Dietterich 2019). There the amount c and the roughness of the veil change together, and a picture shows
    the corner of a veil whose size is a power of two: see ``fog_published``. Here the roughness is one and
    the veil is scaled to the longer side of the picture, so that a picture of twice the size has the same
    fog. Legacy: the published veil with this amount and roughness, cut off instead of rounded.
    """
    if is_legacy(rng):
        return _published(image, severity, DECAY, rng)
    return to_uint8(fog_values(image.astype(np.float32), severity, rng))


def fog_values(values: Values, severity: float, rng: Rng) -> Values:
    """Fog over float32 values, shape (height, width, 3)."""
    if not severity:
        return values.copy()
    height, width = values.shape[:2]
    side = max(height, width)
    veil = cv2.resize(_fast_plasma(SAMPLES, DECAY, rng), (side, side), interpolation=cv2.INTER_LINEAR)
    return _veiled(values, np.asarray(veil[:height, :width], np.float32), severity)


def fog_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Fog of level ``severity`` of ImageNet-C, 1 to 5: amount and roughness change together.

    The veil has a power of two of samples along its side, at least the picture's longer side, of which the
    picture shows the upper left corner. Legacy: the published draws, float64, cut off instead of rounded.
    """
    known = PERTURBATIONS["fog_published"]
    amount, decay = known.companion("amount", severity), known.companion("wibble_decay", severity)
    if is_legacy(rng):
        return _published(image, amount, decay, rng)
    height, width = image.shape[:2]
    veil = _fast_plasma(_published_samples(height, width), decay, rng)[:height, :width]
    return to_uint8(_veiled(image.astype(np.float32), veil.astype(np.float32), amount))


def _veiled(values: Values, veil: Values, amount: float) -> Values:
    largest = float(values.max()) / 255
    share = largest / (largest + amount)
    veiled = cv2.addWeighted(values, share, cv2.merge([veil] * 3), 255 * amount * share, 0)
    return np.asarray(veiled, np.float32)


def _published(image: Pixels, amount: float, decay: float, rng: Rng) -> Pixels:
    assert isinstance(rng, np.random.RandomState)

    def deviations(samples: int, wibble: float) -> Floats:
        return wibble * rng.uniform(-wibble, wibble, (samples, samples))

    height, width = image.shape[:2]
    veil = plasma(_published_samples(height, width), decay, deviations)
    x = image / 255.0
    largest = x.max()
    x += amount * veil[:height, :width, None]
    return truncated(np.clip(x * largest / (largest + amount), 0, 1) * 255) if largest else image.copy()


def _published_samples(height: int, width: int) -> int:
    """The power of two at or above the longer side, at least 4: the three channels count as a side too."""
    longest = max(height, width, 3)
    return 1 << (longest - 1).bit_length()


def _fast_plasma(side: int, decay: float, rng: Rng) -> Values:
    assert isinstance(rng, np.random.Generator)
    draws = rng.random(side * side - 1, dtype=np.float32)
    draws -= np.float32(0.5)
    used = 0

    def deviations(samples: int, wibble: float) -> Floats:
        nonlocal used
        part = draws[used : used + samples * samples].reshape(samples, samples)
        used += samples * samples
        part *= np.float32(2 * wibble * wibble)
        return part

    return plasma(side, decay, deviations).astype(np.float32, copy=False)


def plasma(side: int, decay: float, deviations: Deviations) -> Floats:
    """Fractal of ``side`` samples (a power of two) by diamonds and squares on a torus, 0 to 1.

    From one sample on, each octave puts a sample into the middle of every square of four, and then one
    between every two neighbours: the mean of the four around it plus a deviation (Fournier, Fussell &
    Carpenter 1982). Deviations are at most ``WIBBLE`` squared in the coarsest octave and fall by ``decay``
    squared from one to the next; they are asked for in the published order.
    """
    grid: Floats = np.zeros((1, 1), deviations(0, 0.0).dtype)
    wibble = WIBBLE
    while len(grid) < side:
        grid = _finer(grid, wibble, deviations)
        wibble /= decay
    grid -= grid.min()
    grid /= grid.max()
    return grid


def _finer(grid: Floats, wibble: float, deviations: Deviations) -> Floats:
    """Twice the samples along a side."""
    side = len(grid)
    pairs = grid + _later(grid, 0)
    middles = (pairs + _later(pairs, 1)) / 4 + deviations(side, wibble)
    across = (middles + _earlier(middles, 0)) + (grid + _later(grid, 1))
    along = (middles + _earlier(middles, 1)) + pairs
    finer = np.empty((side, 2, side, 2), grid.dtype)
    finer[:, 0, :, 0], finer[:, 1, :, 1] = grid, middles
    finer[:, 0, :, 1] = across / 4 + deviations(side, wibble)
    finer[:, 1, :, 0] = along / 4 + deviations(side, wibble)
    return finer.reshape(2 * side, 2 * side)


def _later(grid: Floats, axis: int) -> Floats:
    """The next sample along an axis, the first one after the last."""
    parts = (grid[1:], grid[:1]) if axis == 0 else (grid[:, 1:], grid[:, :1])
    return np.concatenate(parts, axis=axis)


def _earlier(grid: Floats, axis: int) -> Floats:
    parts = (grid[-1:], grid[:-1]) if axis == 0 else (grid[:, -1:], grid[:, :-1])
    return np.concatenate(parts, axis=axis)
