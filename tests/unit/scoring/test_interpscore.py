from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from scoring.cells import Cells
from scoring.effects import Scoring, Settings
from scoring.interpscore import Scores, score, score_cells
from scoring.neuron_map import Pair
from stimuli.errors import UserError
from tests.unit.scoring.small_studies import made_up_effects, small_cells


def flat(cells: Cells) -> dict[str, Any]:
    """The arguments of ``score`` for the images of some cells, in an order of no meaning."""
    condition, source = np.nonzero(cells.present)
    order = np.random.default_rng(0).permutation(condition.size)
    condition, source = condition[order], source[order]
    return {
        "activations": cells.activation[condition, source],
        "recognition": cells.recognition[condition, source],
        "labels": np.array(cells.concepts)[cells.concept[source]],
        "sources": np.array(cells.sources)[source],
        "conditions": np.array(cells.conditions)[condition],
        "responses": cells.responses[condition, source],
        "units": cells.units,
    }


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_arrays_and_cells_give_the_same_table(missing: float) -> None:
    cells = small_cells(0, missing=missing)
    pairs = {10: "C0", 12: "c2"}
    from_arrays = score(**flat(cells), pairs=pairs, resamples=60)
    from_cells = score_cells(cells, [Pair(*pair) for pair in pairs.items()], Settings(resamples=60))
    assert from_arrays.table.equals(from_cells.table)
    assert from_arrays.controls.equals(from_cells.controls)
    assert from_arrays.notes == ()


def test_without_pairs_every_unit_is_scored_for_every_concept() -> None:
    cells = small_cells(1)
    found = score(**flat(cells), resamples=0).table
    assert list(found["Neuron"]) == [10] * 3 + [11] * 3 + [12] * 3 + [13] * 3
    assert list(found["Concept"][:3]) == ["c0", "c1", "c2"]
    observed = Scoring(cells).observed
    assert found["E"].to_numpy() == pytest.approx(observed.composite.T.ravel())
    assert found["InterpScore"].to_numpy() == pytest.approx((1 + observed.composite.T.ravel()) / 2)


def test_many_units_have_no_null_and_say_so() -> None:
    found = score(**flat(small_cells(2, units=201)), resamples=20)
    assert found.notes == ("No null is drawn for more than 200 units: read p_S and q_S.",)
    assert found.table["p_perm"].isna().all()
    assert found.table["E_low"].notna().any()
    assert found.controls.empty


def test_images_alone_are_clean_sources_of_their_own() -> None:
    rng = np.random.default_rng(3)
    labels = np.repeat(["cat", "dog"], 12)
    found = score(rng.random((24, 2)), rng.random(24), labels, resamples=0)
    row = found.table.iloc[0]
    assert (row["n_sources"], row["n_conditions"], row["reliability"]) == (12, 1, 1)
    assert np.isnan(row["R"])
    assert "R: no_degraded_condition_with_2_sources_on_a_side" in row["Notes"]
    assert found.notes == (
        "H is not corrected for the raters' noise: neither responses nor reliability were given.",
    )


def test_a_given_reliability_corrects_h_alone() -> None:
    given = flat(small_cells(4))
    one, other = (score(**given, resamples=0, reliability=value).table for value in (1.0, 0.81))
    assert other["e_H"].to_numpy() == pytest.approx(np.clip(one["e_H"].to_numpy() / 0.9, -1, 1))
    assert (one["e_S"] == other["e_S"]).all()


def test_effects_give_causality() -> None:
    cells = replace(small_cells(5, units=30), units=tuple(range(30)))
    effects = made_up_effects(cells, 5)
    pairs = {10: "c0", 3: "c1"}
    found = score(**flat(cells), pairs=pairs, effects=effects, resamples=50).table
    assert found["e_C"][0] == 1
    assert list(found["components"]) == ["S C R H"] * 2
    assert found["C_interval"].tolist()[0] == "bound"
    assert list(found["n_C_images"]) == [9, 10]
    assert list(found["n_C_controls"]) == [29, 29]


def scored_in_another_order(cells: Cells, order: np.ndarray) -> Scores:
    arguments = flat(cells)
    each = {name: arguments[name][order] for name in arguments if name != "units"}
    return score(**each, units=cells.units, pairs={10: "c0", 11: "c1"}, resamples=30)


def test_the_order_of_images_does_not_matter() -> None:
    cells = small_cells(6)
    n = flat(cells)["labels"].size
    one = scored_in_another_order(cells, np.arange(n))
    other = scored_in_another_order(cells, np.random.default_rng(1).permutation(n))
    assert one.table.equals(other.table)


def test_the_order_of_units_does_not_matter() -> None:
    cells = small_cells(7)
    pairs = [Pair(12, "c0"), Pair(10, "c1")]
    turned = cells.of_units([13, 12, 11, 10])
    one, other = (score_cells(some, pairs, Settings(resamples=30)).table for some in (cells, turned))
    assert one.equals(other)


GIVEN = flat(small_cells(8))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"activations": np.zeros(3)},
            "activations have the shape (3,); give images x units, at least one of each",
        ),
        (
            {"activations": np.where(np.arange(93)[:, None] == 4, np.inf, 1.0) * np.ones(4)},
            "the activation of image 4, unit 0 is not a finite number; leave the image out",
        ),
        (
            {"labels": np.array(["a", "b"])},
            "the shape of labels is (2,), not (93,); give one value for each image",
        ),
        (
            {"recognition": np.zeros((93, 1))},
            "the shape of recognition is (93, 1), not (93,); give one value for each image",
        ),
        ({"recognition": np.full(93, 1.5)}, "a recognition of 1.5 is not between 0 and 1"),
        (
            {"recognition": np.full(93, "0.5")},
            "recognition must be numbers only, in rows of one length; convert text to numbers first",
        ),
        (
            {"activations": [[1.0, "2"]] * 93},
            "activations must be numbers only, in rows of one length; convert text to numbers first",
        ),
        (
            {"activations": [[1.0, 2.0], [3.0]]},
            "activations must be numbers only, in rows of one length; convert text to numbers first",
        ),
        (
            {"responses": np.array([4, "many"] * 40 + [1] * 13, dtype=object)},
            "responses must be numbers only, in rows of one length; convert text to numbers first",
        ),
        (
            {"responses": np.where(np.arange(93) == 5, np.inf, 4)},
            "the responses of image 5 are inf; give a whole number of at least 0",
        ),
        (
            {"responses": np.where(np.arange(93) == 6, np.nan, 4)},
            "the responses of image 6 are nan; give a whole number of at least 0",
        ),
        (
            {"responses": np.where(np.arange(93) == 7, -1, 4)},
            "the responses of image 7 are -1; give a whole number of at least 0",
        ),
        (
            {"responses": np.where(np.arange(93) == 8, 2.5, 4)},
            "the responses of image 8 are 2.5; give a whole number of at least 0",
        ),
        (
            {"responses": np.where(np.arange(93) == 9, 0, 4)},
            "image 9 has a recognition but no responses; give at least 1 response, or a recognition of NaN",
        ),
        (
            {"labels": [*GIVEN["labels"][:92], None]},
            "image 92 has nothing in labels; name it, or leave the image out",
        ),
        ({"labels": [["a"], ["b", "c"]]}, "labels has lists in it; give one name for each image"),
        (
            {"labels": [float("nan"), *GIVEN["labels"][1:]]},
            "image 0 has nothing in labels; name it, or leave the image out",
        ),
        (
            {"sources": [*GIVEN["sources"][:3], " ", *GIVEN["sources"][4:]]},
            "image 3 has nothing in sources; name it, or leave the image out",
        ),
        (
            {"conditions": ["", *GIVEN["conditions"][1:]]},
            "image 0 has nothing in conditions; name it, or leave the image out",
        ),
        *(
            (
                {"reliability": wrong},
                f"the reliability {wrong!r} is not above 0 and at most 1; give another, or the responses",
            )
            for wrong in (0.0, 1.5, -0.2, float("nan"), "0.5")
        ),
        (
            {"weights": (1, 1, 1)},
            "the weights 1 1 1 are not four numbers; give those of S, C, R and H",
        ),
        (
            {"weights": (1, 1, 1, "1 2")},
            "the weights 1 1 1 1 2 are not four numbers; give those of S, C, R and H",
        ),
        ({"resamples": -1}, "resamples is -1; give a whole number of at least 0"),
        ({"resamples": 10.5}, "resamples is 10.5; give a whole number of at least 0"),
        ({"seed": -3}, "seed is -3; give a whole number of at least 0"),
        ({"seed": "0"}, "seed is '0'; give a whole number of at least 0"),
        ({"units": (1, 1, 2, 3)}, "4 names are given for 4 units; name each unit once"),
        ({"units": (1, 2)}, "2 names are given for 4 units; name each unit once"),
        ({"pairs": {99: "c0"}}, "there is no unit 99, which is to be scored for c0"),
        (
            {"pairs": {10: "cat"}},
            "no image shows cat, which unit 10 is to be scored for; the concepts are c0, c1, c2",
        ),
        ({"clean": "5"}, "no image is in the clean condition '5'; the conditions are clean, d1, d2"),
        (
            {"weights": (0, 0, 0, 0)},
            "the weights 0 0 0 0 give no mean; give S C R H weights of at least 0 that are not all 0",
        ),
    ],
)
def test_bad_arrays_are_refused_in_one_sentence(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        score(**{"resamples": 0, **GIVEN, **changed})
    assert str(refused.value) == message


def test_numbers_of_numpy_are_as_good_as_pythons() -> None:
    plain = score(**GIVEN, weights=(1, 0, 2, 1), resamples=20, seed=3, reliability=0.5)
    numpys: dict[str, Any] = {"weights": np.array([1, 0, 2, 1], np.float32), "reliability": np.float32(0.5)}
    found = score(**GIVEN, **numpys, resamples=np.int64(20), seed=np.int32(3))  # type: ignore[arg-type]
    assert found.table.equals(plain.table)


def test_nobody_answered_needs_no_responses() -> None:
    unseen = np.arange(93) == 4
    recognition = np.where(unseen, np.nan, GIVEN["recognition"])
    given = GIVEN | {"recognition": recognition}
    none, some = (given | {"responses": np.where(unseen, n, GIVEN["responses"])} for n in (0, 7))
    assert score(**none, resamples=0).table.equals(score(**some, resamples=0).table)
