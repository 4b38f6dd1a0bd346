from __future__ import annotations

import numpy as np
import pytest

from scoring.statistics import bootstrap_counts, central_interval, counted_quantile, permutations_within

STRATA = np.array([0, 1, 0, 1, 1, 0, 2])


def test_bootstrap_draws_each_stratum_as_often_as_it_has_things() -> None:
    counts = bootstrap_counts(STRATA, 500, np.random.default_rng(0))
    for stratum in range(3):
        members = np.equal(STRATA, stratum)
        assert (counts[:, members].sum(axis=1) == members.sum()).all()
    assert counts[:, 0].mean() == pytest.approx(1, abs=0.15)
    assert counts[:, 0].var() == pytest.approx(2 / 3, abs=0.15)


def test_permutations_stay_within_their_strata() -> None:
    given = permutations_within(STRATA, 200, np.random.default_rng(0))
    assert (np.sort(given, axis=1) == np.arange(STRATA.size)).all()
    assert (STRATA[given] == STRATA).all()
    assert (given[:, 0] == 2).mean() == pytest.approx(1 / 3, abs=0.1)


def test_draws_are_a_function_of_the_seed() -> None:
    one, other = (bootstrap_counts(STRATA, 20, np.random.default_rng([3, 1])) for _ in range(2))
    assert (one == other).all()


@pytest.mark.parametrize("quantile", [0, 0.1, 0.5, 0.95, 1])
def test_counted_quantile_is_that_of_the_repeated_values(quantile: float) -> None:
    rng = np.random.default_rng(1)
    values = rng.integers(5, size=(30, 12)).astype(float)
    counts = rng.integers(4, size=(30, 12)).astype(float)
    found = counted_quantile(values, counts, quantile)
    for row in range(30):
        repeated = np.repeat(values[row], counts[row].astype(int))
        assert found[row] == np.quantile(repeated, quantile)


def test_counted_quantile_of_nothing_is_missing() -> None:
    assert np.isnan(counted_quantile(np.array([[1.0, 2.0]]), np.zeros((2, 2)), 0.5)).all()
    assert np.isnan(counted_quantile(np.empty((1, 0)), np.empty((3, 0)), 0.5)).all()


def test_central_interval_leaves_undefined_draws_out() -> None:
    draws = np.concatenate([np.arange(101.0), [np.nan, np.nan]])
    assert central_interval(draws) == pytest.approx((2.5, 50, 97.5, 2))
    assert central_interval(np.array([np.nan]))[3] == 1
    assert np.isnan(central_interval(np.array([np.nan])).low)
