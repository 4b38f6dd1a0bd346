"""What holds for every metric of the default score, whatever the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scoring.cells import Cells
from scoring.draws import Sampler
from scoring.effects import Scoring
from scoring.metrics.registry import METRICS
from scoring.statistics import Floats, auroc_by_group, benjamini_hochberg, midranks
from tests.unit.scoring.small_studies import repeated, small_cells

VALUES = st.integers(-20, 20).map(float)
SHARES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
FROM_NOISE = [symbol for symbol, metric in METRICS.items() if metric.from_noise]
quick = settings(deadline=None, max_examples=60)


@st.composite
def studies(draw: st.DrawFn) -> Cells:
    """Cells of two or three concepts with up to 12 sources each, in up to three conditions, some missing."""
    sources = draw(st.lists(st.integers(1, 12), min_size=2, max_size=3))
    plain = small_cells(0, sources, conditions=draw(st.integers(1, 3)), units=3)
    shape = plain.recognition.shape
    activation = draw(arrays(np.float64, plain.activation.shape, elements=VALUES))
    gone = draw(arrays(np.bool_, shape))
    gone[0] = False
    activation[gone] = np.nan
    unanswered = gone | draw(arrays(np.bool_, shape))
    recognition = np.where(unanswered, np.nan, draw(arrays(np.float64, shape, elements=SHARES)))
    return replace(plain, activation=activation, recognition=recognition)


def values(cells: Cells) -> dict[str, Floats]:
    sample = Sampler(cells, 0.7).units(np.arange(len(cells.units)))
    return {symbol: METRICS[symbol].compute(sample).value for symbol in FROM_NOISE}


def same(one: dict[str, Floats], other: dict[str, Floats]) -> bool:
    return all(np.allclose(one[symbol], other[symbol], atol=1e-12, equal_nan=True) for symbol in one)


@quick
@given(studies())
def test_values_lie_in_bounds_or_have_a_reason(cells: Cells) -> None:
    sample = Sampler(cells, 0.7).units(np.arange(3))
    for metric in METRICS.values():
        found = metric.compute(sample)
        for place in np.ndindex(found.value.shape):
            missing = np.isnan(found.value[place])
            assert missing == bool(found.reason(*place))
            assert missing or metric.bounds[0] <= found.value[place] <= metric.bounds[1]


@quick
@given(studies())
def test_only_the_order_of_activations_matters(cells: Cells) -> None:
    assert same(values(cells), values(replace(cells, activation=np.exp(cells.activation / 7) - 3)))


@quick
@given(studies())
def test_each_condition_may_have_its_own_scale(cells: Cells) -> None:
    factor = np.array([1.0, 3.0, 0.2])[: len(cells.conditions), None, None]
    scaled = replace(cells, activation=cells.activation * factor)
    constant = [np.ptp(one.activation[one.present], axis=0) == 0 for one in (cells, scaled)]
    if (constant[0] == constant[1]).all():
        assert same(values(cells), values(scaled))


@quick
@given(studies())
def test_a_unit_turned_round_has_the_opposite_effects(cells: Cells) -> None:
    found, turned = values(cells), values(replace(cells, activation=-cells.activation))
    assert same({symbol: -value for symbol, value in found.items()}, turned)


@quick
@given(studies(), st.randoms(use_true_random=False))
def test_the_order_of_sources_and_conditions_does_not_matter(cells: Cells, random: object) -> None:
    sources, degraded = list(range(len(cells.sources))), list(range(1, len(cells.conditions)))
    random.shuffle(sources)  # type: ignore[attr-defined]
    random.shuffle(degraded)  # type: ignore[attr-defined]
    at = np.ix_([0, *degraded], sources)
    moved = replace(
        cells,
        concept=cells.concept[sources],
        activation=cells.activation[at],
        recognition=cells.recognition[at],
    )
    assert same(values(cells), values(moved))


@quick
@given(studies(), st.data())
def test_a_source_that_counts_is_a_source_repeated(cells: Cells, data: st.DataObject) -> None:
    times = data.draw(arrays(np.float64, len(cells.sources), elements=st.integers(1, 3).map(float)))
    sample = Sampler(cells, 0.7).drawn(1, times[:, None])
    twice = values(repeated(cells, times))
    enough = np.bincount(cells.concept) >= 2
    if enough.all():
        found = METRICS["S"].compute(sample).value[:, 0]
        assert found == pytest.approx(twice["S"][:, 1], abs=1e-12, nan_ok=True)


@quick
@given(studies())
def test_composites_lie_between_their_components(cells: Cells) -> None:
    found = Scoring(cells, given_reliability=0.7).observed
    stacked = np.stack([found.value[symbol] for symbol in FROM_NOISE])
    there = ~np.isnan(stacked).all(axis=0)
    assert (np.isnan(found.composite) == ~there).all()
    assert (np.nanmin(stacked[:, there], axis=0) <= found.composite[there] + 1e-12).all()
    assert (np.nanmax(stacked[:, there], axis=0) >= found.composite[there] - 1e-12).all()


@quick
@given(arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 4)), elements=VALUES))
def test_midranks_are_symmetric(table: Floats) -> None:
    once = np.ones((len(table), 1))
    ranks = midranks(table, once)
    assert midranks(-table, once) == pytest.approx(len(table) - ranks)
    assert ranks.sum(axis=0) == pytest.approx(np.full(table.shape[1], len(table) ** 2 / 2))


@quick
@given(arrays(np.float64, 15, elements=VALUES), arrays(np.intp, 15, elements=st.integers(0, 1)))
def test_areas_of_two_groups_add_to_one(table: Floats, group: np.ndarray) -> None:
    once = np.ones((15, 1))
    area = auroc_by_group(midranks(table[:, None], once), once, group, 2)[:, 0]
    assert np.isnan(area).all() if np.ptp(group) == 0 else area.sum() == pytest.approx(1)


@quick
@given(arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1)))
def test_adjusted_p_values_keep_their_order_and_are_no_smaller(p_values: Floats) -> None:
    adjusted = benjamini_hochberg(p_values)
    assert (adjusted >= p_values - 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values)]) >= -1e-12).all()
    assert adjusted.max() <= 1
