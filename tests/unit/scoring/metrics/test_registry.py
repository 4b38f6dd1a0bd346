"""Every metric of the registry keeps to what it declares."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

from scoring.effects import Scoring, Settings
from scoring.metrics.registry import COMPONENTS, METRICS
from scoring.metrics.sample import Metric
from tests.unit.scoring.small_studies import sample_of, small_cells, with_causal

every_metric = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def test_the_four_components_come_first() -> None:
    assert tuple(METRICS)[:4] == COMPONENTS == ("S", "C", "R", "H")
    assert all(symbol == metric.symbol for symbol, metric in METRICS.items())


@every_metric
def test_says_what_it_is(metric: Metric) -> None:
    assert metric.name
    assert metric.bounds == (-1, 1)
    assert metric.higher_is_better is True
    assert metric.unit_of_analysis == "source"
    assert any(character.isdigit() for character in metric.citation)
    first = (inspect.getdoc(metric.compute) or "").splitlines()[0]
    assert first.endswith(".")


@every_metric
def test_values_lie_in_its_bounds_and_missing_ones_have_a_reason(metric: Metric) -> None:
    for seed in range(5):
        found = metric.compute(with_causal(sample_of(small_cells(seed, sources=(2, 8, 9))), seed))
        assert found.value.shape == (3, 4)
        there = found.value[~np.isnan(found.value)]
        assert ((there >= metric.bounds[0]) & (there <= metric.bounds[1])).all()
        for concept, unit in np.ndindex(3, 4):
            assert bool(found.reason(concept, unit)) == np.isnan(found.value[concept, unit])


@every_metric
def test_noise_has_nothing_in_the_mean(metric: Metric) -> None:
    """Over exchanges of sources; causality, over units of which none does more than its controls."""
    if metric.from_noise:
        scoring = Scoring(small_cells(7), Settings(resamples=2000))
        sample = scoring.sampler.exchanged(0, scoring.given)
    else:
        sample = with_causal(sample_of(small_cells(7, units=2000)), 8, controls=2000)
    values = metric.compute(sample).value
    assert np.abs(values.mean(axis=1)).max() < 0.05


@every_metric
def test_higher_is_better(metric: Metric) -> None:
    """A unit that is made for concept 0, beside one made against it."""
    cells = small_cells(9)
    own = (cells.concept == 0)[:, None]
    score = cells.recognition[:, :, None]
    sign = np.array([1.0, -1.0])
    activation = sign * (2 * own + score)
    sample = sample_of(replace(cells, units=(0, 1), activation=activation))
    given = with_causal(sample, 9)
    assert given.causal is not None
    effect = given.causal.effect.copy()
    effect[:, :, :2] += 5 * sign * own
    found = metric.compute(replace(given, causal=replace(given.causal, effect=effect))).value
    assert found[0, 0] > 0.5
    assert found[0, 1] < -0.5
