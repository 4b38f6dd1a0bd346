"""Reading a picture from a file, whatever it turns out to hold, as a square of RGB pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from stimuli.errors import UserError

#: file formats that are opened; the suffix does not decide
FORMATS = ("PNG", "JPEG", "WEBP")
#: grey behind transparent parts
MATTE = 128
#: a picture's short side has at least so many pixels
SHORTEST_SIDE = 32
#: how a picture becomes a clean stimulus, for the manifest
RECIPE = {"crop": "centre square", "matte": MATTE, "resample": "bicubic"}

#: bytes of a file; an undamaged picture of that many pixels is smaller
LARGEST_FILE = 200_000_000
#: rows that are turned into RGB at a time, which bounds the memory that a large picture takes
BAND = 256

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)

Pixels = npt.NDArray[np.uint8]


def load_picture(path: Path, size: int, name: str = "") -> Pixels:
    """Read a picture as it is meant to be seen.

    Turned as its EXIF says, cropped to the square in its middle, converted to RGB with transparent parts
    on mid-grey, resized by Pillow's bicubic filter. Returns shape (size, size, 3). ``name`` is what errors
    call the file; the path by default. Raises UserError for a file that is not a whole PNG, JPEG or WebP
    picture, an animation, in CMYK, too small, or too large to be decoded safely.
    """
    name = name or str(path)
    _refuse_large_file(path, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with opened(path, name) as picture:
            _refuse_small(picture, name)
            _refuse_ink(picture, name)
            return np.asarray(_square(picture).resize((size, size), Image.Resampling.BICUBIC))


@contextmanager
def opened(file: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """A picture that may be decoded: of a format that is known to be safe, still, and not a bomb.

    Raises UserError, which calls the file by ``name``, for any other, and if decoding it in the block fails.
    """
    try:
        with Image.open(file, formats=FORMATS) as picture:
            _refuse_bomb(picture)
            _refuse_animation(picture, name)
            yield picture
    except _TOO_LARGE as error:
        raise UserError(
            f"{name} has more than {Image.MAX_IMAGE_PIXELS} pixels, too many to decode safely; "
            "make it smaller"
        ) from error
    except UnidentifiedImageError as error:
        raise UserError(f"{name} is not a PNG, JPEG or WebP picture; replace or remove it") from error
    except _BROKEN as error:
        raise UserError(f"{name} is broken or cut short; replace or remove it") from error


def _refuse_large_file(path: Path, name: str) -> None:
    if path.is_file() and path.stat().st_size > LARGEST_FILE:
        raise UserError(f"{name} is larger than {LARGEST_FILE // 10**6} MB; make it smaller")


def _refuse_bomb(picture: Image.Image) -> None:
    """Refuse what Pillow only warns of: more pixels than are safe, and up to twice as many."""
    if picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or 0):
        raise Image.DecompressionBombError


def _refuse_animation(picture: Image.Image, name: str) -> None:
    """Refuse several frames; what a camera's JPEG holds besides its picture is no animation."""
    frames = getattr(picture, "n_frames", 1)
    if picture.format in ("PNG", "WEBP") and frames > 1:
        raise UserError(f"{name} is an animation of {frames} frames; give a still picture")


def _refuse_small(picture: Image.Image, name: str) -> None:
    if min(picture.size) < SHORTEST_SIDE:
        raise UserError(
            f"{name} is {picture.width} x {picture.height} pixels; "
            f"give a picture of at least {SHORTEST_SIDE} on its short side"
        )


def _refuse_ink(picture: Image.Image, name: str) -> None:
    """Refuse inks, whose colours depend on a press that the file may not even name."""
    if picture.mode == "CMYK":
        raise UserError(f"{name} is in CMYK, the colours of a printing press; save it in RGB")


def _square(picture: Image.Image) -> Image.Image:
    """The square in the middle of a picture, upright, in RGB; the picture itself is turned."""
    picture.load()
    ImageOps.exif_transpose(picture, in_place=True)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = Image.new("RGB", (side, side))
    for row in range(0, side, BAND):
        below = min(row + BAND, side)
        square.paste(_rgb(picture.crop((left, top + row, left + side, top + below))), (0, row))
    return square


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        return Image.fromarray(np.rint(np.asarray(picture, np.float64) / 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        matte = Image.new("RGBA", picture.size, (MATTE, MATTE, MATTE, 255))
        return Image.alpha_composite(matte, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")
