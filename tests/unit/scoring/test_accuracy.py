from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from scoring.accuracy import (
    MeanInterval,
    accuracy_table,
    experiment_trials,
    interval_of,
    level_contrast,
    two_way_mean_interval,
)


def test_hand_computed_case() -> None:
    # 3 participants x 2 sources, each pair once; the mean is 4/6.
    # residuals: a (1/3, 1/3), b (1/3, -2/3), c (1/3, -2/3); sums by participant 2/3, -1/3, -1/3,
    # by source 1, -1; V_P = 3/2 * 6/9 / 36 = 1/36, V_S = 2 * 2 / 36 = 4/36,
    # V_PS = 6/5 * 12/9 / 36 = 1.6/36, so V = 3.4/36 and t has min(3, 2) - 1 = 1 degree of freedom.
    found = two_way_mean_interval([1, 1, 1, 0, 1, 0], list("aabbcc"), list("xyxyxy"))
    reach = stats.t.ppf(0.975, 1) * math.sqrt(3.4 / 36) / (4 / 6 * 2 / 6)
    expected = special.expit(math.log(2) + np.array([-reach, reach]))
    assert found.mean == pytest.approx(4 / 6)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-12)
    assert (found.n, found.n_participants, found.n_sources) == (6, 3, 2)
    assert (found.method, found.reason) == ("two_way", "")


def test_a_stratum_takes_its_own_mean_away() -> None:
    # two concepts of two sources each; between the concepts everything differs, within them nothing but x
    values = [1, 1, 1, 0.5, 0, 0, 0, 0]
    people, sources = list("abababab"), list("xxyyzzww")
    strata = list("ppppqqqq")
    wide = two_way_mean_interval(values, people, sources)
    narrow = two_way_mean_interval(values, people, sources, strata=strata)
    assert narrow.mean == wide.mean == pytest.approx(3.5 / 8)
    assert narrow.high - narrow.low < wide.high - wide.low


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.05**0.5, 1.0), (0.0, 0.0, 1 - 0.05**0.5)])
def test_all_right_or_all_wrong_has_a_one_sided_bound(value: float, low: float, high: float) -> None:
    found = two_way_mean_interval([value] * 6, list("aabbcc"), list("xyxyxy"))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.method == "bound"


@pytest.mark.parametrize(
    ("values", "people", "sources", "reason"),
    [
        ([], [], [], "no_responses"),
        ([1, 0], ["a", "a"], ["x", "y"], "fewer_than_2_participants"),
        ([1, 0], ["a", "b"], ["x", "x"], "fewer_than_2_sources"),
        ([0.5, 0.5], ["a", "b"], ["x", "y"], "all_values_equal"),
    ],
)
def test_no_interval_has_a_reason(
    values: list[float], people: list[str], sources: list[str], reason: str
) -> None:
    found = two_way_mean_interval(values, people, sources)
    assert found.reason == reason
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert math.isnan(found.mean) == (not values)


def test_bad_values_are_refused() -> None:
    with pytest.raises(ValueError, match=r"every value must be a number in \[0, 1\]"):
        two_way_mean_interval([2.0, 0.0], ["a", "b"], ["x", "y"])
    with pytest.raises(ValueError, match="3 labels for 2 values"):
        two_way_mean_interval([1.0, 0.0], ["a", "b", "c"], ["x", "y"])
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1, not 95"):
        two_way_mean_interval([1.0, 0.0], ["a", "b"], ["x", "y"], confidence=95)


def simulated_interval(rng: np.random.Generator, base: float, spread: float) -> MeanInterval:
    """One study of 40 participants who each see one of 12 sources; logistic crossed effects."""
    people, sources = rng.normal(0, spread, 40), rng.normal(0, spread, 12)
    seen = rng.integers(12, size=40)
    right = rng.random(40) < special.expit(base + people + sources[seen])
    return two_way_mean_interval(right, np.arange(40), seen)


@pytest.mark.parametrize(("base", "spread"), [(0.0, 0.7), (1.5, 0.7), (-1.0, 0.2)])
def test_coverage_is_nominal(base: float, spread: float) -> None:
    rng = np.random.default_rng(20)
    truth = special.expit(base + rng.normal(0, spread * math.sqrt(2), 400_000)).mean()
    found = [simulated_interval(rng, base, spread) for _ in range(1000)]
    covered = np.mean([interval.low <= truth <= interval.high for interval in found])
    assert 0.93 <= covered <= 0.985


def test_rows_alone_would_be_too_narrow() -> None:
    rng = np.random.default_rng(3)
    people, sources = rng.normal(0, 1, 30), rng.normal(0, 1, 12)
    right = (rng.random((30, 12)) < special.expit(people[:, None] + sources)).astype(float).ravel()
    found = two_way_mean_interval(right, np.repeat(np.arange(30), 12), np.tile(np.arange(12), 30))
    naive = 2 * 1.96 * math.sqrt(found.mean * (1 - found.mean) / right.size)
    assert found.high - found.low > 2 * naive


def trials() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "trial_category": ["experiment"] * 6 + ["catch", "practice"],
            "excluded": [False] * 5 + [True] + [False] * 2,
            "participant": [*list("ababab"), "a", "b"],
            "source": [*list("xyyxwz"), "q", "q"],
            "concept": ["dog"] * 4 + ["fire"] * 2 + ["cat"] * 2,
            "condition": ["clean"] * 8,
            "soft_correct": [1, 0, 0.5, 1, 1, 0, 1, 1],
        }
    )


def test_table_leaves_out_practice_catch_and_excluded_trials() -> None:
    table = accuracy_table(trials(), ["concept", "condition"]).set_index("concept")
    assert list(table.index) == ["dog", "fire"]
    assert table.loc["dog", "n"] == 4
    assert table.loc["dog", "mean"] == pytest.approx(2.5 / 4)
    assert table.loc["fire", "reason"] == "fewer_than_2_participants"
    assert len(experiment_trials(trials())) == 5


def test_over_concepts_the_concepts_are_strata() -> None:
    table = accuracy_table(trials(), ["condition"])
    expected = interval_of(experiment_trials(trials()))
    assert table.loc[0, "low"] == pytest.approx(expected.low)
    assert expected.n_sources == 3


def test_contrast_by_hand() -> None:
    # two people a level, two sources that both levels show, each answer once; .75 - .25 = .5
    # a part is its residual / 4: at the first level (1, -3, 1, 1)/16, at the second -(-1, -1, 3, -1)/16
    found = level_contrast(
        [1, 0, 1, 1, 0, 0, 1, 0], [True] * 4 + [False] * 4, list("aabbccdd"), list("xyxyxyxy")
    )
    parts = np.array([1, -3, 1, 1, 1, 1, -3, 1]) / 16
    by_person = parts.reshape(4, 2).sum(axis=1)
    by_source = parts.reshape(4, 2).sum(axis=0)
    variance = 4 / 2 * (by_person**2).sum() + 2 * (by_source**2).sum() - 8 / 7 * (parts**2).sum()
    assert found.difference == pytest.approx(0.5)
    assert found.high - found.difference == pytest.approx(
        min(stats.t.ppf(0.975, 1) * math.sqrt(variance), 0.5), rel=1e-12
    )
    assert (found.n, found.n_participants, found.n_sources, found.reason) == (8, 4, 2, "")


def test_contrast_takes_away_what_sources_have_at_both_levels() -> None:
    rng = np.random.default_rng(5)
    ease, people = rng.normal(0, 2, 20), np.arange(40)
    first = np.repeat(people < 20, 20)
    right = (rng.random((40, 20)) < special.expit(ease)).astype(float).ravel()
    person, source = np.repeat(people, 20), np.tile(np.arange(20), 40)
    shared = level_contrast(right, first, person, source)
    apart = level_contrast(right, first, person, source + 20 * first)
    assert shared.high - shared.low < 0.6 * (apart.high - apart.low)


def test_contrast_of_participants_who_saw_both_levels() -> None:
    found = level_contrast(
        [1, 0, 0.5, 0] * 2, [True, False] * 4, list("aabbaabb"), list("xxxxyyyy"), confidence=0.5
    )
    assert found.difference == pytest.approx(0.75)
    assert -1 <= found.low < 0.75 < found.high <= 1


@pytest.mark.parametrize(
    ("first", "people", "sources", "reason"),
    [
        ([True] * 4, "abcd", "xyxy", "no_responses"),
        ([True, True, True, False], "abcd", "xyxy", "fewer_than_2_participants"),
        ([True, True, False, False], "abcd", "xxxx", "fewer_than_2_sources"),
        ([True, True, False, False], "abcd", "xyxy", "all_values_equal"),
    ],
)
def test_a_contrast_without_interval_has_a_reason(
    first: list[bool], people: str, sources: str, reason: str
) -> None:
    found = level_contrast([1, 1, 0, 0], first, list(people), list(sources))
    assert found.reason == reason
    assert math.isnan(found.low)
    assert math.isnan(found.difference) == (reason == "no_responses")


def test_coverage_of_a_contrast_is_nominal() -> None:
    """30 participants a level, 12 sources in both, of which each participant sees four."""
    points = np.random.default_rng(0).normal(0.8, 0.7 * math.sqrt(2), 400_000)
    truth, covered = special.expit(points).mean() - 0.5, []
    for seed in range(500):
        rng = np.random.default_rng([9, seed])
        person, first = np.repeat(np.arange(60), 4), np.repeat(np.arange(60) < 30, 4)
        source = rng.random((60, 12)).argsort(axis=1)[:, :4].ravel()
        ease = rng.normal(0, 0.7, 60)[person] + rng.normal(0, 0.7, 12)[source]
        right = rng.random(240) < special.expit(ease + 0.8 * first)
        found = level_contrast(right, first, person, source)
        covered.append(found.low <= truth <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.985


def test_few_answers_that_cancel_out_are_not_taken_for_certainty() -> None:
    """Each of two people has three of five right: their means do not differ, which says little."""
    right = [1, 1, 1, 0, 0, 0, 0, 1, 1, 1]
    found = two_way_mean_interval(right, list("aaaaabbbbb"), list("vwxyzvwxyz"))
    assert found.mean == 0.6
    assert found.low < 0.2
    assert found.high > 0.9
