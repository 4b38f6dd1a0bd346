from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.published.registry import METRICS, Metric
from tests.unit.scoring.published.samples import sample_of

EVERY = pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)


def test_the_symbols_are_those_of_the_results() -> None:
    assert list(METRICS) == ["S", "C", "R", "H"]
    assert all(symbol == metric.symbol for symbol, metric in METRICS.items())


@EVERY
def test_each_lies_within_its_bounds_and_has_one_value_a_draw(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    levels = [1, 2, 3, 4, 5, 5]
    images = [
        (bool(k % 2), levels[k % 6], float(rng.exponential()), float(rng.integers(2))) for k in range(60)
    ]
    sample = sample_of(images, percentile=0.5)
    drawn = replace(
        sample,
        times=rng.integers(3, size=(50, 60)).astype(float),
        embedding_change=rng.exponential(size=(4, 2)),
    )
    found = metric.compute(drawn)
    low, high = metric.bounds
    assert ((found.published >= low) & (found.published <= high)).all()
    assert found.value.shape == ((50,) if metric.from_trials else (1,))


@EVERY
def test_each_is_documented(metric: Metric) -> None:
    page = (Path(__file__).parents[4] / "docs" / "published-method.md").read_text(encoding="utf-8")
    assert f"**{metric.symbol}**" in page
    assert metric.citation
    assert metric.unit_of_analysis
