"""The vectorised scorer equals the slow one on made-up data of the published form; each option acts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from scoring.neuron_map import Pair
from scoring.published.interpscore import Settings, score
from scoring.trial_table import read_trials
from tests.reference import published_score_twin as twin
from tests.reference.published_data import CONCEPTS, UNITS, of_published_shape, published, write

PAIRS = [Pair(unit, concept) for unit, concept in zip(UNITS, CONCEPTS, strict=True)]
MISMATCHED = [Pair(unit, concept) for unit, concept in zip(UNITS, reversed(CONCEPTS), strict=True)]
PLAIN = Settings(resamples=0)


def check(
    frame: pd.DataFrame, pairs: list[Pair], path: Path, settings: Settings = PLAIN, **twins: Any
) -> None:
    """Score a table through its CSV and compare every pair with the twin."""
    found = score(read_trials(write(frame, path)), pairs, settings)
    rows = frame.to_dict("records")
    for pair, row in zip(pairs, found.to_dict("records"), strict=True):
        slow = twin.scores(rows, pair.channel, pair.concept, **twins)  # type: ignore[arg-type]
        assert [row["S"], row["R"], row["H"]] == pytest.approx([slow.s, slow.r, slow.h], abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_twin(seed: int, tmp_path: Path) -> None:
    check(published(seed), PAIRS + MISMATCHED, tmp_path / "data.csv")


def test_equals_the_twin_at_the_published_shape(tmp_path: Path) -> None:
    check(of_published_shape(7), PAIRS, tmp_path / "data.csv")


@pytest.mark.parametrize("levels", [(5,), (1, 5), (3, 5), (1, 2, 5), (2, 3, 5)])
def test_equals_the_twin_with_levels_missing(levels: tuple[int, ...], tmp_path: Path) -> None:
    check(published(11, levels=levels), PAIRS, tmp_path / "data.csv")


@pytest.mark.parametrize("value", [0.0, 0.7, -3.25])
def test_equals_the_twin_for_a_constant_unit(value: float, tmp_path: Path) -> None:
    check(published(12).assign(activation_89=value), PAIRS, tmp_path / "data.csv")


def test_equals_the_twin_where_concept_and_rest_have_one_value_each(tmp_path: Path) -> None:
    frame = published(13)
    higher = frame.assign(activation_89=np.where(frame["ground_truth"] == "trump", 2.0, 1.0))
    check(higher, PAIRS, tmp_path / "higher.csv")
    check(higher.assign(activation_89=-higher["activation_89"]), PAIRS, tmp_path / "lower.csv")


def test_equals_the_twin_with_one_image_a_concept(tmp_path: Path) -> None:
    check(published(14, sources=1, raters=1, dreams=False), PAIRS, tmp_path / "data.csv")


def test_equals_the_twin_on_negative_activations_without_ties(tmp_path: Path) -> None:
    frame = published(15)
    values = {name: np.random.default_rng(i).normal() for i, name in enumerate(set(frame["image_basename"]))}
    check(frame.assign(activation_89=frame["image_basename"].map(values)), PAIRS, tmp_path / "data.csv")


def test_equals_the_twin_where_activations_differ_between_rows_of_an_image(tmp_path: Path) -> None:
    frame = published(16)
    noise = np.random.default_rng(0).normal(size=len(frame))
    check(frame.assign(activation_89=frame["activation_89"] + noise), PAIRS, tmp_path / "data.csv")


def test_equals_the_twin_where_every_activation_ties(tmp_path: Path) -> None:
    frame = published(17)
    check(
        frame.assign(activation_89=(frame["activation_89"] > 0).astype(float)), PAIRS, tmp_path / "data.csv"
    )


def test_equals_the_twin_with_partial_credit(tmp_path: Path) -> None:
    frame = published(18)
    credit = np.random.default_rng(1).choice([0, 0.25, 0.5, 1], size=len(frame))
    check(frame.assign(soft_correct=credit), PAIRS, tmp_path / "data.csv")


@pytest.mark.parametrize("percentile", [0.0, 0.2, 0.5, 0.9, 0.95, 1.0])
def test_equals_the_twin_at_any_percentile(percentile: float, tmp_path: Path) -> None:
    settings = replace(PLAIN, percentile=percentile)
    check(published(19), PAIRS, tmp_path / "data.csv", settings, percentile=percentile)


def test_equals_the_twin_with_other_levels_and_score(tmp_path: Path) -> None:
    settings = replace(
        PLAIN, clean_level=2, invariant_levels=(1,), adversarial_levels=(3, 5), score_column="hard_correct"
    )
    twins = {"clean_level": 2, "recognizable": (1,), "adversarial": (3, 5), "human": "hard_correct"}
    check(published(20), PAIRS, tmp_path / "data.csv", settings, **twins)


COMPONENTS = ("S", "R", "H")


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        (replace(PLAIN, clean_level=2), {"S", "R", "H", "SRH"}),
        (replace(PLAIN, percentile=0.5), {"H", "SRH"}),
        (replace(PLAIN, invariant_levels=(1,)), {"R", "SRH"}),
        (replace(PLAIN, adversarial_levels=(2, 3)), {"R", "SRH"}),
        (replace(PLAIN, score_column="hard_correct"), {"R", "H", "SRH"}),
        (replace(PLAIN, weights=(0.3, 0.3, 0.2, 0.2)), {"SRH"}),
        (replace(PLAIN, min_p_value=0.0), {"H", "SRH"}),
        (replace(PLAIN, seed=5), set()),
    ],
)
def test_each_option_changes_what_it_should_and_nothing_else(
    settings: Settings, changed: set[str], tmp_path: Path
) -> None:
    frame = read_trials(write(published(21), tmp_path / "data.csv"))
    names = [*COMPONENTS, "SRH"]
    before, after = score(frame, PAIRS, PLAIN)[names], score(frame, PAIRS, settings)[names]
    assert {name for name in names if not before[name].equals(after[name])} == changed


def test_weights_are_normalised_and_include_c(tmp_path: Path) -> None:
    frame = read_trials(write(published(22), tmp_path / "data.csv"))
    changes = {PAIRS[0]: np.array([[0.2, 0.4], [0.1, 0.3]])}
    settings = replace(PLAIN, weights=(3, 1, 2, 2))
    row = score(frame, PAIRS[:1], settings, changes=changes).iloc[0]
    assert row["C"] == pytest.approx(1 - np.exp(-0.25))
    assert row["InterpScore"] == pytest.approx((3 * row["S"] + row["C"] + 2 * row["R"] + 2 * row["H"]) / 8)
    assert row["SRH"] == pytest.approx((3 * row["S"] + 2 * row["R"] + 2 * row["H"]) / 7)
    assert row["n_C_images"] == 2


def test_equal_weights_give_the_plain_means(tmp_path: Path) -> None:
    frame = read_trials(write(published(22), tmp_path / "data.csv"))
    row = score(frame, PAIRS[:1], PLAIN, changes={PAIRS[0]: np.array([[0.2, 0.4]])}).iloc[0]
    assert row["InterpScore"] == pytest.approx((row["S"] + row["C"] + row["R"] + row["H"]) / 4)
    assert row["SRH"] == pytest.approx((row["S"] + row["R"] + row["H"]) / 3)


def test_min_p_value_is_a_one_sided_binomial_test_of_recognition(tmp_path: Path) -> None:
    data = published(23)
    data.loc[data["ground_truth"] == "trump", "soft_correct"] = True
    frame = read_trials(write(data, tmp_path / "data.csv"))
    found = score(frame, PAIRS, replace(PLAIN, min_p_value=0.05))
    counted = data[data["trial_category"] == "experiment"]
    for pair, h in zip(PAIRS, found["H"], strict=True):
        shows = counted["ground_truth"] == pair.concept
        ours, rate = counted["soft_correct"][shows], counted["soft_correct"][~shows].mean()
        p = binomtest(int(ours.sum()), len(ours), rate, alternative="greater").pvalue
        assert np.isnan(h) == (p > 0.05)
    assert found["H"].notna().sum() == 1
