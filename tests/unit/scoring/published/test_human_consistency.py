from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from scoring.published.human_consistency import human_consistency, recognition_p_value
from tests.unit.scoring.published.samples import Image, sample_of

OTHERS: list[Image] = [(False, 5, float(value), 1.0) for value in range(5)]


def test_by_hand() -> None:
    ours: list[Image] = [(True, 5, 3.0, 0.0), (True, 1, 3.1, 1.0), (True, 4, 9.0, 0.5), (True, 3, 4.0, 0.0)]
    found = human_consistency(sample_of([*OTHERS, *ours], percentile=0.75))
    assert found.published[0] == pytest.approx(1.5 / 3)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([(True, 5, 1.0, 1.0), (False, 1, 0.0, 1.0)], "no clean rows of other concepts"),
        ([*OTHERS, (True, 5, 1.0, 1.0)], "no row of the concept above the threshold"),
    ],
)
def test_undefined_cases(images: list[Image], reason: str) -> None:
    found = human_consistency(sample_of(images))
    assert np.isnan(found.value[0])
    assert (found.published[0], found.reason[0]) == (0.0, reason)


def test_recognition_is_tested_against_the_others() -> None:
    images: list[Image] = [(True, 1, 0.0, float(k < 7)) for k in range(10)]
    images += [(False, 5, 0.0, float(k < 3)) for k in range(10)]
    expected = binomtest(7, 10, 0.3, alternative="greater").pvalue
    assert recognition_p_value(sample_of(images)) == pytest.approx(expected)


def test_recognition_without_others_has_no_p_value() -> None:
    assert np.isnan(recognition_p_value(sample_of([(True, 5, 1.0, 1.0)])))
