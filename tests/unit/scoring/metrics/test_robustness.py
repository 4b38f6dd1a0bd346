from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.metrics.robustness import fewest_sources, robustness
from tests.unit.scoring.metrics.test_selectivity import slow
from tests.unit.scoring.small_studies import repeated, sample_of, small_cells


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_is_the_mean_of_the_degraded_conditions(missing: float) -> None:
    cells = small_cells(0, missing=missing)
    found = robustness(sample_of(cells)).value
    for concept in range(3):
        for unit in range(4):
            expected = np.mean([slow(cells, concept, unit, condition) for condition in (1, 2)])
            assert found[concept, unit] == pytest.approx(expected, abs=1e-12)


def test_a_source_that_counts_twice_is_there_twice() -> None:
    cells, rng = small_cells(1, missing=0.2), np.random.default_rng(1)
    times = 1 + rng.integers(2, size=(31, 3)).astype(float)
    found = robustness(sample_of(cells, times, unit=0)).value
    for draw in range(3):
        twice = repeated(cells, times[:, draw])
        expected = [np.mean([slow(twice, concept, 0, k) for k in (1, 2)]) for concept in range(3)]
        assert found[:, draw] == pytest.approx(expected, abs=1e-12)


def test_louder_responses_to_degraded_pictures_are_no_loss() -> None:
    cells = small_cells(2)
    louder = replace(cells, activation=cells.activation * np.array([1, 5, 0.1])[:, None, None])
    assert robustness(sample_of(louder)).value == pytest.approx(robustness(sample_of(cells)).value)


def test_without_degraded_pictures_it_is_undefined() -> None:
    found = robustness(sample_of(small_cells(3, conditions=1)))
    assert np.isnan(found.value).all()
    assert found.reason(0) == "no_degraded_condition_with_2_sources_on_a_side"


def test_a_condition_with_one_source_of_the_concept_does_not_count() -> None:
    cells = small_cells(4)
    activation = cells.activation.copy()
    activation[1, 1:9] = np.nan
    only = replace(cells, activation=activation)
    found = robustness(sample_of(only)).value
    assert found[0, 0] == pytest.approx(slow(only, 0, 0, 2))
    assert found[1, 0] == pytest.approx((slow(only, 1, 0, 1) + slow(only, 1, 0, 2)) / 2)
    assert fewest_sources(sample_of(only)).tolist() == [9, 10, 11]


def test_a_unit_that_falls_silent_has_nothing_there() -> None:
    cells = small_cells(5)
    activation = cells.activation.copy()
    activation[2, :, 0] = 0
    silent = replace(cells, activation=activation)
    assert robustness(sample_of(silent)).value[0, 0] == pytest.approx(slow(silent, 0, 0, 1) / 2)
