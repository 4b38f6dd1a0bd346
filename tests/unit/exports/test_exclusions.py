from __future__ import annotations

import doctest

import pandas as pd

from exports import exclusions
from exports.exclusions import exclusion_counts, exclusions_in_words
from exports.report import presentation


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(exclusions).failed == 0
    assert doctest.testmod(presentation).failed == 0


def trials(*rules: str | None) -> pd.DataFrame:
    """Two trials of each session; a session for each rule or rules that exclude it."""
    return pd.DataFrame(
        {
            "session": [f"S{at}" for at in range(len(rules)) for _ in range(2)],
            "excluded": pd.array([rule is not None for rule in rules for _ in range(2)], dtype="boolean"),
            "exclusion_rule": pd.array([rule for rule in rules for _ in range(2)], dtype="string"),
        }
    )


def test_sessions_are_counted_once_and_by_each_of_their_rules() -> None:
    counts = exclusion_counts(trials("catch-1", None, "catch-1; manual-1"))
    assert counts == {
        "excluded_sessions": 2,
        "excluded_sessions_by_rule": {"catch-1": 2, "manual-1": 1},
    }
    assert exclusions_in_words(counts) == "2 sessions are excluded (catch-1: 2, manual-1: 1)"


def test_nobody() -> None:
    assert exclusions_in_words(exclusion_counts(trials(None, None))) == "no session is excluded"
    assert exclusion_counts(trials()) == {"excluded_sessions": 0, "excluded_sessions_by_rule": {}}
