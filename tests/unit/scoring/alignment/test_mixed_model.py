from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtri

from scoring.alignment.mixed_model import MixedFit, fit_mixed, population_accuracy
from stimuli.errors import UserError
from tests.reference.alignment.coverage_mixed import Study, simulate

LARGE = Study(participants=80, images=160, each=60, concepts=10, conditions=2, slope=0.5, concept_sd=0.3)


def study(seed: int = 1, **changes: float | None) -> tuple[pd.DataFrame, pd.Series[float]]:
    frame, activation = simulate(Study(**changes), np.random.default_rng(seed))  # type: ignore[arg-type]
    assert activation is not None
    return frame, activation


def spread(fit: MixedFit, term: str, effect: str = "intercept") -> dict[Hashable, Any]:
    rows = fit.spread[fit.spread["term"].eq(term) & fit.spread["effect"].eq(effect)]
    return rows.to_dict("records")[0]


@pytest.fixture(scope="module")
def large() -> MixedFit:
    return fit_mixed(*simulate(LARGE, np.random.default_rng(4)))


def test_a_large_study_gives_back_what_was_put_in(large: MixedFit) -> None:
    assert large.converged
    assert large.slope.value == pytest.approx(0.5, abs=0.25)
    assert large.slope.low < 0.5 < large.slope.high
    assert (large.slope.p < 0.05) == (large.slope.low > 0)
    assert (large.slope.n, large.slope.unit, large.slope.null) == (10, "concepts, participants and images", 0)
    assert large.slope.method == "profile of Laplace's likelihood, root against t with 9 degrees of freedom"
    for term, effect, truth in [("concept", "slope", 0.3), ("participant", "intercept", 0.8)]:
        row = spread(large, term, effect)
        assert row["low"] < truth < row["high"]
    assert spread(large, "image")["value"] == pytest.approx(0.7, abs=0.12)
    assert (large.n_answers, large.n_participants, large.n_images) == (4800, 80, 160)
    assert (large.n_concepts, large.n_cells) == (10, 20)


def test_rows_of_the_fixed_table_are_the_slope_and_the_cells(large: MixedFit) -> None:
    table = large.fixed
    assert list(table["term"]) == ["activation"] + ["cell"] * 20
    assert table.loc[0, "value"] == large.slope.value
    cells = table.iloc[1:]
    assert (cells["low"] < cells["value"]).all()
    assert cells["n"].sum() == 4800
    assert cells["p"].isna().all()
    assert ((cells["accuracy_low"] < cells["accuracy"]) & (cells["accuracy"] < cells["accuracy_high"])).all()


def test_levels_are_each_concept_participant_and_image(large: MixedFit) -> None:
    sizes = large.levels.groupby(["term", "effect"]).size().to_dict()
    assert sizes == {("concept", "slope"): 10, ("participant", "intercept"): 80, ("image", "intercept"): 160}
    people = large.levels[large.levels["term"].eq("participant")]
    assert people["value"].std() < spread(large, "participant")["value"]
    assert (people["se"] > 0).all()


def test_without_activations_it_shares_out_the_variance() -> None:
    truth = Study(participants=80, images=160, each=50, slope=None, conditions=2, concept_sd=0.6)
    fit = fit_mixed(simulate(truth, np.random.default_rng(3))[0])
    assert fit.slope.reason == "no_activations"
    assert list(fit.spread["term"]) == ["concept", "participant", "image"]
    total = (fit.spread["value"] ** 2).sum() + np.pi**2 / 3
    assert fit.spread["share"].to_numpy() == pytest.approx((fit.spread["value"] ** 2 / total).to_numpy())
    assert (fit.spread["share_low"] <= fit.spread["share"]).all()
    assert list(fit.fixed["condition"]) == ["0", "1"]
    assert fit.fixed["value"].to_numpy() == pytest.approx([1.0, 0.3], abs=0.6)


def test_accuracy_is_the_mean_over_the_population() -> None:
    drawn = expit(0.8 + np.random.default_rng(0).normal(0, 1.5, 400_000)).mean()
    found = population_accuracy(np.array([0.8, np.nan]), 2.25)
    assert found[0] == pytest.approx(drawn, abs=0.002)
    assert np.isnan(found[1])


def test_the_order_of_rows_does_not_matter() -> None:
    frame, activation = study()
    one = fit_mixed(frame, activation)
    other = fit_mixed(frame.sample(frac=1, random_state=3), activation.sample(frac=1, random_state=4))
    assert other.slope.value == pytest.approx(one.slope.value, abs=1e-5)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)


def test_only_the_order_of_activations_within_a_cell_matters() -> None:
    frame, activation = study()
    cell = frame.drop_duplicates("stimulus").set_index("stimulus")["concept"].astype(int)
    other = activation**0.5 * 7 + cell.reindex(activation.index) * 100
    found, expected = fit_mixed(frame, other).slope, fit_mixed(frame, activation).slope
    assert found.value == pytest.approx(expected.value, abs=1e-6)


def test_cells_without_a_wrong_or_a_right_answer_are_left_out_and_change_nothing() -> None:
    frame, activation = study(conditions=1)
    right = frame["concept"].eq("2")
    wrong = frame["concept"].eq("5")
    shared = frame.assign(correct=frame["correct"].mask(right, True).mask(wrong, False))
    fit = fit_mixed(shared, activation)
    alone = fit_mixed(shared[~right & ~wrong], activation)
    assert fit.converged
    assert fit.slope == alone.slope
    rows = fit.fixed[fit.fixed["reason"].ne("")].set_index("concept")
    assert rows["reason"].to_dict() == {"2": "all_answers_right", "5": "all_answers_wrong"}
    assert rows["value"].isna().all()
    n = int(right.sum() + wrong.sum())
    assert fit.notes == (f"2 concepts × conditions are left out: their {n} answers are all alike",)


def test_where_every_cell_is_separated_there_is_no_model() -> None:
    frame, activation = study(conditions=1)
    all_or_none = frame.assign(correct=frame["concept"].isin(["1", "2"]))
    assert fit_mixed(all_or_none, activation).reason == "all_answers_of_every_cell_alike"


def test_concepts_within_which_nothing_varies_do_not_count() -> None:
    frame, activation = study(conditions=1)
    concept = frame.drop_duplicates("stimulus").set_index("stimulus")["concept"].reindex(activation.index)
    fit = fit_mixed(frame, activation.mask(concept.isin(["0", "1", "2"]), 1.0))
    assert fit.slope.n == 5
    assert fit.slope.method.endswith("t with 4 degrees of freedom")
    few = fit_mixed(frame, activation.where(concept.isin(["0", "1"]), 1.0))
    assert (few.slope.n, few.slope.unit) == (48, "participants and images")
    assert few.slope.method.endswith("root against chi²")


def test_a_spread_that_is_not_there_is_0_with_a_bound() -> None:
    truth = Study(slope=None, conditions=2, concept_sd=0.0, image_sd=0.0)
    found = [fit_mixed(simulate(truth, np.random.default_rng(seed))[0]) for seed in range(3)]
    rows = pd.concat([fit.spread for fit in found])
    zero = rows[rows["value"].eq(0)]
    assert len(zero) >= 1
    assert zero["low"].eq(0).all()
    assert zero["high"].between(0.01, 1.5).all()
    assert zero["reason"].eq("no_spread_beyond_chance_in_the_answers").all()
    assert all(fit.converged for fit in found)


def test_concepts_at_random_have_intercepts_and_slopes_that_correlate() -> None:
    frame, activation = simulate(LARGE, np.random.default_rng(7))
    fit = fit_mixed(frame, activation, concepts="random")
    assert fit.converged
    assert list(fit.spread["effect"]) == ["intercept", "slope", "correlation", "intercept", "intercept"]
    assert fit.slope.low < 0.5 < fit.slope.high
    correlation = fit.spread.iloc[2]
    assert -1 < correlation["low"] < correlation["value"] < correlation["high"] < 1
    assert list(fit.fixed["condition"].dropna()) == ["0", "1"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"correct": True}, "all_answers_alike"),
        ({"correct": pd.NA}, "no_answers"),
        (
            {"stimulus": [str(i) for i in range(1000)], "observer": "a", "concept": "x"},
            "neither_participants_nor_images_repeat",
        ),
    ],
)
def test_no_model_has_a_reason(change: dict[str, Any], reason: str) -> None:
    frame, _ = study()
    fit = fit_mixed(frame.assign(**change))
    assert (fit.reason, fit.slope.reason, fit.converged) == (reason, reason, False)
    assert fit.fixed.empty
    assert np.isnan(fit.log_likelihood)


def test_an_activation_that_is_the_same_within_cells_says_nothing() -> None:
    frame, activation = study()
    fit = fit_mixed(frame, activation * 0 + 3)
    assert fit.reason == "activation_does_not_vary_within_cells"


def test_terms_that_cannot_be_told_apart_are_left_out_with_a_reason() -> None:
    frame, activation = study(images=24, each=20)
    few = fit_mixed(frame[frame["concept"].isin(["0", "1"])])
    assert spread(few, "concept")["reason"] == "fewer_than_3_concepts"
    assert spread(few, "image")["reason"] == ""
    one_each = frame.assign(stimulus=frame["condition"])
    assert spread(fit_mixed(one_each), "image")["reason"] == "one_image_a_cell"
    assert fit_mixed(frame, activation).reason == "activation_does_not_vary_within_cells"


def test_one_observer_gives_no_model_of_people() -> None:
    frame, _ = study()
    twice = pd.concat([frame[frame["observer"].eq("3")]] * 3)
    fit = fit_mixed(twice.assign(correct=np.arange(len(twice)) % 2 == 0))
    assert spread(fit, "participant")["reason"] == "one_participant"
    assert np.isnan(spread(fit, "participant")["value"])


def test_images_without_an_activation_are_left_out_and_counted() -> None:
    frame, activation = study()
    fit = fit_mixed(frame, activation.drop(["3", "4"]))
    assert fit.notes[0] == "2 images without an activation are left out"
    assert fit.n_images == 46


def test_answers_that_were_not_judged_are_left_out() -> None:
    frame, activation = study()
    judged = frame.assign(correct=frame["correct"].astype("boolean").mask(np.arange(len(frame)) < 100))
    assert fit_mixed(judged, activation).n_answers == len(frame) - 100


def test_normal_scores_count_ties_one_half() -> None:
    frame, activation = study(images=32, conditions=1)
    ties = activation.round(0).clip(upper=1)
    expected = fit_mixed(frame, ties)
    by_hand = ties.copy()
    concept = frame.drop_duplicates("stimulus").set_index("stimulus")["concept"].reindex(ties.index)
    for _, cell in ties.groupby(concept):
        by_hand[cell.index] = ndtri((cell.rank() - 0.5) / len(cell))
    assert fit_mixed(frame, by_hand).slope.value == pytest.approx(expected.slope.value, abs=1e-6)


def test_bad_input_is_refused() -> None:
    frame, _ = study()
    with pytest.raises(UserError) as caught:
        fit_mixed(frame.drop(columns="observer"))
    assert str(caught.value) == (
        "the answers have no column observer: name it, or rename the column that holds it"
    )
    with pytest.raises(UserError) as caught:
        fit_mixed(frame, concepts="mixed")
    assert str(caught.value) == "concepts must be fixed or random, not mixed"


def test_images_of_few_answers_do_not_tell_their_spread() -> None:
    fit = fit_mixed(*study(participants=40, images=240, each=12, conditions=1))
    row = spread(fit, "image")
    assert row["reason"] == "too_few_answers_of_each"
    assert np.isnan(
        [row[name] for name in ("value", "low", "high", "share", "share_low", "share_high")]
    ).all()
    assert spread(fit, "participant")["value"] > 0
