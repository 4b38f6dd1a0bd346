from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from scoring.activations.hooks import canonical_layer, scaling, spatial_mean, watching
from scoring.activations.model import LoadedModel
from scoring.activations.preprocess import SQUASH, open_image, transform
from scoring.activations.suffix import embedding_change
from stimuli.errors import UserError

pytestmark = pytest.mark.model


def changed_in_the_full_graph(
    loaded: LoadedModel, layer: str, batch: torch.Tensor, unit: int, scale: float
) -> float:
    """Relative change by running the whole model twice, the unit scaled by a hook the second time."""
    with torch.inference_mode():
        plain = loaded.model.encode_image(batch)  # type: ignore[operator]
        with scaling(loaded.model, layer, unit, scale):
            moved = loaded.model.encode_image(batch)  # type: ignore[operator]
    return float((moved - plain).norm() / plain.norm())


def first_input(loaded: LoadedModel, pictures: dict[str, Path]) -> torch.Tensor:
    return transform(loaded, SQUASH)(open_image(next(iter(pictures.values())))).unsqueeze(0)


@pytest.mark.parametrize("layer", ["visual.layer4.0.act3", "visual.layer2.0.act3", "visual.layer4.0.act1"])
def test_equals_scaling_the_unit_in_the_full_graph(
    loaded: LoadedModel, pictures: dict[str, Path], layer: str
) -> None:
    units, scales = [0, 3, 17], [0.0, 0.5, 2.0]
    changes = embedding_change(loaded, layer, list(pictures.values())[:1], units, scales)
    assert changes.shape == (1, 3, 3)
    batch = first_input(loaded, pictures)
    for row, unit in enumerate(units):
        for column, scale in enumerate(scales):
            expected = changed_in_the_full_graph(loaded, layer, batch, unit, scale)
            assert changes[0, row, column] == pytest.approx(expected, abs=1e-5)


def test_scale_one_changes_nothing(loaded: LoadedModel, pictures: dict[str, Path]) -> None:
    changes = embedding_change(loaded, None, list(pictures.values()), range(64), [1.0])
    assert (changes == 0.0).all()


def test_a_silent_unit_changes_nothing_and_a_live_one_something(
    loaded: LoadedModel, pictures: dict[str, Path]
) -> None:
    layer = canonical_layer(loaded.model, None)
    with torch.inference_mode(), watching(loaded.model, layer, spatial_mean) as seen:
        loaded.model.encode_image(first_input(loaded, pictures))  # type: ignore[operator]
    live = seen[0][0].numpy() > 0
    changes = embedding_change(loaded, layer, list(pictures.values())[:1], range(512))[0]
    assert live.any()
    assert (changes[live] > 0).all()
    assert (changes[~live] == 0).all()


def test_order_of_units_and_size_of_batch_do_not_matter(
    loaded: LoadedModel, pictures: dict[str, Path]
) -> None:
    paths = list(pictures.values())[:2]
    many = embedding_change(loaded, None, paths, range(100))
    few = embedding_change(loaded, None, paths[::-1], [70, 2])
    assert np.allclose(many[:, [70, 2]], few[::-1], atol=1e-5)


def test_a_unit_that_the_layer_lacks(loaded: LoadedModel, pictures: dict[str, Path]) -> None:
    with pytest.raises(UserError) as caught:
        embedding_change(loaded, None, list(pictures.values())[:1], [512])
    assert str(caught.value) == "the layer has no unit 512; its units are 0 to 511"
