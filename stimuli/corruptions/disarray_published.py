"""Eidolons by the published toolbox, pixel for pixel, with all that is peculiar to it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from stimuli.corruptions.disarray import GRAIN, LARGEST, SCALES
from stimuli.corruptions.pixels import Pixels, truncated

Plane = npt.NDArray[np.float64]
Response = npt.NDArray[np.complex128]


def published_disarray(grey: Pixels, reach: float, coherence: float, rng: np.random.RandomState) -> Pixels:
    """Partially coherent disarray of a grey picture, shape (height, width).

    As the toolbox of Koenderink et al. (2017) does it since the correction that Geirhos et al. (2018) used:
    the part ``coherence`` of coherent displacements, the rest incoherent. Peculiar to it are blurs of all
    rows as one long line, which shift the left half of each kernel by a row; noise that is shifted by its
    mean over its standard deviation, not standardised; places cut off to whole pixels; and a black line
    inside the border of pictures with an odd side.
    """
    plane, top, left = _embedded(grey)
    responses = [_response(plane.shape, sd) for sd in SCALES]
    grain = _response(plane.shape, GRAIN)
    coherent = [_coherent(rng, responses, plane.shape) for _ in range(2)]
    total = np.zeros(plane.shape)
    finer = _blurred(plane, responses[0])
    for k in range(len(SCALES)):
        part = finer
        if k + 1 < len(SCALES):
            finer = _blurred(plane, responses[k + 1])
            part = part - finer
        down, right = (
            (1 - coherence) * _noise(rng, grain, plane.shape) + coherence * fields[k] for fields in coherent
        )
        total += _looked_up(part, down * reach, right * reach)
    height, width = grey.shape
    return truncated(total[top : top + height, left : left + width])


def _embedded(grey: Pixels) -> tuple[Plane, int, int]:
    """Picture amid its mirror images on a plane whose sides are powers of two; its top and left there."""
    height, width = grey.shape
    tall, wide = (1 << (math.ceil(1.5 * side) - 1).bit_length() for side in grey.shape)
    top, left = (tall - height) // 2, (wide - width) // 2
    plane = np.zeros((tall, wide))
    middle = plane[top : top + height]
    middle[:, left : left + width] = grey
    middle[:, :left] = grey[:, :left][:, ::-1]
    middle[:, wide - left :] = grey[:, width - left :][:, ::-1]
    plane[:top] = plane[top : 2 * top][::-1]
    plane[tall - top :] = plane[tall - 2 * top : tall - top][::-1]
    return plane, top, left


def _response(shape: tuple[int, ...], sd: float) -> Response:
    """Fourier transform of a Gaussian about the first pixel, its rows put one after the other."""
    column, row = (_gaussian(length, sd) for length in shape)
    return np.fft.rfft((column[:, None] * row).ravel())


def _gaussian(length: int, sd: float) -> Plane:
    away = np.arange(length)
    away[length // 2 + 1 :] -= length
    return np.asarray(np.exp(-(away**2) / (2.0 * sd**2)) / (np.sqrt(2 * np.pi) * sd))


def _blurred(plane: Plane, response: Response) -> Plane:
    return np.fft.irfft(np.fft.rfft(plane.ravel()) * response).reshape(plane.shape)


def _noise(rng: np.random.RandomState, response: Response, shape: tuple[int, ...]) -> Plane:
    """Blurred noise, stretched to 127.5 before and shifted by its mean / standard deviation after."""
    noise = rng.normal(size=shape)
    noise = np.clip(127.5 * noise / np.max(np.abs(noise)), -127, 127)
    blurred = _blurred(noise, response)
    return np.asarray(blurred - np.mean(blurred) / np.sqrt(np.var(blurred)))


def _coherent(rng: np.random.RandomState, responses: list[Response], shape: tuple[int, ...]) -> list[Plane]:
    """Displacements of each scale: its own noise and that of all coarser ones."""
    own = [_noise(rng, responses[k], shape) * (sd / LARGEST) for k, sd in enumerate(SCALES)]
    together = [np.sum(own, axis=0)]
    for noise in own[:-1]:
        together.append(together[-1] - noise)
    return together


def _looked_up(part: Plane, down: Plane, right: Plane) -> Plane:
    """Each pixel's counterpart at its displacement, cut off to whole pixels, at most at the plane's edge."""
    height, width = part.shape
    rows = np.clip(down + np.arange(height)[:, None], 0, height - 1).astype(int)
    columns = np.clip(right + np.arange(width), 0, width - 1).astype(int)
    return np.asarray(part[rows, columns])
