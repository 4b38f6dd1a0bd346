"""A contact sheet: what conditions look like, from clean to strong, with what they do in numbers.

The pictures are those that a build writes, pixel for pixel. One sheet is laid out as a PNG to show and as
one HTML page to look through, which needs no network and no script.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image, ImageDraw, ImageFont

from stimuli.conditions import Condition, ConditionsFile
from stimuli.corruptions.pixels import Pixels
from stimuli.measures import distance
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation
from stimuli.picture_sample import Picture
from stimuli.sources.folder import printable

#: widest sheet in pixels that pictures are put side by side on
WIDEST = 2240
#: in pixels: around the sheet, between pictures, between families, and for the names at the left
_MARGIN, _GAP, _BETWEEN, _NAMES = 40, 12, 34, 250
#: heights of a caption's two lines and of the sheet's heading
_CAPTION, _HEADING = 46, 92
_INK, _MUTED, _RULE, _PAPER = "#1f2328", "#5c6670", "#d9dee3", "#ffffff"

Watch = Callable[[Sequence[Perturbation]], Iterable[Perturbation]]


@dataclass(frozen=True)
class Cell:
    """One stimulus and its measures."""

    condition: Condition
    image: Pixels = field(repr=False)
    rms_contrast: float
    mean_luminance: float
    ssim: float
    distance: float

    @property
    def severity(self) -> str:
        """The severity as a caption has it: ``clean``, or the number."""
        return CLEAN if self.condition.perturbation == CLEAN else f"{self.condition.severity:g}"


@dataclass(frozen=True)
class Strip:
    """One picture in the conditions of one family: clean first, then from mild to strong."""

    concept: str
    path: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class FamilyRows:
    """The strips of one family, one for each picture."""

    family: Perturbation
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Sheet:
    """Everything that is on a contact sheet: the families' rows, how stimuli are built, the build's seed."""

    rows: tuple[FamilyRows, ...]
    how: ConditionsFile
    seed: int

    @property
    def size(self) -> int:
        """Side of a stimulus in pixels."""
        return self.how.size

    @property
    def heading(self) -> str:
        """What is seen, in a line."""
        pictures = len(self.rows[0].strips)
        return f"{_count(len(self.rows), 'perturbation')} of {_count(pictures, 'picture')}"

    @property
    def making(self) -> str:
        """How it was made, in a line."""
        chance = "the published draws" if self.how.legacy else f"seed {self.seed}"
        light = " in linear light" if self.how.linear_light else ""
        even = ", matched" if self.how.matching else ""
        return f"Stimuli of {self.size} px{even}, as built{light} with {chance}"


def make_sheet(
    pictures: Sequence[Picture],
    shown: ConditionsFile,
    seed: int,
    watch: Watch | None = None,
) -> Sheet:
    """Render the conditions of each picture, family by family in the registry's order, mild to strong.

    Severities without order stand in the order of the conditions. ``watch`` is handed the families and
    yields them on, to show progress.
    """
    conditions = shown.conditions
    named = {condition.perturbation for condition in conditions} - {CLEAN}
    families = [family for name, family in PERTURBATIONS.items() if name in named]
    rows = tuple(
        FamilyRows(family, tuple(_strip(picture, _ladder(family, conditions), seed) for picture in pictures))
        for family in (watch(families) if watch else families)
    )
    return Sheet(rows, shown, seed)


def _ladder(family: Perturbation, conditions: Sequence[Condition]) -> list[Condition]:
    mine = [condition for condition in conditions if condition.perturbation == family.name]
    return [Condition(CLEAN), *sorted(mine, key=lambda condition: family.direction * condition.severity)]


def _strip(picture: Picture, conditions: Sequence[Condition], seed: int) -> Strip:
    cells = tuple(_cell(picture, condition, seed) for condition in conditions)
    return Strip(picture.source.concept, picture.source.path, cells)


def _cell(picture: Picture, condition: Condition, seed: int) -> Cell:
    image = picture.stimulus(condition, seed)
    known = picture.reference.measures(image)
    apart = distance(image, picture.clean)
    return Cell(condition, image, known.rms_contrast, known.mean_luminance, known.ssim, apart)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# As a picture


@dataclass(frozen=True)
class Layout:
    """Where things stand on a sheet, in pixels.

    ``across`` strips stand side by side. Of each family, ``columns`` is how many stimuli a strip has on one
    line, ``folds`` on how many lines a strip stands, and ``lines`` how many lines there are in all.
    """

    size: int
    across: int
    columns: tuple[int, ...]
    folds: tuple[int, ...]
    lines: tuple[int, ...]

    @classmethod
    def of(cls, sheet: Sheet) -> Layout:
        """As many pictures side by side as are not too wide for a slide; each family begins a line."""
        room = WIDEST - 2 * _MARGIN - _NAMES + _GAP
        most = max(2, room // (sheet.size + _GAP))
        cells = [len(row.strips[0].cells) for row in sheet.rows]
        wide = tuple(columns(count, most) for count in cells)
        strips = len(sheet.rows[0].strips)
        block = max(wide) * (sheet.size + _GAP) + _BETWEEN
        across = max(1, min(strips, (room + _BETWEEN) // block))
        folds = tuple(-(-count // number) for count, number in zip(cells, wide, strict=True))
        return cls(sheet.size, across, wide, folds, tuple(-(-strips // across) * fold for fold in folds))

    @property
    def width(self) -> int:
        """Of the sheet."""
        return 2 * _MARGIN + _NAMES + self.across * self.block - _BETWEEN - _GAP

    @property
    def block(self) -> int:
        """Of one strip and the gap after it."""
        return max(self.columns) * (self.size + _GAP) + _BETWEEN

    @property
    def line(self) -> int:
        """Height of one line of pictures with its captions."""
        return self.size + _CAPTION + _GAP

    @property
    def height(self) -> int:
        """Of the sheet."""
        return self.top(len(self.lines)) + _MARGIN - _BETWEEN // 2

    def top(self, row: int) -> int:
        """Where a family begins."""
        return _MARGIN + _HEADING + sum(self.lines[:row]) * self.line + row * _BETWEEN

    def place(self, row: int, strip: int, cell: int) -> tuple[int, int]:
        """Upper left corner of a stimulus."""
        group, block = divmod(strip, self.across)
        fold, column = divmod(cell, self.columns[row])
        left = _MARGIN + _NAMES + block * self.block + column * (self.size + _GAP)
        return left, self.top(row) + (group * self.folds[row] + fold) * self.line


def columns(cells: int, most: int) -> int:
    """How many of some cells stand on a line, so that lines of at most so many are about equally long.

    >>> [columns(cells, 6) for cells in (3, 6, 7, 9, 13)]
    [3, 6, 4, 5, 5]
    """
    return -(-cells // -(-cells // most))


def draw(sheet: Sheet) -> Image.Image:
    """Lay a sheet out as one RGB picture; each stimulus is on it pixel for pixel."""
    layout = Layout.of(sheet)
    canvas = Image.new("RGB", (layout.width, layout.height), _PAPER)
    pen = ImageDraw.Draw(canvas)
    _write(pen, (_MARGIN, _MARGIN - 6), sheet.heading, 26, _INK, bold=True)
    note = f"{sheet.making}. Below each: RMS contrast, mean luminance, SSIM to clean."
    _write(pen, (_MARGIN, _MARGIN + 32), note, 15, _MUTED)
    for number, row in enumerate(sheet.rows):
        _draw_family(canvas, pen, layout, number, row)
    return canvas


def _draw_family(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, layout: Layout, number: int, row: FamilyRows
) -> None:
    top = layout.top(number)
    line = top - _BETWEEN // 2
    pen.line((_MARGIN, line, layout.width - _MARGIN, line), fill=_RULE)
    _write_names(pen, (_MARGIN, top), row.family)
    for place, strip in enumerate(row.strips):
        for step, cell in enumerate(strip.cells):
            left, upper = layout.place(number, place, step)
            edge = (left - 1, upper - 1, left + layout.size, upper + layout.size)
            pen.rectangle(edge, outline=_RULE)
            canvas.paste(Image.fromarray(cell.image), (left, upper))
            below = upper + layout.size + 4
            aside = CLEAN if step == 0 else cell.condition.unit
            name = printable(strip.concept) if step == 0 else cell.severity
            _write_caption(pen, (left, below), name, aside, layout)
            _write(pen, (left, below + 20), _measures(cell, layout.size), 12, _MUTED)


def _write_names(pen: ImageDraw.ImageDraw, corner: tuple[int, int], family: Perturbation) -> None:
    left, top = corner
    for line in _wrapped(family.name.replace("_", " "), 20, _NAMES - 24, bold=True):
        _write(pen, (left, top), line, 20, _INK, bold=True)
        top += 26
    said = [family.parameter]
    said += [] if family.published_levels or not family.own_levels else ["levels: this project's"]
    for text in said:
        for line in _wrapped(text, 14, _NAMES - 24):
            _write(pen, (left, top + 2), line, 14, _MUTED)
            top += 19


def _write_caption(
    pen: ImageDraw.ImageDraw, corner: tuple[int, int], name: str, aside: str, layout: Layout
) -> None:
    """A name in bold and something beside it, as far as there is room."""
    name = _fitted(name, 15, layout.size, bold=True)
    _write(pen, corner, name, 15, _INK, bold=True)
    taken = int(_font(15, bold=True).getlength(f"{name} "))
    if taken + _font(15).getlength(aside) <= layout.size:
        _write(pen, (corner[0] + taken, corner[1]), aside, 15, _MUTED)


def _measures(cell: Cell, width: int) -> str:
    """The measures in a line, with fewer words where there is little room, none where there is too little."""
    numbers = (cell.rms_contrast, cell.mean_luminance, cell.ssim)
    for form in (
        "RMS {:.2f}   mean {:.2f}   SSIM {:.2f}",
        "{:.2f}   {:.2f}   {:.2f}",
        "{:.2f} {:.2f} {:.2f}",
    ):
        text = form.format(*numbers)
        if _font(12).getlength(text) <= width:
            return text
    return ""


def _write(
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    size: int,
    colour: str,
    *,
    bold: bool = False,
) -> None:
    pen.text(corner, text, fill=colour, font=_font(size, bold=bold))


def _fitted(text: str, size: int, width: int, *, bold: bool = False) -> str:
    font = _font(size, bold=bold)
    while font.getlength(text) > width and len(text) > 1:
        text = text[:-2].rstrip() + "…"
    return text


def _wrapped(text: str, size: int, width: int, *, bold: bool = False) -> list[str]:
    font, lines = _font(size, bold=bold), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, which comes with matplotlib and has Latin, Greek and Cyrillic; else Pillow's own."""
    found = find_spec("matplotlib")
    if found is not None and found.origin:
        name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
        path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / name
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


# As a page


def page(sheet: Sheet) -> str:
    """One HTML page with the stimuli in it, which loads nothing."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"png": _data_uri, "printable": printable}
    groups: dict[str, list[FamilyRows]] = {}
    for row in sheet.rows:
        groups.setdefault(row.family.group, []).append(row)
    return environment.get_template("contact_sheet.html").render(sheet=sheet, groups=groups, columns=columns)


def _data_uri(image: Pixels) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=6)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
