from __future__ import annotations

import doctest
import re

from exports.report import wording
from exports.report.wording import counted, family, in_order, label, listed, severity, signed_span, span
from exports.studies import ConditionRecord
from scoring import accuracy, repetition, unit_curves
from scoring.metrics import causality, human_consistency, robustness, sample, selectivity
from stimuli.perturbations import PERTURBATIONS


def condition(perturbation: str, value: float = 0.0, level: int = 1) -> ConditionRecord:
    unit = PERTURBATIONS[perturbation].unit
    return ConditionRecord(f"{perturbation}-{value:g}", perturbation, value, unit, level, "invariant")


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(wording).failed == 0


def test_conditions_run_from_clean_to_severe_within_families() -> None:
    given = [
        condition("contrast", 0.1),
        condition("gaussian_blur", 12),
        condition("contrast", 0.3),
        condition("clean"),
        condition("gaussian_blur", 5),
    ]
    assert [one.key for one in in_order(given)] == [
        "clean-0",
        "gaussian_blur-5",
        "gaussian_blur-12",
        "contrast-0.3",
        "contrast-0.1",
    ]


def test_families_are_short_unless_two_would_be_one() -> None:
    blur, noise = condition("gaussian_blur", 5), condition("gaussian_noise", 0.38)
    assert (label(blur, [blur, noise]), label(noise, [blur, noise])) == ("blur 5 px", "noise 0.38")
    other = ConditionRecord("motion_blur-3", "motion_blur", 3, "px", 4, "invariant")
    assert family(blur, [blur, other]) == "gaussian blur"
    assert severity(condition("clean")) == ""


def test_lists_counts_and_intervals() -> None:
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"
    assert listed([]) == ""
    assert (counted(1, "reply", "replies"), counted(2, "reply", "replies")) == ("1 reply", "2 replies")
    assert span(0.123, 1.0) == ".12–1"
    assert span(float("nan"), 0.5) == ""
    assert signed_span(-0.021, 0.4) == "−.02 to +.40"
    assert signed_span(float("nan"), 0.5) == ""
    assert listed(["a", "b", "c"], "or") == "a, b or c"


REASONS_OF_REPETITION = ("NO_REPETITION", "ONE_REPEATING", "FOLLOWS_PLACE", "FOLLOWS_CELL", "NO_VARIATION")


def reasons_of_metrics() -> set[str]:
    """The reasons that metrics have for a missing value: capital names of text_like_this in their modules."""
    modules = (causality, human_consistency, robustness, sample, selectivity)
    values = [value for module in modules for name, value in vars(module).items() if name.isupper()]
    return {
        value for value in values if isinstance(value, str) and re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", value)
    }


def test_every_reason_has_words() -> None:
    reasons = {
        accuracy.NO_RESPONSES,
        accuracy.ONE_PARTICIPANT,
        accuracy.ONE_SOURCE,
        accuracy.ALL_EQUAL,
        unit_curves.TOO_FEW,
        unit_curves.CONSTANT,
        *reasons_of_metrics(),
        # written by scoring.controls
        "not_drawn",
        "no_labelled_unit_of_another_concept",
        *(getattr(repetition, name) for name in REASONS_OF_REPETITION),
    }
    assert reasons == set(wording.REASONS)
