"""Shares and means of an attack, on probabilities that can be counted by hand."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from scoring import fooling as module
from scoring.fooling import Estimate, fooling, mean, share

CLEAN = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1]])
ATTACKED = np.array([[0.3, 0.6, 0.1], [0.2, 0.5, 0.3], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
SHOWN = np.array([0, 1, 2, 1])


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0


def test_only_what_was_named_rightly_can_be_lost() -> None:
    told = fooling(CLEAN, ATTACKED, CLEAN, SHOWN)
    assert (told.fooled.value, told.fooled.n) == (2 / 3, 3)
    assert (told.fooled_by_noise.value, told.fooled_by_noise.n) == (0, 3)
    assert told.probability_clean.value == pytest.approx((0.9 + 0.7 + 0.7 + 0.3) / 4)
    assert told.probability_attacked.value == pytest.approx((0.3 + 0.5 + 0.1 + 0.8) / 4)
    assert told.probability_noise.n == 4


def test_a_target_counts_where_it_was_not_taken_before() -> None:
    told = fooling(CLEAN, ATTACKED, CLEAN, np.array([0, 2, 2, 0]), target=1)
    assert (told.fooled.value, told.fooled.n) == (2 / 3, 3)
    assert told.probability_attacked.value == pytest.approx((0.6 + 0.5 + 0.3 + 0.8) / 4)


def test_intervals_hold_their_value() -> None:
    values = np.random.default_rng(0).uniform(size=50)
    told = mean(values)
    assert told.low is not None and told.value is not None and told.high is not None  # noqa: PT018
    assert told.low < told.value < told.high
    assert told.high - told.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(50), rel=0.15)


def test_nothing_has_no_share() -> None:
    assert share(np.zeros(0, bool)) == mean(np.zeros(0)) == Estimate(None, None, None, 0)
