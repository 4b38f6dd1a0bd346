from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from exports.alignment.figures import Curve, Mark, Row, _threshold_ends, curves, heat_map, rows
from exports.alignment.wording import natural

ROWS = [
    Row("clean", [Mark(0.9, 0.85, 0.95), Mark(0.8, 0.7, 0.9, 1)]),
    Row("gaussian_blur 12", [Mark(0.4), Mark(0.3, 0.2, 0.4, 2)], cloud=[0.2, 0.5], band=(0.1, 0.6)),
]


@pytest.mark.parametrize("narrow", [False, True])
def test_rows_are_svg_with_their_names(narrow: bool) -> None:
    drawn = rows(ROWS, "mean score", narrow=narrow, zero=0.1, key=("people", "one", "two"))
    ET.fromstring(drawn)
    for word in ("clean", "gaussian blur", "mean score", "people", "two"):
        assert word in drawn


def test_figures_are_the_same_each_time() -> None:
    assert rows(ROWS, "mean score") == rows(ROWS, "mean score")


def test_rows_without_a_value_are_drawn() -> None:
    ET.fromstring(rows([Row("nothing", [Mark(math.nan)])], "score"))


@pytest.mark.parametrize("narrow", [False, True])
def test_a_heat_map_has_all_concepts_and_none(narrow: bool) -> None:
    shares = np.array([[0.6, 0.3, 0.1], [np.nan, np.nan, np.nan]])
    drawn = heat_map(shares, ["cat", "dog"], narrow=narrow)
    ET.fromstring(drawn)
    assert "none of them" in drawn
    assert (">.60<" in drawn) is not narrow


@pytest.mark.parametrize("log", [False, True])
def test_curves_name_the_severities_that_were_shown(log: bool) -> None:
    x = np.linspace(0.1, 0.6, 10)
    curve = Curve(
        "people", 0, x, 1 - x, x * 0, x * 0 + 1, [0.1, 0.3, 0.6], [Mark(0.9)] * 3, Mark(0.3, 0.2, 0.4)
    )
    model = Curve("net", 1, x, 1 - x)
    drawn = curves([curve, model], "severity of noise", chance=0.1, log=log)
    ET.fromstring(drawn)
    for word in (">0.1<", ">0.3<", ">0.6<", "severity of noise", "net"):
        assert word in drawn


def test_the_bar_of_an_open_interval_ends_with_the_curve() -> None:
    x = np.linspace(2, 12, 5)
    for low, high, ends in (
        (3.0, math.nan, [3.0, 12.0]),
        (math.nan, 5.0, [2.0, 5.0]),
        (3.0, 5.0, [3.0, 5.0]),
        (math.nan, math.nan, []),
    ):
        assert _threshold_ends(Curve("people", 0, x, x, threshold=Mark(4.0, low, high))) == ends
    assert _threshold_ends(Curve("people", 0, x, x)) == []


def test_conditions_are_sorted_clean_first_and_by_number() -> None:
    names = ["blur 12", "noise 0.3", "clean", "blur 5"]
    assert sorted(names, key=natural) == ["clean", "blur 5", "blur 12", "noise 0.3"]
