from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from scoring.cells import Cells
from scoring.metrics.human_consistency import counted_cells, human_consistency
from scoring.reliability import reliability
from tests.unit.scoring.small_studies import repeated, sample_of, small_cells


def slow(cells: Cells, concept: int, unit: int, known: float, size: int | None = None) -> float:
    """e_H by SciPy; ``size`` sources there were before some were drawn more than once."""
    scores = []
    for condition in range(len(cells.conditions)):
        own = (cells.concept == concept) & ~np.isnan(cells.recognition[condition])
        if (size or own.sum()) >= 8:
            pair = cells.activation[condition, own, unit], cells.recognition[condition, own]
            n = size or int(own.sum())
            most = 1 - 6 / (n**3 - n)
            scores.append(np.arctanh(np.clip(spearmanr(*pair).statistic, -most, most)))
    return float(np.clip(np.tanh(np.mean(scores)) / np.sqrt(known), -1, 1))


@pytest.mark.parametrize("ties", [True, False])
def test_equals_spearman_by_condition(ties: bool) -> None:
    cells = small_cells(0, ties=ties)
    found = human_consistency(sample_of(cells)).value
    for concept in range(3):
        for unit in range(4):
            expected = slow(cells, concept, unit, reliability(cells))
            assert found[concept, unit] == pytest.approx(expected, abs=1e-12)


def test_a_source_that_counts_twice_is_there_twice() -> None:
    cells, rng = small_cells(1), np.random.default_rng(1)
    times = rng.integers(3, size=(31, 5)).astype(float)
    found = human_consistency(sample_of(cells, times, unit=1)).value
    for draw in range(5):
        twice = repeated(cells, times[:, draw])
        sizes = np.bincount(cells.concept)
        expected = [slow(twice, concept, 1, reliability(cells), int(sizes[concept])) for concept in range(3)]
        assert found[:, draw] == pytest.approx(expected, abs=1e-12)


def test_conditions_below_8_answered_sources_do_not_count() -> None:
    cells = small_cells(2, sources=(8, 9, 12))
    recognition = cells.recognition.copy()
    recognition[1, 0] = np.nan
    some = replace(cells, recognition=recognition)
    assert counted_cells(sample_of(some)).tolist() == [2, 3, 3]
    found = human_consistency(sample_of(some)).value[0, 0]
    assert found == pytest.approx(slow(some, 0, 0, reliability(some)))
    few = human_consistency(sample_of(small_cells(2, sources=(7, 9, 12))))
    assert few.reason(0) == "fewer_than_8_sources_in_every_condition"
    assert np.isnan(few.value[0]).all()
    assert not np.isnan(few.value[1:]).any()


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_all_answers_wrong_or_right_is_undefined(score: float) -> None:
    cells = small_cells(3)
    recognition = np.where(cells.concept == 1, score, cells.recognition)
    found = human_consistency(sample_of(replace(cells, recognition=recognition)))
    assert found.reason(1) == "recognition_or_activation_does_not_vary"
    assert np.isnan(found.value[1]).all()
    assert found.reason(0) == ""


def test_a_perfect_correlation_stays_within_bounds() -> None:
    cells = small_cells(4)
    activation = np.repeat(cells.recognition[:, :, None], 4, axis=2)
    activation[:, :, 1] *= -1
    sample = sample_of(replace(cells, activation=activation))
    found = human_consistency(replace(sample, reliability=1.0)).value
    assert (found[:, 0] > 0.98).all()
    assert found[:, 1] == pytest.approx(-found[:, 0])
    corrected = human_consistency(sample).value
    assert (corrected[:, 0] == 1).all()


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (0.0, "recognition_is_not_reliable"),
        (-0.2, "recognition_is_not_reliable"),
        (np.nan, "no_2_images_of_a_concept_and_condition_have_2_answers"),
    ],
)
def test_without_reliability_it_is_undefined(known: float, reason: str) -> None:
    found = human_consistency(replace(sample_of(small_cells(5)), reliability=known))
    assert found.reason(0) == reason
    assert np.isnan(found.value).all()
