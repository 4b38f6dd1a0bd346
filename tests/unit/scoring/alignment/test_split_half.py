from __future__ import annotations

import numpy as np
import pytest

from scoring.alignment.observations import Matrix
from scoring.alignment.split_half import (
    attenuation,
    raters_needed,
    single_rater,
    spearman_brown,
    split_half,
)
from scoring.statistics import Floats


def study(
    observers: int, stimuli: int, seed: int = 0, *, spread: float = 0.8, seen: float = 1.0, cells: int = 4
) -> Matrix:
    """Stimuli whose chances of being recognised are uniform in ``spread`` about a half."""
    rng = np.random.default_rng(seed)
    chance = 0.5 + spread * rng.uniform(-0.5, 0.5, stimuli)
    return of((rng.random((observers, stimuli)) < chance).astype(np.float64), seen, cells, seed)


def of(values: Floats, seen: float = 1.0, cells: int = 4, seed: int = 0) -> Matrix:
    shown = np.random.default_rng([seed, 1]).random(values.shape) < seen
    own = np.arange(values.shape[1])
    observers, stimuli = (np.array([f"{n:03}" for n in range(size)]) for size in values.shape)
    return Matrix(np.where(shown, values, np.nan), observers, stimuli, own, own % cells, (own // cells) % 2)


def test_spearman_brown_there_and_back() -> None:
    assert spearman_brown(spearman_brown(0.4, 6), 1 / 6) == pytest.approx(0.4)
    assert spearman_brown(0.17, raters_needed(0.17, 0.7)) == pytest.approx(0.7)


def test_raters_needed_as_in_the_published_study() -> None:
    # a single rater's .17, given to two digits, needs 11 raters for .7 and 19 for .8
    assert raters_needed(0.172, 0.7) == pytest.approx(11.2, abs=0.1)
    assert raters_needed(0.172, 0.8) == pytest.approx(19.3, abs=0.1)
    assert np.isnan(
        [raters_needed(0.0, 0.7), raters_needed(-0.1, 0.7), raters_needed(float("nan"), 0.7)]
    ).all()


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize(("observers", "seen"), [(8, 1.0), (9, 1.0), (60, 0.15)])
def test_recovers_what_the_chances_imply(within: bool, observers: int, seen: float) -> None:
    matrix = study(observers, 800, spread=0.9, seen=seen)
    single = (0.9**2 / 12) / 0.25
    raters = (~np.isnan(matrix.values)).sum(axis=0)
    whole = spearman_brown(single, float(1 / np.mean(1 / raters[raters > 1])))
    assert single_rater(matrix, within_cell=within).value == pytest.approx(single, abs=0.03)
    assert attenuation(matrix, within_cell=within).value == pytest.approx(whole, abs=0.03)
    assert split_half(matrix, within_cell=within, draws=40).value == pytest.approx(whole, abs=0.04)


def test_graded_scores_have_a_reliability_too() -> None:
    rng = np.random.default_rng(1)
    signal = rng.uniform(0.3, 0.7, 300)
    matrix = of(np.clip(signal + rng.normal(0, 0.1, (6, 300)), 0, 1))
    single = (0.4**2 / 12) / (0.4**2 / 12 + 0.01)
    assert single_rater(matrix).value == pytest.approx(single, abs=0.05)
    assert split_half(matrix, draws=20).value == pytest.approx(spearman_brown(single, 6), abs=0.03)


def test_differences_between_cells_do_not_count_within_them() -> None:
    rng = np.random.default_rng(2)
    own = np.arange(240)
    chance = np.where(own % 4 < 2, 0.2, 0.8)
    matrix = of((rng.random((8, 240)) < chance).astype(np.float64))
    assert split_half(matrix, draws=40).value > 0.8
    assert abs(split_half(matrix, within_cell=True, draws=40).value) < 0.4
    assert attenuation(matrix).low < 0.2


def test_says_how_it_was_had() -> None:
    found = split_half(study(8, 80), draws=20, seed=5)
    assert found == split_half(study(8, 80), draws=20, seed=5)
    assert found.low < found.value < found.high
    assert (found.n, found.unit, found.null) == (8, "observers", 0.0)
    assert found.method == "Spearman-Brown of 20 random halves, seed 5; t from leaving out each observer"


def test_stimuli_that_one_observer_saw_do_not_count() -> None:
    matrix = study(6, 60)
    values = matrix.values.copy()
    values[1:, 50:] = np.nan
    kept = Matrix(
        values[:, :50],
        matrix.observers,
        matrix.stimuli[:50],
        matrix.source[:50],
        matrix.concept[:50],
        matrix.condition[:50],
    )
    assert attenuation(matrix._replace(values=values)) == attenuation(kept)


def test_an_empty_observer_does_not_count() -> None:
    matrix = study(6, 60)
    values = matrix.values.copy()
    values[5] = np.nan
    assert attenuation(matrix._replace(values=values)).n == 5


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((1, 20)), "fewer_than_2_observers"),
        (np.ones((5, 20)), "stimuli_do_not_differ"),
        (np.zeros((5, 20)), "stimuli_do_not_differ"),
        (np.ones((5, 1)), "fewer_than_2_stimuli_with_2_observers"),
        (np.where(np.eye(4), 1.0, np.nan), "fewer_than_2_stimuli_with_2_observers"),
        (np.full((3, 4), np.nan), "fewer_than_2_observers"),
    ],
)
def test_nothing_to_tell_apart(values: Floats, reason: str) -> None:
    matrix = of(values, cells=1)
    for found in (split_half(matrix, draws=5), attenuation(matrix), single_rater(matrix)):
        assert np.isnan(found.value)
        assert found.reason == reason


def test_two_observers_have_a_value_and_no_interval() -> None:
    found = split_half(study(2, 60), draws=5)
    assert not np.isnan(found.value)
    assert np.isnan(found.low)
    assert found.reason == "fewer_than_3_observers"


def test_observers_who_agree_leave_no_noise() -> None:
    matrix = of(np.tile(np.arange(40) % 3 == 0, (5, 1)).astype(np.float64))
    found = attenuation(matrix)
    assert found.value == 1
    assert found.reason == "does_not_vary_between_draws"
