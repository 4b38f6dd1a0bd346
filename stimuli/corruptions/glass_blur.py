"""Pixels in disorder between two blurs, as behind frosted glass."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from stimuli.corruptions.kernels import gaussian, nearest, published_gaussian
from stimuli.corruptions.pixels import Pixels, Rng, Values, is_legacy, truncated
from stimuli.perturbations import PERTURBATIONS

#: for each pixel, in reading order, the pixel whose value it gets
Order = npt.NDArray[np.intp]

#: how far pixels change places, in standard deviations of the blur, and how often; 4 px, twice, at 1.5 px
REACH = 8 / 3
ITERATIONS = 2


def glass_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur by a Gaussian of SD ``severity``, in pixels, let pixels change places nearby, and blur again.

    Twice, every pixel changes places, once on its own account, with one nearby, itself among them (beyond
    the picture's edge: the nearest in it). How many rows and columns away that one lies is uniform up to
    the reach of 8/3 SD plus half a pixel, to either side, and rounded. Pixels take turns lattice by
    lattice: those that cannot meet all at once; the lattices in random order. So the values between the two
    blurs, which are whole grey levels, are a permutation: none is lost or doubled, and no direction is
    preferred. Values are also passed on: at the levels they end up 2.7, 3.4, 3.7, 3.9 and 5.0 pixels (SD)
    from their row or column. After ImageNet-C (Hendrycks & Dietterich 2019), whose pixels do not change
    places, and whose reach and iterations do not grow with the SD and are those of here at 1.5 px only: see
    ``glass_blur_published``. Legacy: the same from the draws of a RandomState, blurs in float64, cut off
    instead of rounded.
    """
    return _behind_glass(image, severity, _exchanged(image.shape[:2], severity, rng), rng)


def glass_blur_values(values: Values, severity: float, rng: Rng) -> Values:
    """Glass before float32 values, shape (height, width, 3)."""
    order = _exchanged(values.shape[:2], severity, rng)
    return gaussian(_taken(gaussian(values, severity), order), severity)


def glass_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Blur, let each pixel take the value of one nearby, and blur again.

    As in ImageNet-C (Hendrycks & Dietterich 2019) and imagecorruptions 1.1.2. Pixels are visited from the
    last to the first; each was meant to change places with one drawn from up to ``delta`` rows and columns
    before it to ``delta`` - 1 after, but only takes its value. Half to three quarters of the values are
    lost, and the picture moves by 1 to 2 pixels, down and to the right. A margin of ``delta`` pixels is not
    visited. Legacy: the published pixels.
    """
    order = _copied(image.shape[:2], severity, rng)
    return _behind_glass(image, severity, order, rng)


def glass_blur_published_values(values: Values, severity: float, rng: Rng) -> Values:
    """Glass before float32 values, shape (height, width, 3)."""
    order = _copied(values.shape[:2], severity, rng)
    return gaussian(_taken(gaussian(values, severity), order), severity)


def _behind_glass(image: Pixels, severity: float, order: Order, rng: Rng) -> Pixels:
    if is_legacy(rng):
        hazy = truncated(published_gaussian(image, severity) * 255)
        return truncated(np.clip(published_gaussian(_taken_pixels(hazy, order), severity), 0, 1) * 255)
    hazy = nearest(gaussian(image, severity))
    return nearest(gaussian(_taken_pixels(hazy, order), severity))


def _taken(values: Values, order: Order) -> Values:
    taken: Values = values.reshape(-1, 3).take(order, axis=0).reshape(values.shape)
    return taken


def _taken_pixels(image: Pixels, order: Order) -> Pixels:
    """Put pixels in another order, each moved as one 32-bit word."""
    words = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA).view(np.uint32).reshape(-1)
    moved = words.take(order).view(np.uint8).reshape(*image.shape[:2], 4)
    return np.asarray(cv2.cvtColor(moved, cv2.COLOR_RGBA2RGB), np.uint8)


def _offsets(rng: Rng, low: int, high: int, shape: tuple[int, ...]) -> npt.NDArray[np.signedinteger]:
    """Draw whole numbers from ``low`` to ``high`` - 1."""
    if isinstance(rng, np.random.RandomState):
        return np.asarray(rng.randint(low, high, size=shape))
    return rng.integers(low, high, size=shape, dtype=np.int8)


def _exchanged(shape: tuple[int, ...], severity: float, rng: Rng) -> Order:
    """Draw a permutation of pixels by changes of places."""
    order = np.arange(shape[0] * shape[1])
    apart = 2 * math.ceil(REACH * severity) + 1
    for _ in range(ITERATIONS):
        partners = _partners(shape, REACH * severity, rng)
        for lattice in rng.permutation(apart * apart).tolist():
            _change_places(order.reshape(shape), partners, divmod(lattice, apart), apart)
    return order


def _partners(shape: tuple[int, ...], reach: float, rng: Rng) -> Order:
    """Draw for each pixel the one that it changes places with; shape (height, width)."""
    height, width = shape
    furthest = math.ceil(reach)
    drawn = np.rint((2 * reach + 1) * (_uniform((2, *shape), rng) - np.float32(0.5)))
    down, right = np.clip(drawn, -furthest, furthest).astype(np.intp)
    rows = np.clip(np.arange(height)[:, None] + down, 0, height - 1)
    return np.asarray(rows * width + np.clip(np.arange(width) + right, 0, width - 1), np.intp)


def _uniform(shape: tuple[int, ...], rng: Rng) -> Values:
    """Draw numbers from 0 to 1."""
    if isinstance(rng, np.random.RandomState):
        return rng.random_sample(shape).astype(np.float32)
    return rng.random(shape, dtype=np.float32)


def _change_places(order: Order, partners: Order, first: tuple[int, int], apart: int) -> None:
    here = (slice(first[0], None, apart), slice(first[1], None, apart))
    there = partners[here]
    flat = order.reshape(-1)
    moved = flat.take(there)
    flat[there] = order[here]
    order[here] = moved


def _copied(shape: tuple[int, ...], severity: float, rng: Rng) -> Order:
    """Draw the order that the published visits leave."""
    row = PERTURBATIONS["glass_blur_published"]
    delta, iterations = (int(row.companion(name, severity)) for name in ("delta", "iterations"))
    order = np.arange(shape[0] * shape[1])
    for _ in range(iterations if min(shape) > 2 * delta else 0):
        order = order.take(_resolved(_origins(shape, delta, rng)))
    return order


def _origins(shape: tuple[int, ...], delta: int, rng: Rng) -> Order:
    """Draw for each pixel where its value comes from.

    At a pixel that was visited earlier, the value is what that one got: this is said by adding the number
    of pixels.
    """
    height, width = shape
    cells = np.arange(height * width).reshape(shape)
    visited = np.zeros(shape, bool)
    inner = (slice(delta + 1, height - delta + 1), slice(delta + 1, width - delta + 1))
    visited[inner] = True
    visits = (height - 2 * delta) * (width - 2 * delta)
    drawn = _offsets(rng, -delta, delta, (visits, 2))[::-1].reshape(*cells[inner].shape, 2)
    origins = cells[inner] + drawn[:, :, 1] * np.intp(width) + drawn[:, :, 0]
    earlier = visited.reshape(-1).take(origins) & (origins > cells[inner])
    codes = cells.copy()
    codes[inner] = origins + earlier * cells.size
    return codes.reshape(-1)


def _resolved(origins: Order) -> Order:
    """Follow every chain of earlier pixels to its end, all chains at once, the steps doubling in length."""
    open_ends = np.flatnonzero(origins >= origins.size)
    while open_ends.size:
        origins[open_ends] = origins.take(origins.take(open_ends) - origins.size)
        open_ends = open_ends[origins.take(open_ends) >= origins.size]
    return origins
