"""Elastic deformation."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, to_uint8, truncated
from stimuli.perturbations import PERTURBATIONS

Floats = npt.NDArray[np.float64]

#: standard deviation of the Gaussian that smooths the displacements, as a fraction of the shorter side
SMOOTHNESS = 0.01
#: the kernel ends this many standard deviations from its middle
TRUNCATE = 3.0
#: widest kernel, in pixels, that is not applied as a product with a matrix
WIDEST = 127
#: binary places of noise and of weights in that product; float64 has one more than both together
NOISE_BITS, WEIGHT_BITS = 24, 28
#: alpha of imagecorruptions at its five levels, which at 224 px displace by (within 1%) ``own_levels``
PUBLISHED_ALPHA = (12.5, 16.25, 21.25, 25.0, 30.0)
#: imagecorruptions draws displacements of up to this fraction of the height before it smooths them
PUBLISHED_SPREAD = 0.005


def elastic_transform(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Displace pixels smoothly by ``severity`` times the shorter side, root mean square.

    Displacements along both axes are white, uniform noise, smoothed by a Gaussian of 1% of the shorter
    side, and scaled to exactly the root mean square that was asked for. A pixel is fetched from where its
    displacement points, bilinearly, edges reflected. A picture of twice the size is displaced by twice the
    pixels. Legacy: the draws and pixels of imagecorruptions (Michaelis et al. 2019), whose smoothness
    scales with the picture and whose displacement does not: its alpha is the one that at 224 px displaces
    so far.
    """
    if is_legacy(rng):
        return _imagecorruptions(image, severity, rng)
    assert isinstance(rng, np.random.Generator)
    height, width = image.shape[:2]
    side = min(height, width)
    noise = rng.random((2, height, width), dtype=np.float32) - np.float32(0.5)
    down, right = (_smoothed(plane, SMOOTHNESS * side) for plane in noise)
    rms = np.sqrt((_power(down) + _power(right)) / (height * width))
    scale = np.float32(severity * side / rms)
    return np.asarray(_fetched(image, down * scale, right * scale), np.uint8)


def elastic_transform_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Elastic deformation of level ``severity`` of ImageNet-C, 1 to 5.

    First an affine map that moves three corners by up to ``affine`` px, edges reflected; then displacements
    of uniform noise of ±1, smoothed by a Gaussian of ``sigma`` px, times ``alpha``. The three change
    together and not in one direction, and they are in pixels of a picture of 224 (244 by a slip), whatever
    the size. Legacy: the published draws, float32 pixels, cut off instead of rounded.
    """
    known = PERTURBATIONS["elastic_transform_published"]
    alpha, sigma, affine = (known.companion(name, severity) for name in ("alpha", "sigma", "affine"))
    shape = image.shape[:2]
    values = image.astype(np.float32)
    if isinstance(rng, np.random.RandomState):
        moved = _affine(values / np.float32(255), rng.uniform(-affine, affine, size=(3, 2)))
        right, down = (_legacy_smoothed(rng.uniform(-1, 1, size=shape), sigma, alpha) for _ in range(2))
        return _legacy_fetched(moved, down, right)
    moved = _affine(values, rng.uniform(-affine, affine, size=(3, 2)))
    noise = rng.random((2, *shape), dtype=np.float32) - np.float32(0.5)
    down, right = (np.float32(2 * alpha) * _smoothed(plane, sigma) for plane in noise)
    return to_uint8(_fetched(moved, down, right))


def _power(values: Values) -> float:
    return float(np.square(values, dtype=np.float64).sum())


def _fetched(values: Pixels | Values, down: Values, right: Values) -> Values:
    """Fetched bilinearly from displaced places, edges reflected. Changes the displacements in place."""
    height, width = values.shape[:2]
    down += np.arange(height, dtype=np.float32)[:, None]
    right += np.arange(width, dtype=np.float32)
    fetched = cv2.remap(values, right, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(fetched)


def _smoothed(plane: Values, sigma: float) -> Values:
    """Noise of ±0.5 smoothed by a Gaussian, edges reflected; a wide one is faster as a product with a matrix.

    Noise of ``NOISE_BITS`` binary places times weights of ``WEIGHT_BITS`` adds up exactly in float64, in
    whatever order a library adds.
    """
    height, width = plane.shape
    taps = 2 * int(TRUNCATE * sigma + 0.5) + 1
    if taps <= WIDEST:
        blurred = cv2.GaussianBlur(plane, (taps, taps), sigma, borderType=cv2.BORDER_REFLECT)
        return np.asarray(blurred, np.float32)
    down = _rounded(_smoothing(height, sigma) @ plane, NOISE_BITS)
    return np.asarray(down @ _smoothing(width, sigma).T, np.float32)


def _rounded(values: Floats, bits: int) -> Floats:
    """To so many binary places."""
    rounded: Floats = np.rint(values * 2.0**bits) * 2.0**-bits
    return rounded


@lru_cache(maxsize=4)
def _smoothing(length: int, sigma: float) -> Floats:
    """Matrix that smooths a line of samples, shape (length, length)."""
    lines = np.eye(length)
    smoothed = ndimage.gaussian_filter1d(lines, sigma, axis=0, mode="reflect", truncate=TRUNCATE)
    return _rounded(smoothed, WEIGHT_BITS)


def _affine(values: Values, moves: Floats) -> Values:
    """Mapped so that three corners of the middle third's square go by ``moves``, edges mirrored."""
    height, width = values.shape[:2]
    middle = np.array([height // 2, width // 2], np.float32)
    reach = np.float32(min(height, width) // 3)
    corners = middle + reach * np.array([[1, 1], [1, -1], [-1, -1]], np.float32)
    matrix = cv2.getAffineTransform(corners, corners + moves.astype(np.float32))
    mapped = cv2.warpAffine(values, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(mapped, np.float32)


def _imagecorruptions(image: Pixels, severity: float, rng: Rng) -> Pixels:
    assert isinstance(rng, np.random.RandomState)
    levels = PERTURBATIONS["elastic_transform"].levels
    beyond = max(1.0, severity / levels[-1])
    alpha = beyond * float(np.interp(severity, (0, *levels), (0, *PUBLISHED_ALPHA)))
    height, width = image.shape[:2]
    spread, sigma = height * PUBLISHED_SPREAD, (height * SMOOTHNESS, width * SMOOTHNESS)
    right, down = (
        _legacy_smoothed(rng.uniform(-spread, spread, size=(height, width)), sigma, alpha) for _ in range(2)
    )
    return _legacy_fetched(image.astype(np.float32) / np.float32(255), down, right)


def _legacy_smoothed(noise: Floats, sigma: float | tuple[float, float], alpha: float) -> Values:
    smooth = ndimage.gaussian_filter(noise, sigma, mode="reflect", truncate=TRUNCATE)
    return (smooth * alpha).astype(np.float32)


def _legacy_fetched(values: Values, down: Values, right: Values) -> Pixels:
    y, x = np.indices(values.shape[:2])
    places = np.stack([y + down, x + right])
    channels = [
        ndimage.map_coordinates(values[:, :, channel], places, order=1, mode="reflect")
        for channel in range(values.shape[2])
    ]
    return truncated(np.clip(np.stack(channels, axis=2), 0, 1) * 255)
