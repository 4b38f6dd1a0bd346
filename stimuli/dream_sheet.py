"""A contact sheet of dreams: for each unit a strip of its dreams by start and sign; PNG and HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stimuli.dream_build import Dreamt, Subject
from stimuli.files import replacing
from stimuli.model_builds import read_image

PNG_NAME, HTML_NAME = "dreams.png", "dreams.html"
#: in pixels: widest sheet, a picture on it, the space between, a line of text, around everything
WIDEST, SIDE, GAP, LINE, MARGIN = 1500, 144, 8, 18, 16
_INK, _MUTED, _PAPER = "#1f2328", "#5c6670", "#ffffff"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Dreams</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #1f2328; }}
table {{ border-collapse: collapse; }}
th {{ text-align: left; font-weight: 600; padding: .4rem .8rem .4rem 0; vertical-align: top; }}
td {{ padding: .2rem; color: #5c6670; }}
img {{ display: block; width: 9rem; height: 9rem; }}
</style>
<h1>Dreams</h1>
<p>{note}</p>
<table>
<tr><th>unit</th>{heads}</tr>
{rows}
</table>
</html>
"""


@dataclass(frozen=True)
class Table:
    """Dreams laid out: the units in rows, (start, sign) in columns."""

    subjects: tuple[Subject, ...]
    columns: tuple[tuple[str, int], ...]
    cells: dict[tuple[Subject, str, int], Dreamt]


def table(done: Sequence[Dreamt]) -> Table:
    """Lay out dreams in the order in which they come."""
    return Table(
        tuple(dict.fromkeys(one.subject for one in done)),
        tuple(dict.fromkeys((one.dream.start, one.dream.sign) for one in done)),
        {(one.subject, one.dream.start, one.dream.sign): one for one in done},
    )


def write_sheet(out: Path, done: Sequence[Dreamt], label: str) -> None:
    """Write ``dreams.png`` and ``dreams.html``, which shows the images of the folder, into a build."""
    laid_out = table(done)
    with replacing(out / PNG_NAME, force=True) as temporary:
        draw(out, laid_out, label).save(temporary, "PNG")
    with replacing(out / HTML_NAME, force=True) as temporary:
        temporary.write_text(page(laid_out, label), encoding="utf-8")


def _column_name(start: str, sign: int) -> str:
    return start if sign > 0 else f"{start}, negative"


def caption(one: Dreamt) -> str:
    """The activation, and that on the best natural picture."""
    natural = one.subject.natural(one.dream.sign)
    there = f"{one.activation:.3g}"
    return there if math.isnan(natural) else f"{there} (picture: {natural:.3g})"


def note(laid_out: Table, label: str) -> str:
    """What is seen, in a line."""
    layers = ", ".join(dict.fromkeys(subject.unit.layer for subject in laid_out.subjects))
    return (
        f"Dreams of units of {layers} of {label}. "
        "Below each: the unit's activation on it, and on the best natural picture."
    )


def draw(folder: Path, laid_out: Table, label: str) -> Image.Image:
    """Draw the sheet as one RGB picture, strips side by side as far as there is room."""
    wide = len(laid_out.columns) * (SIDE + GAP) + MARGIN
    high = SIDE + 4 * LINE + MARGIN
    across = min(len(laid_out.subjects), max(1, (WIDEST - MARGIN) // wide))
    down = -(-len(laid_out.subjects) // across)
    head = 2 * MARGIN + LINE
    room = _font().getlength(note(laid_out, label)) + 2 * MARGIN
    canvas = Image.new("RGB", (max(int(room), MARGIN + across * wide), head + down * high), _PAPER)
    pen = ImageDraw.Draw(canvas)
    pen.text((MARGIN, MARGIN), note(laid_out, label), fill=_MUTED, font=_font())
    for number, subject in enumerate(laid_out.subjects):
        corner = MARGIN + number % across * wide, head + number // across * high
        _draw_strip(canvas, folder, laid_out, subject, corner)
    return canvas


def _draw_strip(
    canvas: Image.Image, folder: Path, laid_out: Table, subject: Subject, corner: tuple[int, int]
) -> None:
    pen, (left, top) = ImageDraw.Draw(canvas), corner
    name = f"{subject.concept}, unit {subject.unit.channel}".removeprefix(", ")
    pen.text((left, top), name, fill=_INK, font=_font())
    for column in laid_out.columns:
        one = laid_out.cells[(subject, *column)]
        picture = Image.fromarray(read_image(folder, one.row))
        small = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        canvas.paste(small, (left, top + 2 * LINE))
        pen.text((left, top + LINE), _column_name(*column), fill=_MUTED, font=_font())
        pen.text((left, top + 2 * LINE + SIDE + 2), caption(one), fill=_MUTED, font=_font())
        left += SIDE + GAP


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(12)


def page(laid_out: Table, label: str) -> str:
    """One HTML page, which shows the images that lie beside it."""
    heads = "".join(f"<th>{escape(_column_name(*column))}</th>" for column in laid_out.columns)
    rows = "\n".join(
        f"<tr><th>{escape(subject.concept)}<br>{escape(str(subject.unit))}</th>"
        + "".join(_cell(laid_out.cells[(subject, *column)]) for column in laid_out.columns)
        + "</tr>"
        for subject in laid_out.subjects
    )
    return _PAGE.format(note=escape(note(laid_out, label)), heads=heads, rows=rows)


def _cell(one: Dreamt) -> str:
    shown = f"dream of {one.dream.unit} from {_column_name(one.dream.start, one.dream.sign)}"
    return f'<td><img src="{escape(one.row.image)}" alt="{escape(shown)}">{escape(caption(one))}</td>'
