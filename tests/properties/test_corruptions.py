"""What holds for every operator in the registry, on photographs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stimuli.conditions import CLEAN, PERTURBATIONS, Perturbation
from stimuli.corruptions import OPERATORS, apply
from stimuli.errors import UserError
from stimuli.measures import distance

data: Any = skimage.data

Pixels = npt.NDArray[np.uint8]

PHOTOGRAPHS: dict[str, Pixels] = {
    "astronaut": data.astronaut()[:288, 100:388],
    "cat": data.chelsea()[:288, 60:348],
    "coffee": data.coffee()[50:338, 150:438],
    "rocket": data.rocket()[100:388, 180:468],
    "motorcycle": data.stereo_motorcycle()[0][100:388, 200:488],
}
DEGRADING = [perturbation for perturbation in PERTURBATIONS.values() if perturbation.name != CLEAN]
names = pytest.mark.parametrize("name", list(OPERATORS))
families = pytest.mark.parametrize("family", DEGRADING, ids=[family.name for family in DEGRADING])
photographs = pytest.mark.parametrize("photograph", list(PHOTOGRAPHS))


def middle(name: str) -> float:
    levels = PERTURBATIONS[name].published_levels
    return levels[2] if levels else 0.0


def test_the_registry_and_the_vocabulary_name_the_same_operators() -> None:
    assert list(OPERATORS) == list(PERTURBATIONS)


@names
@photographs
def test_a_degraded_photograph_is_a_picture_of_the_same_shape(name: str, photograph: str) -> None:
    image = PHOTOGRAPHS[photograph]
    before = image.copy()
    degraded = apply(name, image, middle(name), np.random.default_rng(0))
    assert degraded.shape == image.shape
    assert degraded.dtype == np.uint8
    assert not np.shares_memory(degraded, image)
    assert np.array_equal(image, before)


@names
def test_the_same_generator_gives_the_same_picture(name: str) -> None:
    image = PHOTOGRAPHS["cat"]
    one, two = (apply(name, image, middle(name), np.random.default_rng(9)) for _ in range(2))
    assert np.array_equal(one, two)


@families
@photographs
def test_the_identity_severity_changes_nothing(family: Perturbation, photograph: str) -> None:
    image = PHOTOGRAPHS[photograph]
    assert np.array_equal(apply(family.name, image, family.identity, np.random.default_rng(0)), image)


@families
@photographs
def test_stronger_is_further_from_clean(family: Perturbation, photograph: str) -> None:
    image = PHOTOGRAPHS[photograph]
    distances = [
        distance(apply(family.name, image, severity, np.random.default_rng(0)), image)
        for severity in (family.identity, *family.published_levels)
    ]
    assert np.all(np.diff(distances) > 0)


@names
@settings(max_examples=30, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))), st.floats(0, 1))
def test_any_picture_and_any_allowed_severity_will_do(name: str, image: Pixels, share: float) -> None:
    family = PERTURBATIONS[name]
    severity = float(f"{family.low + share * (min(family.high, 10) - family.low):.4g}")
    degraded = apply(name, image, severity, np.random.default_rng(0))
    assert degraded.shape == image.shape
    assert degraded.dtype == np.uint8


@families
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255))
def test_operators_without_chance_leave_a_flat_picture_flat(family: Perturbation, level: int) -> None:
    if family.name == "gaussian_noise":
        return
    image = np.full((32, 32, 3), level, np.uint8)
    assert np.array_equal(apply(family.name, image, middle(family.name), np.random.default_rng(0)), image)


@families
def test_a_severity_out_of_range_is_refused(family: Perturbation) -> None:
    with pytest.raises(UserError) as error:
        apply(family.name, PHOTOGRAPHS["cat"], family.high + 1, np.random.default_rng(0))
    assert str(error.value) == (
        f"severity {family.high + 1:g} of {family.name} is outside its range; "
        f"give a number from {family.low:g} to {family.high:g}"
    )
