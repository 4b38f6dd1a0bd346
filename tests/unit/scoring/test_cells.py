from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scoring.cells import cells_of
from stimuli.errors import UserError


def images() -> pd.DataFrame:
    """Three sources: b with two replicates when clean, c never degraded, a degraded and not answered."""
    return pd.DataFrame(
        {
            "concept": ["Fire ", "fire", "fire", "dog", "dog", "fire"],
            "source": ["b", "b", "b", "a", "a", "c"],
            "condition": ["clean", "clean", "blur", "clean", "blur", "clean"],
            "score": [0.5, 1.0, 0.25, 0.0, np.nan, 1.0],
            "responses": [2, 4, 4, 3, 0, 1],
            "variance": [0.5, 0.0, 0.25, 0.0, np.nan, np.nan],
        },
        index=[5, 3, 9, 1, 2, 7],
    )


ACTIVATION = np.array([[1.0, 10], [3, 30], [5, 50], [7, 70], [8, 80], [9, 90]])


def test_images_find_their_cells() -> None:
    cells = cells_of(images(), ACTIVATION, [4, 2], "clean")
    assert cells.concepts == ("dog", "fire")
    assert cells.sources == ("a", "b", "c")
    assert cells.conditions == ("clean", "blur")
    assert cells.units == (4, 2)
    assert cells.concept.tolist() == [0, 1, 1]
    assert cells.activation[0].tolist() == [[7, 70], [2, 20], [9, 90]]
    assert cells.activation[1, :2].tolist() == [[8, 80], [5, 50]]
    assert np.isnan(cells.activation[1, 2]).all()
    assert cells.present.tolist() == [[True] * 3, [True, True, False]]


def test_replicates_pool_their_responses() -> None:
    cells = cells_of(images(), ACTIVATION, [4, 2], "clean")
    assert cells.recognition[0, 1] == pytest.approx((2 * 0.5 + 4 * 1.0) / 6)
    assert cells.responses.tolist() == [[3, 6, 1], [0, 4, 0]]
    assert cells.variance[0, 1] == pytest.approx((0.5 * 1 + 0.0 * 3) / 4)
    assert np.isnan(cells.recognition[1, 0])
    assert np.isnan([cells.variance[0, 2], cells.variance[1, 0], cells.variance[1, 2]]).all()


def test_the_order_of_images_does_not_matter() -> None:
    order = [3, 0, 5, 2, 1, 4]
    one = cells_of(images(), ACTIVATION, [4, 2], "clean")
    other = cells_of(images().iloc[order], ACTIVATION[order], [4, 2], "clean")
    for name in ("activation", "recognition", "responses", "variance", "concept"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)


def test_units_can_be_picked_and_concepts_found() -> None:
    cells = cells_of(images(), ACTIVATION, [4, 2], "clean")
    assert cells.of_units([2]).activation[0, :, 0].tolist() == [70, 20, 90]
    assert cells.number(" FIRE") == 1


def test_a_source_of_two_concepts_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        cells_of(images().assign(source=["b", "b", "b", "a", "b", "c"]), ACTIVATION, [4, 2], "clean")
    assert str(refused.value) == "the source b shows dog and fire; a source is one picture of one concept"


def test_without_a_clean_image_nothing_is_arranged() -> None:
    with pytest.raises(UserError) as refused:
        cells_of(images(), ACTIVATION, [4, 2], "5")
    assert str(refused.value) == "no image is in the clean condition '5'; the conditions are blur, clean"
