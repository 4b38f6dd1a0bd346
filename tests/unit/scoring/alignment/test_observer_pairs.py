from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from scoring.alignment.observer_pairs import (
    bootstrapped,
    observer_draws,
    on_atanh,
    pair_mean,
    pair_means,
    pairs_estimate,
)
from scoring.statistics import Floats


def agreements(observers: int, seed: int = 0) -> Floats:
    values = np.random.default_rng(seed).uniform(0.1, 0.5, (observers, observers))
    return np.asarray((values + values.T) / 2)


def slow(values: Floats, drawn: list[int]) -> float:
    found = [
        values[one, other]
        for place, one in enumerate(drawn)
        for other in drawn[place + 1 :]
        if one != other and not np.isnan(values[one, other])
    ]
    return float(np.mean(found)) if found else float("nan")


def test_draws_are_as_many_observers_as_there_are() -> None:
    times = observer_draws(6, 40, 3)
    assert times.shape == (40, 6)
    assert (times.sum(axis=1) == 6).all()
    assert (observer_draws(6, 40, 3) == times).all()


def test_a_draws_mean_is_that_of_its_pairs_of_different_observers() -> None:
    values = agreements(5)
    values[1, 3] = values[3, 1] = np.nan
    times = observer_draws(5, 30, 0)
    expected = [slow(values, np.repeat(np.arange(5), row.astype(int)).tolist()) for row in times]
    assert pair_means(values, times) == pytest.approx(expected, rel=1e-12)
    assert pair_mean(values) == pytest.approx(slow(values, [0, 1, 2, 3, 4]))


def test_a_draw_of_one_observer_has_no_pair() -> None:
    assert np.isnan(pair_means(agreements(3), np.array([[3.0, 0, 0]]))[0])


def test_self_pairs_would_be_a_tenth_off_with_ten_observers() -> None:
    values = agreements(10)
    np.fill_diagonal(values, 1.0)
    times = observer_draws(10, 4000, 0)
    with_self = np.einsum("bi,ij,bj->b", times, values, times) - times.sum(axis=1)
    drawn = pair_means(values, times)
    assert drawn.mean() == pytest.approx(pair_mean(values), abs=0.003)
    assert (with_self / 90).mean() - drawn.mean() == pytest.approx(0.1 * (1 - drawn.mean()), abs=0.01)


def test_the_interval_is_t_on_the_scale_of_atanh() -> None:
    low, high = on_atanh(0.4, 0.05, 9)
    reach = student.ppf(0.975, 9) * 0.05 / (1 - 0.16)
    assert np.arctanh([low, high]) == pytest.approx([np.arctanh(0.4) - reach, np.arctanh(0.4) + reach])
    assert np.isnan(on_atanh(1.0, 0.05, 9)).all()


def test_says_what_was_resampled() -> None:
    found = pairs_estimate(agreements(6), draws=1000, seed=4)
    assert (found.n, found.unit, found.null, found.reason) == (6, "observers", 0.0, "")
    assert found.method == "t from a bootstrap of observers without self-pairs, 1,000 draws, seed 4"
    assert found.low < found.value < found.high


@pytest.mark.parametrize("observers", [0, 1])
def test_one_observer_has_nobody_to_agree_with(observers: int) -> None:
    found = pairs_estimate(agreements(observers))
    assert np.isnan(found.value)
    assert found.reason == "fewer_than_2_observers"


def test_two_observers_have_a_value_and_no_interval() -> None:
    values = agreements(2)
    found = pairs_estimate(values)
    assert found.value == pytest.approx(values[0, 1])
    assert np.isnan([found.low, found.high]).all()
    assert found.reason == "fewer_than_3_observers"


def test_observers_without_a_pair_do_not_count() -> None:
    values = agreements(5)
    values[4] = values[:, 4] = np.nan
    assert pairs_estimate(values).n == 4
    assert pairs_estimate(np.full((4, 4), np.nan)).reason == "too_few_shared_stimuli"


def test_equal_pairs_have_no_interval() -> None:
    found = bootstrapped(0.3, np.full(20, 0.3), 5, draws=20, seed=0)
    assert found.reason == "does_not_vary_between_draws"
    assert np.isnan(found.low)
