from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.published.causality import causality
from tests.unit.scoring.published.samples import sample_of

SAMPLE = sample_of([(True, 5, 1.0, 1.0)])


def test_by_hand() -> None:
    changes = np.array([[0.1, 0.3], [0.2, 0.2]])
    assert causality(replace(SAMPLE, embedding_change=changes)).value[0] == pytest.approx(1 - np.exp(-0.2))


def test_without_change_it_is_0() -> None:
    assert causality(replace(SAMPLE, embedding_change=np.zeros((3, 2)))).value[0] == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (None, "not measured, it needs images and a model (--manifest and --model)"),
        (np.empty((0, 2)), "no clean images of the concept"),
    ],
)
def test_without_images_it_is_missing_with_a_reason(change: np.ndarray | None, reason: str) -> None:
    found = causality(replace(SAMPLE, embedding_change=change))
    assert np.isnan(found.published[0])
    assert found.reason[0] == reason
