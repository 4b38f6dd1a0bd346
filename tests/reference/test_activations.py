"""Activations, a unit's effect and its AUROC against slower, plainer forms of the same definitions."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scoring.activations.extract import activations
from scoring.activations.hooks import canonical_layer, watching
from scoring.activations.model import LoadedModel, load_model
from scoring.activations.preprocess import SQUASH, open_image, transform
from scoring.activations.suffix import embedding_change, image_changes
from scoring.units import auroc, standardised_difference

pytestmark = pytest.mark.model

PUBLISHED_LAYER = "image_block_4/5/Relu_2"


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def rn50x4() -> LoadedModel:
    return load_model("RN50x4", device="cpu", seed=1)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (70, 50, 3), dtype=np.uint8)).save(path)
    return path


def plain_input(loaded: LoadedModel, path: Path) -> torch.Tensor:
    """Resize without a crop by Lanczos, then RGB, then normalise, value by value."""
    size = (loaded.image_size, loaded.image_size)
    pixels = np.asarray(Image.open(path).resize(size, Image.Resampling.LANCZOS).convert("RGB"))
    channels = [(pixels[..., c] / 255 - loaded.mean[c]) / loaded.std[c] for c in range(3)]
    return torch.tensor(np.stack(channels), dtype=torch.float32)


def last_map(loaded: LoadedModel, batch: torch.Tensor) -> torch.Tensor:
    """Output of the residual stages, called one after the other without any hook."""
    visual = loaded.model.visual
    with torch.inference_mode():
        x = visual.stem(batch)  # type: ignore[operator,union-attr]
        for stage in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):  # type: ignore[union-attr]
            x = stage(x)  # type: ignore[operator]
    result: torch.Tensor = x
    return result


def attention_pool(pool: torch.nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """CLIP's attention pool for one image (units, h, w) in float64, written out head by head."""
    weights = {key: value.double() for key, value in pool.state_dict().items()}
    tokens = maps.double().flatten(1).T
    tokens = torch.cat([tokens.mean(0, keepdim=True), tokens]) + weights["positional_embedding"]
    heads, width = int(pool.num_heads), tokens.shape[1]  # type: ignore[arg-type]
    per_head = width // heads
    query, key, value = (
        tokens @ weights[f"{part}_proj.weight"].T + weights[f"{part}_proj.bias"] for part in "qkv"
    )
    context = []
    for head in range(heads):
        own = slice(head * per_head, (head + 1) * per_head)
        logits = key[:, own] @ query[0, own] / per_head**0.5
        context.append(torch.softmax(logits, 0) @ value[:, own])
    embedding: torch.Tensor = torch.cat(context) @ weights["c_proj.weight"].T + weights["c_proj.bias"]
    return embedding


def test_squash_and_spatial_mean_by_hand(demo: LoadedModel, picture: Path) -> None:
    by_hand = plain_input(demo, picture)
    ours = transform(demo, SQUASH)(open_image(picture))
    assert torch.allclose(ours, by_hand, atol=1e-6)
    maps = last_map(demo, by_hand.unsqueeze(0))[0].numpy()
    means = [sum(float(v) for v in channel.flat) / channel.size for channel in maps]
    assert np.allclose(activations(demo, ours.unsqueeze(0))[0], means, atol=1e-5)


def test_the_published_map_of_rn50x4(rn50x4: LoadedModel, picture: Path) -> None:
    assert "RN50x4 with random weights (seed 1, sha256 " in rn50x4.label
    assert canonical_layer(rn50x4.model, PUBLISHED_LAYER) == "visual.layer4.5.act3"
    batch = transform(rn50x4, SQUASH)(open_image(picture)).unsqueeze(0)
    assert batch.shape == (1, 3, 288, 288)
    maps = last_map(rn50x4, batch)
    assert maps.shape == (1, 2560, 9, 9)
    found = activations(rn50x4, batch, PUBLISHED_LAYER)
    assert found.shape == (1, 2560)
    assert np.allclose(found[0], maps[0].double().mean((1, 2)).numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["demo", "rn50x4"])
def test_change_of_the_embedding_by_a_pool_written_out(
    name: str, picture: Path, request: pytest.FixtureRequest
) -> None:
    loaded: LoadedModel = request.getfixturevalue(name)
    batch = transform(loaded, SQUASH)(open_image(picture)).unsqueeze(0)
    maps, pool = last_map(loaded, batch)[0], loaded.model.visual.attnpool  # type: ignore[union-attr]
    units, scales = [0, 11, 400], [0.0, 0.5, 1.5, 2.0]
    plain = attention_pool(pool, maps)  # type: ignore[arg-type]
    expected = np.empty((3, 4))
    for row, unit in enumerate(units):
        for column, scale in enumerate(scales):
            scaled = maps.clone()
            scaled[unit] *= scale
            expected[row, column] = (attention_pool(pool, scaled) - plain).norm() / plain.norm()  # type: ignore[arg-type]
    found = embedding_change(loaded, None, [picture], units, scales)[0]
    assert np.allclose(found, expected, atol=1e-5)
    assert (expected > 0).any()


def test_rn50x4_equals_scaling_by_a_hook_in_the_full_graph(rn50x4: LoadedModel, picture: Path) -> None:
    layer, unit = canonical_layer(rn50x4.model, None), 5
    batch = transform(rn50x4, SQUASH)(open_image(picture)).unsqueeze(0)

    def silence(module: torch.nn.Module, inputs: object, output: torch.Tensor) -> torch.Tensor:
        return torch.cat([output[:, :unit], output[:, unit : unit + 1] * 0, output[:, unit + 1 :]], dim=1)

    with torch.inference_mode():
        plain = rn50x4.model.encode_image(batch)  # type: ignore[operator]
        handle = rn50x4.model.get_submodule(layer).register_forward_hook(silence)
        moved = rn50x4.model.encode_image(batch)  # type: ignore[operator]
        handle.remove()
    expected = float((moved - plain).norm() / plain.norm())
    found = image_changes(rn50x4, layer, batch, [unit], [0.0, 1.0])
    assert found[0, 0] == pytest.approx(expected, abs=1e-5)
    assert found[0, 1] == 0.0


def test_watching_does_not_change_the_embedding(demo: LoadedModel, picture: Path) -> None:
    batch = plain_input(demo, picture).unsqueeze(0)
    with torch.inference_mode():
        plain = demo.model.encode_image(batch)  # type: ignore[operator]
        with watching(demo.model, "visual.layer3.0.act3", torch.clone):
            assert torch.equal(demo.model.encode_image(batch), plain)  # type: ignore[operator]


def test_weights_hash_by_hand(demo: LoadedModel) -> None:
    digest = hashlib.sha256()
    for key, tensor in sorted(demo.model.state_dict().items()):
        array = tensor.contiguous().numpy()
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode() + array.tobytes())
    assert digest.hexdigest() == demo.weights_hash


def test_auroc_by_counting_pairs() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 5, (30, 4)).astype(float)
    positive = rng.random(30) < 0.4
    for unit in range(4):
        inside, outside = values[positive, unit], values[~positive, unit]
        won = sum((a > b) + (a == b) / 2 for a in inside for b in outside)
        assert auroc(values, positive)[unit] == pytest.approx(won / (len(inside) * len(outside)), abs=1e-12)


def test_standardised_difference_by_hand() -> None:
    values = np.array([[1.0], [3.0], [0.0], [1.0], [2.0]])
    positive = np.array([True, True, False, False, False])
    pooled = ((1 * 2.0 + 2 * 1.0) / 3) ** 0.5
    assert standardised_difference(values, positive)[0] == pytest.approx((2.0 - 1.0) / pooled, abs=1e-12)
