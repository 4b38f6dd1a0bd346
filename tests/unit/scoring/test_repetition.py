from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from scoring.repetition import (
    FOLLOWS_CELL,
    FOLLOWS_PLACE,
    NO_REPETITION,
    NO_VARIATION,
    NOTHING,
    ONE_REPEATING,
    Repetition,
    repetition,
    repetition_effect,
)
from scoring.trial_table import conform

#: score, participant, concept, condition, repetition, place
Row = tuple[float, str, str, str, int, int]


def effect(rows: Sequence[Row], draws: int = 50, seed: int = 0) -> Repetition:
    columns = (np.array(column) for column in zip(*rows, strict=True))
    return repetition_effect(*columns, draws=draws, seed=seed)


def study(rng: np.random.Generator, people: int = 6, first: float = 0.0, later: float = 1.0) -> list[Row]:
    """Three concepts twice each in a random order; first pictures score one thing, later ones another."""
    rows: list[Row] = []
    for person in range(people):
        seen: dict[str, int] = {}
        for place, concept in enumerate(rng.permutation(["dog", "cat", "key"] * 2)):
            seen[concept] = seen.get(concept, 0) + 1
            score = first if seen[concept] == 1 else later
            rows.append((score, f"P{person}", str(concept), "clean", seen[concept], place))
    return rows


def test_what_is_put_in_comes_out_exactly() -> None:
    found = effect(study(np.random.default_rng(0), first=0.25, later=0.75))
    assert found.later.estimate == pytest.approx(0.5, abs=1e-9)
    assert (found.later.low, found.later.high) == pytest.approx((0.5, 0.5), abs=1e-6)
    assert found.practice.estimate == pytest.approx(0.0, abs=1e-8)
    assert math.isnan(found.practice.p)
    assert (found.n, found.participants, found.repeating, found.most) == (36, 6, 6, 2)
    assert found.further == found.later
    assert found.reason == ""


def test_easier_pictures_and_better_participants_are_no_repetition() -> None:
    rng = np.random.default_rng(1)
    ease = {"dog": 0.1, "cat": 0.3, "key": 0.5}
    rows = [
        (ease[concept] + 0.05 * int(person[1:]) + 0.01 * place, person, concept, condition, times, place)
        for _, person, concept, condition, times, place in study(rng)
    ]
    # who leaves early had only first pictures
    rows = [row for row in rows if not (row[1] == "P5" and row[4] > 1)]
    found = effect(rows)
    assert found.later.estimate == pytest.approx(0.0, abs=1e-8)
    assert found.practice.estimate == pytest.approx(0.1, abs=1e-8)
    assert (found.participants, found.repeating) == (6, 5)


def test_the_same_seed_gives_the_same_and_the_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    rows = [(float(rng.random() < 0.5), *row[1:]) for row in study(rng)]
    once, again = effect(rows), effect(rows)
    assert repr(once) == repr(again)
    shuffled = effect([rows[at] for at in rng.permutation(len(rows))])
    assert shuffled.later[:3] == pytest.approx(once.later[:3])
    assert once.later.null_low < once.later.null_high
    assert 1 / 51 <= once.later.p <= 1


def missing(rows: Sequence[Row], reason: str) -> None:
    found = effect(rows)
    assert found.reason == reason
    assert repr(found.later) == repr(NOTHING)
    assert repr(found.further) == repr(NOTHING)


def test_nothing_to_repeat() -> None:
    missing([row for row in study(np.random.default_rng(0)) if row[4] == 1], NO_REPETITION)
    none = repetition_effect([], [], [], [], [], [])
    assert (none.n, none.reason) == (0, NO_REPETITION)


def test_one_participant_tells_nothing_of_others() -> None:
    rows = study(np.random.default_rng(0))
    missing([row for row in rows if row[4] == 1 or row[1] == "P0"], ONE_REPEATING)


def test_first_pictures_before_all_later_ones() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (float(rng.random() < 0.5), f"P{person}", concept, "clean", times, 3 * times + at)
        for person in range(6)
        for times in (1, 2)
        for at, concept in enumerate(rng.permutation(["dog", "cat", "key"]))
    ]
    missing(rows, FOLLOWS_PLACE)


def test_first_and_later_pictures_in_other_conditions() -> None:
    rng = np.random.default_rng(0)
    rows = study(rng)
    missing(
        [(float(rng.random() < 0.5), *row[1:3], f"level {row[4]}", *row[4:]) for row in rows], FOLLOWS_CELL
    )


def test_all_scored_the_same() -> None:
    missing(study(np.random.default_rng(0), first=1.0, later=1.0), NO_VARIATION)


def table(rows: Sequence[Row]) -> pd.DataFrame:
    names = ["soft_correct", "participant", "concept", "level", "concept_repetition", "trial_index"]
    plain = [(*row[:3], 5, *row[4:]) for row in rows]
    return conform(pd.DataFrame(plain, columns=names).assign(trial_category="experiment", excluded=False))


def test_of_a_trial_table_only_what_counts() -> None:
    rng = np.random.default_rng(4)
    trials = table([(float(rng.random() < 0.5), *row[1:]) for row in study(rng)])
    expected = repetition(trials, draws=20)
    assert expected.n == 36
    noise = trials.head(4).assign(
        trial_category=["practice", "catch", "experiment", "experiment"],
        excluded=[False, False, True, False],
        soft_correct=pd.array([1.0, 1.0, 1.0, None], dtype="Float64"),
    )
    found = repetition(pd.concat([trials, noise], ignore_index=True), draws=20)
    assert repr(found) == repr(expected)


def test_an_empty_table_has_no_effect() -> None:
    assert repetition(table(study(np.random.default_rng(0))).head(0)).reason == NO_REPETITION
