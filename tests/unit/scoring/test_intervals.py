from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, t

from scoring.intervals import (
    dominance_ends,
    draws_at_bound,
    expanded_tail,
    percentile_ends,
    rank_ends,
    shrunken_tail,
)

DRAWS = np.random.default_rng(0).normal(0.4, 0.1, size=(1, 999))


def test_percentile_ends_are_quantiles_of_the_draws_that_have_a_value() -> None:
    some = np.concatenate([DRAWS, [[np.nan]]], axis=1)
    found = percentile_ends(np.array([0.4]), some)
    assert (found.low[0], found.high[0]) == pytest.approx(tuple(np.quantile(DRAWS, [0.025, 0.975])))
    assert (found.kind[0], found.undefined[0]) == ("percentile", 1)


def test_draws_that_do_not_vary_or_a_missing_value_leave_no_interval() -> None:
    draws = np.stack([np.full(50, 0.3), np.full(50, np.nan), np.linspace(0, 1, 50)])
    for found in (
        percentile_ends(np.array([0.3, 0.2, np.nan]), draws),
        dominance_ends(np.array([0.3, 0.2, np.nan]), draws, np.array([9, 9, 9])),
    ):
        assert np.isnan([found.low, found.high]).all()
        assert found.kind.tolist() == ["", "", ""]
        assert found.undefined.tolist() == [0, 50, 0]


@pytest.mark.parametrize("n", [2, 8, 27])
def test_tails_are_further_out_for_few_sources(n: int) -> None:
    wider = np.sqrt(n / (n - 1))
    assert norm.ppf(shrunken_tail(np.array([n])))[0] == pytest.approx(norm.ppf(0.025) * wider)
    assert norm.ppf(expanded_tail(np.array([n])))[0] == pytest.approx(t.ppf(0.025, n - 1) * wider)
    draws = np.repeat(DRAWS, 2, axis=0)
    found = percentile_ends(np.array([0.4, 0.4]), draws, np.array([0.025, 0.01]))
    assert found.low == pytest.approx([np.quantile(DRAWS, 0.025), np.quantile(DRAWS, 0.01)])
    assert found.high == pytest.approx([np.quantile(DRAWS, 0.975), np.quantile(DRAWS, 0.99)])


def test_dominance_ends_by_hand() -> None:
    found = dominance_ends(np.array([0.4, -0.4]), np.concatenate([DRAWS, -DRAWS]), np.array([12, 12]))
    reach = t.ppf(0.975, 11) * DRAWS.std() * np.sqrt(12 / 11) / (1 - 0.4**2)
    low, high = np.tanh(np.arctanh(0.4) - reach), np.tanh(np.arctanh(0.4) + reach)
    assert found.low == pytest.approx([low, -high])
    assert found.high == pytest.approx([high, -low])
    assert found.kind.tolist() == ["t_on_atanh"] * 2


def test_pictures_that_the_unit_might_miss_lower_the_end() -> None:
    draws = np.random.default_rng(1).normal(0.98, 0.004, size=(1, 999))
    found = dominance_ends(np.array([0.98]), draws, np.array([27]))
    reach = t.ppf(0.975, 26) * draws.std() * np.sqrt(27 / 26)
    assert found.low[0] == pytest.approx(0.98 - np.hypot(reach, 0.98 * (1 - 0.05 ** (1 / 27))))
    assert found.high[0] < 0.99
    turned = dominance_ends(np.array([-0.98]), -draws, np.array([27]))
    assert turned.high[0] == pytest.approx(-found.low[0])
    wild = dominance_ends(np.array([0.9]), 60 * draws, np.array([3]))
    assert -1 <= wild.low[0] <= wild.high[0] <= 1


@pytest.mark.parametrize("n", [2, 8, 27])
def test_at_the_bound_the_interval_is_one_sided(n: int) -> None:
    draws = np.stack([np.ones(100), -np.ones(100)])
    found = dominance_ends(np.array([1.0, -1.0]), draws, np.array([n, n]))
    least = 2 * 0.05 ** (1 / n) - 1
    assert found.low == pytest.approx([least, -1])
    assert found.high == pytest.approx([1, -least])
    assert found.kind.tolist() == ["bound", "bound"]


def test_fewer_than_two_sources_have_no_interval() -> None:
    found = dominance_ends(np.array([0.4, 1.0]), np.repeat(DRAWS, 2, axis=0), np.array([1, 1]))
    assert found.kind.tolist() == ["", ""]


def test_draws_at_a_bound_are_as_unsure_as_the_bound() -> None:
    draws = np.stack([np.ones(20_000), -np.ones(20_000), np.zeros(20_000)])
    found = draws_at_bound(np.array([1.0, -1.0, 0.0]), draws, np.array([8, 8, 8]), np.random.default_rng(0))
    least = 2 * 0.05 ** (1 / 8) - 1
    assert np.quantile(found[0], 0.05) == pytest.approx(least, abs=0.02)
    assert np.quantile(found[1], 0.95) == pytest.approx(-least, abs=0.02)
    assert (found[2] == 0).all()
    assert np.abs(found).max() <= 1


def test_at_1_there_is_a_bound_only_if_no_draw_falls_short() -> None:
    draws = np.stack([np.ones(200), np.linspace(0.6, 1, 200), -np.linspace(0.6, 1, 200)])
    value, sources = np.array([1.0, 1.0, -1.0]), np.array([8, 8, 8])
    auroc = dominance_ends(value, draws, sources), 8, 0.025
    rank = rank_ends(value, draws, sources, np.array([100] * 3)), 100, expanded_tail(sources)[0]
    for found, n, tail in (auroc, rank):
        low = np.quantile(draws[1], tail)
        assert found.kind.tolist() == ["bound", "percentile", "percentile"]
        assert found.low.tolist() == pytest.approx([2 * 0.05 ** (1 / n) - 1, low, -1])
        assert found.high.tolist() == pytest.approx([1, 1, -low])
