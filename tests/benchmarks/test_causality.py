"""Silencing and doubling every channel of RN50x4 by the exact kernel, beside the attention pool run on each.

The weights are random, which is as fast as any others; the map is not: it is drawn so that every channel is
active at every token, the dearest case. The pool's own time is extrapolated from a sample of channels.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import pytest
import torch

from scoring.activations.attention_pool import moved_embeddings, pool_state, pool_weights
from scoring.activations.interventions import scaled
from scoring.activations.model import LoadedModel, load_model
from tests.benchmarks.numbers_table import Numbers

pytestmark = pytest.mark.model

SCALES = (0.0, 2.0)
CHANNELS, TOKENS, SIDE = 2560, 81, 9
#: channels of the sample that the pool is run on, each at both scales
SAMPLE = 12
TURNS = 5
THREADS = 2


@pytest.fixture(scope="module")
def rn50x4() -> LoadedModel:
    return load_model("RN50x4", device="cpu")


def seconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def test_every_channel_of_one_image(rn50x4: LoadedModel, numbers: Numbers) -> None:
    torch.set_num_threads(THREADS)
    visual = rn50x4.model.visual
    pool = visual.attnpool  # type: ignore[union-attr]
    assert isinstance(pool, torch.nn.Module)
    generator = torch.Generator().manual_seed(0)
    image = rn50x4.to_device(torch.randn(1, 3, 288, 288, generator=generator))
    maps = torch.rand(CHANNELS, TOKENS, generator=generator)
    channels, weights = torch.arange(CHANNELS), pool_weights(pool)
    chosen = range(0, CHANNELS, CHANNELS // SAMPLE)[:SAMPLE]
    moved = torch.empty(0)

    def kernel() -> None:
        nonlocal moved
        moved = moved_embeddings(weights, pool_state(weights, maps), channels, scaled(maps, SCALES))

    def channel_by_channel() -> torch.Tensor:
        rows = []
        for scale in SCALES:
            for channel in chosen:
                copy = maps.reshape(1, CHANNELS, SIDE, SIDE).clone()
                copy[:, channel] *= scale
                rows.append(pool(copy)[0])
        return torch.stack(rows).reshape(len(SCALES), SAMPLE, -1)

    with torch.inference_mode():
        kernel()
        gap = (moved[:, list(chosen)] - channel_by_channel()).abs().max()
        assert gap < 1e-5
        times = [
            (seconds(kernel), seconds(channel_by_channel), seconds(lambda: visual(image)))  # type: ignore[operator]
            for _ in range(TURNS)
        ]
    ours, sample, trunk = (median(column) for column in zip(*times, strict=True))
    plain = sample / SAMPLE * CHANNELS
    where = f"RN50x4, {CHANNELS} channels x {len(SCALES)} scales, {THREADS} threads"
    numbers.add("the exact kernel, one image", where, f"{ours:.3f} s", f"< {trunk:.3f} s")
    numbers.add("the trunk's own forward of the image", where, f"{trunk:.3f} s")
    numbers.add(
        f"a pool forward per channel and scale (from {SAMPLE * len(SCALES)})", where, f"{plain:.1f} s"
    )
    numbers.add("the kernel is faster than that by", where, f"{plain / ours:.0f} x", ">= 250 x")
