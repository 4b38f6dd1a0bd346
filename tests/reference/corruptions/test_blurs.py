"""Each blur against a slow, plain twin that follows its definition, on parts of photographs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stimuli.corruptions.pixels import Rng
from tests.reference.corruptions.twins import PATCHES, Pixels, Twin, cases, differences, grey_level


def slow_gaussian_blur(image: Pixels, severity: float, rng: Rng) -> Pixels:
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


TWINS: dict[str, Twin] = {"gaussian_blur": slow_gaussian_blur}


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    apart = differences(TWINS[name], name, PATCHES[patch], severity, legacy=False)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01
