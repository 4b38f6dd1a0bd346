from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scoring.alignment.observations import COLUMNS, Observations
from scoring.alignment.unit_choices import UNITS, choose_by_units, read_choices, stimuli_of, unit_observations
from scoring.neuron_map import Pair
from stimuli.errors import UserError


@pytest.fixture
def observations() -> Observations:
    rows = [
        (
            "p",
            "human",
            f"{concept}{number}{condition}",
            f"{concept}{number}",
            concept,
            condition,
            condition,
            0.0,
        )
        for concept in ("cat", "dog", "Fox")
        for number in (1, 2)
        for condition in ("clean", "noise")
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)[:8])
    frame = frame.assign(chosen=frame["concept"], correct=True, score=1.0).astype(COLUMNS)
    return Observations(frame, "test", 3)


def test_the_unit_that_exceeds_its_own_clean_spread_most_decides() -> None:
    # unit 1 is 10 times as large throughout, and says nothing for it
    activation = np.array([[0.0, 10.0], [1.0, 20.0], [3.0, 15.0], [0.5, 40.0]])
    clean = np.array([True, True, False, False])
    assert choose_by_units(activation, ["cat", "dog"], clean) == ["cat", "cat", "cat", "dog"]


def test_choices_do_not_depend_on_units_scales() -> None:
    rng = np.random.default_rng(0)
    activation, clean = rng.random((20, 4)), np.arange(20) < 8
    names = ["a", "b", "c", "d"]
    scaled = activation * [1, 10, 100, 0.1] + [5, 0, -3, 2]
    assert choose_by_units(activation, names, clean) == choose_by_units(scaled, names, clean)


def test_a_constant_unit_is_never_chosen() -> None:
    activation = np.column_stack([np.full(4, 100.0), [1.0, 2.0, 0.0, 3.0]])
    assert choose_by_units(activation, ["cat", "dog"], np.ones(4, bool)) == ["dog"] * 4


def test_too_few_clean_stimuli() -> None:
    with pytest.raises(UserError) as caught:
        choose_by_units(np.ones((3, 2)), ["cat", "dog"], np.array([True, False, False]))
    assert str(caught.value) == (
        "units are standardised on clean stimuli, of which there are 1; show at least 2"
    )


def test_units_that_never_vary() -> None:
    with pytest.raises(UserError) as caught:
        choose_by_units(np.ones((3, 2)), ["cat", "dog"], np.ones(3, bool))
    assert str(caught.value) == "no labelled unit varies over the clean stimuli; name other units"


def test_units_decide_on_what_they_have_a_word_for(observations: Observations) -> None:
    about = stimuli_of(observations)
    activation = np.array([[concept == "cat", concept == "dog"] for concept in about["concept"]], dtype=float)
    rows = unit_observations(observations, activation, [Pair(7, "cat"), Pair(9, "dog")])
    assert list(rows.columns) == list(COLUMNS)
    assert set(rows["concept"]) == {"cat", "dog"}
    assert set(rows["observer"]) == {UNITS}
    assert set(rows["kind"]) == {"model"}
    assert rows["correct"].all()
    assert len(rows) == 8


def test_a_unit_that_can_never_decide(observations: Observations) -> None:
    activation = np.column_stack([np.arange(12.0), np.ones(12)])
    with pytest.raises(UserError) as caught:
        unit_observations(observations, activation, [Pair(7, "cat"), Pair(9, "Dog")])
    assert str(caught.value) == (
        "unit 9, labelled Dog, has the same activation on all clean pictures, so that it can never decide; "
        "name another unit in the neuron map"
    )


def test_a_unit_without_an_activation(observations: Observations) -> None:
    activation = np.column_stack([np.arange(12.0), np.arange(12.0)])
    activation[1, 1] = np.nan
    with pytest.raises(UserError) as caught:
        unit_observations(observations, activation, [Pair(7, "cat"), Pair(9, "Dog")])
    assert str(caught.value) == (
        "unit 9, labelled Dog, has no activation on the picture Fox1noise; extract it again, "
        "or leave the unit out"
    )


def decisions(tmp_path: Path, *rows: str, header: str = "observer,stimulus,chosen") -> Path:
    path = tmp_path / "choices.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_decisions_are_right_where_they_name_what_was_shown(
    tmp_path: Path, observations: Observations
) -> None:
    path = decisions(
        tmp_path, "net,cat1clean,Cat", "net,dog1clean,cat", "net,Fox1noise,", "other,Fox1noise,fox"
    )
    rows = read_choices(str(path), observations).set_index(["observer", "stimulus"])
    assert rows["correct"].tolist() == [True, False, False, True]
    assert rows.loc[("other", "Fox1noise"), "chosen"] == "Fox"
    assert rows["chosen"].isna().sum() == 1
    assert rows.loc[("net", "Fox1noise"), "source"] == "Fox1"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("net,nothing,cat", "'nothing' is no stimulus of the data; correct it or leave the row out"),
        (",cat1clean,cat", "'' is no observer's name; correct it or leave the row out"),
        (
            "people,cat1clean,cat",
            "'people' is a name that tables use; correct it or leave the row out",
        ),
        (
            "labelled units,cat1clean,cat",
            "'labelled units' is a name that tables use; correct it or leave the row out",
        ),
        ("p,cat1clean,cat", "'p' is an observer of the data already; correct it or leave the row out"),
        (
            "net,cat1clean,cow",
            "'cow' is none of the concepts Fox, cat, dog; correct it or leave the row out",
        ),
        (
            "net,dog1clean,cat",
            "'dog1clean' has two decisions of one observer; correct it or leave the row out",
        ),
    ],
)
def test_decisions_that_cannot_be(tmp_path: Path, observations: Observations, row: str, message: str) -> None:
    path = decisions(tmp_path, "net,dog1clean,dog", row)
    with pytest.raises(UserError) as caught:
        read_choices(path, observations)
    assert str(caught.value) == f"{path}, row 2: {message}"


def test_files_that_are_no_decisions(tmp_path: Path, observations: Observations) -> None:
    shape = "decisions are a CSV with the columns observer, stimulus, chosen"
    absent = tmp_path / "none.csv"
    for path, message in (
        (absent, f"{absent} does not exist; check the path of the decisions"),
        (
            decisions(tmp_path, header="observer,stimulus"),
            f"{tmp_path}/choices.csv lacks the column chosen; {shape}",
        ),
    ):
        with pytest.raises(UserError) as caught:
            read_choices(path, observations)
        assert str(caught.value) == message
    with pytest.raises(UserError) as caught:
        read_choices(decisions(tmp_path), observations)
    assert str(caught.value) == f"{tmp_path}/choices.csv has no rows; {shape}"
