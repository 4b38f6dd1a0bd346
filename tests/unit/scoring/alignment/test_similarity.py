from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scoring.alignment import similarity
from scoring.alignment.similarity import centred_kernel_alignment, pair_cosines, representational_similarity
from scoring.statistics import Floats
from tests.reference.alignment.coverage_similarity import Design, simulate

BOTH = pytest.mark.parametrize("compare", [representational_similarity, centred_kernel_alignment])


def compared(choices: Floats, *layers: Floats, measure: str = "rsa", draws: int = 300) -> pd.DataFrame:
    compare = {"rsa": representational_similarity, "cka": centred_kernel_alignment}[measure]
    return compare(choices, {f"layer{i}": layer for i, layer in enumerate(layers)}, draws=draws, seed=1)


def study(concepts: int = 12, shared: float = 1.0, seed: int = 0) -> tuple[Floats, Floats]:
    return simulate(Design(concepts=concepts, shared=shared), np.random.default_rng(seed))


@pytest.mark.parametrize("measure", ["rsa", "cka"])
def test_a_layer_that_is_arranged_as_people_are_is_found_and_one_of_noise_is_not(measure: str) -> None:
    choices, activation = study()
    noise = np.random.default_rng(5).normal(size=(12, 30))
    table = compared(choices, activation, noise, measure=measure)
    planted, other = table.to_dict("records")
    assert planted["low"] > 0
    assert planted["p"] < 0.01
    assert planted["q"] == pytest.approx(2 * planted["p"])
    assert planted["low"] < planted["value"] < planted["high"]
    assert planted["ceiling_low"] < planted["ceiling_high"] <= 1
    assert other["low"] < 0 < other["high"]
    assert other["p"] > 0.05
    assert (table["reason"] == "").all()
    assert table["n_observers"].tolist() == [10, 10]
    assert table["n_units"].tolist() == [40, 30]
    assert (table["measure"] == measure).all()


def test_columns_are_those_documented() -> None:
    choices, activation = study()
    assert tuple(compared(choices, activation)) == similarity.COLUMNS
    columns = tuple(compared(choices, activation, measure="cka"))
    assert columns == (*similarity.COLUMNS, "biased", "biased_null")


def test_the_biased_alignment_is_high_without_any_relation() -> None:
    choices, _ = study(concepts=10)
    noise = np.random.default_rng(5).normal(size=(10, 2000))
    row = compared(choices, noise, measure="cka").iloc[0]
    assert row["biased"] > 0.6
    assert row["biased_null"] > 0.6
    assert abs(row["value"]) < 0.5


@BOTH
def test_the_same_seed_gives_the_same_table(compare: type) -> None:
    choices, activation = study()
    first, again = (compare(choices, {"a": activation}, draws=50, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def with_few_confusions(choices: Floats) -> Floats:
    concepts = choices.shape[1]
    right = np.concatenate([np.eye(concepts), np.zeros((concepts, 1))], axis=1) * 10.0
    quiet = np.tile(right, (len(choices), 1, 1))
    quiet[0, 0, 1] = concepts - 1
    return quiet


def without_answers_to_the_first(choices: Floats) -> Floats:
    return np.where(np.arange(choices.shape[1])[None, :, None] == 0, 0.0, choices)


@BOTH
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda choices: choices[:, :7, [*range(7), -1]], "too_few_concepts"),
        (lambda choices: choices[:3], "too_few_observers"),
        (lambda choices: np.concatenate([choices[:3], 0 * choices]), "too_few_observers"),
        (without_answers_to_the_first, "concept_without_answers"),
        (with_few_confusions, "no_confusions"),
        (lambda choices: choices[:0], "too_few_observers"),
    ],
)
def test_what_would_mislead_is_refused(compare: type, change: type, reason: str) -> None:
    choices, activation = study()
    fewer = change(choices)
    row = compare(fewer, {"a": activation[: fewer.shape[1]]}, draws=50).iloc[0]
    assert row["reason"] == reason
    assert row[["value", "low", "high", "p", "q", "null", "ceiling_low", "ceiling_high"]].isna().all()
    assert row["method"] == ""


@BOTH
def test_people_who_agree_on_nothing_have_no_ceiling(compare: type) -> None:
    rng = np.random.default_rng(2)
    choices = np.full((10, 12, 13), 0.0)
    for answers in choices:
        for shown in range(12):
            answers[shown] = rng.multinomial(20, np.full(13, 1 / 13))
    row = compare(choices, {"a": rng.normal(size=(12, 5))}, draws=200).iloc[0]
    assert row["reason"] == "ceiling_not_above_zero"
    assert row["ceiling_p"] > 0.05
    assert np.isnan(row["value"])


@BOTH
def test_a_layer_without_activations_is_missing_and_others_are_not(compare: type) -> None:
    choices, activation = study()
    gap = activation.copy()
    gap[3, 2] = np.nan
    table = compare(choices, {"a": np.ones((12, 6)), "b": gap, "c": activation}, draws=50)
    assert table["reason"].tolist() == ["activation_constant_or_missing"] * 2 + [""]
    assert table["value"].isna().tolist() == [True, True, False]
    assert table["q"].iat[2] == table["p"].iat[2]


@BOTH
def test_no_layers_give_no_rows(compare: type) -> None:
    choices, _ = study()
    assert len(compare(choices, {}, draws=50)) == 0


def test_equal_orders_have_no_interval() -> None:
    vector = np.array([0.6, -0.8, 0.0, 0.0, 0.0, 0.0])
    value, low, high = pair_cosines(vector, vector[:, None], 4)
    assert value[0] == pytest.approx(1)
    assert np.isnan([low[0], high[0]]).all()


def test_tables_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match="observers by C concepts by C \\+ 1 choices"):
        representational_similarity(np.ones((3, 8, 8)), {})
    with pytest.raises(ValueError, match="layer a must have a row for each of 8 concepts"):
        representational_similarity(np.ones((3, 8, 9)), {"a": np.ones((7, 2))})
