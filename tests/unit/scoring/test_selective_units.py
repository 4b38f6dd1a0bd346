"""The most selective units: the same selectivity as the metric's, and honest ties."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.metrics.sample import Sample
from scoring.metrics.selectivity import selectivity
from scoring.selective_units import most_selective
from stimuli.errors import UserError

CONCEPTS = ["dog"] * 4 + ["key"] * 3 + ["fire"] * 3 + ["rocket"]


def activations() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.random.default_rng(0).gamma(2.0, size=(len(CONCEPTS), 20)).round(1)


def test_it_is_the_metrics_selectivity() -> None:
    values, names = activations(), sorted(set(CONCEPTS))
    places = np.array([names.index(concept) for concept in CONCEPTS])
    times = np.ones((len(CONCEPTS), 1))
    human = np.full((1, len(CONCEPTS)), np.nan)
    table = selectivity(Sample(values[None], times, human, places, len(names))).value
    best = np.sort(np.nanmax(table, axis=0))[::-1]
    chosen = most_selective(values, CONCEPTS, 20)
    assert [one.selectivity for one in chosen] == pytest.approx(best)
    for one in chosen:
        assert one.selectivity == pytest.approx(table[names.index(one.concept), one.channel])
        assert one.concept != "rocket"


def test_ties_go_to_the_larger_difference_then_to_the_first_unit() -> None:
    values = np.zeros((11, 3))
    values[:4] = np.array([1, 1.1, 1, 1.1])[:, None]
    values[0, 0] = 3
    assert [one.channel for one in most_selective(values, CONCEPTS, 3)] == [1, 2, 0]


def test_what_cannot_be_chosen_is_refused() -> None:
    with pytest.raises(UserError) as error:
        most_selective(activations(), CONCEPTS, 21)
    assert str(error.value) == "the layer has 20 units, not 21; ask for fewer"
    with pytest.raises(UserError) as error:
        most_selective(activations()[:2], ["dog", "dog"], 1)
    assert str(error.value) == (
        "selectivity compares concepts of at least 2 pictures each, and there are 1 of them; "
        "give more pictures"
    )
