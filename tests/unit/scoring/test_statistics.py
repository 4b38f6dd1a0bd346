from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, mannwhitneyu, rankdata

from scoring.statistics import (
    auroc_by_group,
    benjamini_hochberg,
    bootstrap_counts,
    central_interval,
    counted_quantile,
    group_midranks,
    mann_whitney_p,
    mean_by,
    midranks,
    percentile_among,
    percentiles_among_the_rest,
    permutations_within,
    running_totals,
)

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


ONCE = np.ones((40, 1))
GROUP = np.repeat([0, 1, 2], [5, 15, 20])


def tied(seed: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(8, size=(40, columns)).astype(float)


@pytest.mark.parametrize("columns", [1, 6])
def test_midranks_are_ranks_less_one_half(columns: int) -> None:
    for values in (tied(0, columns), np.random.default_rng(0).normal(size=(40, columns))):
        assert (midranks(values, ONCE) == rankdata(values, axis=0) - 0.5).all()


def test_midranks_count_things_as_often_as_they_are_there() -> None:
    values, times = tied(1, 1), np.random.default_rng(1).integers(3, size=(40, 9)).astype(float)
    found = midranks(values, times)
    for draw in range(9):
        below = values > values.T
        same = values == values.T
        assert found[:, draw] == pytest.approx((below + same / 2) @ times[:, draw])


def test_midranks_of_both_at_once_are_refused_and_of_nothing_are_nothing() -> None:
    with pytest.raises(ValueError, match="columns may differ in values or in times, not in both"):
        midranks(tied(0, 2), np.ones((40, 2)))
    assert midranks(np.empty((0, 1)), np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 200])
def test_running_totals_are_cumulative_sums(rows: int) -> None:
    values = np.random.default_rng(rows).integers(5, size=(rows, 4)).astype(float)
    assert (running_totals(values) == np.cumsum(values, axis=0)).all()


def test_group_midranks_rank_within_groups() -> None:
    ranks, times = (
        midranks(tied(2, 1), ONCE),
        np.random.default_rng(2).integers(3, size=(40, 5)).astype(float),
    )
    found = group_midranks(ranks, times, GROUP, 3)
    for group in range(3):
        own = np.equal(GROUP, group)
        expected = midranks(ranks[own], times[own]) - times[own].sum(axis=0) / 2
        assert found[own] == pytest.approx(expected)


def test_areas_are_those_of_mann_whitney_whoever_counts_how_often() -> None:
    values, times = tied(3, 1), np.random.default_rng(3).integers(3, size=(40, 6)).astype(float)
    found = auroc_by_group(midranks(values, times), times, GROUP, 3)
    for draw in range(6):
        again, group = (np.repeat(x, times[:, draw].astype(int)) for x in (values[:, 0], GROUP))
        for number in range(3):
            x, y = again[group == number], again[group != number]
            assert found[number, draw] == pytest.approx(mannwhitneyu(x, y).statistic / (x.size * y.size))


def test_an_area_without_one_of_its_sides_is_missing() -> None:
    found = auroc_by_group(midranks(tied(4, 2), ONCE), ONCE, np.zeros(40, int), 2)
    assert np.isnan(found).all()


def test_p_values_are_those_of_mann_whitney() -> None:
    values = np.concatenate([tied(5, 3), np.random.default_rng(5).normal(size=(40, 2))], axis=1)
    found = mann_whitney_p(values, GROUP, 3)
    for number in range(3):
        own = np.equal(GROUP, number)
        test = mannwhitneyu(values[own], values[~own], alternative="greater", method="asymptotic")
        assert found[number] == pytest.approx(test.pvalue, rel=1e-9)


def test_constant_columns_and_empty_sides_have_no_p_value() -> None:
    values = np.column_stack([np.ones(40), np.arange(40.0)])
    found = mann_whitney_p(values, np.zeros(40, int), 2)
    assert np.isnan(found).all()
    assert np.isnan(mann_whitney_p(values, GROUP, 3)).tolist() == [[True, False]] * 3


def test_missing_p_values_are_not_counted_in_the_adjustment() -> None:
    p_values = np.array([[0.01, np.nan, 0.3], [0.04, 0.02, 0.9]])
    found = benjamini_hochberg(p_values)
    there = ~np.isnan(p_values)
    assert found[there] == pytest.approx(false_discovery_control(p_values[there]))
    assert np.isnan(found[0, 1])
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_percentiles_count_ties_one_half() -> None:
    others = np.array([1.0, 2, 2, 3, np.nan])
    assert [percentile_among(value, others) for value in (0.0, 2.0, 2.5, 9.0)] == [0, 0.5, 0.75, 1]
    assert np.isnan(percentile_among(np.nan, others))
    assert np.isnan(percentile_among(1.0, np.array([np.nan])))


def test_percentiles_among_the_rest_leave_the_value_itself_out() -> None:
    values = np.round(np.random.default_rng(6).normal(size=(3, 12)), 1)
    values[1, 4] = np.nan
    values[2, 1:] = np.nan
    found = percentiles_among_the_rest(values)
    for row, column in np.ndindex(values.shape):
        expected = percentile_among(float(values[row, column]), np.delete(values[row], column))
        assert found[row, column] == pytest.approx(expected, nan_ok=True)


def test_equal_rows_have_exactly_their_value_as_mean() -> None:
    group = np.repeat([0, 1, 2], [3, 7, 1])
    found = mean_by(group, np.full((11, 2), 0.1))
    assert (found == 0.1).all()
    values = np.random.default_rng(0).normal(size=(11, 2))
    expected = pd.DataFrame(values).groupby(group).mean().to_numpy()
    assert mean_by(group, values) == pytest.approx(expected, rel=1e-12)
