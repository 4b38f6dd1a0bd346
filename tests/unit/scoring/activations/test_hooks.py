from __future__ import annotations

import open_clip
import pytest
import torch

from scoring.activations.hooks import canonical_layer, canonical_name, scaling, spatial_mean, watching
from scoring.activations.model import LoadedModel
from stimuli.errors import UserError

pytestmark = pytest.mark.model


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("image_block_4/5/Relu_2", "visual.layer4.5.act3"),
        ("image_block_1/0/Relu", "visual.layer1.0.act1"),
        ("visual.layer3.2.act1", "visual.layer3.2.act1"),
    ],
)
def test_published_names_are_aliases(published: str, ours: str) -> None:
    assert canonical_name(published) == ours


def test_the_default_is_the_last_relu(loaded: LoadedModel) -> None:
    assert canonical_layer(loaded.model, None) == "visual.layer4.0.act3"


def test_published_name_on_the_published_architecture() -> None:
    with torch.device("meta"):
        model = open_clip.create_model("RN50x4", device="meta")
    assert canonical_layer(model, "image_block_4/5/Relu_2") == canonical_layer(model, None)


def test_unknown_layer_names_near_ones(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as caught:
        canonical_layer(loaded.model, "visual.layer4.0.act4")
    assert str(caught.value).startswith(
        "the model has no layer 'visual.layer4.0.act4'; did you mean visual.layer4.0.act"
    )


def test_unknown_layer_unlike_any(loaded: LoadedModel) -> None:
    with pytest.raises(UserError) as caught:
        canonical_layer(loaded.model, "zzz")
    assert str(caught.value) == "the model has no layer 'zzz'; see docs/activations.md for the names"


def test_no_default_layer_without_a_clip_resnet() -> None:
    with pytest.raises(UserError) as caught:
        canonical_layer(torch.nn.Linear(2, 2), None)
    assert str(caught.value) == (
        "this model is no CLIP ResNet, so it has no default layer; name one with --layer"
    )


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7, 3), (2, 3)])
def test_spatial_mean_has_a_value_for_each_unit(shape: tuple[int, ...]) -> None:
    output = torch.arange(torch.Size(shape).numel(), dtype=torch.float64).reshape(shape)
    means = spatial_mean(output)
    assert means.dtype == torch.float32
    assert means.shape == (2, 3)


def test_spatial_mean_of_a_layer_without_units() -> None:
    with pytest.raises(UserError) as caught:
        spatial_mean(torch.zeros(3))
    assert str(caught.value) == (
        "the layer puts out an array of 1 axes, (3,), from which no activation per unit can be taken; "
        "name another layer with --layer"
    )


def test_hooks_leave_nothing_behind(loaded: LoadedModel) -> None:
    layer = canonical_layer(loaded.model, None)
    with watching(loaded.model, layer, spatial_mean), scaling(loaded.model, layer, 0, 2.0):
        pass
    assert not loaded.model.get_submodule(layer)._forward_hooks
