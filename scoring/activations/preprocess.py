"""From a picture's bytes to the input of a model: named preprocessings, because they change results.

``squash`` is that of the published activations: the whole picture is resized to the model's input,
without a crop, by Lanczos resampling, then made RGB. ``model`` is open_clip's own for the model.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scoring.activations.model import LoadedModel, Transform
from stimuli.errors import UserError
from stimuli.files import sha256_of_bytes
from stimuli.pictures import opened

SQUASH, MODEL = "squash", "model"
PREPROCESSINGS = (SQUASH, MODEL)


def transform(loaded: LoadedModel, preprocess: str) -> Transform:
    """Give the function from a picture to the model's input (3, side, side); UserError for another name."""
    if preprocess == SQUASH:
        return _squash_transform(loaded)
    if preprocess == MODEL:
        return loaded.own_transform
    raise UserError(f"there is no preprocessing {preprocess!r}; use {' or '.join(PREPROCESSINGS)}")


def squash(image: Image.Image, side: int) -> Image.Image:
    """Resize the whole picture to ``side`` x ``side`` pixels by Lanczos, then make it RGB.

    A palette picture is made RGB first, since its values are not colours that could be interpolated.
    """
    if image.mode in ("P", "1"):
        image = image.convert("RGB")
    return image.resize((side, side), Image.Resampling.LANCZOS).convert("RGB")


def _squash_transform(loaded: LoadedModel) -> Callable[[Image.Image], torch.Tensor]:
    mean = np.array(loaded.mean, np.float32)[:, None, None]
    std = np.array(loaded.std, np.float32)[:, None, None]

    def apply(image: Image.Image) -> torch.Tensor:
        pixels = np.asarray(squash(image, loaded.image_size)).transpose(2, 0, 1)
        values = np.ascontiguousarray(pixels).astype(np.float32)
        values /= 255
        values -= mean
        values /= std
        return torch.from_numpy(values)

    return apply


def open_image(path: Path, sha256: str | None = None) -> Image.Image:
    """Read a picture whole; with ``sha256``, check that it is that very file. UserError if it is not."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read the image {path} ({error.strerror}); build the stimuli again"
        ) from error
    if sha256 is not None and sha256_of_bytes(data) != sha256:
        raise UserError(f"the image {path} is not the one that the manifest lists; build the stimuli again")
    return decode_image(data, path)


def decode_image(data: bytes, path: Path) -> Image.Image:
    """Decode a picture's bytes; UserError naming the file if they are damaged or no safe picture."""
    with opened(io.BytesIO(data), f"the image {path}") as image:
        image.load()
    return image
