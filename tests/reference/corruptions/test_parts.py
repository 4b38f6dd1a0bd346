"""Two-tones, bubbles, patches, mosaics, silhouettes and edges against slow, plain twins."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from stimuli.corruptions import apply
from stimuli.corruptions.bubbles import hidden
from stimuli.corruptions.mosaic import derangement
from stimuli.corruptions.occlusion import covered
from stimuli.corruptions.pixels import Rng
from tests.reference.corruptions.twins import (
    PATCHES,
    Pixels,
    Twin,
    cases,
    differences,
    grey_level,
    whole_photograph,
)

Plane = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
#: neighbours along the sides, and at the corners too
SIDES = [(-1, 0), (0, -1), (0, 1), (1, 0)]
AROUND = [*SIDES, (-1, -1), (-1, 1), (1, -1), (1, 1)]


def smooth(image: Pixels, sd: float) -> Plane:
    red, green, blue = (image[:, :, channel].astype(int) for channel in range(3))
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) // 65536
    return np.asarray(ndimage.gaussian_filter(luma.astype(float), sd, mode="nearest", truncate=4))


def otsu(levels: list[int]) -> int:
    """The level up to which one class goes, so that the variance between classes is largest."""
    best, threshold = 0.0, 0
    for level in range(256):
        low = [value for value in levels if value <= level]
        high = [value for value in levels if value > level]
        if low and high:
            apart = sum(low) / len(low) - sum(high) / len(high)
            between = len(low) * len(high) * apart**2
            if between > best * (1 + 1e-12):
                best, threshold = between, level
    return threshold


def tones(white: Mask) -> Pixels:
    return np.dstack([np.where(white, 255, 0).astype(np.uint8)] * 3)


def spread(start: list[tuple[int, int]], allowed: Mask, neighbours: list[tuple[int, int]]) -> Mask:
    """What can be reached from some pixels, by steps to neighbours that are allowed."""
    reached = np.zeros_like(allowed)
    waiting = list(start)
    while waiting:
        y, x = waiting.pop()
        if 0 <= y < allowed.shape[0] and 0 <= x < allowed.shape[1] and allowed[y, x] and not reached[y, x]:
            reached[y, x] = True
            waiting += [(y + dy, x + dx) for dy, dx in neighbours]
    return reached


def slow_mooney(image: Pixels, severity: float, rng: Rng) -> Pixels:
    levels = np.rint(smooth(image, severity)).astype(int)
    return tones(levels > otsu([int(level) for level in levels.ravel()]))


def slow_bubbles(image: Pixels, severity: float, rng: Rng) -> Pixels:
    height, width = image.shape[:2]
    sd = max(0.5, 0.06 * min(height, width))
    shown = np.zeros((height, width))
    missing = severity * height * width
    while missing > 0:
        for down, right in rng.random((64, 2)):
            row, column = math.floor(down * height), math.floor(right * width)
            more = np.zeros((height, width))
            for y in range(height):
                for x in range(width):
                    if max(abs(y - row), abs(x - column)) <= math.ceil(4 * sd):
                        away = (y - row) ** 2 + (x - column) ** 2
                        more[y, x] = (1 - shown[y, x]) * math.exp(-away / (2 * sd**2))
            shown += more * min(1, missing / more.sum())
            missing -= more.sum()
            if missing <= 0:
                break
    out = 128 + shown[:, :, None] * (image.astype(float) - 128)
    return np.array([[[grey_level(value) for value in pixel] for pixel in row] for row in out], np.uint8)


def slow_occlusion(image: Pixels, severity: float, rng: Rng) -> Pixels:
    height, width = image.shape[:2]
    side = max(1, round(min(height, width) / 8))
    out, hit = image.copy(), np.zeros((height, width), bool)
    needed = round(severity * height * width)
    while needed:
        for down, right in rng.random((64, 2)):
            bottom, end = int(down * (height + side - 1)), int(right * (width + side - 1))
            for y in range(bottom - side + 1, bottom + 1):
                for x in range(end - side + 1, end + 1):
                    if 0 <= y < height and 0 <= x < width and not hit[y, x] and needed:
                        hit[y, x] = True
                        out[y, x] = 128
                        needed -= 1
            if not needed:
                break
    return out


def slow_mosaic(image: Pixels, severity: float, rng: Rng) -> Pixels:
    height, width = image.shape[:2]
    n = int(severity)
    tall, wide = height // n, width // n
    top, left = (height - n * tall) // 2, (width - n * wide) // 2
    order = list(range(n * n))
    while any(number == place for place, number in enumerate(order)):
        order = [int(number) for number in rng.permutation(n * n)]
    out = image.copy()
    for place, number in enumerate(order):
        for y in range(tall):
            for x in range(wide):
                to = top + place // n * tall + y, left + place % n * wide + x
                out[to] = image[top + number // n * tall + y, left + number % n * wide + x]
    return out


def slow_silhouette(image: Pixels, severity: float, rng: Rng) -> Pixels:
    height, width = image.shape[:2]
    frame = max(1, round(0.02 * min(height, width)))
    border = [
        image[y, x]
        for y in range(height)
        for x in range(width)
        if min(y, x, height - 1 - y, width - 1 - x) < frame
    ]
    background = [float(np.median([pixel[channel] for pixel in border])) for channel in range(3)]
    far = np.array([[math.dist(pixel, background) for pixel in row] for row in image.astype(float)])
    levels = np.rint(far / far.max() * 255).astype(int)
    figure = levels > otsu([int(level) for level in levels.ravel()])
    best = np.zeros_like(figure)
    left = figure.copy()
    while left.any():
        start = np.argwhere(left)[0]
        part = spread([(int(start[0]), int(start[1]))], figure, AROUND)
        left &= ~part
        best = part if part.sum() > best.sum() else best
    outside = spread([(0, 0)], np.pad(~best, 1, constant_values=True), SIDES)[1:-1, 1:-1]
    return tones(outside)


def steepest(sizes: Plane, right: float, down: float, y: int, x: int) -> bool:
    """Whether a gradient is a peak between its two neighbours across the edge, of eight directions."""
    if abs(down) <= abs(right) * math.tan(math.pi / 8):
        before, after, first = (0, -1), (0, 1), True
    elif abs(down) >= abs(right) * math.tan(3 * math.pi / 8):
        before, after, first = (-1, 0), (1, 0), True
    else:
        turn = -1 if (right < 0) != (down < 0) else 1
        before, after, first = (-1, -turn), (1, turn), False
    one, other = (sizes[y + 1 + dy, x + 1 + dx] for dy, dx in (before, after))
    here = sizes[y + 1, x + 1]
    return bool(here > one and (here >= other if first else here > other))


def slow_edges(image: Pixels, severity: float, rng: Rng) -> Pixels:
    grey = np.pad(smooth(image, severity), 1, mode="edge")
    kernel = np.outer([1, 2, 1], [-1, 0, 1])
    right, down = (
        np.rint(8 * ndimage.correlate(grey, weights)[1:-1, 1:-1]) for weights in (kernel, kernel.T)
    )
    ordered = sorted(np.hypot(right, down).ravel())
    place = 0.85 * (len(ordered) - 1)
    below = ordered[int(place)]
    upper = max(64.0, below + (place % 1) * (ordered[min(int(place) + 1, len(ordered) - 1)] - below))
    sizes = np.pad(right**2 + down**2, 1)
    peaks = np.array(
        [[steepest(sizes, right[y, x], down[y, x], y, x) for x in range(right.shape[1])]
         for y in range(right.shape[0])]
    )  # fmt: skip
    squares = sizes[1:-1, 1:-1]
    strong = [(int(y), int(x)) for y, x in np.argwhere(peaks & (squares > math.floor(upper**2)))]
    return tones(~spread(strong, peaks & (squares > math.floor((0.4 * upper) ** 2)), AROUND))


TWINS: dict[str, Twin] = {
    "mooney": slow_mooney,
    "bubbles": slow_bubbles,
    "occlusion": slow_occlusion,
    "mosaic": slow_mosaic,
    "silhouette": slow_silhouette,
    "edges": slow_edges,
}
#: the largest difference, and the share of values that differ at most: rounding before a threshold tells
BOUNDS = {"mooney": (255, 0.005), "bubbles": (1, 0.01), "edges": (255, 0.005)}


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, legacy: bool, patch: str) -> None:
    apart = differences(TWINS[name], name, PATCHES[patch][:32, :32], severity, legacy)
    largest, share = BOUNDS.get(name, (0, 0))
    assert apart.max() <= largest
    assert (apart > 0).mean() <= share


SIZES = [(1, 1), (5, 40), (64, 64), (100, 301)]
FRACTIONS = [0.001, 0.1, 0.35, 0.8, 0.99]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_bubbles_show_the_declared_fraction(size: tuple[int, int], fraction: float) -> None:
    for seed in range(3):
        hiding = hidden(*size, fraction, np.random.default_rng(seed))
        assert 1 - hiding.mean(dtype=float) == pytest.approx(fraction, rel=1e-4)
        assert 0 <= hiding.min() <= hiding.max() <= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fraction", [*FRACTIONS, 1.0])
def test_patches_cover_the_declared_fraction_to_a_pixel(size: tuple[int, int], fraction: float) -> None:
    for seed in range(3):
        assert covered(*size, fraction, np.random.default_rng(seed)).sum() == round(
            fraction * math.prod(size)
        )


def test_more_is_shown_or_covered_where_less_was() -> None:
    """With the same chance: a ladder of one source is nested."""
    shown = [1 - hidden(60, 80, fraction, np.random.default_rng(4)) for fraction in (0.1, 0.4, 0.9)]
    hit = [covered(60, 80, fraction, np.random.default_rng(4)) for fraction in (0.1, 0.4, 0.9)]
    for less, more in [(0, 1), (1, 2)]:
        assert np.all(shown[less] <= shown[more] + 1e-6)
        assert np.all(hit[less] <= hit[more])


def test_each_pixel_is_as_likely_to_be_covered() -> None:
    share = np.mean([covered(24, 32, 0.3, np.random.default_rng(seed)) for seed in range(3000)], axis=0)
    assert share == pytest.approx(np.full((24, 32), 0.3), abs=0.05)
    assert share[0].mean() == pytest.approx(share[12].mean(), abs=0.02)


@pytest.mark.parametrize("count", [2, 3, 4, 9, 1024])
def test_nothing_stays_in_its_place(count: int) -> None:
    for seed in range(30):
        order = derangement(count, np.random.default_rng(seed))
        assert sorted(order) == list(range(count))
        assert not np.any(order == np.arange(count))


def test_every_derangement_is_as_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(tuple(derangement(4, rng)) for _ in range(1800))
    assert len(drawn) == 9
    assert all(150 < times < 250 for times in drawn.values())


def tiles(image: Pixels, n: int) -> list[bytes]:
    tall, wide = image.shape[0] // n, image.shape[1] // n
    top, left = (image.shape[0] - n * tall) // 2, (image.shape[1] - n * wide) // 2
    return [
        image[top + y * tall : top + (y + 1) * tall, left + x * wide : left + (x + 1) * wide].tobytes()
        for y in range(n)
        for x in range(n)
    ]


@pytest.mark.parametrize("n", [2, 3, 5, 16])
def test_a_mosaic_keeps_its_tiles_and_its_margin(n: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (67, 50, 3), dtype=np.uint8)
    picture = apply("mosaic", image, n, np.random.default_rng(2))
    assert sorted(tiles(picture, n)) == sorted(tiles(image, n))
    assert all(new != old for new, old in zip(tiles(picture, n), tiles(image, n), strict=True))
    moved = np.argwhere((picture != image).any(axis=2))
    tall, wide = 67 // n, 50 // n
    assert moved.min(axis=0).tolist() == [(67 - n * tall) // 2, (50 - n * wide) // 2]


def test_more_tiles_than_pixels_are_single_pixels() -> None:
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    picture = apply("mosaic", image, 64, np.random.default_rng(0))
    assert sorted(map(tuple, picture.reshape(-1, 3).tolist())) == sorted(
        map(tuple, image.reshape(-1, 3).tolist())
    )
    assert np.all(picture.reshape(-1, 3) != image.reshape(-1, 3))


def disc(radius: float, centre: tuple[int, int] = (60, 70)) -> Mask:
    y, x = np.mgrid[:128, :160]
    return np.asarray(np.hypot(y - centre[0], x - centre[1]) < radius)


def test_the_silhouette_of_a_disc_on_plain_ground_is_the_disc() -> None:
    """Neither a hole, nor a speck beside it, nor slight noise matters."""
    image = np.full((128, 160, 3), (180, 200, 220), np.uint8)
    image += np.random.default_rng(0).integers(0, 8, image.shape, dtype=np.uint8)
    image[disc(40)] = (200, 120, 60)
    image[disc(12, (55, 75))] = (183, 203, 223)
    image[disc(4, (15, 20))] = (10, 10, 10)
    picture = apply("silhouette", image, 1, np.random.default_rng(0))
    assert np.array_equal(picture, tones(~disc(40)))


def test_a_plain_picture_has_no_silhouette_and_no_edges() -> None:
    plain = np.full((20, 30, 3), 90, np.uint8)
    for name in ("silhouette", "edges", "mooney"):
        assert np.all(apply(name, plain, 1, np.random.default_rng(0)) == 255)


@pytest.mark.parametrize("sd", [0.0, 0.7, 1.4])
def test_the_edges_of_a_square_are_its_outline(sd: float) -> None:
    image = np.full((80, 100, 3), 200, np.uint8)
    image[20:60, 30:70] = 50
    black = apply("edges", image, sd, np.random.default_rng(0))[:, :, 0] == 0
    inner = np.zeros((80, 100), bool)
    inner[21:59, 31:69] = True
    outer = ndimage.binary_dilation(~inner & ndimage.binary_dilation(inner, iterations=2), iterations=1)
    assert np.all(outer[black])
    sides = black[30:50].any(axis=0), black[:, 40:60].any(axis=1)
    assert [int(side.sum()) for side in sides] == [2, 2]
    assert not spread([(0, 0)], ~black, SIDES)[40, 50]


def test_two_tones_part_what_is_dark_from_what_is_light() -> None:
    image = np.full((40, 40, 3), 60, np.uint8)
    image[:, 20:] = 190
    picture = apply("mooney", image, 2, np.random.default_rng(0))
    assert np.all(picture[:, :20] == 0)
    assert np.all(picture[:, 20:] == 255)


def test_a_photograph_has_both_tones() -> None:
    picture = apply("mooney", whole_photograph("chelsea"), 4, np.random.default_rng(0))
    assert set(np.unique(picture)) == {0, 255}
    assert 0.2 < (picture == 255).mean() < 0.8
