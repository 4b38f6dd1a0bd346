"""The measures in the manifest, against scikit-image and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage

from stimuli.corruptions import apply
from stimuli.measures import (
    clipped_fraction,
    distance,
    luma,
    mean_luminance,
    psnr,
    rms_contrast,
    ssim,
)

data: Any = skimage.data
metrics: Any = skimage.metrics

CLEAN: npt.NDArray[np.uint8] = np.ascontiguousarray(data.chelsea()[:200, :250])
DEGRADED = [
    apply(name, CLEAN, severity, np.random.default_rng(1))
    for name, severity in [
        ("gaussian_noise", 0.2),
        ("gaussian_blur", 3),
        ("contrast", 0.1),
        ("pixelate", 0.2),
    ]
]


@pytest.mark.parametrize("image", DEGRADED)
def test_similarity_is_that_of_scikit_image(image: npt.NDArray[np.uint8]) -> None:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    expected = metrics.structural_similarity(luma(image), luma(CLEAN), **options)
    assert ssim(image, CLEAN) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("image", DEGRADED)
def test_signal_to_noise_is_that_of_scikit_image(image: npt.NDArray[np.uint8]) -> None:
    assert psnr(image, CLEAN) == pytest.approx(metrics.peak_signal_noise_ratio(CLEAN, image), abs=1e-9)


def test_a_picture_compared_with_itself() -> None:
    assert ssim(CLEAN, CLEAN) == pytest.approx(1)
    assert math.isnan(psnr(CLEAN, CLEAN))
    assert distance(CLEAN, CLEAN) == 0


def test_measures_of_a_picture_known_by_hand() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, :10] = 255
    assert mean_luminance(image) == pytest.approx(0.25)
    assert rms_contrast(image) == pytest.approx(math.sqrt(0.25 * 0.75))
    assert clipped_fraction(image) == 1
    assert distance(image, np.zeros_like(image)) == pytest.approx(0.5)
    image[:, 10:] = 1
    assert clipped_fraction(image) == 0.25


def test_luma_weights_green_most() -> None:
    primaries = np.eye(3, dtype=np.uint8)[None] * 255
    assert luma(primaries)[0] == pytest.approx([0.2126, 0.7152, 0.0722])
