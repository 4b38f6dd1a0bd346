from __future__ import annotations

import open_clip
import pytest
import torch

from scoring.activations.hooks import (
    canonical_layer,
    canonical_name,
    collect,
    scaling,
    spatial_mean,
    watching,
)
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


@pytest.mark.parametrize("layer", ["zzz", ""])
def test_unknown_layer_unlike_any(loaded: LoadedModel, layer: str) -> None:
    with pytest.raises(UserError) as caught:
        canonical_layer(loaded.model, layer)
    assert str(caught.value) == f"the model has no layer {layer!r}; see docs/activations.md for the names"


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("RN50", "visual.layer4.2.act3"),
        ("ViT-B-32", "visual.transformer.resblocks.11"),
        ("ViT-L-14", "visual.transformer.resblocks.23"),
    ],
)
def test_default_layers_of_architectures(name: str, layer: str) -> None:
    with torch.device("meta"):
        model = open_clip.create_model(name, device="meta")
    assert canonical_layer(model, None) == layer


def test_no_default_layer_for_other_models() -> None:
    with pytest.raises(UserError) as caught:
        canonical_layer(torch.nn.Linear(2, 2), None)
    assert str(caught.value) == (
        "this model is neither a CLIP ResNet nor a CLIP vision transformer, so it has no default layer; "
        "name one with --layer"
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


class Plain(torch.nn.Module):
    """Passes ``twice`` twice and ``last`` once, and counts how often it ran to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.twice, self.last = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
        self.ends = 0

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.last(self.twice(self.twice(given)))
        self.ends += 1
        return out


def test_collect_takes_every_pass_through_every_layer() -> None:
    model, given = Plain(), torch.ones(3, 2)
    seen = collect(model, ["last", "twice"], torch.clone, lambda: model(given))
    once = model.twice(given)
    assert torch.equal(torch.stack(seen["twice"]), torch.stack([once, model.twice(once)]))
    assert torch.equal(seen["last"][0], model(given))


@pytest.mark.parametrize(("layers", "ends"), [(["twice"], 0), (["twice", "last"], 0), (["twice", ""], 1)])
def test_collect_goes_no_further_than_the_last_layer(layers: list[str], ends: int) -> None:
    model, passes = Plain(), {"twice": 2, "last": 1, "": 1}
    seen = collect(model, layers, torch.clone, lambda: model(torch.ones(3, 2)), passes)
    assert {layer: len(outputs) for layer, outputs in seen.items()} == {name: passes[name] for name in layers}
    assert model.ends == ends
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_puts_out_more_than_one_array() -> None:
    model = torch.nn.MultiheadAttention(4, 2)
    given = torch.zeros(1, 3, 4)
    with pytest.raises(UserError) as caught:
        collect(model, [""], torch.clone, lambda: model(given, given, given))
    assert str(caught.value) == (
        "the layer  puts out a tuple and not one array, so it has no units; name another layer with --layer"
    )
    assert not model._forward_hooks
