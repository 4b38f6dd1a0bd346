from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scoring.alignment.align import (
    PARTS,
    Alignment,
    Layer,
    Settings,
    Task,
    _without_rounding,
    align,
    choice_counts,
    concept_means,
    pairs_table,
)
from scoring.alignment.error_consistency import error_consistency
from scoring.alignment.observations import COLUMNS, Observations
from scoring.alignment.of_trials import read_answered
from scoring.alignment.unit_choices import UNITS, stimuli_of, unit_observations
from scoring.neuron_map import Pair
from scoring.trial_table import read_trials
from tests.functional.forced_choice_study import CONCEPTS, THRESHOLD, trial_table

SETTINGS = Settings(resamples=100, seed=1)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[Observations, pd.DataFrame]:
    path = tmp_path_factory.mktemp("trials") / "trials.csv"
    trial_table(people=14, sources=7).to_csv(path, index=False)
    answered = read_answered(read_trials(path), "trials.csv")
    return answered.observations, answered.trials


@pytest.fixture(scope="module")
def layer(people: tuple[Observations, pd.DataFrame]) -> Layer:
    observations, trials = people
    columns = [f"activation_{unit}" for unit in range(len(CONCEPTS))]
    first = trials.drop_duplicates("stimulus").set_index("stimulus").sort_index()
    assert first.index.tolist() == stimuli_of(observations).index.tolist()
    return Layer("units", "of nobody", first[columns].to_numpy(dtype=np.float64))


@pytest.fixture(scope="module")
def found(people: tuple[Observations, pd.DataFrame], layer: Layer) -> Alignment:
    observations, _ = people
    pairs = [Pair(unit, concept) for unit, concept in enumerate(CONCEPTS)]
    rows = unit_observations(observations, layer.activation, pairs)
    both = replace(observations, frame=pd.concat([observations.frame, rows], ignore_index=True))
    about = stimuli_of(observations)
    own = [CONCEPTS.index(concept) for concept in about["concept"]]
    unit = pd.Series(layer.activation[np.arange(len(own)), own], index=about.index)
    return align(both, [layer], SETTINGS, unit=unit)


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Leave out the other parts, so that a test is quick."""
    monkeypatch.setattr("scoring.alignment.align.PARTS", {name: PARTS[name] for name in names})


def test_every_estimate_has_a_value_and_its_interval_or_a_reason(found: Alignment) -> None:
    for name, one in found.estimates.items():
        assert one.reason or one.low <= one.value <= one.high, name
        assert one.n > 0, name


def test_estimates_of_people_are_there(found: Alignment) -> None:
    assert {
        *("human_accuracy", "split_half", "split_half_within_cell", "reliability", "rater_kappa"),
        *("error_consistency", "error_consistency_per_concept", "unit_slope", "ability_sd"),
    } <= set(found.estimates)


def test_the_threshold_is_recovered(found: Alignment) -> None:
    table = found.tables["psychometric"].set_index("group")
    row = table.loc["people"]
    assert row["alpha_low"] < THRESHOLD < row["alpha_high"]
    assert row["guess"] == 1 / len(CONCEPTS)


def test_people_and_units_in_one_choice_have_a_difference_of_thresholds(found: Alignment) -> None:
    row = found.tables["shifts"].set_index("model").loc[UNITS]
    assert row["low"] <= row["shift"] <= row["high"]


def test_a_model_with_another_task_has_none_and_the_reason(
    found: Alignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "psychometric curves")
    tasks = {UNITS: Task("people_typed", len(CONCEPTS))}
    other = align(found.observations, (), SETTINGS, tasks=tasks)
    row = other.tables["shifts"].set_index("model").loc[UNITS]
    assert pd.isna(row["shift"])
    assert row["reason"] == "people_typed"
    assert ("shifts", f"{UNITS}, gaussian_noise", "people_typed") in [
        (one.measure, one.about, one.reason) for one in other.refused
    ]
    # its own curve starts from its own chance
    assert other.tables["psychometric"].set_index("group").loc[UNITS, "guess"] == 1 / len(CONCEPTS)


def test_what_has_no_value_is_refused_once(found: Alignment) -> None:
    keys = [(one.measure, one.about) for one in found.refused]
    assert len(set(keys)) == len(keys)
    missing = {name for name, one in found.estimates.items() if math.isnan(one.value)}
    assert missing <= {one.measure for one in found.refused}
    assert all(one.reason for one in found.refused)


def test_the_same_seed_gives_the_same_numbers(found: Alignment, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [name for name in PARTS if name not in ("psychometric curves", "mixed model", "confusions")]
    only(monkeypatch, *parts)
    again = align(found.observations, found.layers, SETTINGS, unit=found.unit)
    for name, one in again.estimates.items():
        # NaN are equal to themselves in text
        assert repr(one) == repr(found.estimates[name]), name
    for name, table in again.tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)


def test_without_models_layers_and_units_that_is_said(
    people: tuple[Observations, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = ("consistency of errors", "mixed model", "geometry of layers", "probes of layers")
    only(monkeypatch, *parts)
    said: list[str] = []
    found = align(people[0], settings=SETTINGS, say=said.append)
    assert said == list(parts)
    refused = {(one.measure, one.reason) for one in found.refused}
    assert refused >= {
        *(("models", "no_models"), ("layers", "no_layers"), ("probes", "no_layers")),
        ("mixed_model", "no_unit"),
    }


def test_without_severities_there_are_no_curves(
    people: tuple[Observations, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "psychometric curves")
    frame = people[0].frame.assign(severity=np.nan).astype({"severity": "Float64"})
    found = align(replace(people[0], frame=frame), settings=SETTINGS)
    assert ("psychometric", "no_severity") in [(one.measure, one.reason) for one in found.refused]
    assert "psychometric" not in found.tables


def test_one_person_has_no_agreement(
    people: tuple[Observations, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "accuracy", "reliability", "consistency of errors")
    frame = people[0].frame
    found = align(replace(people[0], frame=frame[frame["observer"].eq("P-00")]), settings=SETTINGS)
    reasons = {one.measure: one.reason for one in found.refused}
    assert reasons["error_consistency"] == "fewer_than_2_observers"
    assert reasons["split_half"] == "fewer_than_2_observers"
    assert 0 < found.estimates["human_accuracy"].value < 1


def test_people_who_share_too_little_have_one_kappa_together(
    people: tuple[Observations, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "consistency of errors")
    rng = np.random.default_rng(0)
    frame = people[0].frame
    kept = frame[rng.random(len(frame)) < 0.3]
    found = align(replace(people[0], frame=kept), settings=SETTINGS)
    assert math.isnan(found.estimates["error_consistency"].value)
    assert found.estimates["error_consistency_all_pairs"].n == 14


def test_pairs_are_all_observers_with_all(found: Alignment) -> None:
    table = pairs_table(found.observations)
    assert len(table) == 15 * 14 / 2
    assert table["kinds"].value_counts().to_dict() == {"human and human": 91, "human and model": 14}
    matrix = found.observations.matrix()
    kappa = error_consistency(matrix.values)
    names = matrix.observers.tolist()
    row = table.iloc[37]
    expected = kappa[names.index(row["one"]), names.index(row["other"])]
    assert row["error_consistency"] == pytest.approx(expected, nan_ok=True)


def test_consistency_per_concept_is_also_given_unbiased(found: Alignment) -> None:
    people = found.observations.matrix("human")
    kappa = error_consistency(people.values, people.concept, unbiased=True)
    expected = np.nanmean(kappa[np.triu_indices(len(kappa), 1)])
    assert found.estimates["error_consistency_per_concept_unbiased"].value == pytest.approx(expected)


def test_rounding_is_no_consistency() -> None:
    assert _without_rounding(np.array([7.7e-17, -0.2])).tolist() == [0.0, -0.2]
    assert np.isnan(_without_rounding(np.array([math.nan]))).all()


def test_what_is_refused_is_told_in_parts(found: Alignment) -> None:
    parts = [one.parts for one in found.refused if one.measure == "mixed_model" and one.parts]
    assert all(", ".join(one.values()) for one in parts)
    assert "p_fit" in found.tables["psychometric"].columns


def test_choices_are_counted_by_person(people: tuple[Observations, pd.DataFrame]) -> None:
    counts = choice_counts(people[0])
    assert counts.shape == (14, 8, 9)
    frame = people[0].frame
    own = frame[frame["observer"].eq("P-03") & frame["concept"].eq("cactus")]
    assert counts[3, 2].sum() == len(own)
    assert counts[3, 2, 4] == own["chosen"].eq("fire").sum()
    assert counts.sum() == len(frame)


def test_layers_are_averaged_over_the_stimuli_of_a_concept(found: Alignment, layer: Layer) -> None:
    concept = stimuli_of(found.observations)["concept"].to_numpy()
    means = concept_means(found)["units"]
    assert means[3] == pytest.approx(layer.activation[concept == "dog"].mean(axis=0))


def independent(observers: int = 8, each: int = 60) -> Observations:
    """People who are alike in nothing but how hard the two conditions are for them."""
    rng = np.random.default_rng(5)
    rows = [
        (f"p{who}", "human", f"{condition}-{at}", f"s{at}", f"c{at % 3}", condition, right)
        for condition, chance in (("easy", 0.95), ("hard", 0.2))
        for who in range(observers)
        for at, right in enumerate(rng.random(each) < chance)
    ]
    names = ["observer", "kind", "stimulus", "source", "concept", "condition", "correct"]
    frame = pd.DataFrame(rows, columns=names)
    frame["perturbation"], frame["severity"] = "blur", np.nan
    frame = frame.assign(
        chosen=frame["concept"].where(frame["correct"]), score=frame["correct"].astype(float)
    )
    return Observations(frame[list(COLUMNS)].astype(COLUMNS), "made up")


def test_conditions_that_are_hard_for_all_are_no_consistency_of_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only(monkeypatch, "consistency of errors")
    found = align(independent(), (), SETTINGS)
    pooled, within = (found.estimates[f"error_consistency{end}"] for end in ("", "_per_condition"))
    assert pooled.value > 0.4
    assert math.isnan(pooled.null)
    assert within.low < 0 < within.high
    assert within.null == 0
    assert found.consistency == ("per condition", within)


def test_a_model_without_errors_has_no_consistency_with_people(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "consistency of errors")
    people = independent()
    first = people.frame[people.frame["observer"].eq("p0")]
    perfect = first.assign(observer="net", kind="model", correct=True, score=1.0, chosen=first["concept"])
    both = replace(people, frame=pd.concat([people.frame, perfect.astype(COLUMNS)], ignore_index=True))
    models = align(both, (), SETTINGS).tables["models"]
    assert set(models["reason"]) == {"model_always_right"}
    assert models[["consistency", "gap", "gap_low"]].isna().all(axis=None)


def test_a_reliability_whose_interval_says_nothing_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "reliability")
    found = align(independent(observers=3, each=6), (), SETTINGS)
    for name in ("reliability", "split_half_within_cell"):
        one = found.estimates[name]
        assert math.isnan(one.low) or one.low >= -1


def test_trials_of_different_alternatives_have_no_curve(
    people: tuple[Observations, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, "accuracy", "psychometric curves")
    observations = replace(people[0], alternatives=None, mixed_alternatives=True)
    found = align(observations, (), SETTINGS)
    assert "psychometric" not in found.tables
    assert ("psychometric", "alternatives_differ_between_trials") in [
        (one.measure, one.reason) for one in found.refused
    ]
    assert math.isnan(found.estimates["human_accuracy"].null)
