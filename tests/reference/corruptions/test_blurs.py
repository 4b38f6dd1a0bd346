"""Each blur against a slow, plain twin that follows its definition, on parts of photographs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage, stats

from stimuli.corruptions import apply, glass_blur, motion_blur, values_operator
from stimuli.corruptions.pixels import Rng
from stimuli.perturbations import PERTURBATIONS
from tests.reference.corruptions.twins import (
    PATCHES,
    Pixels,
    Twin,
    cases,
    differences,
    grey_level,
    mean_distances,
)

Floats = npt.NDArray[np.float64]

BLURS = [name for name, row in PERTURBATIONS.items() if row.group == "blur"]


def pixels(values: Floats, rng: Rng) -> Pixels:
    """To 8 bits: cut off in legacy mode, but for what is a whole number in exact arithmetic."""
    if isinstance(rng, np.random.RandomState):
        return np.clip(np.floor(values + 1e-5), 0, 255).astype(np.uint8)
    levels: Pixels = np.vectorize(grey_level, otypes=[np.uint8])(values)
    return levels


def weighted(image: npt.NDArray[Any], kernel: Floats, mode: Any) -> Floats:
    """Every pixel's neighbours, weighted and added up one neighbour after the other."""
    reach = len(kernel) // 2
    padded = np.pad(image.astype(float), ((reach, reach), (reach, reach), (0, 0)), mode=mode)
    height, width = image.shape[:2]
    total = np.zeros(image.shape)
    for y, x in np.ndindex(kernel.shape):
        total += kernel[y, x] * padded[y : y + height, x : x + width]
    return total


def gaussian_kernel(sigma: float, reach: int) -> Floats:
    weights = np.array([math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)])
    kernel: Floats = np.outer(weights, weights) / weights.sum() ** 2
    return kernel


def slow_gaussian_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return pixels(weighted(image, gaussian_kernel(severity, int(4 * severity + 0.5)), "edge"), rng)


def disc(radius: float, reach: int) -> Floats:
    inside = [
        [float(y * y + x * x <= radius * radius) for x in range(-reach, reach + 1)]
        for y in range(-reach, reach + 1)
    ]
    flat: Floats = np.array(inside) / np.sum(inside)
    return flat


def alias_kernel(name: str, radius: float) -> Floats:
    return gaussian_kernel(PERTURBATIONS[name].companion("alias_blur", radius), 1 if radius <= 8 else 2)


def slow_defocus_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    smoother = alias_kernel("defocus_blur", severity)
    kernel = weighted(disc(severity, int(severity) + 4)[:, :, None], smoother, "edge")[:, :, 0]
    return pixels(weighted(image, kernel, "reflect"), rng)


def slow_defocus_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    smoother = alias_kernel("defocus_blur_published", severity)
    kernel = weighted(disc(severity, max(8, int(severity)))[:, :, None], smoother, "reflect")[:, :, 0]
    return pixels(weighted(image, kernel, "reflect"), rng)


def seen_at(image: Pixels, rows: Floats, columns: Floats) -> Floats:
    """The picture between its pixels: bilinear, edge pixels repeated outwards."""
    places = np.meshgrid(rows, columns, indexing="ij")
    return np.stack(
        [
            ndimage.map_coordinates(image[:, :, k].astype(float), places, order=1, mode="nearest")
            for k in range(3)
        ],
        axis=2,
    )


def slow_motion_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    radius = {3.0: 10, 5.0: 15, 8.0: 15, 12.0: 15, 15.0: 20}[severity]
    angle = rng.uniform(-45, 45) * math.pi / 180
    rows, columns = (np.arange(side, dtype=float) for side in image.shape[:2])
    total, weights = np.zeros(image.shape), 0.0
    for k in range(-radius, radius + 1):
        weight = math.exp(-(k**2) / (2 * severity**2))
        total += weight * seen_at(image, rows + k * math.sin(angle), columns + k * math.cos(angle))
        weights += weight
    return pixels(total / weights, rng)


def slow_motion_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    radius = int(PERTURBATIONS["motion_blur_published"].companion("radius", severity))
    angle = rng.uniform(-45, 45) * math.pi / 180
    height, width = image.shape[:2]
    weights = [math.exp(-(k**2) / (2 * severity**2)) for k in range(2 * radius + 1)]
    total = np.zeros(image.shape)
    for k, weight in enumerate(weights):
        down, right = math.ceil(k * math.sin(angle) - 0.5), math.ceil(k * math.cos(angle) - 0.5)
        if abs(down) >= height or right >= width:
            break
        rows = [min(max(y + down, 0), height - 1) for y in range(height)]
        columns = [min(x + right, width - 1) for x in range(width)]
        total += weight / math.fsum(weights) * image[rows][:, columns]
    return pixels(total, rng)


def factors(name: str, largest: float) -> list[float]:
    step = PERTURBATIONS[name].companion("step", largest)
    return np.arange(1, largest + step / 2, step).tolist()


def slow_zoom_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in image.shape[:2])
    copies = [
        seen_at(image, rows / zoom - rows[0], columns / zoom - columns[0])
        for zoom in factors("zoom_blur", severity)
    ]
    return pixels((image + sum(copies, np.zeros(image.shape))) / (len(copies) + 1), rng)


def crop_places(side: int, zoom: float) -> Floats:
    few = math.ceil(side / zoom)
    many = round(few * zoom)
    return (side - few) // 2 + np.arange(side) * (few - 1) / (many - 1)


def slow_zoom_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    copies = [
        seen_at(image, crop_places(image.shape[0], zoom), crop_places(image.shape[1], zoom))
        for zoom in factors("zoom_blur_published", severity)
    ]
    return pixels((image + sum(copies, np.zeros(image.shape))) / (len(copies) + 1), rng)


def slow_glass_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
    reach = 8 * severity / 3
    delta = math.ceil(reach)
    height, width = image.shape[:2]
    hazy = slow_gaussian_blur(image, severity, rng).tolist()
    for _ in range(2):
        if isinstance(rng, np.random.RandomState):
            drawn = rng.uniform(size=(2, height, width))
        else:
            drawn = rng.random((2, height, width), dtype=np.float32).astype(float)
        down, right = np.rint((2 * reach + 1) * drawn - reach - 0.5)
        for lattice in rng.permutation((2 * delta + 1) ** 2):
            for y in range(lattice // (2 * delta + 1), height, 2 * delta + 1):
                for x in range(lattice % (2 * delta + 1), width, 2 * delta + 1):
                    v = min(max(y + int(down[y, x]), 0), height - 1)
                    u = min(max(x + int(right[y, x]), 0), width - 1)
                    hazy[y][x], hazy[v][u] = hazy[v][u], hazy[y][x]
    return slow_gaussian_blur(np.array(hazy, np.uint8), severity, rng)


def slow_glass_blur_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    delta, iterations = {0.7: (1, 2), 0.9: (2, 1), 1.0: (2, 3), 1.1: (3, 2), 1.5: (4, 2)}[severity]
    height, width = image.shape[:2]
    hazy = slow_gaussian_blur(image, severity, rng)
    for _ in range(iterations):
        visits = [(y, x) for y in range(height - delta, delta, -1) for x in range(width - delta, delta, -1)]
        if isinstance(rng, np.random.RandomState):
            drawn = [rng.randint(-delta, delta, size=2).tolist() for _ in visits]
        else:
            drawn = rng.integers(-delta, delta, size=(len(visits), 2), dtype=np.int8).tolist()
        for (y, x), (right, down) in zip(visits, drawn, strict=True):
            hazy[y, x] = hazy[y + down, x + right]
    return slow_gaussian_blur(hazy, severity, rng)


TWINS: dict[str, Twin] = {
    "gaussian_blur": slow_gaussian_blur,
    "defocus_blur": slow_defocus_blur,
    "defocus_blur_published": slow_defocus_blur_published,
    "glass_blur": slow_glass_blur,
    "glass_blur_published": slow_glass_blur_published,
    "motion_blur": slow_motion_blur,
    "motion_blur_published": slow_motion_blur_published,
    "zoom_blur": slow_zoom_blur,
    "zoom_blur_published": slow_zoom_blur_published,
}


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    apart = differences(TWINS[name], name, PATCHES[patch], severity, legacy=False)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01


@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_legacy_gives_the_published_pixels(name: str, severity: float) -> None:
    """A value within rounding of a whole number may be cut off to either side.

    That is one in 29 for the disc of radius 3, a mean of 29 pixels, and else at most about one in a hundred.
    """
    apart = differences(TWINS[name], name, PATCHES["cup"], severity, legacy=True)
    assert apart.max() <= 1
    assert (apart > 0).mean() < (0.036 if severity == 3 and "defocus" in name else 0.012)


# What must hold of a blur


@pytest.mark.parametrize("name", sorted(set(BLURS) - {"defocus_blur_published"}))
def test_a_flat_picture_stays_as_it_is(name: str) -> None:
    flat = np.full((60, 60, 3), 200, np.uint8)
    for level in PERTURBATIONS[name].levels:
        assert np.array_equal(apply(name, flat, level, np.random.default_rng(0)), flat)


@pytest.mark.parametrize(("radius", "brighter"), [(3.0, 200), (6.0, 200), (8.0, 203), (10.0, 202)])
def test_the_published_defocus_brightens_where_its_disc_is_cut(radius: float, brighter: int) -> None:
    flat = np.full((60, 60, 3), 200, np.uint8)
    blurred = apply("defocus_blur_published", flat, radius, np.random.default_rng(0))
    assert np.unique(blurred).tolist() == [brighter]


@pytest.mark.parametrize("name", sorted(set(BLURS) - {"glass_blur", "glass_blur_published"}))
def test_blurred_float_values_are_those_of_pixels_before_rounding(name: str) -> None:
    image = PATCHES["fur"]
    severity = PERTURBATIONS[name].levels[2]
    values = values_operator(name)(image.astype(np.float32), severity, np.random.default_rng(3))
    assert values.dtype == np.float32
    blurred = apply(name, image, severity, np.random.default_rng(3))
    assert np.abs(values - blurred).max() <= 0.5001


@pytest.mark.parametrize("name", ["glass_blur", "glass_blur_published"])
def test_float_values_behind_glass_are_near_those_of_pixels(name: str) -> None:
    """Apart by the rounding between the blurs, of half a level, and the one at the end."""
    image = PATCHES["fur"]
    values = values_operator(name)(image.astype(np.float32), 1.0, np.random.default_rng(3))
    assert np.abs(values - apply(name, image, 1.0, np.random.default_rng(3))).max() <= 1.001


# Motion


def dot_moved_by(name: str, severity: float, seed: int) -> tuple[float, float]:
    """How far a blur moves the centroid of a bright dot, in pixels down and to the right."""
    dot = np.zeros((101, 101, 3), np.float32)
    dot[50, 50] = 1e6
    blurred = values_operator(name)(dot, severity, np.random.default_rng(seed))[:, :, 0].astype(float)
    rows, columns = np.indices(blurred.shape)
    total = blurred.sum()
    assert total == pytest.approx(1e6, rel=1e-5)
    return float((rows * blurred).sum() / total - 50), float((columns * blurred).sum() / total - 50)


@pytest.mark.parametrize("severity", [0.0, 1e-300, 0.4, *PERTURBATIONS["motion_blur"].levels, 24.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_bright_dot_stays_put(severity: float, seed: int) -> None:
    assert dot_moved_by("motion_blur", severity, seed) == pytest.approx((0, 0), abs=1e-4)


def test_the_published_motion_moves_a_dot_to_the_left() -> None:
    moved = [dot_moved_by("motion_blur_published", 15.0, seed) for seed in range(5)]
    assert [math.hypot(*move) for move in moved] == pytest.approx([11.43] * 5, abs=0.2)
    assert max(right for _, right in moved) < -8


def test_a_dot_is_spread_along_the_line_as_the_gaussian_says() -> None:
    """Sharing a weight between two pixels adds from 0 to a quarter to the variance along each axis."""
    dot = np.zeros((101, 101, 3), np.float32)
    dot[50, 50] = 1
    taken = motion_blur.motion_blur_values(dot, 3.0, np.random.default_rng(1))[:, :, 0].astype(float)
    angle = math.radians(np.random.default_rng(1).uniform(-45, 45))
    rows, columns = np.indices(taken.shape) - 50.0
    steps = np.arange(-10, 11)
    weights = np.exp(-(steps**2) / 18)
    variance = (weights * steps**2).sum() / weights.sum()
    moments = np.array([(rows**2 * taken).sum(), (columns**2 * taken).sum()])
    added = moments - variance * np.array([math.sin(angle) ** 2, math.cos(angle) ** 2])
    assert np.all((added > 0) & (added < 0.25))
    covariance = variance * math.sin(angle) * math.cos(angle)
    assert (rows * columns * taken).sum() == pytest.approx(covariance, abs=1e-3)


def spread_along_the_line(severity: float) -> float:
    """SD of the kernel of a horizontal line, in pixels."""
    taps, _ = motion_blur._centred(severity, 0.0)
    return math.sqrt(math.fsum(tap.weight * tap.right**2 for tap in taps))


def test_a_wider_motion_reaches_further() -> None:
    """Over the whole range; beyond the strongest level, cut at 4/3 of the SD as there."""
    severities = [0.5, 1, 2, 3, 3.99, 4.01, 5, 8, 12, 13.4, 13.6, 15, 15.01, 16, 24, 34, 64, 128]
    assert np.all(np.diff([spread_along_the_line(severity) for severity in severities]) > 0)
    for severity in (15, 34, 64, 128):
        assert spread_along_the_line(severity) == pytest.approx(0.685 * severity, rel=0.02)


def test_motion_at_twice_the_size_is_twice_as_far() -> None:
    assert [motion_blur._radius(severity) for severity in (15, 30, 60)] == [20, 40, 80]


def test_slopes_are_uniform_within_45_degrees() -> None:
    rng = np.random.default_rng(0)
    slopes = [math.degrees(motion_blur._slope(rng)) for _ in range(4000)]
    assert stats.kstest(slopes, stats.uniform(-45, 90).cdf).pvalue > 0.01


def test_the_published_motion_darkens_a_picture_smaller_than_the_line() -> None:
    flat = np.full((12, 12, 3), 200, np.uint8)
    assert apply("motion_blur_published", flat, 15.0, np.random.default_rng(0)).max() < 150


# Glass


@pytest.mark.parametrize("severity", [*PERTURBATIONS["glass_blur"].levels, 16.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (40, 33), (224, 224)])
def test_pixels_behind_glass_change_places(severity: float, shape: tuple[int, int]) -> None:
    order = glass_blur._exchanged(shape, severity, np.random.default_rng(0))
    assert np.array_equal(np.sort(order), np.arange(shape[0] * shape[1]))


def test_the_strongest_glass_reaches_as_far_as_the_published_one() -> None:
    """Places from -4 to 4, each as likely as the others."""
    partners = glass_blur._partners((300, 301), 1.5 * glass_blur.REACH, np.random.default_rng(0))
    rows, columns = np.divmod(partners, 301)
    for moved in (rows - np.arange(300)[:, None], columns - np.arange(301)):
        places, counts = np.unique(moved[4:-4, 4:-4], return_counts=True)
        assert places.tolist() == list(range(-4, 5))
        assert stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("legacy", [False, True])
def test_stronger_glass_is_further_from_clean(legacy: bool) -> None:
    """From the weakest severity on, between levels too."""
    low, high = PERTURBATIONS["glass_blur"].low, PERTURBATIONS["glass_blur"].high
    severities = [low, 0.75, 0.8, 0.85, 0.9, 1.0, 1.1, 1.2, 1.35, 1.4, 1.5, 1.8, 2.4, 4.0, 8.0, high]
    assert np.all(np.diff(mean_distances("glass_blur", severities, 224, legacy)) > 0)


def displacements(order: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """How far down and to the right each pixel of a square was taken; shape (2, pixels)."""
    side = math.isqrt(len(order))
    here, there = np.divmod(np.arange(len(order)), side), np.divmod(order, side)
    moved: npt.NDArray[np.int64] = np.array(here) - np.array(there)
    return moved


@pytest.mark.parametrize(
    ("severity", "spread"),
    list(zip(PERTURBATIONS["glass_blur"].levels, (2.73, 3.40, 3.67, 3.89, 5.05), strict=True)),
)
def test_pixels_behind_glass_go_as_far_in_all_directions(severity: float, spread: float) -> None:
    """One order of lattices may favour a direction slightly; many together do not."""
    rngs = [np.random.default_rng(seed) for seed in range(12)]
    moved = np.hstack([displacements(glass_blur._exchanged((112, 112), severity, rng)) for rng in rngs])
    assert moved.mean(axis=1).tolist() == [0, 0]
    assert moved.std(axis=1) == pytest.approx([spread, spread], rel=0.03)
    assert np.abs(stats.skew(moved, axis=1)).max() < 0.08
    assert abs(np.corrcoef(moved[0], moved[1])[0, 1]) < 0.03


@pytest.mark.parametrize(
    ("severity", "lost", "shift"),
    [
        (0.7, 0.46, 0.98),
        (0.9, 0.48, 0.70),
        (1.0, 0.72, 2.10),
        (1.1, 0.67, 1.54),
        (1.5, 0.68, 1.61),
    ],
)
def test_the_published_glass_loses_pixels_and_moves_the_picture(
    severity: float, lost: float, shift: float
) -> None:
    order = glass_blur._copied((224, 224), severity, np.random.default_rng(1))
    assert 1 - len(np.unique(order)) / len(order) == pytest.approx(lost, abs=0.01)
    assert displacements(order).mean(axis=1) == pytest.approx([shift, shift], abs=0.05)


# Zoom


@pytest.mark.parametrize("shape", [(40, 30), (41, 31)])
def test_a_zoom_is_about_the_exact_centre(shape: tuple[int, int]) -> None:
    quarter = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = np.maximum(np.maximum(quarter, quarter[::-1]), np.maximum(quarter[:, ::-1], quarter[::-1, ::-1]))
    for level in PERTURBATIONS["zoom_blur"].levels:
        blurred = apply("zoom_blur", image, level, np.random.default_rng(0)).astype(int)
        assert np.abs(blurred - blurred[::-1]).max() <= 1
        assert np.abs(blurred - blurred[:, ::-1]).max() <= 1
    published = apply("zoom_blur_published", image, 1.2, np.random.default_rng(0)).astype(int)
    assert np.abs(published - published[::-1]).max() > 10
