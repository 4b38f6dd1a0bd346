from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scoring.unit_curves import auroc_by_condition


def images(n: int, shift: float, seed: int = 0) -> pd.DataFrame:
    """``n`` sources of dog and 3n of others, in two conditions; the second has half the effect."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(4 * n):
        concept = "dog" if at < n else f"other {at % 3}"
        for condition, effect in (("clean", shift), ("gaussian_blur-5", shift / 2)):
            activation = rng.normal() + effect * (concept == "dog")
            rows.append((concept, condition, f"s{at}", activation))
    return pd.DataFrame(rows, columns=["concept", "condition", "source", "activation"])


def test_auroc_is_mann_whitney() -> None:
    table = images(9, 1.0)
    found = auroc_by_condition(table, "dog")
    assert list(found["condition"]) == ["clean", "gaussian_blur-5"]
    for condition, auroc in zip(found["condition"], found["auroc"], strict=True):
        rows = table[table["condition"] == condition]
        own, others = (
            rows["activation"][rows["concept"] == "dog"],
            rows["activation"][rows["concept"] != "dog"],
        )
        assert auroc == pytest.approx(stats.mannwhitneyu(own, others).statistic / (9 * 27))
    assert list(found["n_concept"]) == [9, 9]
    assert list(found["n_others"]) == [27, 27]


def test_ties_count_half_and_draws_are_seeded() -> None:
    table = images(5, 1.0).assign(activation=lambda rows: (rows["activation"] > 0.5).astype(float))
    found = auroc_by_condition(table, "dog", seed=1)
    own = table[(table["concept"] == "dog") & (table["condition"] == "clean")]["activation"].to_numpy()
    others = table[(table["concept"] != "dog") & (table["condition"] == "clean")]["activation"].to_numpy()
    slow = np.mean([(a > b) + 0.5 * (a == b) for a in own for b in others])
    assert found["auroc"][0] == pytest.approx(slow)
    pd.testing.assert_frame_equal(found, auroc_by_condition(table, "dog", seed=1))


def test_a_perfect_unit_has_a_one_sided_bound() -> None:
    found = auroc_by_condition(images(6, 50.0), "dog")
    assert found["auroc"][0] == 1
    assert (found["low"][0], found["high"][0]) == pytest.approx((0.05 ** (1 / 6), 1))
    assert found["method"][0] == "bound"


def test_nothing_to_compare_has_a_reason() -> None:
    table = images(6, 1.0)
    constant = auroc_by_condition(table.assign(activation=0.0), "dog")
    assert constant["auroc"].isna().all()
    assert set(constant["reason"]) == {"constant_activation"}
    absent = auroc_by_condition(table, "cat")
    assert set(absent["reason"]) == {"fewer_than_2_sources_on_a_side"}


def test_interval_covers() -> None:
    truth = stats.norm.cdf(1 / np.sqrt(2))
    found = [auroc_by_condition(images(15, 1.0, seed), "dog", draws=300) for seed in range(300)]
    covered = np.mean([(table["low"][0] <= truth) & (truth <= table["high"][0]) for table in found])
    assert 0.89 <= covered <= 0.985
