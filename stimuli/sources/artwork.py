"""Drawings of the demo's concepts by several artists' hands, from openly licensed emoji artwork.

The artwork comes from npm packages (``artwork/package.json`` beside this module pins them) that
``make setup`` unpacks. One emoji drawn by four design teams gives four drawings of one concept.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from stimuli.errors import UserError
from stimuli.pictures import FORMATS

#: where ``make setup`` unpacks the artwork
DEFAULT_ARTWORK = Path(__file__).with_suffix("")

CONCEPTS: dict[str, str] = {
    "sailboat": "26f5",
    "mushroom": "1f344",
    "fire": "1f525",
    "dog": "1f436",
    "hand": "270b",
    "droplet": "1f4a7",
    "apple": "1f34e",
    "umbrella": "2602",
    "key": "1f511",
    "butterfly": "1f98b",
    "bicycle": "1f6b2",
    "cactus": "1f335",
}


@dataclass(frozen=True)
class Hand:
    """One design team's drawings: where they lie, under which licence, and whom to credit.

    ``files`` are path patterns below ``node_modules``, tried in turn; ``{code}`` stands for the
    emoji's code point. A pattern with ``#{CODE}`` names a drawing inside a sheet of drawings.
    """

    name: str
    package: str
    files: tuple[str, ...]
    licence: str
    credit: str
    credit_url: str


HANDS: dict[str, Hand] = {
    hand.name: hand
    for hand in (
        Hand(
            "twemoji",
            "@twemoji/svg",
            ("{code}.svg",),
            "CC-BY-4.0",
            "Twemoji, copyright Twitter, Inc. and other contributors; placed on a background and recoloured",
            "https://github.com/jdecked/twemoji",
        ),
        Hand(
            "noto",
            "@svgmoji/noto",
            ("sprites/all.svg#{CODE}",),
            "Apache-2.0",
            "Noto Emoji, copyright Google LLC; placed on a background and recoloured",
            "https://github.com/googlefonts/noto-emoji",
        ),
        Hand(
            "fluent-flat",
            "@lobehub/fluent-emoji-flat",
            ("assets/{code}.svg", "assets/{code}-fe0f.svg"),
            "MIT",
            "Fluent Emoji (flat), copyright Microsoft Corporation; placed on a background and recoloured",
            "https://github.com/microsoft/fluentui-emoji",
        ),
        Hand(
            "fluent-3d",
            "@lobehub/fluent-emoji-3d",
            ("assets/{code}.webp", "assets/{code}-fe0f.webp"),
            "MIT",
            "Fluent Emoji (3D), copyright Microsoft Corporation; placed on a background and recoloured",
            "https://github.com/microsoft/fluentui-emoji",
        ),
    )
}


def load_drawing(artwork: Path, hand: str, concept: str, size: int) -> npt.NDArray[np.uint8]:
    """Load one drawing, as large as fits into a square with a transparent surround.

    ``artwork`` is the folder that contains ``node_modules``; ``hand`` is a key of ``HANDS`` and
    ``concept`` one of ``CONCEPTS``. Returns RGBA, shape (size, size, 4), alpha not multiplied in.
    Raises UserError if the artwork is not there.
    """
    drawing = _trimmed(_open(artwork, HANDS[hand], CONCEPTS[concept], 2 * size))
    scale = size / max(drawing.size)
    width, height = (max(1, round(side * scale)) for side in drawing.size)
    square = Image.new("RGBA", (size, size))
    square.paste(drawing.resize((width, height), Image.Resampling.LANCZOS), _centred(size, width, height))
    return np.asarray(square)


def _centred(size: int, width: int, height: int) -> tuple[int, int]:
    return (size - width) // 2, (size - height) // 2


def _trimmed(drawing: Image.Image) -> Image.Image:
    return drawing.crop(drawing.getchannel("A").getbbox())


def _open(artwork: Path, hand: Hand, code: str, size: int) -> Image.Image:
    folder = artwork / "node_modules" / hand.package
    for pattern in hand.files:
        name, _, part = pattern.format(code=code, CODE=code.upper()).partition("#")
        if (folder / name).is_file():
            return _raster(folder / name, part, size)
    raise UserError(f"the artwork {folder} is not there or lacks {code}; run `make setup`, which fetches it")


def _raster(path: Path, part: str, size: int) -> Image.Image:
    if path.suffix != ".svg":
        return Image.open(path, formats=FORMATS).convert("RGBA")
    import resvg_py

    svg = _sheet_part(path, part) if part else path.read_text(encoding="utf-8")
    png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    return Image.open(io.BytesIO(bytes(png)), formats=FORMATS).convert("RGBA")


def _sheet_part(path: Path, part: str) -> str:
    sheet = _sheet(path)
    start = re.search(rf'<svg[^>]*\bid="{part}"', sheet)
    if start is None:
        raise UserError(f"the artwork {path} lacks the drawing {part}; run `make setup`, which fetches it")
    body = sheet[start.start() + len("<svg") : sheet.index("</svg>", start.start())]
    return f'<svg xmlns:xlink="http://www.w3.org/1999/xlink"{body}</svg>'


@lru_cache(maxsize=1)
def _sheet(path: Path) -> str:
    return path.read_text(encoding="utf-8")
