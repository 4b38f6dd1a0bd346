"""Each operator against a slow, plain twin that follows its definition, on parts of photographs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage

from stimuli.conditions import PERTURBATIONS
from stimuli.corruptions import OPERATORS, apply

data: Any = skimage.data

Pixels = npt.NDArray[np.uint8]

#: sides are powers of two, so that no sample lies on the edge between two of pixelate's cells
PATCHES: dict[str, Pixels] = {
    "face": np.ascontiguousarray(data.astronaut()[80:144, 200:232]),
    "fur": np.ascontiguousarray(data.chelsea()[100:132, 150:214]),
    "cup": np.ascontiguousarray(data.coffee()[50:82, 250:282]),
}


def grey_level(value: float) -> int:
    return int(min(255, max(0, round(value))))


def slow_clean(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    return np.array([[[int(v) for v in pixel] for pixel in row] for row in image], np.uint8)


def slow_gaussian_noise(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    noise = iter(rng.standard_normal(image.size, dtype=np.float32).tolist())
    return np.array(
        [
            [[grey_level(255 * (int(v) / 255 + severity * next(noise))) for v in pixel] for pixel in row]
            for row in image
        ],
        np.uint8,
    )


def slow_gaussian_blur(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    height, width, channels = image.shape
    radius = int(4 * severity + 0.5)
    taps = range(-radius, radius + 1)
    weights = [math.exp(-(k**2) / (2 * severity**2)) for k in taps]
    total = sum(weights) ** 2
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), mode="edge").astype(float)
    kernel = np.outer(weights, weights) / total
    out = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                window = padded[y : y + 2 * radius + 1, x : x + 2 * radius + 1, c]
                out[y, x, c] = grey_level(float((window * kernel).sum()))
    return out


def slow_contrast(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    out = np.empty_like(image)
    for c in range(image.shape[2]):
        values = [int(v) for v in image[:, :, c].ravel()]
        mean = math.fsum(values) / len(values)
        levels = [grey_level((v - mean) * severity + mean) for v in values]
        out[:, :, c] = np.array(levels, np.uint8).reshape(image.shape[:2])
    return out


def box_average(values: list[int], few: int) -> list[int]:
    """Means, halves rounded up, of the samples whose centres lie in each of ``few`` equal cells."""
    step = len(values) / few
    means = []
    for cell in range(few):
        low, high = cell * step, (cell + 1) * step
        inside = [v for k, v in enumerate(values) if low < k + 0.5 <= high]
        means.append(int(sum(inside) / len(inside) + 0.5))
    return means


def slow_pixelate(image: Pixels, severity: float, rng: np.random.Generator) -> Pixels:
    height, width, channels = image.shape
    few_x, few_y = max(1, int(width * severity)), max(1, int(height * severity))
    out = np.empty_like(image)
    for c in range(channels):
        rows = [box_average([int(v) for v in row], few_x) for row in image[:, :, c]]
        columns = [box_average([row[x] for row in rows], few_y) for x in range(few_x)]
        for y in range(height):
            for x in range(width):
                out[y, x, c] = columns[int((x + 0.5) * few_x / width)][int((y + 0.5) * few_y / height)]
    return out


TWINS = {
    "clean": slow_clean,
    "gaussian_noise": slow_gaussian_noise,
    "gaussian_blur": slow_gaussian_blur,
    "contrast": slow_contrast,
    "pixelate": slow_pixelate,
}

CASES = [
    (name, severity)
    for name, perturbation in PERTURBATIONS.items()
    for severity in (perturbation.published_levels or (0.0,))
]


def test_every_operator_has_a_twin() -> None:
    assert list(TWINS) == list(OPERATORS)


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), CASES)
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    image = PATCHES[patch]
    fast = apply(name, image, severity, np.random.default_rng(5)).astype(int)
    slow = TWINS[name](image, severity, np.random.default_rng(5)).astype(int)
    difference = np.abs(fast - slow)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_strong_noise_clips_as_published() -> None:
    noisy = apply("gaussian_noise", data.astronaut(), 0.38, np.random.default_rng(0))
    achieved = (noisy.astype(float) - data.astronaut()).std() / 255
    assert achieved == pytest.approx(0.29, abs=0.01)
