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
            "concept has the shape (2,), not (93,); give one value for each image",
        ),
        ({"recognition": np.full(93, 1.5)}, "a recognition of 1.5 is not between 0 and 1"),
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
        score(**{**GIVEN, **changed}, resamples=0)
    assert str(refused.value) == message
