"""The effect of repetition against a plain regression, and against known truth, in short.

``python -m tests.reference.repetition_studies`` is the long form.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from tests.reference.repetition_studies import DESIGNS, Design, estimate, simulate, table

STUDIES = 40
#: fewest of the studies' intervals that cover if 93% of them do, but for one run in ten thousand
FEWEST = int(binom.ppf(1e-4, STUDIES, 0.93))


def regression(rows: pd.DataFrame, regressor: pd.Series) -> tuple[float, float]:
    """Slopes of a regressor and of ten places, by least squares on a column for each cell and participant."""
    cells = pd.get_dummies(rows["concept"] * 100 + rows["condition"])
    people = pd.get_dummies(rows["participant"])
    columns = [regressor, rows["place"] / 10, cells, people]
    matrix = np.column_stack([np.asarray(column, dtype=float) for column in columns])
    found = np.linalg.lstsq(matrix, rows["score"].to_numpy(), rcond=None)[0]
    return float(found[0]), float(found[1])


@pytest.mark.parametrize("name", ["small", "larger, practice, some leave", "four pictures of a concept"])
def test_estimates_are_those_of_a_plain_regression(name: str) -> None:
    rows = simulate(DESIGNS[name], np.random.default_rng(5))
    found = estimate(rows, draws=2)
    later = (rows["repetition"] > 1).astype(float)
    assert regression(rows, later) == pytest.approx((found.later.estimate, found.practice.estimate), abs=1e-7)
    assert regression(rows, rows["repetition"] - 1)[0] == pytest.approx(found.further.estimate, abs=1e-7)


def test_intervals_of_small_studies_cover_the_truth() -> None:
    found = table(DESIGNS["small"], STUDIES, draws=80)
    assert found["covered"] >= FEWEST / STUDIES
    # four standard errors of a mean of so many estimates
    assert found["mean"] == pytest.approx(found["true"], abs=4 * found["sd"] / np.sqrt(STUDIES))


def test_practice_in_general_is_not_taken_for_repetition() -> None:
    found = table(DESIGNS["small, no effect, practice"], STUDIES, draws=80)
    assert found["covered"] >= FEWEST / STUDIES
    assert found["p < .05"] <= binom.ppf(1 - 1e-4, STUDIES, 0.06) / STUDIES


def test_a_large_study_finds_the_effect() -> None:
    rows = simulate(Design(participants=150, times=3, practice=0.1), np.random.default_rng(2))
    found = estimate(rows, draws=80).later
    assert found.low <= 0.12 <= found.high
    assert found.low > 0
    assert found.p < 0.05
    assert found.null_low < 0 < found.null_high
