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

from stimuli.corruptions import apply
from stimuli.errors import UserError
from stimuli.measures import distance
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation

data: Any = skimage.data

Pixels = npt.NDArray[np.uint8]

PHOTOGRAPHS: dict[str, Pixels] = {
    "astronaut": data.astronaut()[:288, 100:388],
    "cat": data.chelsea()[:288, 60:348],
    "coffee": data.coffee()[50:338, 150:438],
    "rocket": data.rocket()[100:388, 180:468],
    "motorcycle": data.stereo_motorcycle()[0][100:388, 200:488],
}
#: what needs no model, clean too
ALL = [row for row in PERTURBATIONS.values() if not row.needs_model]
DEGRADING = [row for row in ALL if row.name != CLEAN]
every = pytest.mark.parametrize("row", ALL, ids=[row.name for row in ALL])
degrading = pytest.mark.parametrize("row", DEGRADING, ids=[row.name for row in DEGRADING])
photographs = pytest.mark.parametrize("photograph", list(PHOTOGRAPHS))
#: height and width: the smallest there is, narrow ones, odd ones, and one larger than a stimulus
SIZES = ((1, 1), (1, 7), (5, 1), (2, 3), (33, 17), (640, 901))


def middle(row: Perturbation) -> float:
    return row.levels[len(row.levels) // 2] if row.levels else 0.0


def degraded(row: Perturbation, image: Pixels, severity: float, seed: int = 0) -> Pixels:
    return apply(row.name, image, severity, np.random.default_rng(seed))


def photograph_of(height: int, width: int) -> Pixels:
    whole: Pixels = np.concatenate([data.astronaut(), data.astronaut()[:, ::-1]], axis=1)
    return np.ascontiguousarray(np.concatenate([whole, whole[::-1]])[:height, :width])


@every
@photographs
def test_a_degraded_photograph_is_a_picture_of_the_same_shape(row: Perturbation, photograph: str) -> None:
    image = PHOTOGRAPHS[photograph]
    before = image.copy()
    picture = degraded(row, image, middle(row))
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8
    assert not np.shares_memory(picture, image)
    assert np.array_equal(image, before)


@degrading
def test_every_level_changes_a_photograph(row: Perturbation) -> None:
    for level in row.levels:
        assert not np.array_equal(degraded(row, PHOTOGRAPHS["cat"], level), PHOTOGRAPHS["cat"])


@every
def test_the_same_generator_gives_the_same_picture(row: Perturbation) -> None:
    one, two = (degraded(row, PHOTOGRAPHS["cat"], middle(row), 9) for _ in range(2))
    assert np.array_equal(one, two)


@every
def test_chance_plays_a_part_where_it_is_said_to(row: Perturbation) -> None:
    one, two = (degraded(row, PHOTOGRAPHS["cat"], middle(row), seed) for seed in (1, 2))
    assert np.array_equal(one, two) != row.random


@degrading
def test_only_colour_changes_where_it_is_said_so(row: Perturbation) -> None:
    if row.colour:
        grey = np.repeat(PHOTOGRAPHS["cat"][:, :, 1:2], 3, axis=2)
        assert np.abs(degraded(row, grey, middle(row)).astype(int) - grey).max() <= 1


@degrading
@photographs
def test_the_identity_severity_changes_nothing(row: Perturbation, photograph: str) -> None:
    if row.identity is not None:
        image = PHOTOGRAPHS[photograph]
        assert np.array_equal(degraded(row, image, row.identity), image)


@degrading
def test_stronger_is_further_from_clean(row: Perturbation) -> None:
    """On the average of photographs, as the gate of a build measures it."""
    if row.direction == 0 or row.name.endswith("_published"):
        return
    distances = [
        np.mean([distance(degraded(row, image, severity), image) for image in PHOTOGRAPHS.values()])
        for severity in row.levels
    ]
    assert distances[0] > 0
    assert np.all(np.diff(distances) > 0)


@every
@pytest.mark.parametrize("size", SIZES, ids=[f"{height}x{width}" for height, width in SIZES])
def test_pictures_of_any_size_will_do(row: Perturbation, size: tuple[int, int]) -> None:
    image = photograph_of(*size)
    for severity in {middle(row), row.levels[-1] if row.levels else 0.0}:
        assert degraded(row, image, severity).shape == (*size, 3)


@every
def test_grey_pictures_and_transparent_ones_are_taken_as_rgb(row: Perturbation) -> None:
    image = PHOTOGRAPHS["cat"][100:164, 100:148]
    grey = image[:, :, 1].copy()
    assert np.array_equal(
        degraded(row, grey, middle(row)), degraded(row, np.repeat(grey[:, :, None], 3, axis=2), middle(row))
    )
    opaque = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    assert np.array_equal(degraded(row, opaque, middle(row)), degraded(row, image, middle(row)))
    nothing = np.dstack([image, np.zeros(image.shape[:2], np.uint8)])
    matte = np.full_like(image, 128)
    assert np.array_equal(degraded(row, nothing, middle(row)), degraded(row, matte, middle(row)))


@every
@settings(max_examples=15, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))), st.floats(0, 1))
def test_any_picture_and_any_allowed_severity_will_do(row: Perturbation, image: Pixels, share: float) -> None:
    severity = float(f"{row.low + share * (row.high - row.low):.4g}")
    severity = float(round(severity)) if row.whole else min(max(severity, row.low), row.high)
    picture = degraded(row, image, severity)
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8


@every
def test_the_published_draws_give_a_picture_too(row: Perturbation) -> None:
    """Legacy mode: one RandomState, the published pixels; the same each time, near the usual ones."""
    image = PHOTOGRAPHS["cat"]
    one, two = (apply(row.name, image, middle(row), np.random.RandomState(0)) for _ in range(2))
    assert np.array_equal(one, two)
    usual = degraded(row, image, middle(row))
    assert one.shape == image.shape
    if not row.random:
        assert np.abs(one.astype(int) - usual).max() <= 1


@degrading
def test_linear_light_gives_another_picture_where_there_is_a_form_of_it(row: Perturbation) -> None:
    image = PHOTOGRAPHS["cat"]
    if not row.linear_light:
        with pytest.raises(UserError) as error:
            apply(row.name, image, middle(row), np.random.default_rng(0), linear_light=True)
        assert str(error.value) == (
            f"{row.name} has no form in linear light; leave it out, or leave linear_light out"
        )
        return
    picture = apply(row.name, image, middle(row), np.random.default_rng(0), linear_light=True)
    assert picture.shape == image.shape
    assert not np.array_equal(picture, degraded(row, image, middle(row)))
    if row.identity is not None:
        same = apply(row.name, image, row.identity, np.random.default_rng(0), linear_light=True)
        assert np.array_equal(same, image)


@degrading
def test_a_severity_out_of_range_is_refused(row: Perturbation) -> None:
    with pytest.raises(UserError) as error:
        apply(row.name, PHOTOGRAPHS["cat"], row.high + 1, np.random.default_rng(0))
    assert str(error.value) == (
        f"severity {row.high + 1:g} of {row.name} is outside its range; "
        f"give a number from {row.low:g} to {row.high:g}"
    )


@pytest.mark.parametrize(
    "row", [row for row in PERTURBATIONS.values() if row.needs_model], ids=lambda row: row.name
)
def test_what_needs_a_model_is_made_elsewhere(row: Perturbation) -> None:
    with pytest.raises(UserError) as error:
        apply(row.name, PHOTOGRAPHS["cat"], middle(row), np.random.default_rng(0))
    assert str(error.value) == (
        f"{row.name} is made against a model; use `stimuli attack` or `stimuli dream` for it"
    )


@pytest.mark.parametrize("image", [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3)), np.zeros(4, np.uint8)])
def test_what_is_no_picture_is_refused(image: Any) -> None:
    with pytest.raises(ValueError, match="a picture is uint8 of shape"):
        apply("contrast", image, 0.5, np.random.default_rng(0))
