"""The demo's pictures: 12 concepts in four artists' hands, and photographs for practice and catch.

The photographs are files inside the scikit-image wheel, copied as they are.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image

from stimuli.errors import UserError
from stimuli.files import make_folder, replacing
from stimuli.sources.artwork import CONCEPTS, HANDS, Hand, load_drawing
from stimuli.sources.folder import TABLE, TABLE_COLUMNS
from stimuli.sources.rendering import Rendering, random_rendering, render

SIZE = 288
RENDERINGS = 4

Watch = Callable[[Iterable[tuple[str, str]], int], Iterable[tuple[str, str]]]


@dataclass(frozen=True)
class Photograph:
    """A photograph of one concept, from the folder of data in the scikit-image wheel."""

    concept: str
    file: str
    licence: str
    credit: str
    credit_url: str


_SKIMAGE_DATA = "https://scikit-image.org/docs/stable/api/skimage.data.html"

#: photographs for practice trials
PRACTICE: tuple[Photograph, ...] = (
    Photograph("cat", "chelsea.png", "CC0-1.0", "Stefan van der Walt", _SKIMAGE_DATA),
    Photograph("coffee", "coffee.png", "CC0-1.0", "Rachel Michetti", _SKIMAGE_DATA),
    Photograph("coins", "coins.png", "no known restrictions", "Brooklyn Museum", _SKIMAGE_DATA),
)
#: pictures that everybody can name, for catch trials
CATCH: tuple[Photograph, ...] = (
    Photograph("astronaut", "astronaut.png", "public domain", "NASA", _SKIMAGE_DATA),
    Photograph("rocket", "rocket.jpg", "public domain", "SpaceX", _SKIMAGE_DATA),
    Photograph("photographer", "camera.png", "CC0-1.0", "Lav Varshney", _SKIMAGE_DATA),
    Photograph("horse", "horse.png", "CC0-1.0", "Andreas Preuss (marauder)", _SKIMAGE_DATA),
)


def demo_rendering(hand: str, concept: str, number: int) -> Rendering:
    """Give rendering 0 to 3 of a drawing, the same on every machine.

    It is drawn from a generator whose seed comes from the three arguments.
    """
    digest = hashlib.sha256(f"demo rendering/{hand}/{concept}/{number}".encode()).digest()
    return random_rendering(np.random.default_rng(int.from_bytes(digest[:8], "big")))


def make_demo_pictures(out: Path, artwork: Path, force: bool = False, watch: Watch | None = None) -> int:
    """Write the demo's pictures and their ``sources.csv`` into a folder; return how many there are.

    ``artwork`` is the folder that contains ``node_modules``. Every drawing is shown in
    ``RENDERINGS`` ways at ``SIZE`` pixels; its cluster is the artist's hand, since they are not
    independent. ``watch`` is handed the drawings and their number and yields them on, to show
    progress. The same artwork gives the same bytes. Raises UserError if the folder is not empty and
    not ``force``, or if the artwork is not there.
    """
    if out.is_dir() and any(out.iterdir()) and not force:
        raise UserError(f"{out} is not empty; name another folder, or add --force to write into it")
    load_drawing(artwork, next(iter(HANDS)), next(iter(CONCEPTS)), SIZE)
    make_folder(out)
    drawings = [(concept, hand) for concept in CONCEPTS for hand in HANDS]
    rows = [
        row
        for concept, hand in (watch(drawings, len(drawings)) if watch else drawings)
        for row in _draw(out, artwork, concept, HANDS[hand])
    ]
    rows += [_copy(out, photograph) for photograph in (*PRACTICE, *CATCH)]
    _write_table(out, rows)
    return len(rows)


def _draw(out: Path, artwork: Path, concept: str, hand: Hand) -> Iterator[tuple[str, ...]]:
    drawing = load_drawing(artwork, hand.name, concept, SIZE)
    for number in range(RENDERINGS):
        pixels = render(drawing, demo_rendering(hand.name, concept, number), SIZE)
        name = f"{concept}/{hand.name}-{number}.png"
        with replacing(out / name, force=True) as path:
            Image.fromarray(pixels).save(path, "PNG")
        yield name, hand.name, hand.licence, hand.credit, hand.credit_url


def _copy(out: Path, photograph: Photograph) -> tuple[str, ...]:
    name = f"{photograph.concept}/{photograph.file}"
    with replacing(out / name, force=True) as path:
        path.write_bytes(files("skimage").joinpath("data", photograph.file).read_bytes())
    return name, "", photograph.licence, photograph.credit, photograph.credit_url


def _write_table(out: Path, rows: Iterable[tuple[str, ...]]) -> None:
    with replacing(out / TABLE, force=True) as path, path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(TABLE_COLUMNS)
        writer.writerows(rows)
