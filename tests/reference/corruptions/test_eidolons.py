"""Eidolons against slow, plain twins, and what is known of their scales and displacements."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy import linalg, ndimage

from stimuli.corruptions import apply
from stimuli.corruptions.disarray import GRAIN, LOOSE, OWN, SCALES, displacements, moved, slices, smooth_noise
from stimuli.corruptions.pixels import Rng
from tests.reference.corruptions.twins import PATCHES, Pixels, Twin, cases, differences, whole_photograph

Plane = npt.NDArray[np.float64]

#: as the paper's toolbox is called in Geirhos et al. (2018)
SDS = [2 ** ((k - 1) / 2) for k in range(12)]
LARGEST = 64


def luma(image: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(image).convert("L"))


def mirrored(place: int, length: int) -> int:
    place %= 2 * length
    return place if place < length else 2 * length - 1 - place


def lattice_weights(length: int, sd: float) -> Plane:
    """Weight of each point of white noise (column) at each pixel (row)."""
    spacing = max(1.0, sd)
    beyond = math.ceil(4 * sd / spacing)
    count = math.floor((length - 1) / spacing) + 2 * beyond + 2
    weights = np.zeros((length, count))
    for pixel in range(length):
        for point in range(-beyond, beyond + 2):
            at = math.floor(pixel / spacing) + point
            weights[pixel, at + beyond] = math.exp(-((at * spacing - pixel) ** 2) / (2 * sd**2))
        weights[pixel] /= math.sqrt(sum(weight**2 for weight in weights[pixel]))
    return weights


def slow_noise(height: int, width: int, sd: float, rng: Rng) -> list[Plane]:
    """Down and right, unit variance. Drawn column after column, the first half of each for down."""
    rows, columns = lattice_weights(height, sd), lattice_weights(width, sd)
    drawn = rng.standard_normal((columns.shape[1], 2 * rows.shape[1]))
    halves = drawn[:, : rows.shape[1]], drawn[:, rows.shape[1] :]
    return [np.einsum("ya,ba,xb->yx", rows, half, columns) for half in halves]


def slow_eidolon(image: Pixels, reach: float, rng: Rng, coherence: float) -> Pixels:
    if isinstance(rng, np.random.RandomState):
        return slow_published(image, reach, rng, coherence)
    grey = luma(image).astype(float)
    height, width = grey.shape
    blurs = [ndimage.gaussian_filter(grey, sd, mode="reflect", truncate=6) for sd in SDS]
    total = np.zeros(grey.shape)
    together = [np.zeros(grey.shape), np.zeros(grey.shape)]
    for k in reversed(range(12)):
        part = blurs[k] - (blurs[k + 1] if k < 11 else 0)
        if coherence > 0:
            own = slow_noise(height, width, SDS[k], rng)
            together = [
                sum_so_far + 27 / (2 * math.sqrt(math.pi) * LARGEST) * noise
                for sum_so_far, noise in zip(together, own, strict=True)
            ]
        loose = slow_noise(height, width, 10, rng) if coherence < 1 else [0.0 * grey, 0.0 * grey]
        down, right = (
            reach * (coherence * one + (1 - coherence) * 27 / (2 * math.sqrt(math.pi) * 10) * other)
            for one, other in zip(together, loose, strict=True)
        )
        for y in range(height):
            for x in range(width):
                from_y = mirrored(y + round(down[y, x]), height)
                total[y, x] += part[from_y, mirrored(x + round(right[y, x]), width)]
    pixels = np.clip(np.rint(total), 0, 255).astype(np.uint8)
    return np.dstack([pixels] * 3)


def line_kernel(shape: tuple[int, ...], sd: float) -> Plane:
    """Circulant matrix of the published blur, which takes a plane for one long line."""
    height, width = shape
    kernel = np.zeros(shape)
    for y in range(height):
        for x in range(width):
            dy, dx = (y if y <= height // 2 else y - height), (x if x <= width // 2 else x - width)
            kernel[y, x] = math.exp(-(dy**2 + dx**2) / (2 * sd**2)) / (2 * math.pi * sd**2)
    return np.asarray(linalg.circulant(kernel.ravel()))


def slow_published(image: Pixels, reach: float, rng: np.random.RandomState, coherence: float) -> Pixels:
    """The published toolbox, for pictures with even sides."""
    grey = luma(image)
    height, width = grey.shape
    tall, wide = (2 ** math.ceil(math.log2(1.5 * side)) for side in (height, width))
    top, left = (tall - height) // 2, (wide - width) // 2
    fat = np.pad(grey.astype(float), ((top, top), (left, left)), mode="symmetric")
    kernels = {sd: line_kernel(fat.shape, sd) for sd in [*SDS, 10]}

    def noise(sd: float) -> Plane:
        drawn = rng.normal(0, 1, fat.shape)
        stretched = np.clip(127.5 * drawn / np.abs(drawn).max(), -127, 127)
        blurred = (kernels[sd] @ stretched.ravel()).reshape(fat.shape)
        return np.asarray(blurred - blurred.mean() / blurred.std())

    coherent = [[noise(sd) * sd / LARGEST for sd in SDS] for _ in ("down", "right")]
    blurs = [(kernels[sd] @ fat.ravel()).reshape(fat.shape) for sd in SDS] + [np.zeros(fat.shape)]
    total = np.zeros(fat.shape)
    for k, sd in enumerate(SDS):
        assert sd == pytest.approx(SCALES[k])
        fields = [(1 - coherence) * noise(10) + coherence * np.sum(own[k:], axis=0) for own in coherent]
        for y in range(tall):
            for x in range(wide):
                from_y = int(min(tall - 1, max(0, y + reach * fields[0][y, x])))
                from_x = int(min(wide - 1, max(0, x + reach * fields[1][y, x])))
                total[y, x] += blurs[k][from_y, from_x] - blurs[k + 1][from_y, from_x]
    pixels = np.clip(total[top : top + height, left : left + width], 0, 255).astype(np.uint8)
    return np.dstack([pixels] * 3)


TWINS: dict[str, Twin] = {
    "eidolon_i": partial(slow_eidolon, coherence=1.0),
    "eidolon_ii": partial(slow_eidolon, coherence=0.3),
    "eidolon_iii": partial(slow_eidolon, coherence=0.0),
}


@pytest.mark.parametrize("patch", ["face", "fur"])
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    """Single precision is all that differs: one grey level, seldom."""
    image = np.ascontiguousarray(PATCHES[patch][:22, :17])
    apart = differences(TWINS[name], name, image, severity, legacy=False)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01


@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_legacy_gives_the_published_pixels(name: str, severity: float) -> None:
    image = np.ascontiguousarray(PATCHES["face"][20:30, 6:20])
    assert differences(TWINS[name], name, image, severity, legacy=True).max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (7, 2), (13, 9)])
def test_legacy_takes_pictures_of_any_size(size: tuple[int, int]) -> None:
    image = np.ascontiguousarray(PATCHES["face"][: size[0], : size[1]])
    assert apply("eidolon_ii", image, 8, np.random.RandomState(0)).shape == (*size, 3)


@pytest.mark.parametrize("name", list(TWINS))
@pytest.mark.parametrize("reach", [0.0, 0.01])
def test_a_small_reach_leaves_the_grey_picture_slightly_blurred(name: str, reach: float) -> None:
    image = whole_photograph("coffee", 96)
    blurred = ndimage.gaussian_filter(luma(image).astype(float), 0.5**0.5, mode="reflect", truncate=6)
    picture = apply(name, image, reach, np.random.default_rng(0))
    assert np.abs(picture - blurred[:, :, None]).max() <= 0.51


def test_slices_add_up_to_the_blur_by_the_smallest_scale() -> None:
    grey = luma(PATCHES["cup"]).astype(np.float32)
    blurred = ndimage.gaussian_filter(grey.astype(float), SCALES[0], mode="reflect", truncate=6)
    assert np.sum(list(slices(grey)), axis=0) == pytest.approx(blurred, abs=1e-3)


def test_scales_are_half_an_octave_apart() -> None:
    assert SCALES[0] == pytest.approx(0.7071, abs=1e-4)
    assert SCALES[-1] == pytest.approx(32)
    assert np.diff(np.log2(SCALES)) == pytest.approx(0.5)


@pytest.mark.parametrize("sd", [SCALES[0], 1.0, 2.0, 5.66, GRAIN])
def test_noise_has_the_variance_and_the_correlation_of_blurred_white_noise(sd: float) -> None:
    """Of two points d apart, exp(-d^2 / 4 sd^2), wherever they lie."""
    rng = np.random.default_rng(1)
    draws = np.concatenate([smooth_noise(24, 31, sd, 1.0, rng) for _ in range(1000)])
    assert draws.std(axis=0) == pytest.approx(np.ones((24, 31)), abs=0.1)
    for distance in (1, 3, 8):
        together = (draws[:, :, distance:] * draws[:, :, :-distance]).mean()
        assert together == pytest.approx(math.exp(-(distance**2) / (4 * sd**2)), abs=0.03)


def fields(coherence: float, seeds: int = 60) -> Plane:
    """Displacements of each slice, finest first: (scales, samples), each field's samples far apart."""
    drawn = [
        [
            field[:, ::64, ::64].ravel()
            for field in displacements(129, 129, coherence, np.random.default_rng(k))
        ]
        for k in range(seeds)
    ]
    return np.concatenate(drawn, axis=1)[::-1]


@pytest.mark.parametrize("coherence", [1.0, 0.3, 0.0])
def test_displacements_have_the_spread_that_is_said_of_them(coherence: float) -> None:
    scales_moving = np.arange(12, 0, -1)
    variance = coherence**2 * OWN**2 * scales_moving + (1 - coherence) ** 2 * LOOSE**2
    assert fields(coherence).std(axis=1) == pytest.approx(np.sqrt(variance), rel=0.12)


def test_coherent_displacements_move_all_scales_together_and_incoherent_ones_do_not() -> None:
    """Scale k shares with scale j > k the fields of j and coarser: r^2 = (12 - j) / (12 - k)."""
    coherent, incoherent = (np.asarray(np.corrcoef(fields(coherence))) for coherence in (1.0, 0.0))
    for finer, coarser in [(0, 1), (0, 6), (4, 5), (9, 10), (0, 11)]:
        shared = math.sqrt((12 - coarser) / (12 - finer))
        assert coherent[finer, coarser] == pytest.approx(shared, abs=0.1)
        assert incoherent[finer, coarser] == pytest.approx(0, abs=0.1)


def test_places_move_in_proportion_to_the_reach() -> None:
    """Seen on a picture whose grey levels are the numbers of its columns."""
    ramp = np.tile(np.arange(300, dtype=np.float32), (40, 1))
    field = next(displacements(40, 300, 0.0, np.random.default_rng(2)))
    middle = np.s_[:, 100:200]
    for reach in (1.0, 4.0, 16.0):
        shift = (moved(ramp, field, reach) - ramp)[middle]
        assert shift == pytest.approx(np.rint(reach * field[1])[middle])


def test_the_spread_is_that_of_the_published_noise() -> None:
    """Published: normal numbers stretched to 127.5 on a plane of 512 px, then blurred."""
    rng = np.random.RandomState(0)
    planes = [rng.normal(size=(512, 512)) for _ in range(4)]
    stretched = [127.5 * plane / np.abs(plane).max() for plane in planes]
    loose = [ndimage.gaussian_filter(plane, 10, mode="wrap").std() for plane in stretched]
    own = [ndimage.gaussian_filter(plane, 4, mode="wrap").std() * 4 / 64 for plane in stretched]
    assert np.mean(loose) == pytest.approx(LOOSE, rel=0.06)
    assert np.mean(own) == pytest.approx(OWN, rel=0.06)
