from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from scoring.activations.extract import (
    Batch,
    activations,
    decoded,
    default_batch_size,
    describe,
    extract,
    extract_layers,
    layer_reader,
)
from scoring.activations.model import LoadedModel, load_model
from scoring.activations.preprocess import SQUASH, transform
from scoring.activations.store import ActivationStore
from stimuli.errors import UserError

pytestmark = pytest.mark.model


def test_stores_what_the_model_gives(loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path) -> None:
    store = ActivationStore(tmp_path / "a.zarr")
    done = extract(pictures, loaded, None, SQUASH, store, batch_size=2)
    assert (done.images, done.computed, done.already_there, done.units) == (5, 5, 0, 512)
    names = list(pictures)[::-1]
    ((_, whole),) = decoded(pictures, names, transform(loaded, SQUASH), 5)
    read = store.read(names, "visual.layer4.0.act3", SQUASH, loaded.weights_hash)
    assert np.allclose(read, activations(loaded, whole), atol=1e-5)


def test_a_second_run_computes_nothing(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store = ActivationStore(tmp_path / "a.zarr")
    extract(pictures, loaded, None, SQUASH, store)
    before = store.read(list(pictures))
    done = extract(pictures, loaded, None, SQUASH, store)
    assert (done.computed, done.already_there) == (0, 5)
    assert np.array_equal(store.read(list(pictures)), before)


def test_a_run_that_was_stopped_goes_on(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store = ActivationStore(tmp_path / "a.zarr")

    def stopped(batches: Iterable[Batch], total: int) -> Iterable[Batch]:
        assert total == 3
        for number, batch in enumerate(batches):
            if number == 1:
                raise KeyboardInterrupt
            yield batch

    with pytest.raises(KeyboardInterrupt):
        extract(pictures, loaded, None, SQUASH, store, batch_size=2, track=stopped)
    done = extract(pictures, loaded, None, SQUASH, store, batch_size=2)
    assert (done.computed, done.already_there) == (3, 2)
    assert store.missing(done.series, list(pictures)) == []


def test_the_series_says_how_it_was_made(loaded: LoadedModel) -> None:
    series = describe(loaded, None, "model")
    assert (series.layer, series.preprocess, series.model) == ("visual.layer4.0.act3", "model", loaded.label)
    assert (series.dtype, series.input_size) == ("float32", loaded.image_size)


def test_a_damaged_image_keeps_the_others(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store, last = ActivationStore(tmp_path / "a.zarr"), list(pictures)[-1]
    pictures[last].write_bytes(b"no picture")
    with pytest.raises(UserError) as caught:
        extract(pictures, loaded, None, SQUASH, store, batch_size=2)
    assert str(caught.value) == (
        f"the image {pictures[last]} is not the one that the manifest lists; build the stimuli again"
    )
    assert store.missing(describe(loaded, None, SQUASH), list(pictures)) == [last]


#: architecture -> layers, and the units of each: the last is the default one
ARCHITECTURES = {
    "demo": {"visual.layer1.0.act3": 64, "visual.layer3.0.act2": 64, "visual.layer4.0.act3": 512},
    "RN50": {"visual.layer1.2.act3": 256, "visual.layer3.0.act1": 256, "visual.layer4.2.act3": 2048},
    "ViT-B-32": {
        "visual.transformer.resblocks.0": 768,
        "visual.transformer.resblocks.3.mlp.gelu": 3072,
        "visual.transformer.resblocks.11": 768,
    },
}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> LoadedModel:
    return load_model(request.param, device="cpu", seed=5)


def test_one_pass_gives_each_layer_what_a_pass_of_its_own_gives(
    architecture: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    names = list(pictures)[:2]
    images = {name: pictures[name] for name in names}
    store, layers = ActivationStore(tmp_path / "a.zarr"), ARCHITECTURES[architecture.name]
    done = extract_layers(images, architecture, [*layers, None], SQUASH, store)
    assert {one.series.layer: one.units for one in done} == layers
    ((_, batch),) = decoded(images, names, transform(architecture, SQUASH), 2)
    for layer, units in layers.items():
        alone = activations(architecture, batch, layer)
        assert alone.shape == (2, units)
        assert np.array_equal(store.read(names, layer), alone)
        assert np.ptp(alone, axis=0).max() > 0
    assert np.array_equal(activations(architecture, batch), store.read(names, list(layers)[-1]))


def test_a_transformers_unit_is_averaged_over_all_tokens(pictures: dict[str, Path]) -> None:
    loaded = load_model("ViT-B-32", device="cpu", seed=5)
    ((_, batch),) = decoded(pictures, list(pictures), transform(loaded, SQUASH), 5)
    with torch.inference_mode():
        tokens = loaded.model.visual.forward_intermediates(  # type: ignore[operator,union-attr]
            batch, indices=1, output_fmt="NLC", output_extra_tokens=True, intermediates_only=True
        )
    patches, first = tokens["image_intermediates"][0], tokens["image_intermediates_prefix"][0]
    expected = torch.cat([first, patches], dim=1).mean(dim=1)
    assert torch.cat([first, patches], dim=1).shape == (5, 50, 768)
    assert np.allclose(activations(loaded, batch), expected.numpy(), atol=1e-5)


def test_what_a_layer_has_already_is_left_alone(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    store, names = ActivationStore(tmp_path / "a.zarr"), list(pictures)
    one, other = "visual.layer2.0.act3", "visual.layer4.0.act3"
    extract({name: pictures[name] for name in names[:3]}, loaded, one, SQUASH, store)
    before = store.read(names[:3], one)
    done = extract_layers(pictures, loaded, [one, other, one], SQUASH, store, batch_size=2)
    assert [(each.series.layer, each.computed, each.already_there) for each in done] == [
        (one, 2, 3),
        (other, 5, 0),
    ]
    assert np.array_equal(store.read(names[:3], one), before)
    assert store.missing(done[0].series, names) == store.missing(done[1].series, names) == []


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            "transformer.resblocks.0",
            "no image passes through the layer transformer.resblocks.0; name another layer with --layer",
        ),
        (
            "visual.transformer.resblocks.0.attn",
            "the layer visual.transformer.resblocks.0.attn puts out a tuple and not one array, so it has no "
            "units; name another layer with --layer",
        ),
    ],
)
def test_layers_without_units_leave_no_store(
    layer: str, message: str, pictures: dict[str, Path], tmp_path: Path
) -> None:
    loaded = load_model("ViT-B-32", device="cpu", seed=5)
    with pytest.raises(UserError) as caught:
        extract(pictures, loaded, layer, SQUASH, ActivationStore(tmp_path / "a.zarr"))
    assert str(caught.value) == message
    assert not (tmp_path / "a.zarr").exists()


def test_the_model_is_not_run_further_than_needed(loaded: LoadedModel, pictures: dict[str, Path]) -> None:
    reader = layer_reader(loaded, ["visual.layer2.0.act3", "visual.layer3.0.act3"])
    ((_, batch),) = decoded(pictures, list(pictures), transform(loaded, SQUASH), 5)
    passed: list[str] = []
    handles = [
        module.register_forward_hook(lambda _, __, ___, name=name: passed.append(name))
        for name, module in loaded.model.named_modules()
    ]
    read = reader.read(batch, ["visual.layer2.0.act3"])
    for handle in handles:
        handle.remove()
    assert passed[-1] == "visual.layer2.0.act3"
    assert np.array_equal(read["visual.layer2.0.act3"], activations(loaded, batch, "visual.layer2.0.act3"))


def test_values_that_are_not_finite_are_refused_and_not_stored(
    loaded: LoadedModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    damaged, store = load_model(device="cpu"), ActivationStore(tmp_path / "a.zarr")
    damaged.model.visual.conv1.weight.fill_(float("nan"))  # type: ignore[operator,union-attr]
    with pytest.raises(UserError) as caught:
        extract(pictures, damaged, None, SQUASH, store, batch_size=1)
    assert str(caught.value) == (
        f"{loaded.label} gives values that are not finite at visual.layer4.0.act3; its weights are damaged"
    )
    assert store.missing(describe(loaded, None, SQUASH), list(pictures)) == list(pictures)


def test_batches_are_small_where_the_model_runs_on_the_cpu(loaded: LoadedModel) -> None:
    assert default_batch_size(loaded) == 8
