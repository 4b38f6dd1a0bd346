"""Scale space and random displacements, which eidolons are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft, sparse

from stimuli.corruptions.pixels import Rng, Values

Fields = npt.NDArray[np.float64]

#: standard deviations of the Gaussians between which a picture is cut into slices, px, 0.71 to 32
SCALES = tuple(2 ** (k / 2 - 0.5) for k in range(12))
#: standard deviation that displacements of a scale are relative to, px: a quarter of the published 256 px
LARGEST = 64.0
#: standard deviation of the blur of incoherent displacements, px
GRAIN = 10.0
#: mean standard deviation of 512 x 512 normal numbers after the largest of them is stretched to 127.5
NOISE = 27.0
#: standard deviation of one scale's own displacements, and of incoherent ones, px for each px of reach:
#: that of such noise after its blur, a scale's being multiplied by its share of LARGEST
OWN = NOISE / (2 * math.sqrt(math.pi) * LARGEST)
LOOSE = NOISE / (2 * math.sqrt(math.pi) * GRAIN)
#: noise is blurred by a Gaussian that ends beyond so many standard deviations
CUT = 4.0


def slices(grey: Values) -> Iterator[Values]:
    """What each scale adds to a grey picture, the coarsest (all that is left) first; shape as ``grey``.

    Slice k is the blur by SCALES[k] less the blur by SCALES[k + 1]. The picture goes on as its mirror
    image beyond its edges, so that a cosine transform blurs it. The sum is the blur by SCALES[0].
    """
    height, width = grey.shape
    spectrum = fft.dctn(grey, norm="ortho")
    rows, columns = _transfers(height), _transfers(width)
    blurs = [spectrum * rows[k][:, None] * columns[k] for k in reversed(range(len(SCALES)))]
    yield fft.idctn(blurs[0], norm="ortho")
    for coarser, finer in pairwise(blurs):
        yield fft.idctn(finer - coarser, norm="ortho")


@lru_cache(maxsize=8)
def _transfers(length: int) -> Values:
    """What each scale's Gaussian leaves of each cosine along a side; shape (scales, length)."""
    kept = np.empty((len(SCALES), length), np.float32)
    frequencies = np.arange(length) / (2 * length)
    for k, sd in enumerate(SCALES):
        taps = np.arange(1, int(6 * sd) + 2)
        weights = np.exp(-(taps**2) / (2 * sd**2))
        waves = np.cos(2 * np.pi * frequencies[:, None] * taps)
        kept[k] = (1 + 2 * (waves * weights).sum(axis=1)) / (1 + 2 * weights.sum())
    return kept


def displacements(height: int, width: int, coherence: float, rng: Rng) -> Iterator[Fields]:
    """Displacements of each slice, the coarsest first, in px for each px of reach; shape (2, height, width).

    Downwards, then to the right. A scale is moved by fields of its own, as smooth as itself, and by those
    of all coarser ones: the part ``coherence``. The rest moves each scale by itself, at one GRAIN.
    """
    together: Fields | float = 0.0
    for sd in reversed(SCALES):
        field: Fields | float = 0.0
        if coherence > 0:
            together = together + smooth_noise(height, width, sd, coherence * OWN, rng)
            field = together
        if coherence < 1:
            field = field + smooth_noise(height, width, GRAIN, (1 - coherence) * LOOSE, rng)
        yield np.asarray(field)


def smooth_noise(height: int, width: int, sd: float, scale: float, rng: Rng) -> Fields:
    """Two Gaussian random fields, shape (2, height, width), of SD ``scale`` and correlated over ``sd`` px.

    White noise on a lattice of ``sd`` pixels (one pixel, for a smaller ``sd``), blurred by a Gaussian of
    this standard deviation: so dense a lattice leaves no trace in the field's variance or correlation.
    """
    rows, columns = _weights(height, sd), _weights(width, sd)
    noise = rng.standard_normal((columns.shape[1], 2 * rows.shape[1])) * scale
    across = np.asarray(columns @ noise).reshape(width, 2, -1).transpose(2, 1, 0)
    return np.moveaxis(np.asarray(rows @ across.reshape(-1, 2 * width)).reshape(height, 2, width), 1, 0)


@lru_cache(maxsize=32)
def _weights(length: int, sd: float) -> sparse.csr_array[np.float64]:
    """Weight of each lattice point (column) at each pixel along a side (row); squares of a row add to 1."""
    spacing = max(1.0, sd)
    taps = 2 * math.ceil(CUT * sd / spacing) + 2
    first = np.floor(np.arange(length) / spacing).astype(int)
    points = first[:, None] + np.arange(taps)
    away = (points - taps // 2 + 1) * spacing - np.arange(length)[:, None]
    weights = np.exp(-(away**2) / (2 * sd**2))
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    starts = np.arange(length + 1) * taps
    shape = (length, int(first[-1]) + taps)
    return sparse.csr_array((weights.ravel(), points.ravel(), starts), shape=shape)


def moved(part: Values, field: Fields, reach: float) -> Values:
    """Each pixel's nearest neighbour at its displacement times ``reach``, in the mirrored picture."""
    height, width = part.shape
    places = np.empty((height, width, 2), np.int16)
    places[:, :, 1] = np.rint(field[0] * reach + np.arange(height)[:, None])
    places[:, :, 0] = np.rint(field[1] * reach + np.arange(width))
    return np.asarray(
        cv2.remap(part, places, np.empty(0), cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT), np.float32
    )
