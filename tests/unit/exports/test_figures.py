from __future__ import annotations

import math
from xml.etree import ElementTree as ET

from exports.figures.curves import Point, Tick, curve
from exports.figures.scores import Score, against_null

NAN = math.nan
TICKS = [Tick("clean", ""), Tick("blur", "5"), Tick("blur", "12"), Tick("noise", "0.38")]
POINTS = [Point(0.9, 0.8, 0.95), Point(0.7, 0.5, 0.8), Point(0.3, 0.1, 0.6), Point(NAN, NAN, NAN)]
SCORES = [Score("dog", 0.8, 0.7, 0.9, 0.5, 0.4, 0.6), Score("fire", 0.6, NAN, NAN, NAN, NAN, NAN)]


def texts(svg: str) -> list[str]:
    return [
        "".join(node.itertext()).strip() for node in ET.fromstring(svg).iter() if node.tag.endswith("text")
    ]


def test_a_curve_names_each_condition_and_is_the_same_each_time() -> None:
    drawn = curve(TICKS, POINTS, colour="#0072b2", marker="o", chance=0.5)
    assert {"clean", "blur", "5", "12", "noise", "0.38"} <= set(texts(drawn))
    assert texts(drawn).count("blur") == 1
    assert drawn == curve(TICKS, POINTS, colour="#0072b2", marker="o", chance=0.5)
    assert drawn.startswith("<svg")
    assert "date" not in drawn.lower()


def test_a_chance_line_is_drawn_only_where_there_is_chance() -> None:
    with_chance = curve(TICKS, POINTS, colour="#0072b2", marker="o", chance=0.5)
    without = curve(TICKS, POINTS, colour="#0072b2", marker="o", chance=None)
    assert "stroke-dasharray" in with_chance
    assert "stroke-dasharray" not in without


def test_scores_without_interval_or_null_are_points() -> None:
    drawn = against_null(SCORES, "SRH")
    assert {"dog", "fire", "SRH"} <= set(texts(drawn))
    assert drawn == against_null(SCORES, "SRH")


def test_the_best_of_all_and_the_comparable_score_are_drawn_where_they_are() -> None:
    more = [Score("dog", 0.8, 0.7, 0.9, 0.5, 0.4, 0.6, 0.6, 0.7, 0.75)]
    assert len(against_null(more, "InterpScore")) > len(against_null(SCORES[:1], "InterpScore"))


def test_a_narrow_figure_is_narrower() -> None:
    wide, narrow = (ET.fromstring(against_null(SCORES, "x", narrow=one)) for one in (False, True))
    widths = [float(svg.get("viewBox", "").split()[2]) for svg in (wide, narrow)]
    assert widths[0] > 1.5 * widths[1]
