from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.cells import Cells
from scoring.reliability import reliability
from tests.unit.scoring.small_studies import small_cells


def slow(cells: Cells) -> float:
    noise, squares, freedom = [], 0.0, 0
    for condition in range(len(cells.conditions)):
        for concept in range(len(cells.concepts)):
            scores = []
            for source in np.flatnonzero(cells.concept == concept):
                n = cells.responses[condition, source]
                if n >= 2:
                    scores.append(cells.recognition[condition, source])
                    noise.append(cells.variance[condition, source] / n)
            if scores:
                squares += float(((np.array(scores) - np.mean(scores)) ** 2).sum())
                freedom += len(scores) - 1
    return 1 - float(np.mean(noise)) / (squares / freedom)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_equals_the_slow_one(missing: float) -> None:
    cells = small_cells(0, missing=missing)
    assert reliability(cells) == pytest.approx(slow(cells), rel=1e-12)


def simulated(seed: int, spread: float, raters: int) -> Cells:
    rng = np.random.default_rng(seed)
    cells = small_cells(seed, sources=(200, 200))
    chance = 0.5 + spread * rng.uniform(-0.5, 0.5, size=cells.recognition.shape)
    score = rng.binomial(raters, chance) / raters
    variance = score * (1 - score) * raters / (raters - 1)
    return replace(cells, recognition=score, responses=np.full(score.shape, float(raters)), variance=variance)


@pytest.mark.parametrize(("spread", "raters"), [(0.9, 6), (0.5, 6), (0.5, 12)])
def test_recovers_the_share_that_is_not_noise(spread: float, raters: int) -> None:
    signal = spread**2 / 12
    noise = (0.25 - signal) / raters
    assert reliability(simulated(1, spread, raters)) == pytest.approx(signal / (signal + noise), abs=0.05)


def test_pure_noise_has_none() -> None:
    assert abs(reliability(simulated(2, 0.0, 6))) < 0.1


def test_unknown_where_nothing_was_rated_twice_or_nothing_varies() -> None:
    cells = small_cells(3)
    assert np.isnan(reliability(replace(cells, variance=np.full(cells.variance.shape, np.nan))))
    same = np.full(cells.recognition.shape, 0.5)
    assert np.isnan(reliability(replace(cells, recognition=same)))


def test_raters_who_agree_leave_no_noise() -> None:
    cells = small_cells(4)
    assert reliability(replace(cells, variance=np.zeros(cells.variance.shape))) == 1
