from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import false_discovery_control

from scoring.cells import Cells
from scoring.effects import Scoring, Settings
from scoring.interpscore import score_cells
from scoring.labels import Labels
from scoring.metrics.registry import METRICS
from scoring.neuron_map import Pair
from scoring.results import RESULT_COLUMNS
from tests.unit.scoring.small_studies import small_cells
from tests.unit.scoring.test_effects import OWN

PAIRS = [Pair(10, "c0"), Pair(11, "c1"), Pair(13, "c2"), Pair(10, "c2")]
SETTINGS = Settings(resamples=99, seed=3)


def table(cells: Cells, settings: Settings = SETTINGS) -> pd.DataFrame:
    return score_cells(cells, PAIRS, settings).table


def test_columns_stand_in_their_order() -> None:
    found = table(small_cells(0))
    assert tuple(found.columns) == RESULT_COLUMNS
    assert list(found.columns[:8]) == ["Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes"]
    assert found[["Neuron", "Concept"]].to_numpy().tolist() == [
        [pair.channel, pair.concept] for pair in PAIRS
    ]


def test_columns_of_an_added_metric_follow() -> None:
    found = score_cells(small_cells(0), PAIRS, SETTINGS, metrics={**METRICS, "X": OWN}).table
    assert tuple(found.columns[: len(RESULT_COLUMNS)]) == RESULT_COLUMNS
    assert {"X", "e_X", "X_low", "X_high", "X_null"} <= set(found.columns)
    assert found["components"].tolist() == ["S R H"] * 4


def test_shares_and_effects_agree() -> None:
    found = table(small_cells(1))
    for symbol in "SRH":
        for end in ("", "_low", "_high"):
            share, effect = found[f"{symbol}{end}"].to_numpy(), found[f"e_{symbol}{end}"].to_numpy()
            assert share == pytest.approx((1 + effect) / 2, nan_ok=True)
    assert found["E"].to_numpy() == pytest.approx(found[["e_S", "e_R", "e_H"]].mean(axis=1).to_numpy())
    assert (found["E_low"] < found["E"]).all()
    assert (found["E"] < found["E_high"]).all()


def test_permutation_tests_follow_their_definitions() -> None:
    cells = small_cells(2)
    found, scoring = table(cells), Scoring(cells, SETTINGS)
    best = np.stack(list(scoring.best_of()))
    p_perm = []
    for row, pair in enumerate(PAIRS):
        unit, concept = pair.channel - 10, cells.number(pair.concept)
        null, value = scoring.draw(unit).null["E"][concept], scoring.observed.noise[concept, unit]
        p_perm.append((1 + (null >= value).sum()) / 100)
        below = ((null < value).sum() + (null == value).sum() / 2) / 99
        assert found["Q_perm"][row] == pytest.approx(below)
        assert found["p_max"][row] == pytest.approx((1 + (best[:, concept] >= value).sum()) / 100)
        assert found["InterpScore_null"][row] == pytest.approx((1 + np.median(null)) / 2)
        assert found["S_null_low"][row] == pytest.approx(
            (1 + np.quantile(scoring.draw(unit).null["S"][concept], 0.025)) / 2
        )
    assert found["p_perm"].to_list() == pytest.approx(p_perm)
    assert found["q_perm"].to_list() == pytest.approx(list(false_discovery_control(p_perm)))


def test_every_unit_and_concept_counts_in_the_false_discovery_rate() -> None:
    cells = small_cells(3)
    found, scoring = table(cells), Scoring(cells, SETTINGS)
    adjusted = false_discovery_control(scoring.p_selectivity.ravel()).reshape(3, 4)
    assert found["q_S"][1] == pytest.approx(adjusted[1, 1])
    assert (found["n_tests"] == 12).all()


def test_controls_are_the_other_units() -> None:
    cells = small_cells(4)
    found, whole = table(cells), Scoring(cells).observed.composite
    assert found["Q_ctrl"][1] == pytest.approx((whole[1, [0, 2, 3]] < whole[1, 1]).mean())
    assert (found["n_ctrl"] == 3).all()


def test_counts_are_those_of_the_concept() -> None:
    cells = small_cells(5, missing=0.3)
    row = table(cells).iloc[1]
    own = cells.concept == 1
    assert row["n_sources"] == 10
    assert row["n_other_sources"] == 21
    assert row["n_images"] == cells.present[:, own].sum()
    assert row["n_trials"] == cells.responses[:, own].sum()
    assert row["n_conditions"] == 3


def test_a_constant_unit_is_never_ranked() -> None:
    cells = small_cells(6)
    activation = cells.activation.copy()
    activation[:, :, 1] = 0
    row = table(replace(cells, activation=activation)).iloc[1]
    for name in ("S", "R", "H", "InterpScore", "E_low", "Q_perm", "p_perm", "Q_ctrl", "p_max", "p_S", "q_S"):
        assert np.isnan(row[name]), name
    assert row["Notes"].startswith("S: constant_activation; ")
    assert "H: constant_activation" in row["Notes"]
    assert row["components"] == ""


def test_why_components_are_missing_is_noted() -> None:
    cells = small_cells(7, sources=(1, 5, 12))
    wrong = replace(cells, recognition=np.where(cells.concept == 2, 0.0, cells.recognition))
    notes = table(wrong)["Notes"]
    assert "S: fewer_than_2_sources_on_a_side" in notes[0]
    assert "H: fewer_than_8_sources_in_every_condition" in notes[1]
    assert "H: recognition_or_activation_does_not_vary" in notes[2]
    assert "C: not_measured_it_needs_images_and_a_model" in notes[2]
    assert "fewer_than_8_sources: " in notes[1]
    assert "read p_max" in notes[1]
    assert "p_max" not in notes[2]


def test_causality_without_a_weight_is_not_missed() -> None:
    notes = table(small_cells(8), Settings((1, 0, 1, 1), 20))["Notes"]
    assert not notes.str.contains("not_measured").any()


def test_sources_that_cannot_exchange_are_noted() -> None:
    cells = small_cells(9)
    activation = cells.activation.copy()
    activation[1, 0] = np.nan
    found = table(replace(cells, activation=activation))
    notes = found.set_index("Concept")["Notes"].str
    said = "null: 1 of its 9 sources share their conditions with no other concept"
    own = cells.concepts[0]
    assert notes.endswith(said)[[own]].all()
    assert not notes.contains("null: ").drop(own).any()


def test_a_concept_with_conditions_of_its_own_has_no_null() -> None:
    cells = small_cells(9)
    activation = cells.activation.copy()
    activation[1, cells.concept == 0] = np.nan
    found = table(replace(cells, activation=activation)).set_index("Concept")
    own, others = found.loc[[cells.concepts[0]]], found.drop(cells.concepts[0])
    missing = ["Q_perm", "p_perm", "p_max", "InterpScore_null", "S_null_low"]
    assert own[missing].isna().all().all()
    assert others[missing].notna().all().all()
    assert own["InterpScore_low"].notna().all()
    assert own["Notes"].str.contains("null: no_source_of_another_concept_has_the_same_conditions").all()


def test_provenance_is_in_every_row() -> None:
    labels = Labels("activations of a", "effects of b")
    row = score_cells(small_cells(10), PAIRS, SETTINGS, labels=labels).table.iloc[2]
    expected = {
        "resampled": "source",
        "resamples": 99,
        "seed": 3,
        "method": "interpscore",
        "weights": "activations of a",
        "C_weights": "effects of b",
        "format_version": 1,
    }
    assert row[list(expected)].to_dict() == expected
