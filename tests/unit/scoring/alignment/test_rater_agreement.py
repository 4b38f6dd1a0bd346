from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from scoring.alignment.rater_agreement import choice_kappa, cohen_kappa, kappa_estimate, pairwise_kappa
from stimuli.errors import UserError

Weights = Literal["linear", "quadratic"] | None
WEIGHTS: list[Weights] = [None, "linear", "quadratic"]


def ratings(items: int, seed: int = 0, kept: float = 0.7) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    one, alone = rng.choice([0.0, 0.5, 1.0], size=(2, items), p=[0.5, 0.2, 0.3])
    return one.tolist(), np.where(rng.random(items) < kept, one, alone).tolist()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_equals_that_of_scikit_learn(weights: Weights) -> None:
    one, other = ratings(80)
    written = [[str(value) for value in rater] for rater in (one, other)]
    assert cohen_kappa(one, other, weights) == pytest.approx(cohen_kappa_score(*written, weights=weights))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_unused_categories_count_by_their_place(weights: Weights) -> None:
    one, other = ratings(60)
    categories = [0.0, 0.25, 0.5, 0.75, 1.0]
    numbers = [[categories.index(value) for value in rater] for rater in (one, other)]
    expected = cohen_kappa_score(*numbers, labels=range(5), weights=weights)
    assert cohen_kappa(one, other, weights, categories) == pytest.approx(expected)


def test_the_order_is_that_given() -> None:
    one, other = ["low", "mid", "high", "low"], ["low", "high", "high", "mid"]
    by_size = cohen_kappa(one, other, "quadratic", ["low", "mid", "high"])
    assert by_size != cohen_kappa(one, other, "quadratic")
    assert by_size == pytest.approx(cohen_kappa_score([0, 1, 2, 0], [0, 2, 2, 1], weights="quadratic"))


def test_raters_who_never_agree_have_no_interval() -> None:
    assert cohen_kappa([1, 0], [0, 1]) == -1
    assert kappa_estimate([1, 0], [0, 1]).reason == "does_not_vary_between_draws"


@pytest.mark.parametrize("weights", WEIGHTS)
def test_raters_who_always_agree_have_a_bound(weights: Weights) -> None:
    ratings = [0, 1] * 20
    found = kappa_estimate(ratings, ratings, weights)
    assert (found.value, found.high, found.reason) == (1.0, 1.0, "")
    # up to 1 - .05^(1/40) of items may be disagreed on, where a half would be by chance
    assert found.low == pytest.approx(1 - (1 - 0.05 ** (1 / 40)) / 0.5)
    assert found.method == "one-sided bound from 40 items without a disagreement"


def test_one_category_leaves_nothing_to_agree_on() -> None:
    assert np.isnan(cohen_kappa([1, 1, 1], [1, 1, 1]))
    assert np.isnan(cohen_kappa([], []))
    assert kappa_estimate([1, 1, 1], [1, 1, 1]).reason == "both_raters_always_chose_one_category"
    assert kappa_estimate([], []).reason == "no_item_rated_by_both"


def test_unlike_lengths_are_refused() -> None:
    with pytest.raises(UserError) as caught:
        cohen_kappa([1, 0], [1])
    assert str(caught.value) == "two raters rated 2 and 1 items; give each rater's category of every item"


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        cohen_kappa(["yes"], ["maybe"], categories=["yes", "no"])
    assert str(caught.value) == (
        "'maybe' is not among the categories yes, no; add it to them or correct the rating"
    )


@pytest.mark.parametrize("weights", WEIGHTS)
def test_the_interval_holds_kappa_and_says_its_unit(weights: Weights) -> None:
    one, other = ratings(120)
    found = kappa_estimate(one, other, weights, draws=300, seed=2)
    assert found.value == cohen_kappa(one, other, weights)
    assert found.low < found.value < found.high
    assert (found.n, found.unit, found.null) == (120, "items", 0.0)
    assert found.method == "t from a bootstrap of items, 300 draws, seed 2"
    assert found == kappa_estimate(one, other, weights, draws=300, seed=2)


def test_items_that_stand_for_each_other_count_once() -> None:
    one, other = ratings(60)
    tenfold = kappa_estimate(one * 10, other * 10)
    clustered = kappa_estimate(one * 10, other * 10, clusters=list(range(60)) * 10)
    alone = kappa_estimate(one, other)
    assert clustered.value == pytest.approx(alone.value)
    assert (clustered.n, clustered.unit) == (60, "clusters")
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low, rel=0.1)
    assert tenfold.high - tenfold.low < 0.5 * (alone.high - alone.low)


def test_one_cluster_has_no_interval() -> None:
    found = kappa_estimate(*ratings(30), clusters=[1] * 30)
    assert found.reason == "fewer_than_2_items"
    assert not np.isnan(found.value)


def choices(observers: int, stimuli: int, seen: float = 1.0) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    rows = [
        (f"o{observer}", f"s{stimulus:03}", chosen or pd.NA)
        for observer in range(observers)
        for stimulus in range(stimuli)
        if rng.random() < seen
        for chosen in [rng.choice(["", "cat", "dog", ("cat", "dog", "ant")[stimulus % 3]])]
    ]
    return pd.DataFrame(rows, columns=["observer", "stimulus", "chosen"]).astype({"chosen": "string"})


def test_pairs_of_observers_as_by_scikit_learn() -> None:
    frame = choices(5, 90, seen=0.7)
    wide = frame.assign(chosen=frame["chosen"].fillna("none")).pivot(
        index="observer", columns="stimulus", values="chosen"
    )
    expected = [
        cohen_kappa_score(wide.loc[one][both], wide.loc[other][both])
        for one in wide.index
        for other in wide.index[wide.index > one]
        for both in [wide.loc[one].notna() & wide.loc[other].notna()]
    ]
    found = pairwise_kappa(frame.sample(frac=1, random_state=1), draws=200)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low < found.value < found.high
    assert (found.n, found.unit) == (5, "observers")


def test_answers_that_were_not_judged_do_not_count() -> None:
    frame = choices(4, 60)
    judged = frame.assign(correct=frame["chosen"].eq("cat").fillna(False).where(frame["stimulus"] < "s040"))
    kept = frame[frame["stimulus"] < "s040"]
    assert pairwise_kappa(judged).value == pairwise_kappa(kept).value


def test_choices_may_be_too_few() -> None:
    assert pairwise_kappa(choices(4, 10)).reason == "too_few_shared_stimuli"
    assert pairwise_kappa(choices(1, 40)).reason == "fewer_than_2_observers"
    assert pairwise_kappa(choices(0, 0)).reason == "no_item_rated_by_both"


def test_who_always_chose_the_same_has_no_kappa() -> None:
    found = choice_kappa(np.array([[0] * 30, [0] * 30, [0, 1] * 15]))
    assert np.isnan(found[0, 1])
    assert found[0, 2] == 0
