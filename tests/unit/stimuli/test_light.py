"""Light and the pixel values that show it."""

from __future__ import annotations

import numpy as np
import pytest

from stimuli.corruptions.light import BY_ENCODING, BY_LIGHT, SHOWN, Steps, from_light, linear, to_light


def test_known_points_of_the_standard() -> None:
    assert linear(np.array([0.0, 0.04045, 0.5, 1.0])) == pytest.approx([0, 0.0031308, 0.2140411, 1], abs=1e-6)


def test_every_pixel_value_comes_back() -> None:
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    assert np.array_equal(from_light(to_light(image)), image)
    assert np.array_equal(BY_LIGHT(SHOWN.astype(np.float32)), np.arange(256))


@pytest.mark.parametrize("steps", [BY_ENCODING, BY_LIGHT], ids=["encoding", "light"])
def test_the_table_says_what_a_search_says(steps: Steps) -> None:
    light = np.random.default_rng(0).uniform(-0.1, 1.1, 200_000)
    single = light.astype(np.float32)
    assert (steps(single.copy()) != steps.exactly(single.astype(np.float64))).mean() < 1e-5


def test_light_between_two_values_goes_to_the_nearer_encoding() -> None:
    between = 255 * linear((np.arange(255) + np.array([[0.4], [0.6]])) / 255).astype(np.float32)
    assert np.array_equal(from_light(between[0]), np.arange(255))
    assert np.array_equal(from_light(between[1]), np.arange(1, 256))
