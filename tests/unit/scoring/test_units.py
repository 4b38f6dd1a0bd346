from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scoring.units import auroc, choose_units, neuron_map, standardised_difference, write_neuron_map
from stimuli.errors import UserError

CONCEPTS = ["cat", "cat", "dog", "dog", "fish", "fish"]


def test_each_concept_gets_its_best_unit() -> None:
    values = np.array(
        [[5, 0, 0, 1], [6, 0, 1, 1], [0, 7, 0, 1], [0, 8, 1, 1], [1, 0, 9, 1], [1, 0, 9, 1]], dtype=np.float32
    )
    choices = choose_units(values, CONCEPTS)
    assert [(c.concept, c.unit, c.auroc) for c in choices] == [
        ("cat", 0, 1.0),
        ("dog", 1, 1.0),
        ("fish", 2, 1.0),
    ]
    assert [(c.n_concept, c.n_others) for c in choices] == [(2, 4)] * 3
    assert neuron_map(choices) == {"0": "cat", "1": "dog", "2": "fish"}


def test_ties_go_to_the_larger_standardised_difference() -> None:
    values = np.array([[1, 9], [1, 9], [0, 0], [0.9, 1], [0, 0], [0, 1]], dtype=np.float64)
    assert choose_units(values, CONCEPTS, ["cat"])[0].unit == 1


def test_a_unit_stands_for_one_concept_and_the_better_one_gets_it() -> None:
    values = np.array([[3, 2], [3, 2], [4, 1], [4, 0], [0, 0], [0, 1]], dtype=np.float64)
    chosen = {choice.concept: choice.unit for choice in choose_units(values, CONCEPTS, ["cat", "dog"])}
    assert chosen == {"dog": 0, "cat": 1}


def test_the_order_of_concepts_does_not_matter() -> None:
    values = np.random.default_rng(0).random((6, 9))
    mixed = np.random.default_rng(1).permutation(6)
    assert choose_units(values, CONCEPTS) == choose_units(values[mixed], [CONCEPTS[i] for i in mixed])


def test_a_constant_unit_is_at_chance() -> None:
    positive = np.array([True, False, False])
    assert auroc(np.ones((3, 1)), positive) == pytest.approx(0.5)
    assert standardised_difference(np.ones((3, 1)), positive) == pytest.approx(0.0)


def test_a_concept_without_pictures() -> None:
    with pytest.raises(UserError) as caught:
        choose_units(np.zeros((6, 9)), CONCEPTS, ["cat", "boat"])
    assert (
        str(caught.value) == "no picture to choose from shows 'boat'; the concepts there are cat, dog, fish"
    )


def test_a_single_concept() -> None:
    with pytest.raises(UserError) as caught:
        choose_units(np.zeros((2, 9)), ["cat", "cat"])
    assert str(caught.value) == (
        "units are chosen by telling concepts apart; give pictures of at least two concepts"
    )


def test_more_concepts_than_units() -> None:
    with pytest.raises(UserError) as caught:
        choose_units(np.zeros((6, 2)), CONCEPTS)
    assert str(caught.value) == "the layer has 2 units, fewer than 3 concepts; name another layer"


def test_the_map_is_written_in_the_published_form(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    write_neuron_map(path, {"89": "raised hand"})
    assert json.loads(path.read_text()) == {"89": "raised hand"}
    with pytest.raises(UserError) as caught:
        write_neuron_map(path, {})
    assert str(caught.value) == f"{path} exists already; name another output, or add --force to replace it"
