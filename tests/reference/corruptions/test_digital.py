"""Each digital corruption against a slow, plain twin that follows its definition, on parts of photographs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stimuli.corruptions.pixels import Rng
from tests.reference.corruptions.twins import PATCHES, Pixels, Twin, cases, differences, grey_level


def slow_contrast(image: Pixels, severity: float, rng: Rng) -> Pixels:
    legacy = isinstance(rng, np.random.RandomState)
    out = np.empty_like(image)
    for c in range(image.shape[2]):
        values = [int(v) for v in image[:, :, c].ravel()]
        mean = math.fsum(values) / len(values)
        kept = [(v - mean) * severity + mean for v in values]
        levels = [int(v + 1e-9) if legacy else grey_level(v) for v in kept]
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


def slow_pixelate(image: Pixels, severity: float, rng: Rng) -> Pixels:
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


TWINS: dict[str, Twin] = {"contrast": slow_contrast, "pixelate": slow_pixelate}


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    apart = differences(TWINS[name], name, PATCHES[patch], severity, legacy=False)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01
