"""Running images through a model and keeping each unit's activation at one layer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from scoring.activations.hooks import canonical_layer, spatial_mean, watching
from scoring.activations.model import LoadedModel, Transform, image_embeddings
from scoring.activations.preprocess import open_image, transform
from scoring.activations.store import ActivationStore, Series

#: images to a pass through the model
BATCH_SIZE = 32
#: threads that decode pictures while the model works
DECODERS = 2
#: batches that are decoded ahead of the model
AHEAD = 2

Images = Mapping[str, Path]
Batch = tuple[Sequence[str], torch.Tensor]
#: shows progress: is given the batches and how many there are, and hands them on
Track = Callable[[Iterable[Batch], int], Iterable[Batch]]


@dataclass(frozen=True)
class Extraction:
    """What ``extract`` did."""

    series: Series
    images: int
    computed: int
    already_there: int
    units: int


def activations(
    loaded: LoadedModel, batch: torch.Tensor, layer: str | None = None
) -> npt.NDArray[np.float32]:
    """Spatial means (n, units) at a layer for preprocessed images (n, 3, side, side)."""
    name = canonical_layer(loaded.model, layer)
    with watching(loaded.model, name, spatial_mean) as seen:
        image_embeddings(loaded, batch)
    means: npt.NDArray[np.float32] = seen[-1].cpu().numpy()
    return means


def describe(loaded: LoadedModel, layer: str | None, preprocess: str) -> Series:
    """Describe the series that this model, layer and preprocessing make."""
    return Series(
        weights_hash=loaded.weights_hash,
        layer=canonical_layer(loaded.model, layer),
        preprocess=preprocess,
        model=loaded.label,
        dtype=str(loaded.dtype).removeprefix("torch."),
        input_size=loaded.image_size,
        mean=loaded.mean,
        std=loaded.std,
    )


def _untracked(batches: Iterable[Batch], total: int) -> Iterable[Batch]:
    return batches


def extract(
    images: Images,
    loaded: LoadedModel,
    layer: str | None,
    preprocess: str,
    store: ActivationStore,
    batch_size: int = BATCH_SIZE,
    track: Track = _untracked,
) -> Extraction:
    """Compute and store the activations of images (SHA-256 of the file -> path) that the store lacks.

    A run that was stopped is taken up again by calling this with the same arguments. Raises UserError
    for an unknown layer or preprocessing, a missing, changed or damaged image, and for a store that
    does not take the series.
    """
    to_input = transform(loaded, preprocess)
    series = describe(loaded, layer, preprocess)
    units = _units(loaded, series.layer)
    store.create()
    with store.writing():
        store.reserve(series, list(images), units)
        todo = store.missing(series, list(images))
        batches = track(decoded(images, todo, to_input, batch_size), -(-len(todo) // batch_size))
        for hashes, batch in batches:
            store.write(series, hashes, activations(loaded, batch, series.layer))
    return Extraction(series, len(images), len(todo), len(images) - len(todo), units)


def _units(loaded: LoadedModel, layer: str) -> int:
    blank = torch.zeros(1, 3, loaded.image_size, loaded.image_size)
    _, units = activations(loaded, blank, layer).shape
    return int(units)


def decoded(images: Images, hashes: Sequence[str], to_input: Transform, batch_size: int) -> Iterator[Batch]:
    """Yield batches of preprocessed images in the order of the hashes, decoding a little ahead."""

    def one(sha256: str) -> torch.Tensor:
        return to_input(open_image(images[sha256], sha256))

    with ThreadPoolExecutor(DECODERS) as pool:
        waiting: deque[tuple[Sequence[str], list[Future[torch.Tensor]]]] = deque()
        for start in range(0, len(hashes), batch_size):
            group = hashes[start : start + batch_size]
            waiting.append((group, [pool.submit(one, sha256) for sha256 in group]))
            if len(waiting) > AHEAD:
                yield _gathered(*waiting.popleft())
        while waiting:
            yield _gathered(*waiting.popleft())


def _gathered(hashes: Sequence[str], inputs: list[Future[torch.Tensor]]) -> Batch:
    return hashes, torch.stack([future.result() for future in inputs])
