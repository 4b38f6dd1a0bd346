from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest

from exports.alignment.wording import (
    MEASURES,
    REASONS,
    decimal,
    ends,
    ends_within,
    in_words,
    percents,
    plain,
    probability,
    sentence,
    thin_thousands,
)

ROOT = Path(__file__).parents[3]
#: how the name of something begins that is given as a reason in the modules of alignment
ALIGNMENT = ROOT / "scoring" / "alignment"


def constants() -> set[str]:
    """Words joined by underscores that a module of alignment assigns to names in capitals."""
    found: set[str] = set()
    for path in ALIGNMENT.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Dict):
                found |= {
                    word.value
                    for word in ast.walk(node.value)
                    if isinstance(word, ast.Constant)
                    and isinstance(word.value, str)
                    and re.fullmatch(
                        r"(no|too|fewer|all|severities|chance|scales|interval)(_[a-z0-9]+)+", word.value
                    )
                }
    return found


@pytest.mark.parametrize("reason", sorted(constants()))
def test_each_reason_that_a_module_names_has_words(reason: str) -> None:
    assert reason in REASONS


def test_reasons_of_a_comparison_say_whose_they_are() -> None:
    told = in_words("human_too_few_severities; model_all_right")
    assert told == (
        "people: it was shown at fewer than 5 severities, which do not tell a curve; show more severities to "
        "each participant; the model: nearly every answer was right: severities are too mild"
    )


def test_a_reason_without_words_is_told_as_it_is() -> None:
    assert sentence("the_moon_was_full") == "The moon was full."
    assert sentence("") == ""


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.8712, 3, ".871"),
        (-0.0204, 2, "−.02"),
        (-0.0001, 2, ".00"),
        (1.5, 1, "1.5"),
        (0.0, 3, "0"),
        (math.nan, 3, "–"),
        (math.inf, 3, "–"),
    ],
)
def test_numbers_have_no_zero_before_the_point(value: float, digits: int, text: str) -> None:
    assert decimal(value, digits) == text


def test_intervals_may_be_open() -> None:
    assert ends(0.1, 0.25, 2) == ".10 to .25"
    assert ends(0.1, math.nan, 2) == ".10 to open"
    assert ends(-math.inf, 0.2, 1) == "−∞ to .2"
    assert ends(math.nan, math.nan) == ""


def test_an_open_end_lies_beyond_what_was_shown() -> None:
    assert ends_within(8.7979, math.nan, (2, 12)) == "8.798 to beyond 12"
    assert ends_within(math.nan, 0.2, (0.05, 0.5), 1) == "below 0.05 to .2"
    assert ends_within(1.0, 2.0, (0, 3), 1) == "1.0 to 2.0"
    assert ends_within(math.nan, math.nan, (0, 3)) == ""


def test_shares_are_written_in_one_unit() -> None:
    assert percents(0.7741, 0.93) == "77.4% to 93.0%"
    assert percents(math.nan, 0.9) == ""


def test_conditions_and_thousands_are_written_alike() -> None:
    assert plain("gaussian_blur 2") == "gaussian blur 2"
    assert thin_thousands("1,000 draws, seed 0, (1, 2)") == "1\u202f000 draws, seed 0, (1, 2)"


def test_small_probabilities_are_said_to_be() -> None:
    assert (probability(0.0001), probability(0.031), probability(math.nan)) == ("<.001", ".031", "")


def test_every_measure_says_what_it_is() -> None:
    assert all(measure.title and measure.meaning for measure in MEASURES.values())
