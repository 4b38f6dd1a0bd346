"""The calibration in short; ``python -m tests.reference.calibration`` is its long form."""

from __future__ import annotations

from functools import partial

import pandas as pd
import pytest
from scipy.stats import binom

from tests.reference.calibration.designs import truth
from tests.reference.calibration.studies import intervals, null_p_values
from tests.reference.calibration.tables import coverage_table, null_table

STUDIES = 40
#: fewest of the studies' intervals that cover if 92% of them do, but for one run in ten thousand
FEWEST = int(binom.ppf(1e-4, STUDIES, 0.92))


@pytest.fixture(scope="module")
def covered() -> pd.DataFrame:
    known = truth(0, sources=5000, repeats=2)
    found = map(partial(intervals, "27 sources", 1, resamples=150), range(STUDIES))
    return coverage_table([one for study in found for one in study], known)


def test_intervals_cover_the_truth(covered: pd.DataFrame) -> None:
    judged = covered[covered["estimate"] != "e_C"]
    few = judged[judged["covered"] < FEWEST / STUDIES]
    assert few.empty, few.to_string()
    assert len(judged) > 15


def test_estimates_are_near_the_truth(covered: pd.DataFrame) -> None:
    judged = covered[~covered["estimate"].isin(["e_C", "E", "InterpScore", "retention"])]
    assert (judged["mean"] - judged["true"]).abs().max() < 0.06


def test_p_values_of_noise_are_uniform() -> None:
    table = null_table([null_p_values(2, study, resamples=60) for study in range(STUDIES)])
    assert list(table["p-value"]) == ["p_S", "p_perm", "p_max"]
    assert table["KS p"].min() > 1e-3, table.to_string()
