"""Running images through a model and keeping each unit's activation at some of its layers.

Pictures are decoded ahead of the model and rows are written behind it, each in threads of their own, so
that the model waits for neither. A run goes no further into the model than the last layer asked for.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from scoring.activations.hooks import canonical_layer, collect, spatial_mean
from scoring.activations.model import LoadedModel, Transform
from scoring.activations.preprocess import open_image, transform
from scoring.activations.store import ActivationStore, Series
from stimuli.errors import UserError

#: images to a pass through the model: what one processor's caches, and a graphics card, are quickest with
CPU_BATCH_SIZE, CUDA_BATCH_SIZE = 8, 64
#: threads that decode pictures while the model computes on the CPU too
DECODERS = 2
#: batches that are decoded ahead of the model, and that may wait to be written
AHEAD = 2

Images = Mapping[str, Path]
Batch = tuple[Sequence[str], torch.Tensor]
#: shows progress: is given the batches and how many there are, and hands them on
Track = Callable[[Iterable[Batch], int], Iterable[Batch]]


@dataclass(frozen=True)
class Extraction:
    """What ``extract`` did for one layer."""

    series: Series
    images: int
    computed: int
    already_there: int
    units: int


@dataclass(frozen=True)
class LayerReader:
    """Reads layers of a model in one pass; made by ``layer_reader``."""

    loaded: LoadedModel
    #: units of each layer, and how often a run passes it
    units: Mapping[str, int]
    passes: Mapping[str, int]

    def read(self, batch: torch.Tensor, layers: Sequence[str]) -> dict[str, torch.Tensor]:
        """Spatial means (n, units) of some of the layers for preprocessed images, on the model's device."""
        seen = _collect(self.loaded, batch, layers, self.passes)
        return {layer: outputs[-1] for layer, outputs in seen.items()}


def layer_reader(loaded: LoadedModel, layers: Sequence[str]) -> LayerReader:
    """Run a blank image to see what some layers (open_clip's names) put out.

    Raises UserError for a layer that no image passes, or from whose output no units can be told.
    """
    blank = torch.zeros(1, 3, loaded.image_size, loaded.image_size)
    seen = _collect(loaded, blank, layers, None)
    for layer, outputs in seen.items():
        if not outputs:
            raise UserError(f"no image passes through the layer {layer}; name another layer with --layer")
        if len(outputs[-1]) != 1:
            raise UserError(
                f"the layer {layer} does not put out its images along the first axis; "
                "name another layer with --layer"
            )
    return LayerReader(
        loaded,
        {layer: int(outputs[-1].shape[1]) for layer, outputs in seen.items()},
        {layer: len(outputs) for layer, outputs in seen.items()},
    )


def _collect(
    loaded: LoadedModel, batch: torch.Tensor, layers: Sequence[str], passes: Mapping[str, int] | None
) -> dict[str, list[torch.Tensor]]:
    model: Callable[..., object] = loaded.model.encode_image  # type: ignore[assignment]
    with loaded.computing():
        return collect(
            loaded.model, layers, spatial_mean, lambda: model(loaded.to_device(batch)), passes=passes
        )


def activations(
    loaded: LoadedModel, batch: torch.Tensor, layer: str | None = None
) -> npt.NDArray[np.float32]:
    """Spatial means (n, units) at a layer for preprocessed images (n, 3, side, side)."""
    name = canonical_layer(loaded.model, layer)
    means: npt.NDArray[np.float32] = _collect(loaded, batch, [name], None)[name][-1].cpu().numpy()
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
    batch_size: int | None = None,
    track: Track = _untracked,
) -> Extraction:
    """Compute and store the activations of one layer; see ``extract_layers``."""
    (done,) = extract_layers(images, loaded, [layer], preprocess, store, batch_size, track)
    return done


def extract_layers(
    images: Images,
    loaded: LoadedModel,
    layers: Sequence[str | None],
    preprocess: str,
    store: ActivationStore,
    batch_size: int | None = None,
    track: Track = _untracked,
) -> list[Extraction]:
    """Compute and store the activations of images (SHA-256 of the file -> path) that the store lacks.

    Each layer is a series of its own, and one pass of an image through the model gives all of them. A run
    that was stopped is taken up again by calling this with the same arguments. ``batch_size`` None is what
    suits the device. Raises UserError for an unknown layer or preprocessing, a missing, changed or damaged
    image, and for a store that does not take the series.
    """
    to_input = transform(loaded, preprocess)
    series = {one.layer: one for one in (describe(loaded, layer, preprocess) for layer in layers)}
    reader = layer_reader(loaded, list(series))
    store.create()
    with store.writing():
        for layer, one in series.items():
            store.reserve(one, list(images), reader.units[layer])
        lacking = {layer: store.missing(one, list(images)) for layer, one in series.items()}
        rows = _Rows(store, series, lacking)
        todo = [sha256 for sha256 in images if rows.lack(sha256)]
        size = batch_size or default_batch_size(loaded)
        batches = decoded(images, todo, to_input, size, on_cuda=loaded.device.type == "cuda")
        _compute(reader, rows, track(batches, -(-len(todo) // size)))
    return [_extraction(one, len(images), len(lacking[one.layer]), reader) for one in series.values()]


def _extraction(series: Series, images: int, computed: int, reader: LayerReader) -> Extraction:
    return Extraction(series, images, computed, images - computed, reader.units[series.layer])


def default_batch_size(loaded: LoadedModel) -> int:
    """Images to a pass where the user does not say."""
    return CUDA_BATCH_SIZE if loaded.device.type == "cuda" else CPU_BATCH_SIZE


class _Rows:
    """The rows that a store lacks, by layer: what is there already is neither computed nor written again."""

    def __init__(
        self, store: ActivationStore, series: Mapping[str, Series], lacking: Mapping[str, Sequence[str]]
    ) -> None:
        self._lacking = {layer: frozenset(hashes) for layer, hashes in lacking.items() if hashes}
        self._writers = {layer: store.writer(series[layer]) for layer in self._lacking}
        self.layers = list(self._lacking)

    def lack(self, sha256: str) -> bool:
        """Tell whether an image is lacking in any layer."""
        return any(sha256 in hashes for hashes in self._lacking.values())

    def write(self, hashes: Sequence[str], means: Mapping[str, torch.Tensor]) -> None:
        """Write what is lacking of a batch."""
        for layer, values in means.items():
            rows = [row for row, sha256 in enumerate(hashes) if sha256 in self._lacking[layer]]
            if rows:
                self._writers[layer].write([hashes[row] for row in rows], values.cpu().numpy()[rows])


def _compute(reader: LayerReader, rows: _Rows, batches: Iterable[Batch]) -> None:
    """Run the batches through the model; a thread waits for the results and writes them meanwhile."""
    with ThreadPoolExecutor(1) as writer:
        waiting: deque[Future[None]] = deque()
        for hashes, batch in batches:
            waiting.append(writer.submit(rows.write, hashes, reader.read(batch, rows.layers)))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        while waiting:
            waiting.popleft().result()


def decoded(
    images: Images, hashes: Sequence[str], to_input: Transform, batch_size: int, on_cuda: bool = False
) -> Iterator[Batch]:
    """Yield batches of preprocessed images in the order of the hashes, decoding a little ahead.

    For a model on CUDA all processors decode, and batches lie where a card copies from without waiting.
    """

    def one(sha256: str) -> torch.Tensor:
        return to_input(open_image(images[sha256], sha256))

    with ThreadPoolExecutor(os.cpu_count() if on_cuda else DECODERS) as pool:
        waiting: deque[tuple[Sequence[str], list[Future[torch.Tensor]]]] = deque()
        for start in range(0, len(hashes), batch_size):
            group = hashes[start : start + batch_size]
            waiting.append((group, [pool.submit(one, sha256) for sha256 in group]))
            if len(waiting) > AHEAD:
                yield _gathered(*waiting.popleft(), on_cuda)
        while waiting:
            yield _gathered(*waiting.popleft(), on_cuda)


def _gathered(hashes: Sequence[str], inputs: Sequence[Future[torch.Tensor]], pinned: bool) -> Batch:
    tensors = [future.result() for future in inputs]
    batch = torch.empty((len(tensors), *tensors[0].shape), pin_memory=pinned)
    return hashes, torch.stack(tensors, out=batch)
