from __future__ import annotations

import numpy as np
import pytest

from scoring.alignment.error_consistency import (
    crossed_consistency,
    error_consistency,
    human_consistency,
    model_consistency,
    model_pairs,
    sparse_consistency,
)
from scoring.alignment.observations import Matrix
from scoring.alignment.observer_pairs import pair_mean
from scoring.statistics import Floats


def study(observers: int, stimuli: int, seed: int = 0, *, concepts: int = 4, seen: float = 1.0) -> Matrix:
    """Observers who find the same pictures hard; each a source of its own, in one condition."""
    rng = np.random.default_rng(seed)
    chance = np.clip(rng.normal(0.6, 0.3, stimuli), 0.05, 0.95)
    right = (rng.random((observers, stimuli)) < chance).astype(np.float64)
    values = np.where(rng.random(right.shape) < seen, right, np.nan)
    own = np.arange(stimuli)
    names, stimuli_names = (np.array([f"{n:03}" for n in range(size)]) for size in values.shape)
    return Matrix(values, names, stimuli_names, own, own % concepts, np.zeros_like(own))


def of(rows: list[list[float]]) -> Floats:
    return np.array(rows, dtype=np.float64)


def test_kappa_of_two_observers_by_hand() -> None:
    # agree on 6 of 8; accuracies 6/8 and 4/8 expect 3/8 + 1/8
    correct = of([[1, 1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]])
    found = error_consistency(correct, least=8)
    assert found[0, 1] == pytest.approx((0.75 - 0.5) / 0.5)
    assert found[1, 0] == found[0, 1]
    assert np.isnan(np.diag(found)).all()


def test_what_a_concept_makes_easy_is_expected_per_concept() -> None:
    correct = of([[1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]])
    assert error_consistency(correct, least=8)[0, 1] == 1
    assert np.isnan(error_consistency(correct, np.repeat([0, 1], 4), least=8)[0, 1])
    mixed = of([[1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 1]])
    # per concept: accuracies 3/4 and 3/4, 1/4 and 1/4, so e = 5/8 where o = 1/2
    assert error_consistency(mixed, np.repeat([0, 1], 4), least=8)[0, 1] == pytest.approx(-1 / 3)


def test_pairs_are_compared_on_what_both_saw() -> None:
    whole = study(3, 60).values
    part = whole.copy()
    part[0, :25] = np.nan
    found = error_consistency(part)
    assert found[0, 1] == pytest.approx(error_consistency(whole[:, 25:])[0, 1])
    assert found[1, 2] == pytest.approx(error_consistency(whole)[1, 2])


def test_too_few_shared_stimuli_give_none() -> None:
    values = study(2, 30).values
    values[0, :11] = np.nan
    assert np.isnan(error_consistency(values)[0, 1])
    assert not np.isnan(error_consistency(values, least=19)[0, 1])


@pytest.mark.parametrize("all_of_them", [0.0, 1.0])
def test_observers_without_an_error_or_a_hit_have_none(all_of_them: float) -> None:
    correct = np.full((3, 40), all_of_them)
    assert np.isnan(error_consistency(correct)).all()
    found = human_consistency(study(3, 40)._replace(values=correct))
    assert found.reason == "no_disagreement_expected"


def test_an_observer_without_an_error_shares_none() -> None:
    values = study(3, 60).values
    values[0] = 1
    assert error_consistency(values)[0, 1:] == pytest.approx([0, 0])


def test_the_bias_of_few_pictures_a_concept_is_made_good() -> None:
    found = {
        few: [
            np.nanmean(error_consistency(one.values, one.concept, unbiased=unbiased))
            for unbiased in (False, True)
        ]
        for few in (4, 100)
        for one in [study(60, 400, 3, concepts=400 // few)]
    }
    assert found[100][0] == pytest.approx(found[100][1], abs=0.005)
    assert found[4][1] == pytest.approx(found[100][1], abs=0.02)
    assert found[4][0] < 0.85 * found[4][1]


def test_people_with_each_other() -> None:
    matrix = study(8, 200)
    found = human_consistency(matrix, draws=200, seed=1)
    assert found.value == pytest.approx(pair_mean(error_consistency(matrix.values)))
    assert found.low < found.value < found.high
    assert (found.n, found.unit, found.null) == (8, "observers", 0.0)
    assert human_consistency(matrix, draws=200, seed=1) == found
    per_concept = human_consistency(matrix, per_concept=True)
    assert per_concept.value == pytest.approx(pair_mean(error_consistency(matrix.values, matrix.concept)))


def test_other_pictures_make_an_interval_wider() -> None:
    matrix = study(8, 80)
    alone, both = human_consistency(matrix, draws=300), crossed_consistency(matrix, draws=300)
    assert both.value == alone.value
    assert both.high - both.low > alone.high - alone.low
    assert both.unit == "observers and sources"
    assert both.method == (
        "t, two-way variance from a crossed bootstrap of observers and 80 sources, 300 draws, seed 0"
    )
    percentile = crossed_consistency(matrix, draws=300, interval="percentile")
    assert percentile.low < both.value < percentile.high


def test_a_sources_stimuli_are_drawn_together() -> None:
    once = study(6, 60)
    twice = Matrix(
        np.tile(once.values, 2),
        once.observers,
        np.arange(120).astype(str),
        np.tile(once.source, 2),
        np.tile(once.concept, 2),
        np.repeat([0, 1], 60),
    )
    one, both = (crossed_consistency(matrix, draws=100) for matrix in (once, twice))
    assert (both.low, both.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize("sources", [1, 4])
def test_one_picture_a_concept_says_nothing_of_others(sources: int) -> None:
    own = np.arange(60) % sources
    matrix = study(6, 60)._replace(source=own, concept=own)
    found = crossed_consistency(matrix)
    assert found.reason == "fewer_than_2_sources_a_concept"
    assert np.isnan(found.low)
    assert found.value == human_consistency(matrix).value


def test_crossed_without_pairs_is_missing() -> None:
    assert crossed_consistency(study(5, 10)).reason == "too_few_shared_stimuli"


def test_few_shared_stimuli_still_have_one_kappa_for_all() -> None:
    matrix = study(60, 600, seen=0.06)
    assert human_consistency(matrix).reason == "too_few_shared_stimuli"
    found = sparse_consistency(matrix)
    whole = human_consistency(study(60, 600))
    assert found.low < whole.value < found.high
    assert found.n == 60
    assert sparse_consistency(matrix, per_concept=True).value == pytest.approx(found.value, abs=0.05)


@pytest.mark.parametrize(("rows", "reason"), [(1, "fewer_than_2_observers"), (4, "no_disagreement_expected")])
def test_one_kappa_for_all_may_be_missing(rows: int, reason: str) -> None:
    matrix = study(rows, 30)
    assert sparse_consistency(matrix._replace(values=np.ones((rows, 30)))).reason == reason


def test_a_model_stands_beside_the_ceiling() -> None:
    people = study(8, 200)
    models = study(3, 200, 5)._replace(observers=np.array(["a", "b", "copy"]))
    values = models.values.copy()
    values[2] = people.values[0]
    found = model_consistency(people, models._replace(values=values), draws=200).set_index("model")
    pairs = error_consistency(np.concatenate([people.values, values]))
    assert found.loc["a", "consistency"] == pytest.approx(pairs[:8, 8].mean())
    ceiling = human_consistency(people, draws=200)
    assert (found["ceiling"] == ceiling.value).all()
    assert (found["ceiling_low"] == ceiling.low).all()
    assert found.loc["a", "gap"] == pytest.approx(ceiling.value - pairs[:8, 8].mean())
    assert (found["n"] == 8).all()
    assert (found["shared"] == 200).all()
    # the copy of a person is one with him, and otherwise as people are
    assert found["consistency"].iloc[2] > ceiling.value
    assert (found["consistency_low"] < found["consistency"]).all()
    assert (found["reason"] == "").all()


def test_a_model_that_shares_too_little_says_so() -> None:
    people, models = study(5, 60), study(1, 60, 5)
    models.values[0, 10:] = np.nan
    row = model_consistency(people, models).iloc[0]
    assert np.isnan(row["consistency"])
    assert np.isnan(row["gap"])
    assert row["reason"] == "too_few_shared_stimuli"
    assert row["shared"] == 10
    assert row["n"] == 0


def test_a_model_and_people_who_make_no_error_share_none() -> None:
    people = study(4, 60)._replace(values=np.ones((4, 60)))
    row = model_consistency(people, study(1, 60)._replace(values=np.ones((1, 60)))).iloc[0]
    assert row["reason"] == "model_always_right"


def test_one_person_has_a_model_and_no_ceiling() -> None:
    row = model_consistency(study(1, 60), study(1, 60, 5)).iloc[0]
    assert not np.isnan(row["consistency"])
    assert np.isnan([row["ceiling"], row["gap"], row["consistency_low"]]).all()
    assert row["reason"] == "fewer_than_3_observers"
    assert row["ceiling_reason"] == "fewer_than_2_observers"


def test_models_with_each_other() -> None:
    models = study(3, 120)
    found = model_pairs(models, draws=200)
    assert found[["one", "other"]].to_numpy().tolist() == [["000", "001"], ["000", "002"], ["001", "002"]]
    expected = error_consistency(models.values)[np.triu_indices(3, 1)]
    assert found["consistency"].to_numpy() == pytest.approx(expected)
    assert (found["low"] < found["consistency"]).all()
    assert (found["n"] == 120).all()
    assert model_pairs(study(2, 10)).iloc[0]["reason"] == "too_few_shared_stimuli"
    assert not len(model_pairs(study(1, 50)))
