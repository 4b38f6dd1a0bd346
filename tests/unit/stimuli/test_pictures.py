"""Pictures are read as they are meant to be seen, and bad ones are refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from PIL import Image

from stimuli.errors import UserError
from stimuli.pictures import load_picture

data: Any = skimage.data

CAT = Image.fromarray(data.chelsea())


def test_the_middle_square_of_a_photograph(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    CAT.save(path)
    read = load_picture(path, 288)
    middle = CAT.crop((75, 0, 375, 300)).resize((288, 288), Image.Resampling.BICUBIC)
    assert np.array_equal(read, np.asarray(middle))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_a_picture_lying_on_its_side_is_turned_upright(tmp_path: Path, suffix: str) -> None:
    upright, lying = tmp_path / f"upright.{suffix}", tmp_path / f"lying.{suffix}"
    CAT.save(upright)
    exif = Image.Exif()
    exif[0x0112] = 6
    CAT.rotate(90, expand=True).save(lying, exif=exif)
    difference = load_picture(lying, 100).astype(int) - load_picture(upright, 100)
    assert np.abs(difference).mean() < 5


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_mid_grey(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "clear.png"
    picture = Image.new("LA", (64, 64), (10, 0))
    picture.paste((10, 255), (0, 0, 32, 64))
    picture.convert("RGBA").quantize().save(path) if mode == "PA" else picture.convert(mode).save(path)
    read = load_picture(path, 64)
    assert np.all(read[:, 40:] == 128)
    assert np.all(read[:, :24] == 10)


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    grey = data.camera().astype(np.uint16) * 257
    Image.fromarray(grey).save(path)
    assert np.array_equal(load_picture(path, 512)[:, :, 0], data.camera())


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK"])
def test_other_colour_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("ink.jpg" if mode == "CMYK" else "picture.png")
    CAT.convert(mode).save(path)
    assert load_picture(path, 64).shape == (64, 64, 3)


def save_one_pixel(path: Path) -> None:
    Image.new("RGB", (1, 1)).save(path)


def save_text(path: Path) -> None:
    path.write_text("not a picture", encoding="utf-8")


def save_nothing(path: Path) -> None:
    path.write_bytes(b"")


def save_half(path: Path) -> None:
    CAT.save(path)
    path.write_bytes(path.read_bytes()[:20_000])


def save_corrupted(path: Path) -> None:
    CAT.save(path)
    content = bytearray(path.read_bytes())
    content[5_000:5_400] = bytes(400)
    path.write_bytes(content)


def save_tiff(path: Path) -> None:
    CAT.save(path, "TIFF")


def save_huge(path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(path)


def save_enormous(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path)


TOO_MANY = "bad.png has more than 89478485 pixels, too many to decode safely; make it smaller"
NOT_ONE = "bad.png is not a PNG, JPEG or WebP picture; replace or remove it"
BROKEN = "bad.png is broken or cut short; replace or remove it"


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (save_one_pixel, "bad.png is 1 x 1 pixels; give a picture of at least 32 on its short side"),
        (save_text, NOT_ONE),
        (save_nothing, NOT_ONE),
        (save_tiff, NOT_ONE),
        (save_half, BROKEN),
        (save_corrupted, BROKEN),
        (save_huge, TOO_MANY),
        (save_enormous, TOO_MANY),
    ],
)
def test_a_bad_file_gives_its_sentence(tmp_path: Path, save: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "bad.png"
    save(path)
    with pytest.raises(UserError) as error:
        load_picture(path, 64, "bad.png")
    assert str(error.value) == message


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_damage_anywhere_is_a_picture_or_a_sentence(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cat.{suffix}"
    CAT.resize((64, 64)).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        content = bytearray(whole)
        start = int(rng.integers(len(whole)))
        content[start : start + 3] = rng.bytes(3)
        path.write_bytes(content)
        with suppress(UserError):
            assert load_picture(path, 32).shape == (32, 32, 3)
