"""What every folder of stimuli has in common: its files' names, how they are written, what made them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from stimuli.errors import UserError
from stimuli.files import make_folder, replacing, sha256_of_bytes, sha256_of_file, write_bytes
from stimuli.manifest import CSV_NAME, FORMAT_VERSION, PARQUET_NAME, Stimulus
from stimuli.masks import matched_mask
from stimuli.seeds import generator, mask_seed

BUILD_NAME = "build.json"
#: backward masks in a folder
MASKS = 16
#: zlib's effort; the pixels do not depend on it, time and file size do
PNG_LEVEL = 4
#: pattern of an image's name
IMAGE_NAME = 16 * "[0-9a-f]" + ".png"
#: patterns of what a folder of stimuli may hold, and --force may therefore delete
OURS = (
    CSV_NAME,
    PARQUET_NAME,
    BUILD_NAME,
    f"images/{IMAGE_NAME}",
    "masks/[0-9][0-9].png",
)

Pixels = npt.NDArray[np.uint8]


def record_of(folder: Path) -> dict[str, Any]:
    """What a folder says that it was made of; empty where it says nothing that can be read."""
    try:
        record = json.loads((folder / BUILD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def refuse_to_replace(folder: Path, kind: str) -> None:
    """Raise UserError for a folder with something in it that no build of this kind made."""
    if folder.is_dir() and any(folder.iterdir()) and record_of(folder).get("kind") != kind:
        raise UserError(
            f"{folder} holds no {kind} that --force may replace; name another folder or an empty one"
        )


def refuse_filled(folder: Path, kind: str, force: bool) -> None:
    """Raise UserError for a folder with anything in it, but for one of this kind that ``force`` gives up."""
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UserError(
            f"{folder} is not empty; name another folder, or add --force to replace a build in it"
        )
    refuse_to_replace(folder, kind)


def is_whole(folder: Path, row: Stimulus) -> bool:
    """Whether the image of a row is there, and the very file that the row lists."""
    path = folder / row.image
    return path.is_file() and sha256_of_file(path) == row.image_sha256


def hashed(recipe_version: int, inputs: dict[str, Any]) -> dict[str, Any]:
    """What goes into a build, for ``build.json``, with the versions of its form and the hash of it all."""
    whole = {"format_version": FORMAT_VERSION, "recipe_version": recipe_version, **inputs}
    return {**whole, "inputs_sha256": sha256_of_bytes(json.dumps(whole, sort_keys=True).encode())}


def delete_stimuli(folder: Path, *others: str) -> None:
    """Delete what a build put into a folder, and files of other names that are given; nothing else."""
    for pattern in (*OURS, *others):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    for inner in (folder / "images", folder / "masks"):
        if inner.is_dir() and not any(inner.iterdir()):
            inner.rmdir()


def write_image(path: Path, image: Pixels) -> str:
    """Write a PNG, whole or not at all, and return its SHA-256.

    RGB of shape (height, width, 3), or grey of shape (height, width); the folder is there. Raises UserError
    if it cannot be written.
    """
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=PNG_LEVEL)
    try:
        write_bytes(path, stream.getvalue())
    except OSError as error:
        raise UserError(
            f"cannot write {path} ({error.strerror}); make room or name another folder"
        ) from error
    return sha256_of_bytes(stream.getvalue())


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all, over one that is there."""
    with replacing(path, force=True) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


@cache
def versions(*more: str) -> str:
    """Versions of the libraries that make the pixels, and of others that are named, as a JSON object."""
    names = ("interpscore", "numpy", "opencv-python-headless", "pillow", "scipy", *more)
    return json.dumps({name: metadata.version(name) for name in names})


def write_masks(out: Path, seed: int, size: int, covered: Sequence[Stimulus]) -> None:
    """Write the backward masks, matched to the average of some stimuli; one channel, half the bytes."""
    luminance = float(np.mean([row.mean_luminance for row in covered]))
    contrast = float(np.mean([row.rms_contrast for row in covered]))
    folder = make_folder(out / "masks")
    for number in range(MASKS):
        mask = matched_mask(size, size, luminance, contrast, generator(mask_seed(number, seed)))
        write_image(folder / f"{number:02d}.png", mask[:, :, 0])
