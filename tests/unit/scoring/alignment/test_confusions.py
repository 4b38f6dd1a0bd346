from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scoring.accuracy import two_way_mean_interval
from scoring.alignment.confusions import COLUMNS, confusion_counts, confusion_matrix, confusion_table
from stimuli.errors import UserError

CONCEPTS = ["ant", "cat", "dog"]


def study(observers: int = 6, sources: int = 5, kind: str = "human", seed: int = 0) -> pd.DataFrame:
    """Every observer answers every source of two concepts in two conditions; nobody sees an ant."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"{kind}{observer}", kind, f"{concept}{source}", concept, condition, chosen or pd.NA)
        for observer in range(observers)
        for concept in ("cat", "dog")
        for source in range(sources)
        for condition in ("clean", "noise")
        for chosen in [rng.choice([concept, concept, concept, "cat", "dog", "ant", ""])]
    ]
    frame = pd.DataFrame(rows, columns=["observer", "kind", "source", "concept", "condition", "chosen"])
    frame["chosen"] = frame["chosen"].astype("string")
    frame["correct"] = frame["chosen"].eq(frame["concept"]).fillna(False).astype("boolean")
    return frame


def test_shares_are_those_counted_by_hand() -> None:
    frame = study()
    table = confusion_table(frame, CONCEPTS, "human")
    assert list(table.columns) == list(COLUMNS)
    # 2 concepts shown, in 2 conditions and over all, 3 concepts and none to choose
    assert len(table) == 2 * 3 * 4
    row = table[table["condition"].eq("noise") & table["shown"].eq("cat") & table["chosen"].eq("dog")].iloc[0]
    where = frame["condition"].eq("noise") & frame["concept"].eq("cat")
    taken = frame["chosen"].eq("dog").fillna(False)
    assert row["count"] == (where & taken).sum()
    assert (row["n"], row["n_observers"], row["n_sources"]) == (30, 6, 5)
    assert row["share"] == pytest.approx(row["count"] / 30)
    assert (row["kind"], row["group"], row["unit"]) == ("human", "people", "observers and sources")


def test_shares_of_a_concept_sum_to_one() -> None:
    table = confusion_table(study(), CONCEPTS, "human")
    assert table.groupby(["condition", "shown"])["share"].sum().to_numpy() == pytest.approx(1)


def test_the_interval_knows_that_observers_repeat() -> None:
    frame = study()
    table = confusion_table(frame, CONCEPTS, "human")
    mine = frame[frame["concept"].eq("cat")]
    marks = mine["chosen"].eq("cat").fillna(False).astype(float)
    expected = two_way_mean_interval(marks, mine["observer"], mine["source"])
    where = table["condition"].eq("all") & table["shown"].eq("cat") & table["chosen"].eq("cat")
    found = table[where].iloc[0]
    assert (found["low"], found["high"]) == (expected.low, expected.high)
    assert found["method"] == "two_way"


def test_what_nobody_chose_has_a_bound() -> None:
    frame = study()
    frame.loc[frame["chosen"].eq("ant").fillna(False), "chosen"] = pd.NA
    table = confusion_table(frame, CONCEPTS, "human")
    ants = table[table["chosen"].eq("ant")]
    assert (ants["count"] == 0).all()
    assert (ants["low"] == 0).all()
    assert ants["high"].to_numpy() == pytest.approx(1 - 0.05 ** (1 / 5))
    assert (ants["method"] == "bound").all()


def test_each_model_stands_alone() -> None:
    frame = pd.concat([study(), study(2, kind="model", seed=3)])
    table = confusion_table(frame, CONCEPTS, "model")
    assert sorted(table["group"].unique()) == ["model0", "model1"]
    assert (table["n_observers"] == 1).all()
    assert (table["unit"] == "sources").all()
    row = table[table["group"].eq("model1") & table["condition"].eq("all") & table["shown"].eq("dog")]
    assert (row["n"] == 10).all()
    assert (row["n_sources"] == 5).all()
    assert set(row["method"]) <= {"cluster", "bound"}


def test_one_source_or_one_observer_has_no_interval() -> None:
    model = confusion_table(study(1, 1, kind="model"), CONCEPTS, "model")
    assert (model["reason"] == "fewer_than_2_sources").all()
    assert model["low"].isna().all()
    one = confusion_table(study(1), CONCEPTS, "human")
    assert (one["reason"] == "fewer_than_2_participants").all()


def test_no_rows_make_an_empty_table() -> None:
    table = confusion_table(study(), CONCEPTS, "model")
    assert not len(table)
    assert {name: str(kind) for name, kind in table.dtypes.items()} == COLUMNS


def test_answers_that_were_not_judged_do_not_count() -> None:
    frame = study()
    frame.loc[:9, "correct"] = pd.NA
    assert confusion_counts(frame, CONCEPTS).sum() == len(frame) - 10
    table = confusion_table(frame, CONCEPTS, "human")
    assert table[table["condition"].eq("all")].groupby("shown")["n"].first().sum() == len(frame) - 10


def test_the_matrix_has_a_column_for_none_and_no_row_for_what_was_not_shown() -> None:
    frame = study()
    shares = confusion_matrix(frame, CONCEPTS)
    assert shares.shape == (3, 4)
    assert np.isnan(shares[0]).all()
    assert shares[1:].sum(axis=1) == pytest.approx(1)
    counts = pd.crosstab(frame["concept"], frame["chosen"].fillna("zzz"))
    assert confusion_counts(frame, CONCEPTS)[1:].tolist() == counts.to_numpy().tolist()


def test_a_choice_outside_the_concepts_is_none_of_them() -> None:
    frame = study()
    frame.loc[frame["chosen"].eq("ant").fillna(False), "chosen"] = "zebra"
    assert confusion_counts(frame, CONCEPTS)[:, 0].sum() == 0
    assert confusion_counts(frame, CONCEPTS).sum() == len(frame)


def test_a_concept_that_was_not_named_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        confusion_table(study(), ["ant", "dog"], "human")
    assert str(caught.value) == "the concept 'cat' was shown but is not among those given; add it to them"
