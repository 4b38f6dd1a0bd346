from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy.stats import bootstrap

from scoring.labels import Labels
from scoring.neuron_map import Pair
from scoring.published.images import gather
from scoring.published.interpscore import RESULT_COLUMNS, Settings, exchange, score
from scoring.trial_table import read_trials
from stimuli.errors import UserError
from tests.reference import published_score_twin as twin
from tests.reference.published_data import published, write

PAIR = Pair(89, "Trump")
OTHER = Pair(479, "arabic alphabet")
FEW = Settings(resamples=200)
NO_C = "C: not measured, it needs images and a model (--manifest and --model)"
ENDS = [f"{name}_{end}" for name in ("S", "R", "H", "SRH") for end in ("low", "high", "null")]


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return of(published(3, sources=12), tmp_path_factory.mktemp("data"))


def of(data: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return read_trials(write(data, folder / "data.csv"))


def one(frame: pd.DataFrame, settings: Settings = FEW, pair: Pair = PAIR) -> pd.Series:
    return score(frame, [pair], settings).iloc[0]


def test_the_columns_of_the_results(frame: pd.DataFrame) -> None:
    table = score(frame, [PAIR, OTHER], FEW)
    assert tuple(table.columns) == RESULT_COLUMNS
    assert list(table.columns[:9]) == [
        *("Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes", "SRH"),
    ]
    assert table["Neuron"].tolist() == [89, 479]
    assert table["Concept"].tolist() == ["Trump", "arabic alphabet"]


def test_each_column_of_the_results_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs" / "published-method.md").read_text(encoding="utf-8")
    stems = {re.sub(r"^(R|H|SRH|C|InterpScore)_(?=low|high|null)", "S_", name) for name in RESULT_COLUMNS}
    assert sorted(name for name in stems if f"`{name}`" not in page and f"**{name}**" not in page) == [
        "Concept",
        "Neuron",
    ]


def test_counts_and_provenance(frame: pd.DataFrame) -> None:
    row = score(frame, [PAIR], FEW, labels=Labels("weights A", "weights B")).iloc[0]
    assert (row["n_trials"], row["n_images"], row["n_sources"], row["n_C_images"]) == (156, 52, 16, 0)
    assert (row["resampled"], row["resamples"], row["seed"], row["method"]) == ("source", 200, 0, "reference")
    assert (row["weights"], row["C_weights"], row["format_version"]) == ("weights A", "weights B", 1)
    assert one(frame)["weights"] == "unknown: activations were given in DATA"


def test_without_c_there_is_no_interpscore(frame: pd.DataFrame) -> None:
    row = one(frame)
    assert np.isnan(row["C"])
    assert np.isnan(row["InterpScore"])
    assert row["SRH"] == pytest.approx((row["S"] + row["R"] + row["H"]) / 3)
    assert row["Notes"].split("; ")[0] == NO_C


def test_c_without_weight_is_not_needed(frame: pd.DataFrame) -> None:
    row = one(frame, replace(FEW, weights=(1, 0, 1, 2)))
    assert row["InterpScore"] == pytest.approx((row["S"] + row["R"] + 2 * row["H"]) / 4)


def test_intervals_hold_the_value_and_nulls_are_near_chance(frame: pd.DataFrame) -> None:
    row = one(frame, Settings())
    for name in ("S", "R", "H", "SRH"):
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
        assert row[f"{name}_null_low"] <= row[f"{name}_null"] <= row[f"{name}_null_high"]
    assert row["S"] > row["S_null_high"]
    assert row["S_null"] == pytest.approx(0.5, abs=0.05)


def test_the_same_seed_gives_the_same_numbers_whatever_the_order(frame: pd.DataFrame) -> None:
    table = score(frame, [PAIR, OTHER], FEW)
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    again = score(shuffled, [OTHER, PAIR], FEW).iloc[::-1].reset_index(drop=True)
    assert_frame_equal(table, again)
    other = score(frame, [PAIR, OTHER], replace(FEW, seed=1))
    assert (table["S_low"] != other["S_low"]).all()
    assert (table["S"] == other["S"]).all()


def test_c_is_resampled_over_its_images_and_joins_the_composite(frame: pd.DataFrame) -> None:
    change = np.random.default_rng(0).exponential(size=(12, 2))
    row = score(frame, [PAIR], replace(FEW, resamples=2000), changes={PAIR: change}).iloc[0]
    images = change.mean(axis=1)
    plain = bootstrap((images,), lambda x, axis: 1 - np.exp(-x.mean(axis)), method="percentile", rng=1)
    assert row["C_low"] == pytest.approx(plain.confidence_interval.low, abs=0.02)
    assert row["C_high"] == pytest.approx(plain.confidence_interval.high, abs=0.02)
    assert row["InterpScore_low"] < row["InterpScore"] < row["InterpScore_high"]
    assert row["InterpScore_high"] - row["InterpScore_low"] > (row["C_high"] - row["C_low"]) / 4


def test_one_image_gives_no_interval_of_c(frame: pd.DataFrame) -> None:
    row = score(frame, [PAIR], FEW, changes={PAIR: np.array([[0.1, 0.2]])}).iloc[0]
    assert np.isnan([row["C_low"], row["C_high"], row["InterpScore_low"]]).all()
    assert row["SRH_low"] <= row["SRH_high"]


def test_no_resamples_no_intervals(frame: pd.DataFrame) -> None:
    assert one(frame, Settings(resamples=0))[ENDS].isna().all()


def test_the_interval_is_that_of_a_plain_bootstrap_of_sources(frame: pd.DataFrame) -> None:
    """A loop that copies the rows of drawn sources into the slow twin gives the same distribution."""
    rows: dict[str, list[tuple[int, float, float]]] = {}
    for row in frame[frame["trial_category"] == "experiment"].itertuples():
        key = f"{row.ground_truth}/{row.source}"
        rows.setdefault(key, []).append((row.level, row.activation_89, row.soft_correct))  # type: ignore[arg-type]
    ours = [key for key in rows if key.startswith("trump/")]
    others = [key for key in rows if not key.startswith("trump/")]
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(500):
        a = [row for key in rng.choice(ours, len(ours)) for row in rows[key]]
        b = [
            activation
            for key in rng.choice(others, len(others))
            for level, activation, _ in rows[key]
            if level == 5
        ]
        clean = [activation for level, activation, _ in a if level == 5]
        drawn.append(
            (
                twin.selectivity(clean, b),
                twin.robustness(a, clean, (1, 2), (3,)),
                twin.consistency(a, b, 0.95),
            )
        )
    found = one(frame, Settings(resamples=2000))
    for name, draws in zip(("S", "R", "H"), zip(*drawn, strict=True), strict=True):
        low, high = np.quantile(draws, [0.025, 0.975])
        ends = found[[f"{name}_low", f"{name}_high"]].tolist()
        assert ends == pytest.approx([low, high], abs=0.2 * (high - low))


def test_sources_exchange_activations_condition_by_condition(frame: pd.DataFrame) -> None:
    images = gather(frame, [PAIR], "soft_correct", "data")
    null = exchange(images, 50, np.random.default_rng(0))
    assert null.given is not None
    assert (images.level[null.given] == images.level).all()
    for draw in null.given:
        giver = {(to, source) for to, source in zip(images.source, images.source[draw], strict=True)}
        assert len(giver) == images.source.max() + 1
    assert (np.sort(null.given, axis=1) == np.arange(images.level.size)).all()


def test_a_source_with_conditions_like_no_other_stays(tmp_path: Path) -> None:
    data = published(4, sources=8)
    lacking = (data["level"] == 2) & (data["image_basename"] == "trump_noisy_level2_1.jpg")
    row = one(of(data[~lacking], tmp_path))
    assert "null: 1 of 72 sources share their conditions with no other and stay" in row["Notes"].split("; ")


def test_there_is_no_null_where_no_other_concept_has_the_conditions(tmp_path: Path) -> None:
    data = published(5, dreams=False)
    row = one(of(data[~((data["ground_truth"] == "trump") & (data["level"] == 2))], tmp_path))
    assert "null: no source of another concept has the same conditions" in row["Notes"].split("; ")
    assert np.isnan(row["S_null"])
    assert not np.isnan(row["S_low"])


@pytest.mark.parametrize("value", [0.0, 1.25])
def test_a_constant_unit_keeps_the_published_values_and_says_so(value: float, tmp_path: Path) -> None:
    row = one(of(published(6).assign(activation_89=value), tmp_path))
    assert (row["S"], row["R"], row["H"]) == (0.5, pytest.approx(1), 0)
    assert row["Notes"] == (
        f"S: clean activations without spread, published fallback 0.5; {NO_C}; "
        "H: no row of the concept above the threshold, published fallback 0; "
        "constant_activation: the unit has the same activation everywhere"
    )
    assert row[ENDS].isna().all()


def test_all_answers_wrong(tmp_path: Path) -> None:
    row = one(of(published(7).assign(soft_correct=False), tmp_path))
    assert (row["R"], row["H"]) == (0, 0)
    assert row["Notes"].startswith(
        f"{NO_C}; R: no recognised degraded rows of the concept, published fallback 0"
    )
    assert row[["R_low", "R_high", "R_null", "SRH_low", "SRH_null"]].isna().all()
    assert not np.isnan(row["S_low"])


def test_one_image_a_concept(tmp_path: Path) -> None:
    row = one(of(published(8, sources=1, raters=1, dreams=False), tmp_path))
    assert row["S"] == 0.5
    assert row["Notes"].startswith(f"S: fewer than 2 clean rows on a side, published fallback 0.5; {NO_C}")
    assert "intervals: fewer than 2 sources of the concept or of the others" in row["Notes"]
    assert row[["S_low", "R_low", "H_low"]].isna().all()


def test_draws_without_a_value_are_counted(tmp_path: Path) -> None:
    data = published(9, sources=3, dreams=False)
    degraded = (data["ground_truth"] == "trump") & (data["level"] != 5)
    first = data["image_basename"].isin(["trump_noisy_level1_1.jpg"])
    row = one(of(data.assign(soft_correct=data["soft_correct"].where(~degraded, first)), tmp_path))
    (found,) = re.findall(r"R: undefined in (\d+) of 200 resamples", row["Notes"])
    assert int(found) / 200 == pytest.approx((2 / 3) ** 3, abs=0.12)


def test_recognition_that_is_not_above_the_others_has_no_h(frame: pd.DataFrame) -> None:
    row = one(frame, replace(FEW, min_p_value=0.0))
    assert np.isnan(row["H"])
    assert np.isnan(row["SRH"])
    assert re.search(r"H: recognition is not above the other concepts' \(p = [\d.]+ > 0\)", row["Notes"])
    assert row[["H_low", "H_null", "SRH_low"]].isna().all()


def test_rows_of_an_image_that_differ_are_noted(frame: pd.DataFrame) -> None:
    noise = np.random.default_rng(0).normal(size=len(frame))
    row = one(frame.assign(activation_89=frame["activation_89"] + noise))
    assert "responses to one image differ in activation, so each is taken as an image" in row["Notes"]


def test_a_clean_level_that_is_not_there(frame: pd.DataFrame) -> None:
    with pytest.raises(UserError) as caught:
        score(frame, [PAIR], replace(FEW, clean_level=9), origin="data.csv")
    assert str(caught.value) == (
        "data.csv has no row at the clean level 9; its levels are 1, 2, 3, 4, 5: "
        "name the clean one with --clean-level"
    )


@pytest.mark.parametrize(
    ("weights", "given"),
    [((0, 0, 0, 0), "0 0 0 0"), ((1, 1, -0.5, 1), "1 1 -0.5 1"), ((1, 1, float("nan"), 1), "1 1 nan 1")],
)
def test_weights_that_give_no_mean(weights: tuple[float, float, float, float], given: str) -> None:
    with pytest.raises(UserError) as caught:
        Settings(weights=weights)
    assert str(caught.value) == (
        f"the weights {given} give no mean; give S C R H weights of at least 0 that are not all 0"
    )
