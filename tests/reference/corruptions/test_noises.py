"""Each noise against a slow, plain twin that follows its definition, on parts of photographs."""

from __future__ import annotations

import numpy as np
import pytest

from stimuli.corruptions import apply
from stimuli.corruptions.pixels import Rng
from tests.reference.corruptions.twins import PATCHES, Pixels, Twin, cases, data, differences, grey_level


def slow_clean(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return np.array([[[int(v) for v in pixel] for pixel in row] for row in image], np.uint8)


def slow_gaussian_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    assert isinstance(rng, np.random.Generator)
    noise = iter(rng.standard_normal(image.size, dtype=np.float32).tolist())
    return np.array(
        [
            [[grey_level(255 * (int(v) / 255 + severity * next(noise))) for v in pixel] for pixel in row]
            for row in image
        ],
        np.uint8,
    )


TWINS: dict[str, Twin] = {"clean": slow_clean, "gaussian_noise": slow_gaussian_noise}


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    apart = differences(TWINS[name], name, PATCHES[patch], severity, legacy=False)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.01


def test_strong_noise_clips_as_published() -> None:
    noisy = apply("gaussian_noise", data.astronaut(), 0.38, np.random.default_rng(0))
    achieved = (noisy.astype(float) - data.astronaut()).std() / 255
    assert achieved == pytest.approx(0.29, abs=0.01)
