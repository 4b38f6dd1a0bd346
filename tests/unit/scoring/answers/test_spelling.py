from __future__ import annotations

import pytest

from scoring.answers import judge
from scoring.answers.spelling import is_misspelling


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("sailbaot", "sailboat"),
        ("mushrom", "mushroom"),
        ("mashrom", "mushroom"),
        ("appel", "apple"),
        ("aple", "apple"),
        ("applle", "apple"),
        ("fier", "fire"),
        ("hadn", "hand"),
        ("bycicle", "bicycle"),
        ("catcus", "cactus"),
        ("butterfliy", "butterfly"),
        ("ubmrella", "umbrella"),
        ("umberela", "umbrella"),
    ],
)
def test_slips(typed: str, right: str) -> None:
    assert is_misspelling(typed, right)


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("cat", "car"),
        ("fog", "dog"),
        ("god", "dog"),
        ("dgo", "dog"),
        ("hind", "hand"),
        ("fine", "fire"),
        ("wire", "fire"),
        ("frame", "flame"),
        ("house", "horse"),
        ("plant", "plane"),
        ("glass", "grass"),
        ("grapes", "grass"),
        ("mouse", "house"),
        ("buttery", "butterfly"),
        ("sailboard", "sailboat"),
        ("elegant", "elephant"),
        ("ample", "apple"),
        ("keys", "key"),
        ("zailboat", "sailboat"),
        ("sail", "sailboat"),
        ("apple", "apple"),
    ],
)
def test_not_slips(typed: str, right: str) -> None:
    assert judge(right, typed).rule not in ("spelling", "synonym")


@pytest.mark.parametrize(
    ("typed", "right"), [("zailboat", "sailboat"), ("sail", "sailboat"), ("apple", "apple")]
)
def test_no_letters_of_a_slip(typed: str, right: str) -> None:
    assert not is_misspelling(typed, right)
