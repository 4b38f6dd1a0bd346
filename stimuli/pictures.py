"""Reading a picture from a file, whatever it turns out to hold, as a square of RGB pixels."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

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

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, struct.error, zlib.error)
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)


def load_picture(path: Path, size: int, name: str = "") -> npt.NDArray[np.uint8]:
    """Read a picture as it is meant to be seen.

    Turned as its EXIF says, converted to RGB with transparent parts on mid-grey, cropped to the
    square in its middle, resized by Pillow's bicubic filter. Returns shape (size, size, 3). ``name``
    is what errors call the file; the path by default. Raises UserError for a file that is not a
    whole PNG, JPEG or WebP picture, too small, or too large to be decoded safely.
    """
    name = name or str(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=FORMATS) as picture:
                _refuse_small(picture, name)
                return np.asarray(_square(_upright(picture), size))
        except _TOO_LARGE as error:
            raise UserError(
                f"{name} has more than {Image.MAX_IMAGE_PIXELS} pixels, too many to decode safely; "
                "make it smaller"
            ) from error
        except UnidentifiedImageError as error:
            raise UserError(f"{name} is not a PNG, JPEG or WebP picture; replace or remove it") from error
        except _BROKEN as error:
            raise UserError(f"{name} is broken or cut short; replace or remove it") from error


def _refuse_small(picture: Image.Image, name: str) -> None:
    if min(picture.size) < SHORTEST_SIDE:
        raise UserError(
            f"{name} is {picture.width} x {picture.height} pixels; "
            f"give a picture of at least {SHORTEST_SIDE} on its short side"
        )


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I"):
        return Image.fromarray(np.rint(np.asarray(upright, np.float64) / 257).astype(np.uint8)).convert("RGB")
    if upright.has_transparency_data:
        matte = Image.new("RGBA", upright.size, (MATTE, MATTE, MATTE, 255))
        return Image.alpha_composite(matte, upright.convert("RGBA")).convert("RGB")
    return upright.convert("RGB")


def _square(picture: Image.Image, size: int) -> Image.Image:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.BICUBIC)
