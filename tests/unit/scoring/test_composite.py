from __future__ import annotations

import numpy as np
import pytest

from scoring.composite import composite, composite_of_draws, score_of

WEIGHTS = {"S": 3.0, "C": 1.0, "R": 0.0}


def test_is_the_weighted_mean_of_what_is_there() -> None:
    values = {"S": np.array([0.5, 0.5, np.nan]), "C": np.array([-0.1, np.nan, np.nan]), "R": np.ones(3)}
    found = composite(values, WEIGHTS)
    assert found[:2] == pytest.approx([(3 * 0.5 - 0.1) / 4, 0.5])
    assert np.isnan(found[2])


def test_only_the_ratios_of_weights_matter() -> None:
    rng = np.random.default_rng(0)
    values = {symbol: rng.uniform(-1, 1, (3, 5)) for symbol in "SCRH"}
    weights = dict(zip("SCRH", (0.3, 0.3, 0.2, 0.2), strict=True))
    tenfold = {symbol: 10 * weight for symbol, weight in weights.items()}
    expected = sum(weights[symbol] * values[symbol] for symbol in "SCRH")
    assert composite(values, weights) == pytest.approx(expected)
    assert composite(values, tenfold) == pytest.approx(expected)


def test_a_component_without_a_weight_counts_for_nothing() -> None:
    values = {"S": np.array([0.5]), "X": np.array([-1.0])}
    assert composite(values, {"S": 1.0}) == pytest.approx([0.5])
    assert np.isnan(composite({"X": np.array([1.0])}, {"S": 1.0})).all()


def test_draws_have_the_components_that_the_data_have() -> None:
    """C is missing in the data though not in the draws; S is undefined in one draw."""
    nothing = np.full((1, 3), np.nan)
    draws = {"S": np.array([[0.2, np.nan, 0.6]]), "C": np.array([[9.0, 9.0, 9.0]]), "R": nothing}
    values = {"S": np.array([0.4]), "C": np.array([np.nan]), "R": np.array([1.0])}
    found = composite_of_draws(draws, values, WEIGHTS)
    assert found[0, [0, 2]] == pytest.approx([0.2, 0.6])
    assert np.isnan(found[0, 1])


def test_score_is_a_share() -> None:
    assert score_of(np.array([-1.0, 0.0, 1.0])).tolist() == [0, 0.5, 1]
