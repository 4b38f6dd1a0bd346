from __future__ import annotations

import doctest

import pytest

from exports.report import remarks as module
from exports.report.remarks import remarks, sentence


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("note", "words"),
    [
        ("S: constant_activation", "No S (selectivity): constant activation"),
        (
            "C: not_measured_it_needs_images_and_a_model",
            "No C (causality): it was not measured; give `score` the images and a model",
        ),
        (
            "H: recognition has a reliability of only 0.12, and dividing by its root multiplies noise by 2.9",
            "H (human consistency) is divided by the root of a low reliability: 0.12, and dividing by its "
            "root multiplies noise by 2.9",
        ),
        (
            "R: no_interval_since_resamples_do_not_vary",
            "R (robustness) has no interval, since it is the same in every resample",
        ),
        (
            "H: undefined in 12 resamples",
            "H (human consistency) is undefined in 12 resamples (left out of its interval)",
        ),
        (
            "fewer_than_8_sources: a unit chosen on them can be perfect by chance, read p_max",
            "Fewer than 8 pictures: a unit that was chosen on them can be perfect by chance; read p(max)",
        ),
        (
            "null: 3 of its 8 sources share their conditions with no other concept",
            "3 of 8 pictures of the concept have conditions that no other concept has, so they stay among "
            "themselves in the null",
        ),
        (
            "null: no_source_of_another_concept_has_the_same_conditions",
            "No null: no picture of another concept has the same conditions to exchange activations with",
        ),
        ("X: something new", "X: something new"),
    ],
)
def test_notes_in_words(note: str, words: str) -> None:
    assert sentence(note) == words


def test_a_note_stands_once_with_those_that_it_holds_for() -> None:
    shared = "H: recognition has a reliability of only 0.12, and dividing by its root multiplies noise by 2.9"
    rows = [
        {"Concept": "fire", "Notes": f"S: constant_activation; {shared}"},
        {"Concept": "dog", "Notes": shared},
        {"Concept": "key", "Notes": f"S: constant_activation; {shared}"},
    ]
    found = remarks(rows)
    assert found[0] == "No S (selectivity): constant activation (fire and key)."
    assert len(found) == 2
    assert found[1].endswith("multiplies noise by 2.9.")


def test_no_notes_no_remarks() -> None:
    assert remarks([{"Concept": "fire", "Notes": ""}]) == []
