"""Eidolons: a picture whose scales are put in disarray, by coherent or incoherent displacements."""

from __future__ import annotations

import numpy as np
from PIL import Image

from stimuli.corruptions.disarray import displacements, moved, slices
from stimuli.corruptions.disarray_published import published_disarray
from stimuli.corruptions.pixels import Pixels, Rng, to_uint8

#: the part of coherent displacements in each kind of Geirhos et al. (2018)
COHERENCE = {"eidolon_i": 1.0, "eidolon_ii": 0.3, "eidolon_iii": 0.0}


def eidolon_i(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Move fine structure along with the coarse structure that it is part of; the reach is ``severity``, px.

    See ``disarray``: coherence 1.
    """
    return disarray(image, severity, COHERENCE["eidolon_i"], rng)


def eidolon_ii(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Move scales partly together, mostly each by itself; the reach is ``severity``, px.

    See ``disarray``: coherence 0.3.
    """
    return disarray(image, severity, COHERENCE["eidolon_ii"], rng)


def eidolon_iii(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Move each scale by itself; the reach is ``severity``, px.

    See ``disarray``: coherence 0.
    """
    return disarray(image, severity, COHERENCE["eidolon_iii"], rng)


def disarray(image: Pixels, reach: float, coherence: float, rng: Rng) -> Pixels:
    """Eidolon of a picture in grey: its slices of scale, each displaced at random, added up again.

    Partially coherent disarray of Koenderink, Valsecchi, van Doorn, Wagemans & Gegenfurtner (2017), with the
    grain and the amplitudes of Geirhos et al. (2018), in pixels at any size of picture. A pixel's
    displacements have the SD 0.119 ``reach`` times the square root of the number of scales that move it
    (coherent), and 0.762 ``reach`` (incoherent). A reach of 0 leaves the grey picture, blurred by 0.71 px.
    Legacy: the published pixels, those of the toolbox run at the picture's own size with 64 px as its
    largest SD; it shifts blurs by a row and places by half a pixel, which is not done otherwise.
    """
    grey = np.asarray(Image.fromarray(image).convert("L"))
    if isinstance(rng, np.random.RandomState):
        pixels = published_disarray(grey, reach, coherence, rng)
    else:
        total = np.zeros(grey.shape, np.float32)
        height, width = grey.shape
        fields = displacements(height, width, coherence, rng)
        for part, field in zip(slices(grey.astype(np.float32)), fields, strict=True):
            total += moved(part, field, reach)
        pixels = to_uint8(total)
    return np.repeat(pixels[:, :, None], 3, axis=2)
