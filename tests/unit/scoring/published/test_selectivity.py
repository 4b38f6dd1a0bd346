from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from scoring.published.selectivity import selectivity
from tests.unit.scoring.published.samples import Image, sample_of


def clean(ours: list[float], others: list[float]) -> list[Image]:
    return [(True, 5, value, 1.0) for value in ours] + [(False, 5, value, 1.0) for value in others]


def test_by_hand() -> None:
    found = selectivity(sample_of(clean([2, 4], [0, 1, 2])))
    g = (1 - 3 / (4 * 5 - 9)) * (3 - 1) / np.sqrt((2 + 2) / 3)
    assert found.published[0] == pytest.approx(norm.cdf(g / np.sqrt(2)))
    assert found.reason[0] == ""


@pytest.mark.parametrize(
    ("ours", "others", "fallback", "reason"),
    [
        ([1.0], [0.0, 1.0], 0.5, "fewer than 2 clean rows on a side"),
        ([1.0, 2.0], [], 0.5, "fewer than 2 clean rows on a side"),
        ([1.0, 1.0], [1.0, 1.0], 0.5, "clean activations without spread"),
        ([2.0, 2.0], [1.0, 1.0], 1.0, "clean activations without spread"),
        ([0.0, 0.0], [1.0, 1.0], 0.0, "clean activations without spread"),
    ],
)
def test_undefined_cases(ours: list[float], others: list[float], fallback: float, reason: str) -> None:
    found = selectivity(sample_of(clean(ours, others)))
    assert np.isnan(found.value[0])
    assert (found.published[0], found.reason[0]) == (fallback, reason)


def test_degraded_images_do_not_count() -> None:
    images = clean([2, 4], [0, 1, 2])
    with_more: list[Image] = [*images, (True, 1, 99.0, 1.0), (False, 3, 99.0, 1.0)]
    assert selectivity(sample_of(with_more)).value == selectivity(sample_of(images)).value
