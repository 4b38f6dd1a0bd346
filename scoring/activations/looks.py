"""Looking at images one after the other: the next ones are decoded while the model works."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import torch

from scoring.activations.model import LoadedModel, Transform
from scoring.activations.preprocess import open_image, transform
from scoring.activations.suffix import Look, Readout
from stimuli.errors import UserError

#: images that are decoded ahead, and the threads that do it
AHEAD, DECODERS = 8, 2


class Image(NamedTuple):
    """An image file; with a SHA-256 it is checked to be that very file."""

    path: Path
    sha256: str | None = None


def looks(loaded: LoadedModel, reader: Readout, images: Iterable[Image], preprocess: str) -> Iterator[Look]:
    """Look at each image in turn. UserError for an unreadable image, and for a model that gives NaN."""
    for image, batch in _decoded(loaded, images, preprocess):
        look = reader.look(loaded.to_device(batch.unsqueeze(0)))
        if not torch.isfinite(look.embedding).all():
            raise UserError(
                f"the model gives no finite embedding for {image.path.name}: its weights are damaged; "
                f"use others than those of {loaded.label}"
            )
        yield look


def _decoded(
    loaded: LoadedModel, images: Iterable[Image], preprocess: str
) -> Iterator[tuple[Image, torch.Tensor]]:
    to_input = transform(loaded, preprocess)
    waiting: deque[tuple[Image, Future[torch.Tensor]]] = deque()
    with ThreadPoolExecutor(DECODERS) as pool:
        for image in images:
            waiting.append((image, pool.submit(_input, to_input, image)))
            if len(waiting) > AHEAD:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)


def _input(to_input: Transform, image: Image) -> torch.Tensor:
    return to_input(open_image(image.path, image.sha256))


def _first(waiting: deque[tuple[Image, Future[torch.Tensor]]]) -> tuple[Image, torch.Tensor]:
    image, future = waiting.popleft()
    return image, future.result()
