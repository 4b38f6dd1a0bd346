"""Build folders of stimuli that were made with a model: images, masks, manifest, and what they came from."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from stimuli.build_folder import (
    BUILD_NAME,
    Pixels,
    delete_stimuli,
    is_whole,
    refuse_filled,
    versions,
    write_image,
    write_json,
)
from stimuli.errors import UserError
from stimuli.files import make_folder, sha256_of_bytes
from stimuli.manifest import Stimulus
from stimuli.measures import Reference
from stimuli.pictures import opened

#: raised whenever the same inputs would give other pixels than before
RECIPE_VERSION = 1
#: what a folder of dreams holds besides
SHEETS = ("dreams.png", "dreams.html")


@dataclass(frozen=True)
class ModelIdentity:
    """Which model made stimuli: what binds them to it.

    ``pretrained`` is its tag, None where the weights come from elsewhere; ``differentiable`` says how the
    preprocessing was made differentiable.
    """

    name: str
    pretrained: str | None
    weights_sha256: str
    label: str
    preprocess: str
    differentiable: str

    def parameters(self) -> dict[str, str | None]:
        """For a manifest's parameters."""
        return {
            "model": self.name,
            "pretrained": self.pretrained,
            "weights_sha256": self.weights_sha256,
            "preprocess": self.preprocess,
            "differentiable_preprocess": self.differentiable,
        }


def refuse_same(out: Path, folder: Path) -> None:
    """Raise UserError for an output in or at the folder that it is made from, which --force would delete."""
    if out.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"the output {out} lies in {folder}, which it is made from; name another folder")


def start_folder(out: Path, inputs: dict[str, Any], force: bool) -> None:
    """Make ``out`` an empty build folder that says what goes into it.

    Raises UserError if it holds anything and not ``force``, or, with ``force``, no build of ours.
    """
    refuse_filled(out, inputs["kind"], force)
    delete_stimuli(out, *SHEETS)
    make_folder(out / "images")
    write_json(out / BUILD_NAME, inputs)


def read_image(folder: Path, row: Stimulus) -> Pixels:
    """Read a stimulus as RGB; UserError if it is not the very file that the manifest lists."""
    path = folder / row.image
    if not is_whole(folder, row):
        raise UserError(f"the image {path} is not the one that the manifest lists; build the stimuli again")
    with opened(path, f"the image {path}") as picture:
        return np.asarray(picture.convert("RGB"))


def copy_stimuli(folder: Path, out: Path, rows: Sequence[Stimulus]) -> None:
    """Copy the images of some rows, and the masks of their build."""
    for row in rows:
        shutil.copyfile(folder / row.image, out / row.image)
    masks = sorted((folder / "masks").glob("[0-9][0-9].png"))
    for mask in masks:
        shutil.copyfile(mask, make_folder(out / "masks") / mask.name)


def opaque_id(*parts: object, digits: int = 16) -> str:
    """Opaque identifier of what some parts name together."""
    return sha256_of_bytes("/".join(map(str, parts)).encode())[:digits]


def written(out: Path, row: Stimulus, image: Pixels, clean: Pixels | None) -> Stimulus:
    """Write a row's image, and return the row with everything that is measured on it.

    What compares with the clean stimulus is NaN where there is none.
    """
    alone = {"psnr_db": math.nan, "ssim": math.nan} if clean is None else {}
    return replace(
        row,
        image_sha256=write_image(out / row.image, image),
        width=image.shape[1],
        height=image.shape[0],
        **(asdict(Reference(image if clean is None else clean).measures(image)) | alone),
        versions=versions("torch"),
    )
