"""Pictures are read as they are meant to be seen, and bad ones are refused in one sentence."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
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

ROOT = Path(__file__).parents[3]
#: bytes in which the system counts a process's largest memory
UNIT = 1 if sys.platform == "darwin" else 1024

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


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_other_colour_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "picture.png"
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


def save_inks(path: Path) -> None:
    CAT.convert("CMYK").save(path, "JPEG")


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


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, pixels: bytes, before: bytes = b"") -> bytes:
    """A PNG of 8-bit RGB whose chunks say what they are told to."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zeros, compressed about a thousandfold, without ever holding them."""
    compressor, block = zlib.compressobj(9), bytes(2**20)
    return b"".join([compressor.compress(block) for _ in range(count // 2**20)]) + compressor.flush()


def save_claim(path: Path) -> None:
    path.write_bytes(png(60_000, 60_000, zeros(2**20)))


def save_text_bomb(path: Path) -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zeros(2**26))
    path.write_bytes(png(64, 64, zeros(2**20), text))


def save_profile_bomb(path: Path) -> None:
    profile = chunk(b"iCCP", b"profile\0\0" + zeros(2**26))
    path.write_bytes(png(64, 64, zeros(2**20), profile))


def save_animation(path: Path) -> None:
    frames = [Image.new("L", (64, 64), number % 250) for number in range(2_000)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def save_large_file(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(200_000_001)


def save_postscript(path: Path) -> None:
    CAT.save(path, "EPS")


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
        (save_inks, "bad.png is in CMYK, the colours of a printing press; save it in RGB"),
        (save_half, BROKEN),
        (save_corrupted, BROKEN),
        (save_huge, TOO_MANY),
        (save_enormous, TOO_MANY),
        (save_claim, TOO_MANY),
        (save_text_bomb, BROKEN),
        (save_profile_bomb, BROKEN),
        (save_animation, "bad.png is an animation of 2000 frames; give a still picture"),
        (save_large_file, "bad.png is larger than 200 MB; make it smaller"),
        (save_postscript, NOT_ONE),
    ],
)
def test_a_bad_file_gives_its_sentence(tmp_path: Path, save: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "bad.png"
    save(path)
    with pytest.raises(UserError) as error:
        load_picture(path, 64, "bad.png")
    assert str(error.value) == message


def test_an_animated_webp_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.webp"
    CAT.save(path, save_all=True, append_images=[CAT.rotate(9)])
    with pytest.raises(UserError) as error:
        load_picture(path, 64, "two.webp")
    assert str(error.value) == "two.webp is an animation of 2 frames; give a still picture"


def test_a_cameras_jpeg_with_a_second_picture_in_it_is_a_picture(tmp_path: Path) -> None:
    path, plain = tmp_path / "two.jpg", tmp_path / "one.jpg"
    CAT.save(plain)
    CAT.save(path, "MPO", save_all=True, append_images=[CAT.rotate(9)])
    assert np.array_equal(load_picture(path, 64), load_picture(plain, 64))


def test_a_large_picture_takes_eight_bytes_a_pixel(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    side = 4_700
    path.write_bytes(png(side, side, zeros((3 * side + 1) * side + 2**20), chunk(b"tRNS", bytes(6))))
    code = f"""
import resource
from pathlib import Path
from stimuli.pictures import load_picture
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert load_picture(Path({str(path)!r}), 64).shape == (64, 64, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert int(done.stdout) * UNIT < 8.5 * side * side + 30e6


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
