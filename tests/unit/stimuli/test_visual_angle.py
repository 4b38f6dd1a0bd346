"""Degrees and pixels."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stimuli import visual_angle
from stimuli.visual_angle import degrees, pixels


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(visual_angle).failed == 0


def test_the_whole_side_is_the_whole_angle() -> None:
    assert pixels(12.0, 300, 12.0) == pytest.approx(300)


def test_small_angles_are_near_proportional_and_large_ones_are_not() -> None:
    assert pixels(0.1, 100, 1.0) == pytest.approx(10, rel=1e-3)
    assert pixels(45.0, 100, 90.0) == pytest.approx(41.42, abs=0.01)


@given(st.floats(0.001, 100), st.integers(32, 2048), st.floats(0.1, 119))
def test_there_and_back(angle: float, side: int, span: float) -> None:
    assert degrees(pixels(angle, side, span), side, span) == pytest.approx(angle)
