from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scoring.accuracy import two_way_mean_interval
from scoring.alignment.accuracies import COLUMNS, accuracy_table, human_accuracy
from scoring.alignment.observations import COLUMNS as FRAME
from scoring.alignment.observations import PEOPLE, Observations


def study(people: int = 6, sources: int = 5, *, models: int = 1, unequal: bool = False) -> Observations:
    rng = np.random.default_rng(1)
    names = [(f"p{number}", "human") for number in range(people)]
    names += [(f"m{number}", "model") for number in range(models)]
    rows = [
        (
            name,
            kind,
            f"{concept}{source}{condition}",
            f"{concept}{source}",
            concept,
            condition,
            condition,
            0.0,
        )
        for at, (name, kind) in enumerate(names)
        for concept in ("cat", "dog")
        for source in range(sources if not unequal or at else 1)
        for condition in ("clean", "noise")
    ]
    frame = pd.DataFrame(rows, columns=list(FRAME)[:8])
    right = rng.random(len(frame)) < 0.7
    frame = frame.assign(chosen=frame["concept"].where(right), correct=right, score=right.astype(float))
    return Observations(frame.astype(FRAME), "test", 4)


def test_accuracy_is_the_mean_over_people() -> None:
    observations = study(unequal=True)
    people = observations.of_kind("human")
    means = [float(own["score"].mean()) for _, own in people.groupby("observer")]
    found = human_accuracy(observations)
    assert found.value == pytest.approx(np.mean(means))
    assert found.value != pytest.approx(float(people["score"].mean()), abs=1e-6)
    assert found.low < found.value < found.high
    assert (found.n, found.unit, found.null) == (6, "observers × sources", 0.25)


def test_with_equally_many_answers_it_is_the_two_way_interval() -> None:
    observations = study()
    people = observations.of_kind("human")
    expected = two_way_mean_interval(
        people["score"].astype(float), people["observer"], people["source"], strata=people["concept"]
    )
    found = human_accuracy(observations)
    assert (found.value, found.low, found.high) == pytest.approx((expected.mean, expected.low, expected.high))


def test_one_person_has_a_mean_and_no_interval() -> None:
    found = human_accuracy(study(people=1))
    assert math.isnan(found.low)
    assert found.reason == "fewer_than_2_participants"
    assert 0 <= found.value <= 1


def test_nobody_has_no_accuracy() -> None:
    found = human_accuracy(study(people=0))
    assert math.isnan(found.value)
    assert found.reason == "no_people"


def test_all_right_is_a_one_sided_bound() -> None:
    observations = study()
    frame = observations.frame.assign(score=1.0, correct=True).astype(FRAME)
    found = human_accuracy(Observations(frame, "test", None))
    assert (found.value, found.high, found.null) == (1.0, 1.0, 0.0)
    assert found.low == pytest.approx(0.05 ** (1 / 6))
    assert found.method == "one-sided bound, 10 sources"


def test_the_table_has_people_models_and_each_person() -> None:
    table = accuracy_table(study(models=2))
    assert tuple(table.columns) == COLUMNS
    assert set(table["observer"]) == {PEOPLE, "m0", "m1", *(f"p{number}" for number in range(6))}
    counts = table.groupby(["by", "observer"]).size()
    assert counts["concept and condition", PEOPLE] == 4
    assert counts["condition", "m0"] == 2
    assert counts["observer", "p3"] == 1
    assert set(table.loc[table["kind"].eq("model"), "resampled"]) == {"sources"}
    assert set(table.loc[table["observer"].eq(PEOPLE), "resampled"]) == {"observers × sources"}


def test_chance_is_one_of_the_alternatives_and_missing_where_people_typed() -> None:
    table = accuracy_table(study(models=2), {"m1": 16})
    assert table["chance"].eq(table["observer"].map({"m1": 1 / 16}).fillna(1 / 4)).all()
    typed = accuracy_table(replace(study(), alternatives=None), {"m0": 16})
    assert typed["chance"].fillna(0).eq(typed["observer"].map({"m0": 1 / 16}).fillna(0)).all()


def test_a_models_interval_is_over_sources_alone() -> None:
    observations = study(sources=8)
    table = accuracy_table(observations)
    row = table[table["by"].eq("all") & table["observer"].eq("m0")].iloc[0]
    own = observations.frame[observations.frame["observer"].eq("m0")]
    by_source = own.groupby(["concept", "source"])["score"].mean().astype(float)
    mean = by_source.mean()
    assert row["mean"] == pytest.approx(mean)
    residual = by_source - by_source.groupby("concept").transform("mean")
    # cluster variance within concepts, G/(G - 2) for two concepts; t with 14 degrees of freedom, logit scale
    error = math.sqrt(16 / 14 * (residual**2).sum() / 16**2)
    reach = 2.1447866879 * error / (mean * (1 - mean))
    low = 1 / (1 + math.exp(-(math.log(mean / (1 - mean)) - reach)))
    assert row["low"] == pytest.approx(low, rel=0.02)
    assert row["n_sources"] == 16
