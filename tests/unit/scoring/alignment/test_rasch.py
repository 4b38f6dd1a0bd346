from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from scoring.alignment.observations import Matrix
from scoring.alignment.rasch import rasch
from scoring.statistics import Floats
from stimuli.errors import UserError


def matrix(values: Floats) -> Matrix:
    people, images = values.shape
    none = np.zeros(images, dtype=np.intp)
    names = [np.array([f"{kind}{at:03}" for at in range(n)]) for kind, n in (("p", people), ("i", images))]
    return Matrix(values, names[0], names[1], none, none, none)


def simulated(seed: int, people: int, images: int, shown: float = 1.0) -> tuple[Matrix, Floats, Floats]:
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(0, 1.0, people), rng.normal(-0.5, 1.2, images)
    right = (rng.random((people, images)) < expit(ability[:, None] - difficulty)).astype(float)
    right[rng.random(right.shape) > shown] = np.nan
    return matrix(right), ability, difficulty


@pytest.mark.parametrize("shown", [1.0, 0.4])
def test_gives_back_abilities_and_difficulties(shown: float) -> None:
    answers, ability, difficulty = simulated(1, 80, 100, shown)
    found = rasch(answers)
    assert found.converged
    assert np.corrcoef(found.persons["ability"], ability)[0, 1] > 0.85
    assert np.corrcoef(found.images["difficulty"], difficulty)[0, 1] > 0.85
    within = np.abs(found.images["difficulty"] - difficulty) < 1.96 * found.images["se"]
    assert within.mean() > 0.88
    spread = ability.std(), difficulty.std()
    assert found.ability_sd.low < spread[0] < found.ability_sd.high
    assert found.difficulty_sd.low < spread[1] < found.difficulty_sd.high
    assert found.mean_difficulty.low < -0.5 < found.mean_difficulty.high


def test_separation_is_the_squared_correlation_with_the_truth() -> None:
    answers, ability, difficulty = simulated(2, 150, 40)
    found = rasch(answers)
    people = np.corrcoef(found.persons["ability"], ability)[0, 1] ** 2
    images = np.corrcoef(found.images["difficulty"], difficulty)[0, 1] ** 2
    assert found.person_separation.value == pytest.approx(people, abs=0.06)
    assert found.image_separation.value == pytest.approx(images, abs=0.06)
    assert found.person_separation.low < found.person_separation.value < found.person_separation.high


@pytest.mark.parametrize("shown", [1.0, 0.2])
def test_mean_squares_are_near_1_where_the_model_holds(shown: float) -> None:
    found = rasch(simulated(3, 100, 80, shown)[0])
    for table in (found.persons, found.images):
        assert table["infit"].mean() == pytest.approx(0.98, abs=0.06)
        assert table["outfit"].mean() == pytest.approx(0.98, abs=0.08)


def test_someone_who_guesses_has_larger_mean_squares() -> None:
    answers, _, _ = simulated(4, 80, 80)
    answers.values[7] = np.random.default_rng(0).integers(2, size=80)
    found = rasch(answers).persons
    outfit = found["outfit"].to_numpy(np.float64)
    assert outfit[7] > 1.25
    assert outfit[7] > np.quantile(np.delete(outfit, 7), 0.9)


def test_all_right_has_a_finite_ability() -> None:
    answers, _, _ = simulated(5, 30, 30)
    answers.values[0], answers.values[1], answers.values[:, 3] = 1, 0, 1
    found = rasch(answers)
    ability = found.persons["ability"].to_numpy(np.float64)
    assert [int(ability.argmax()), int(ability.argmin())] == [0, 1]
    assert np.isfinite(ability).all()
    assert found.images["difficulty"].idxmin() == 3
    assert np.isfinite(found.images["difficulty"]).all()


def test_no_spread_is_not_resolved() -> None:
    rows = np.tile([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], (10, 1))
    rows[:5] = 1 - rows[:5]
    found = rasch(matrix(rows))
    assert found.ability_sd.value == 0
    assert found.ability_sd.low == 0
    assert found.ability_sd.high > 0
    assert found.person_separation.reason == "no_spread_beyond_chance_in_the_answers"
    assert np.isnan(found.person_separation.value)


def test_images_that_everyone_or_no_one_names_have_no_finite_spread() -> None:
    found = rasch(matrix(np.tile([1.0, 0.0, 1.0, 0.0], (10, 1))))
    assert found.reason == "the_search_did_not_converge"
    assert found.images.empty


def test_people_and_images_without_answers_have_no_row() -> None:
    answers, _, _ = simulated(6, 20, 20)
    answers.values[4] = np.nan
    answers.values[:, 9] = np.nan
    found = rasch(answers)
    assert "p004" not in set(found.persons["observer"])
    assert "i009" not in set(found.images["stimulus"])
    assert found.persons["n"].eq(19).all()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([[np.nan, np.nan]], "no_answers"),
        ([[1, 0]], "fewer_than_2_participants"),
        ([[1], [0]], "fewer_than_2_images"),
        ([[1, 1], [1, 1]], "all_answers_alike"),
        ([[1, np.nan], [np.nan, 0]], "one_answer_of_each_participant_or_image"),
    ],
)
def test_no_model_has_a_reason(values: list[list[float]], reason: str) -> None:
    found = rasch(matrix(np.array(values, dtype=float)))
    assert (found.reason, found.ability_sd.reason, found.converged) == (reason, reason, False)
    assert found.persons.empty


def test_partial_credit_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        rasch(matrix(np.array([[0.5, 1], [0, 1]])))
    assert str(caught.value) == (
        "the Rasch model needs answers that are right (1) or wrong (0): give it correct, not score"
    )


def test_few_answers_of_each_image_do_not_tell_how_images_differ() -> None:
    sparse, some = (rasch(simulated(4, people, 200, shown)[0]) for people, shown in ((20, 0.1), (20, 0.3)))
    assert sparse.difficulty_sd.reason == "too_few_answers_of_each"
    assert np.isnan([sparse.difficulty_sd.value, sparse.image_separation.value]).all()
    assert sparse.ability_sd.low < sparse.ability_sd.value < sparse.ability_sd.high
    assert some.difficulty_sd.value > 0
    assert np.isnan(some.difficulty_sd.low)
    assert some.difficulty_sd.reason == "too_few_answers_of_each_for_an_interval"
    assert some.image_separation.low < some.image_separation.value
