from __future__ import annotations

import numpy as np
import pytest

from scoring.published.robustness import robustness
from tests.unit.scoring.published.samples import Image, sample_of

OTHERS: list[Image] = [(False, 5, 9.0, 1.0), (False, 1, 9.0, 1.0)]
CLEAN: list[Image] = [(True, 5, 2.0, 0.0), (True, 5, -4.0, 1.0)]


def test_by_hand_the_mean_of_both_ratios() -> None:
    degraded: list[Image] = [(True, 1, 1.0, 1.0), (True, 2, 2.0, 1.0), (True, 3, 4.0, 1.0)]
    found = robustness(sample_of([*OTHERS, *CLEAN, *degraded]))
    assert found.published[0] == pytest.approx((1.5 / 3 + 3 / 4) / 2, abs=1e-7)


def test_rows_without_full_recognition_do_not_count() -> None:
    degraded: list[Image] = [(True, 1, 1.0, 1.0), (True, 1, 100.0, 0.5), (True, 3, 100.0, 0.0)]
    assert robustness(sample_of([*OTHERS, *CLEAN, *degraded])).value[0] == pytest.approx(1 / 3, abs=1e-7)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([(True, 1, 1.0, 1.0)], "no clean rows of the concept"),
        ([*CLEAN, (True, 1, 1.0, 0.0)], "no recognised degraded rows of the concept"),
        (CLEAN, "no recognised degraded rows of the concept"),
    ],
)
def test_undefined_cases(images: list[Image], reason: str) -> None:
    found = robustness(sample_of([*OTHERS, *images]))
    assert np.isnan(found.value[0])
    assert (found.published[0], found.reason[0]) == (0.0, reason)


def test_a_dead_unit_is_perfectly_robust_as_published() -> None:
    images: list[Image] = [*OTHERS, (True, 5, 0.0, 1.0), (True, 1, 0.0, 1.0)]
    assert robustness(sample_of(images)).published[0] == 1
