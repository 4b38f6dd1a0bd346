"""The registry of perturbations says nothing that contradicts itself."""

from __future__ import annotations

import doctest
import math

import pytest

from stimuli import perturbations
from stimuli.conditions import Condition
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, PERTURBATIONS, Companion, Perturbation
from stimuli.perturbations import perturbation as module

ALL = [row for row in PERTURBATIONS.values() if row.name != CLEAN]
every = pytest.mark.parametrize("row", ALL, ids=[row.name for row in ALL])


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0


def test_names_are_unique() -> None:
    groups = [getattr(perturbations, name) for name in ("noises", "blurs", "digital", "vision_science")]
    groups += [getattr(perturbations, name) for name in ("eidolons", "parts", "model_based")]
    rows = [row for group in groups for row in getattr(group, group.__name__.rsplit(".", 1)[1].upper())]
    assert [CLEAN, *(row.name for row in rows)] == list(PERTURBATIONS)


@every
def test_everything_is_said_of_it(row: Perturbation) -> None:
    for text in (row.group, row.does, row.parameter, row.unit, row.source):
        assert text.strip() == text != ""
    assert row.direction in {-1, 0, 1}
    assert not (row.published_levels and row.own_levels)


@every
def test_its_levels_are_conditions_and_grow_stronger(row: Perturbation) -> None:
    assert row.levels
    assert len(set(row.levels)) == len(row.levels)
    for level in row.levels:
        assert Condition(row.name, level).severity == level
    strengths = [row.direction * level for level in row.levels]
    assert strengths == sorted(strengths)
    if row.identity is not None:
        assert row.low <= row.identity <= row.high
        assert row.identity not in row.levels
        assert not row.direction or row.direction * row.identity < strengths[0]


@every
def test_its_parameters_are_numbers(row: Perturbation) -> None:
    for companion in row.companions:
        assert len(companion.values) == len(row.published_levels)
        for level, value in zip(row.published_levels, companion.values, strict=True):
            assert row.companion(companion.name, level) == value
    for severity in (row.low, row.high, *row.levels):
        assert all(map(math.isfinite, row.parameters(severity).values()))


@every
def test_what_people_can_do_lies_in_its_range(row: Perturbation) -> None:
    if row.human is None:
        return
    severities = (row.human.at_75_percent, row.human.midpoint, row.human.at_35_percent)
    strengths = [row.direction * severity for severity in severities]
    assert strengths == sorted(set(strengths))
    assert all(row.low <= severity <= row.high for severity in severities)


def whole(direction: int) -> Perturbation:
    return Perturbation(
        "tiles", "", "", "", "", direction, None, 1, 9, "", (2.0, 4.0),
        companions=(Companion("rows", "px", (10, 20), whole=True),), whole=True,
    )  # fmt: skip


def test_a_whole_companion_comes_from_the_nearer_level() -> None:
    assert [whole(1).companion("rows", value) for value in (1, 2.9, 3, 3.1, 9)] == [10, 10, 10, 20, 20]
    assert whole(-1).companion("rows", 3) == 20
    assert whole(1).parameters(4.0) == {"rows_px": 20.0}


def test_a_fraction_is_refused_where_whole_numbers_are_meant() -> None:
    with pytest.raises(UserError) as error:
        whole(1).refuse(2.5)
    assert str(error.value) == "severity 2.5 of tiles has a fraction; give a whole number from 1 to 9"
