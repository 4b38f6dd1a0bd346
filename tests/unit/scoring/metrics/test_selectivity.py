from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from scoring.cells import Cells
from scoring.metrics.selectivity import selectivity
from tests.unit.scoring.small_studies import repeated, sample_of, small_cells


def slow(cells: Cells, concept: int, unit: int, condition: int = 0) -> float:
    values, own = cells.activation[condition, :, unit], cells.concept == concept
    there = ~np.isnan(values)
    x, y = values[there & own], values[there & ~own]
    return float(2 * mannwhitneyu(x, y).statistic / (x.size * y.size) - 1)


@pytest.mark.parametrize("ties", [True, False])
def test_equals_the_mann_whitney_statistic(ties: bool) -> None:
    cells = small_cells(0, ties=ties)
    found = selectivity(sample_of(cells)).value
    for concept in range(3):
        for unit in range(4):
            assert found[concept, unit] == pytest.approx(slow(cells, concept, unit), abs=1e-12)


def test_a_source_that_counts_twice_is_there_twice() -> None:
    cells, rng = small_cells(1), np.random.default_rng(1)
    times = rng.integers(3, size=(31, 5)).astype(float)
    found = selectivity(sample_of(cells, times, unit=2)).value
    for draw in range(5):
        twice = repeated(cells, times[:, draw])
        expected = [slow(twice, concept, 2) for concept in range(3)]
        assert found[:, draw] == pytest.approx(expected, abs=1e-12)


def test_a_constant_unit_is_undefined_and_says_so() -> None:
    cells = small_cells(2)
    activation = cells.activation.copy()
    activation[:, :, 1] = 0.3
    found = selectivity(sample_of(replace(cells, activation=activation)))
    assert np.isnan(found.value[:, 1]).all()
    assert found.reason(0, 1) == "constant_activation"
    assert found.reason(0, 0) == ""
    assert not np.isnan(found.value[:, 0]).any()


def test_a_unit_that_is_constant_on_clean_images_alone_tells_nothing() -> None:
    cells = small_cells(2)
    activation = cells.activation.copy()
    activation[0, :, 1] = 0.3
    assert (selectivity(sample_of(replace(cells, activation=activation))).value[:, 1] == 0).all()


def test_one_source_a_concept_is_too_few() -> None:
    found = selectivity(sample_of(small_cells(3, sources=(1, 5, 5))))
    assert np.isnan(found.value).any(axis=1).tolist() == [True, False, False]
    assert found.reason(0) == "fewer_than_2_sources_on_a_side"
    alone = selectivity(sample_of(small_cells(3, sources=(7,))))
    assert alone.reason(0) == "fewer_than_2_sources_on_a_side"
