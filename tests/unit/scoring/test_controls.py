from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scoring.controls import COLUMNS
from scoring.effects import Scoring, Settings
from scoring.interpscore import score_cells
from scoring.neuron_map import Pair
from tests.unit.scoring.small_studies import small_cells

PAIRS = [Pair(10, "c0"), Pair(11, "c1"), Pair(12, "c2")]
SETTINGS = Settings(resamples=80)


def controls(resamples: int = 80) -> pd.DataFrame:
    return score_cells(small_cells(0), PAIRS, Settings(resamples=resamples)).controls


def test_each_pair_has_its_four_controls() -> None:
    found = controls()
    assert tuple(found.columns) == COLUMNS
    assert found["Control"].tolist()[:4] == [
        "constant",
        "shuffled",
        "best of all units, shuffled",
        "mismatched",
    ]
    assert found["Concept"].tolist() == ["c0"] * 4 + ["c1"] * 4 + ["c2"] * 4 + ["all"]


def test_a_constant_unit_has_no_value_but_a_reason() -> None:
    found = controls()
    constant = found[found["Control"] == "constant"]
    assert constant["E"].isna().all()
    assert (constant["reason"] == "constant_activation").all()


def test_mismatched_are_the_labelled_units_of_other_concepts() -> None:
    found = controls()
    whole = Scoring(small_cells(0)).observed.composite
    row = found[(found["Control"] == "mismatched") & (found["Concept"] == "c1")].iloc[0]
    assert row["E"] == pytest.approx(whole[1, [0, 2]].mean())
    assert (row["E_low"], row["E_high"]) == pytest.approx((whole[1, [0, 2]].min(), whole[1, [0, 2]].max()))
    assert row["labelled_E"] == pytest.approx(whole[1, 1])
    assert row["at_or_above"] == pytest.approx((whole[1, [0, 2]] >= whole[1, 1]).mean())
    overall = found.iloc[-1]
    assert overall["E"] == pytest.approx(whole[:, :3][~np.eye(3, dtype=bool)].mean())
    assert overall["E_low"] < overall["E"] < overall["E_high"]
    assert overall["n"] == 6


def test_shuffled_units_come_from_the_null() -> None:
    found, scoring = controls(), Scoring(small_cells(0), SETTINGS)
    null = scoring.draw(2).null["E"][2]
    row = found[(found["Control"] == "shuffled") & (found["Concept"] == "c2")].iloc[0]
    assert row["E"] == pytest.approx(null.mean())
    assert row["at_or_above"] == pytest.approx((null >= scoring.observed.noise[2, 2]).mean())
    best = found[(found["Control"] == "best of all units, shuffled") & (found["Concept"] == "c2")].iloc[0]
    assert best["E"] > row["E"]


def test_without_draws_the_shuffled_have_a_reason() -> None:
    found = controls(resamples=0)
    assert (found.loc[found["Control"].str.contains("shuffled"), "reason"] == "not_drawn").all()
    assert np.isnan(found.iloc[-1]["E_low"])
    assert not np.isnan(found.iloc[-1]["E"])


def test_one_pair_has_no_mismatched() -> None:
    found = score_cells(small_cells(0), PAIRS[:1], SETTINGS).controls
    assert found.iloc[-1]["reason"] == "no_labelled_unit_of_another_concept"
    assert len(found) == 4
