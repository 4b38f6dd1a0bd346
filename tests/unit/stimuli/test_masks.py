"""Backward masks: 1/f, and as bright and contrasty as what they cover."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage

from stimuli.masks import matched_mask, pink_noise, pink_noise_mask
from stimuli.measures import mean_luminance, rms_contrast

data: Any = skimage.data

#: half a grey level, as a fraction of full scale
HALF_LEVEL = 0.5 / 255


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_a_mask_matches_its_photograph(name: str) -> None:
    image = getattr(data, name)()
    mask = pink_noise_mask(image, np.random.default_rng(0))
    assert mask.shape == image.shape
    assert mask.dtype == np.uint8
    assert mean_luminance(mask) == pytest.approx(mean_luminance(image), abs=HALF_LEVEL)
    assert rms_contrast(mask) == pytest.approx(rms_contrast(image), abs=HALF_LEVEL)


def test_amplitude_falls_as_one_over_frequency() -> None:
    noise = np.mean(
        [np.abs(np.fft.rfft2(pink_noise(256, 256, np.random.default_rng(k)))) for k in range(20)], axis=0
    )
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None, :])
    band = (frequency > 0.02) & (frequency < 0.5)
    slope, _ = np.polyfit(np.log(frequency[band]), np.log(noise[band]), 1)
    assert slope == pytest.approx(-1, abs=0.02)


def test_noise_is_standardised_and_fixed_by_its_generator() -> None:
    noise = pink_noise(60, 90, np.random.default_rng(3))
    assert noise.shape == (60, 90)
    assert noise.mean() == pytest.approx(0, abs=1e-12)
    assert noise.std() == pytest.approx(1)
    assert np.array_equal(noise, pink_noise(60, 90, np.random.default_rng(3)))


def test_more_contrast_than_there_can_be_comes_near() -> None:
    mask = matched_mask(128, 128, 0.5, 0.5, np.random.default_rng(0))
    assert rms_contrast(mask) > 0.45
    flat = matched_mask(128, 128, 0.3, 0.0, np.random.default_rng(0))
    assert rms_contrast(flat) == pytest.approx(0, abs=1e-6)
