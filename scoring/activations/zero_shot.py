"""Recognising a picture by asking a CLIP model which of several captions fits it best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from scoring.activations.demo_model import TEMPLATES
from scoring.activations.model import LoadedModel, image_embeddings, text_embeddings
from scoring.activations.preprocess import SQUASH, transform
from stimuli.sources.artwork import load_drawing
from stimuli.sources.rendering import random_rendering, render

Pictures = npt.NDArray[np.uint8]

#: side of a rendered picture, pixels: that of a stimulus
SIDE = 288
BATCH_SIZE = 48


def classify(loaded: LoadedModel, pictures: Pictures, concepts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Name the concept of each picture (n, h, w, 3), as an index into ``concepts``.

    A concept's caption embedding is the mean over the templates of normalised embeddings; the answer is
    the largest cosine. Raises UserError for a concept whose words the model lacks.
    """
    captions = concept_embeddings(loaded, concepts)
    to_input = transform(loaded, SQUASH)
    answers = []
    for start in range(0, len(pictures), BATCH_SIZE):
        batch = torch.stack([to_input(Image.fromarray(one)) for one in pictures[start : start + BATCH_SIZE]])
        answers.append((image_embeddings(loaded, batch) @ captions.T).argmax(axis=1))
    return np.concatenate(answers)


def concept_embeddings(
    loaded: LoadedModel, concepts: Sequence[str], templates: Sequence[str] = TEMPLATES
) -> npt.NDArray[np.float32]:
    """Embed concepts by their captions; returns (concepts, dimensions), each of length 1."""
    per_template = [_unit_length(text_embeddings(loaded, [t.format(c) for c in concepts])) for t in templates]
    return _unit_length(np.mean(per_template, axis=0))


def _unit_length(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths: npt.NDArray[np.float32] = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


def renderings(
    artwork: Path, hand: str, concepts: Sequence[str], each: int, seed: int
) -> tuple[Pictures, npt.NDArray[np.int64]]:
    """Render each concept in one hand ``each`` times at random; returns pictures and concept indices."""
    rng = np.random.default_rng(seed)
    drawings = [load_drawing(artwork, hand, concept, SIDE) for concept in concepts]
    pictures = [render(drawing, random_rendering(rng), SIDE) for _ in range(each) for drawing in drawings]
    return np.stack(pictures), np.tile(np.arange(len(concepts)), each)


def hand_accuracy(
    loaded: LoadedModel, artwork: Path, hand: str, concepts: Sequence[str], each: int, seed: int
) -> float:
    """Share of random renderings of one hand whose concept the model names; chance is 1 / concepts."""
    pictures, truth = renderings(artwork, hand, concepts, each, seed)
    return float((classify(loaded, pictures, concepts) == truth).mean())
