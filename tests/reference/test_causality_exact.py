"""The exact attention-pool kernel and the batched suffix against running the whole model on each change.

The twin is the plain definition: a forward hook replaces one channel's map in the real model, the model
runs again, and the concept's logit is taken from normalised embeddings, concept by concept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from scoring.activations.attention_pool import CHUNK, moved_embeddings, pool_state, pool_weights
from scoring.activations.concept_logits import ConceptLogits
from scoring.activations.effects import effects
from scoring.activations.hooks import canonical_layer
from scoring.activations.interventions import mean_ablated, patched, resampled, scaled
from scoring.activations.model import LoadedModel, load_model
from scoring.activations.suffix import EXACT, SUFFIX, WHOLE, Look, Readout, SuffixReadout, readout
from scoring.activations.zero_shot import concept_embeddings

pytestmark = [pytest.mark.model, pytest.mark.slow]

CONCEPTS = ("apple", "sailboat", "dog")
DEMO_CONCEPTS = ("apple", "key", "dog")
#: name -> deltas of all channels from (map, mean map, another image's map)
Intervention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
Captions = Callable[[LoadedModel, tuple[str, ...]], tuple[ConceptLogits, torch.Tensor]]
INTERVENTIONS: dict[str, Intervention] = {
    "silenced": lambda maps, mean, other: scaled(maps, [0.0]),
    "halved": lambda maps, mean, other: scaled(maps, [0.5]),
    "doubled": lambda maps, mean, other: scaled(maps, [2.0]),
    "mean ablation": lambda maps, mean, other: mean_ablated(maps, mean),
    "resample ablation": lambda maps, mean, other: resampled(maps, other),
    "patch": lambda maps, mean, other: patched(maps, other),
}


def awake(loaded: LoadedModel, seed: int) -> LoadedModel:
    """Random weights whose last map is no near-zero thing: at the start residual branches add nothing."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in loaded.model.named_parameters():
        if name.startswith("visual.layer") and name.endswith("bn3.weight"):
            parameter.copy_(0.2 + 0.3 * torch.rand(parameter.shape, generator=generator))
    batch = inputs(loaded, 8, seed)
    pooling = [m for m in loaded.model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for module in pooling:
        module.train().momentum = None
        module.reset_running_stats()
    with torch.inference_mode():
        loaded.model.visual(batch)  # type: ignore[operator]
    for module in pooling:
        module.eval()
    return loaded


def inputs(loaded: LoadedModel, count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, loaded.image_size, loaded.image_size, generator=generator)


@contextmanager
def replaced(model: torch.nn.Module, layer: str, unit: int, delta: torch.Tensor) -> Iterator[None]:
    """Add ``delta`` (tokens,) to one channel of a layer's output, in the model's own graph."""

    def hook(module: torch.nn.Module, arguments: Any, output: torch.Tensor) -> torch.Tensor:
        changed = output.clone()
        if output.ndim == 3:
            changed[0, :, unit] += delta
        else:
            changed[0, unit] += delta.reshape(output.shape[2:])
        return changed

    handle = model.get_submodule(layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def plain_logits(loaded: LoadedModel, embedding: torch.Tensor, texts: torch.Tensor) -> list[float]:
    """z_c for each concept, written out."""
    scale = float(loaded.model.logit_scale.exp())  # type: ignore[operator]
    unit = embedding.double() / embedding.double().norm()
    cosines = [float(unit @ (text.double() / text.double().norm())) for text in texts]
    others = [[cosine for c, cosine in enumerate(cosines) if c != own] for own in range(len(cosines))]
    return [scale * (own - sum(rest) / len(rest)) for own, rest in zip(cosines, others, strict=True)]


def looked_at(reader: Readout, loaded: LoadedModel) -> tuple[torch.Tensor, Look, torch.Tensor, torch.Tensor]:
    batch = inputs(loaded, 2, 7)
    first, second = (reader.look(batch[i : i + 1]) for i in range(2))
    return batch[:1], first, (first.maps + second.maps) / 2, second.maps


@pytest.fixture(scope="module")
def rn50x4() -> LoadedModel:
    return awake(load_model("RN50x4", device="cpu", seed=1), 1)


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return load_model(device="cpu")


@pytest.fixture(scope="module")
def captions() -> Captions:
    """Directions and embeddings of a model's captions, which take long and are the same for every layer."""

    @cache
    def of(loaded: LoadedModel, concepts: tuple[str, ...]) -> tuple[ConceptLogits, torch.Tensor]:
        return ConceptLogits(loaded, concepts), torch.from_numpy(concept_embeddings(loaded, concepts))

    return of


@pytest.fixture(scope="module")
def models(demo: LoadedModel, rn50x4: LoadedModel) -> dict[str, LoadedModel]:
    return {"demo": demo, "RN50x4": rn50x4, "ViT-B-32": load_model("ViT-B-32", device="cpu", seed=2)}


def test_rn50x4_equals_the_full_graph_on_logits_and_normalised_embeddings(
    rn50x4: LoadedModel, captions: Captions
) -> None:
    layer = canonical_layer(rn50x4.model, None)
    reader = readout(rn50x4, layer)
    assert reader.method == EXACT
    batch, look, mean, other = looked_at(reader, rn50x4)
    assert look.maps.shape == (2560, 81)
    assert float(look.maps.mean()) > 0.1
    channels = torch.arange(2560)
    deltas = torch.cat([make(look.maps, mean, other) for make in INTERVENTIONS.values()])
    logits, texts = captions(rn50x4, CONCEPTS)
    found = effects(reader, look, channels, deltas, logits)
    moved = reader.moved(look, channels, deltas)
    plain = plain_logits(rn50x4, look.embedding, texts)
    for row, unit in [(row, unit) for row in range(len(deltas)) for unit in (7, 2559)]:
        with torch.inference_mode(), replaced(rn50x4.model, layer, unit, deltas[row, unit]):
            expected = rn50x4.model.encode_image(batch)[0]  # type: ignore[operator]
        gap = moved[row, unit] / moved[row, unit].norm() - expected / expected.norm()
        assert gap.abs().max() <= 1e-5
        assert (moved[row, unit] - expected).abs().max() <= 1e-5
        after = plain_logits(rn50x4, expected, texts)
        assert np.allclose(found.fall[row, unit], np.subtract(plain, after), atol=1e-5, rtol=0)
        assert found.change[row, unit] > 0


def test_the_demo_model_in_double_precision_to_rounding(demo: LoadedModel) -> None:
    pool = copy.deepcopy(demo.model).double().visual.attnpool  # type: ignore[union-attr]
    assert isinstance(pool, torch.nn.Module)
    maps = 2 * torch.rand(512, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = pool_weights(pool)
    with torch.inference_mode():
        state = pool_state(weights, maps)
        for intervention in INTERVENTIONS.values():
            deltas = intervention(maps, maps.mean(0).expand_as(maps), maps.flip(0))
            moved = moved_embeddings(weights, state, torch.arange(512), deltas)
            copies = (maps + torch.eye(512, dtype=torch.float64)[:, :, None] * deltas[0][:, None]).reshape(
                512, 512, 3, 3
            )
            assert (moved[0] - pool(copies)).abs().max() < 1e-12


def test_chunks_and_other_changes_beside_it_do_not_matter(demo: LoadedModel) -> None:
    reader = readout(demo, canonical_layer(demo.model, None))
    _, look, mean, other = looked_at(reader, demo)
    every = torch.cat([make(look.maps, mean, other) for make in INTERVENTIONS.values()])
    together = reader.moved(look, torch.arange(512), every)
    assert len(look.maps) < CHUNK
    some = torch.tensor([400, 3, 77])
    for row, deltas in enumerate(every):
        alone = reader.moved(look, some, deltas[some][None])[0]
        assert (alone - together[row, some]).abs().max() < 1e-6 * look.embedding.norm()


def test_no_delta_is_no_change_to_the_last_bit(demo: LoadedModel) -> None:
    for layer in (canonical_layer(demo.model, None), "visual.layer2.0.act3"):
        reader = readout(demo, layer)
        _, look, *_ = looked_at(reader, demo)
        channels = torch.arange(len(look.maps))
        found = effects(reader, look, channels, scaled(look.maps, [1.0]), ConceptLogits(demo, DEMO_CONCEPTS))
        assert (found.fall == 0).all()
        assert (found.change == 0).all()


SUFFIX_LAYERS = [
    ("demo", "visual.layer1.0.act3"),
    ("demo", "visual.layer3.0.act1"),
    ("demo", "visual.layer4.0.bn3"),
    ("ViT-B-32", "visual.transformer.resblocks.11"),
    ("ViT-B-32", "visual.transformer.resblocks.10.mlp.gelu"),
    ("RN50x4", "visual.layer4.4.act3"),
]


@pytest.mark.parametrize(("name", "layer"), SUFFIX_LAYERS)
def test_the_batched_suffix_equals_the_full_graph(
    models: dict[str, LoadedModel], captions: Captions, name: str, layer: str
) -> None:
    loaded = models[name]
    concepts = DEMO_CONCEPTS if name == "demo" else CONCEPTS
    reader = readout(loaded, layer)
    assert reader.method == SUFFIX
    batch, look, mean, other = looked_at(reader, loaded)
    channels = torch.tensor([0, 5, len(look.maps) - 1])
    deltas = torch.cat([make(look.maps, mean, other)[:, channels] for make in INTERVENTIONS.values()])
    logits, texts = captions(loaded, concepts)
    found = effects(reader, look, channels, deltas, logits)
    plain = plain_logits(loaded, look.embedding, texts)
    for row in range(0, len(deltas), 3 if name == "RN50x4" else 1):
        for column, unit in enumerate(channels.tolist()):
            with torch.inference_mode(), replaced(loaded.model, layer, unit, deltas[row, column]):
                expected = loaded.model.encode_image(batch)[0]  # type: ignore[operator]
            after = plain_logits(loaded, expected, texts)
            assert np.allclose(found.fall[row, column], np.subtract(plain, after), atol=2e-5, rtol=0)


def test_the_suffix_and_the_kernel_agree_at_the_last_block(demo: LoadedModel) -> None:
    layer = canonical_layer(demo.model, None)
    blank = torch.zeros(1, 3, demo.image_size, demo.image_size)
    exact, suffix = readout(demo, layer), SuffixReadout(demo.model.visual, layer, blank)  # type: ignore[arg-type]
    assert suffix.method == SUFFIX
    _, look, _, other = looked_at(exact, demo)
    _, again, *_ = looked_at(suffix, demo)
    channels, deltas = torch.arange(512), resampled(look.maps, other)
    assert torch.allclose(
        exact.moved(look, channels, deltas), suffix.moved(again, channels, deltas), rtol=1e-5, atol=1e-4
    )


def test_the_whole_model_on_every_copy_gives_the_same(demo: LoadedModel) -> None:
    """The way that is taken where a model's structure does not allow a replay."""
    blank = torch.zeros(1, 3, demo.image_size, demo.image_size)
    suffix = SuffixReadout(demo.model.visual, "visual.layer2.0.act3", blank)  # type: ignore[arg-type]
    _, look, _, other = looked_at(suffix, demo)
    channels, deltas = torch.arange(len(look.maps)), resampled(look.maps, other)
    replayed = suffix.moved(look, channels, deltas)
    suffix.method = WHOLE
    assert torch.allclose(suffix.moved(look, channels, deltas), replayed, rtol=1e-4, atol=1e-3)


def test_a_model_is_as_it_was_after_its_suffix_ran(demo: LoadedModel) -> None:
    batch = inputs(demo, 1, 3)
    with torch.inference_mode():
        before = demo.model.encode_image(batch)  # type: ignore[operator]
        reader = readout(demo, "visual.layer2.0.act3")
        look = reader.look(batch)
        reader.moved(look, torch.tensor([1]), scaled(look.maps[1:2], [0.0]))
        assert torch.equal(demo.model.encode_image(batch), before)  # type: ignore[operator]
    assert not any("forward" in vars(module) for module in demo.model.modules())


def test_logits_at_another_scale_are_that_many_times_as_large(demo: LoadedModel) -> None:
    logits = ConceptLogits(demo, DEMO_CONCEPTS)
    twice = replace(demo, model=copy.deepcopy(demo.model))
    twice.model.logit_scale.add_(np.log(2))  # type: ignore[operator]
    embedding = torch.randn(4, 128, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(ConceptLogits(twice, DEMO_CONCEPTS)(embedding), 2 * logits(embedding), atol=1e-4)
    assert torch.allclose(logits(embedding).sum(-1), torch.zeros(4), atol=1e-4)
