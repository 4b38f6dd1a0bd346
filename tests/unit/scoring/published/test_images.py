from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from scoring.neuron_map import Pair
from scoring.published.images import Images, gather
from scoring.trial_table import conform
from stimuli.errors import UserError

PAIR = Pair(7, "Cat")
ROWS: list[dict[str, Any]] = [
    {"level": 5, "image_basename": "a.png", "ground_truth": "Cat", "source": "s", "activation_7": 2.0},
    {"level": 5, "image_basename": "a.png", "ground_truth": "cat", "source": "s", "activation_7": 2.0},
    {"level": 1, "image_basename": "b.png", "ground_truth": "cat", "source": "s", "activation_7": 1.0},
    {"level": 5, "image_basename": "c.png", "ground_truth": "dog", "source": "s", "activation_7": 0.5},
]
SCORES = [1.0, 0.5, 1.0, 0.0]


def frame_of(rows: Sequence[dict[str, Any]] = ROWS, **columns: Any) -> pd.DataFrame:
    frame = conform(
        pd.DataFrame(list(rows)).assign(trial_category="experiment", soft_correct=SCORES, **columns)
    )
    frame.attrs["channels"] = [7, 12]
    return frame


def gathered(frame: pd.DataFrame, pair: Pair = PAIR) -> Images:
    return gather(frame, [pair], "soft_correct", "trials.csv")


def refusal(frame: pd.DataFrame, pair: Pair = PAIR) -> str:
    with pytest.raises(UserError) as caught:
        gathered(frame, pair)
    return str(caught.value)


def test_rows_of_an_image_are_gathered() -> None:
    images = gathered(frame_of())
    assert images.concepts == ("cat", "dog")
    assert images.level.tolist() == [1, 5, 5]
    assert images.rows.tolist() == [1, 2, 1]
    assert images.credit.tolist() == [1, 1.5, 0]
    assert images.recognised.tolist() == [1, 1, 0]
    assert images.of_unit(7).tolist() == [1, 2, 0.5]
    assert images.target(PAIR).tolist() == [True, True, False]
    assert not images.by_row


def test_the_same_source_id_of_two_concepts_is_two_sources() -> None:
    images = gathered(frame_of())
    assert images.source.tolist() == [0, 0, 1]
    assert images.concept_of_source.tolist() == [0, 1]


def test_rows_whose_activations_differ_are_images_of_their_own() -> None:
    rows = [dict(row) for row in ROWS]
    rows[1]["activation_7"] = 3.0
    images = gathered(frame_of(rows))
    assert images.by_row
    assert images.rows.tolist() == [1, 1, 1, 1]
    assert images.of_unit(7).tolist() == [1, 2, 3, 0.5]
    assert images.credit.tolist() == [1, 1, 0.5, 0]


def test_the_order_of_rows_does_not_matter() -> None:
    frame = frame_of()
    one, other = gathered(frame), gathered(frame.iloc[::-1].reset_index(drop=True))
    for name in ("concept", "source", "level", "name", "rows", "credit", "recognised", "activation"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_excluded_and_other_trials_do_not_count() -> None:
    frame = frame_of(excluded=[True, False, None, False])
    frame.loc[3, "trial_category"] = "catch"
    images = gathered(frame)
    assert images.rows.tolist() == [1, 1]


def test_nothing_counts() -> None:
    frame = frame_of(excluded=True)
    message = (
        "trials.csv has no row that counts; such a row has the trial_category experiment and is not excluded"
    )
    assert refusal(frame) == message


def test_a_unit_that_is_not_there() -> None:
    expected = (
        "trials.csv has no column activation_3, which the neuron map needs for Cat; its units are 7, 12"
    )
    assert refusal(frame_of(), Pair(3, "Cat")) == expected


def test_of_many_units_twenty_are_listed() -> None:
    frame = frame_of()
    frame.attrs["channels"] = list(range(100, 125))
    listed = ", ".join(str(unit) for unit in range(100, 120))
    assert refusal(frame, Pair(3, "Cat")).endswith(f"its units are {listed} and 5 more")


def test_a_concept_that_is_not_there() -> None:
    expected = (
        "trials.csv does not show the concept Dragon, which the neuron map names for unit 7; "
        "its concepts are cat, dog: leave others out of the map (activations choose --concept)"
    )
    assert refusal(frame_of(), Pair(7, "Dragon")) == expected


@pytest.mark.parametrize(("value", "what"), [(np.nan, "is missing"), (np.inf, "is infinite")])
def test_an_activation_that_is_no_number(value: float, what: str) -> None:
    rows = [dict(row) for row in ROWS]
    rows[2]["activation_7"] = value
    expected = (
        f"trials.csv, row 3, column activation_7 {what}; extract the activation of its image, "
        "or leave the row out"
    )
    assert refusal(frame_of(rows)) == expected


def test_an_answer_that_was_not_judged() -> None:
    frame = frame_of()
    frame.loc[1, "soft_correct"] = pd.NA
    expected = "trials.csv, row 2, column soft_correct is missing; judge the answer, or leave the row out"
    assert refusal(frame) == expected
