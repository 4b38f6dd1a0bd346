"""Photon noise."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from stimuli.corruptions.draws import CELLS, uniform8, uniform16
from stimuli.corruptions.pixels import Pixels, Rng, Values, truncated

#: grey levels, and parts that the range of probability is cut into
LEVELS = 256
#: a quantile is looked up by this many bits: 8 for the part, 16 within it
BITS = 24


def shot_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Count photons where white sends ``severity`` on average: clip(Poisson(x severity) / severity).

    After ImageNet-C (Hendrycks & Dietterich 2019), each channel value on its own, rounded to the nearest grey
    level. A count is the Poisson quantile of a uniform draw of 24 bits. Legacy: NumPy's own Poisson in one
    draw of the picture's shape, cut off.
    """
    if isinstance(rng, np.random.RandomState):
        counts = rng.poisson(image / 255.0 * severity)
        return truncated(np.clip(counts / severity, 0, 1) * 255)
    return _drawn(image, _quantiles(severity), rng)


def shot_noise_values(values: Values, severity: float, rng: Rng) -> Values:
    """Photon noise on values of 0 to 255, not clipped; float32."""
    counts = rng.poisson(values * (severity / 255))
    noisy: Values = counts.astype(np.float32) * np.float32(255 / severity)
    return noisy


class _Quantiles(NamedTuple):
    """Quantiles of each grey level's distribution.

    ``parts`` has, for each level and each of the 256 parts of probability: in its upper 16 bits where within
    the part the quantile steps (0 if it steps more than once), below them the level after and, lowest, the
    level before the step. ``edges`` has the cumulative probabilities of all levels, one after the other, in
    units of 2**-24, each level's greater by 1 than those of the level before.
    """

    parts: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.int64]


def _drawn(image: Pixels, quantiles: _Quantiles, rng: np.random.Generator) -> Pixels:
    values = image.reshape(-1)
    part = uniform8(rng, values.shape)
    within = uniform16(rng, values.shape)
    row = values.astype(np.uint16)
    row <<= 8
    row |= part
    entry = quantiles.parts.take(row)
    step = (entry >> 16).astype(np.uint16)
    levels = np.where(within < step, entry.astype(np.uint8), (entry >> 8).astype(np.uint8))
    several = np.flatnonzero(step == 0)
    if several.size:
        keys = (row[several].astype(np.int64) << 16) | within[several]
        levels[several] = np.searchsorted(quantiles.edges, keys, side="right") % LEVELS
    return levels.reshape(image.shape)


@lru_cache(maxsize=8)
def _quantiles(severity: float) -> _Quantiles:
    """Tabulate the quantiles of Poisson counts, as grey levels."""
    edges = np.rint(_cumulative(severity) * (1 << BITS)).astype(np.int64)
    starts = np.arange(LEVELS) * CELLS
    before = np.stack([np.searchsorted(row, starts, side="right") for row in edges])
    after = np.stack([np.searchsorted(row, starts + CELLS - 1, side="right") for row in edges])
    first = np.take_along_axis(edges, before, axis=1)
    last = np.take_along_axis(edges, np.maximum(after - 1, 0), axis=1)
    step = np.where(before == after, CELLS - 1, np.where(first == last, first - starts, 0))
    parts = (step << 16 | after << 8 | before).astype(np.uint32).reshape(-1)
    return _Quantiles(parts, (edges + (np.arange(LEVELS)[:, None] << BITS)).reshape(-1))


def _cumulative(severity: float) -> npt.NDArray[np.float64]:
    """Probability of each grey level or a lower one (second axis), for each level of the picture."""
    levels = np.arange(LEVELS)
    counts = np.floor((levels + 0.5) * severity / 255)
    counts -= np.rint(255 * counts / severity) > levels
    chances = special.pdtr(counts, (levels * (severity / 255))[:, None])
    chances[:, -1] = 1
    return np.asarray(chances, np.float64)
