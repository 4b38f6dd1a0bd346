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

#: fonts and colours, of the other sheets too
_STYLE = Path(__file__).with_name("sheets.css")
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dreams</title>
<style>
{style}h2 {{ font-size: 1.25rem; line-height: 1.25; margin: 0 0 .5rem; overflow-wrap: anywhere; }}
h2 small {{ display: block; font-size: .85rem; font-weight: 400; color: var(--muted); }}
p {{ margin: .3rem 0; max-width: 52rem; color: var(--muted); font-size: .92rem; overflow-wrap: anywhere; }}
main {{ display: flex; flex-wrap: wrap; align-items: flex-end; gap: 2rem .8rem; padding-top: 1.5rem; }}
section {{ width: min(100%, calc(var(--columns) * 14rem + (var(--columns) - 1) * .8rem)); }}
.strip {{ display: grid; gap: .9rem .8rem; margin: 0 0 .9rem; padding: 0; list-style: none;
  align-items: start;  grid-template-columns: repeat(var(--columns), minmax(0, 1fr)); }}
figure {{ margin: 0; }}
figure img {{ display: block; width: 100%; height: auto; outline: 1px solid var(--rule); }}
figcaption {{ font-size: .9rem; font-weight: 600; line-height: 1.35; padding-top: .35rem;
  font-variant-numeric: tabular-nums; }}
figcaption small {{ display: block; font-weight: 400; font-size: .78rem; color: var(--muted); }}
@media (max-width: 60rem) {{
  .strip {{ grid-template-columns: repeat(min(var(--columns), 3), minmax(0, 1fr)); }} }}
@media (max-width: 42rem) {{ body {{ padding: 1.3rem 1rem 3rem; }} h1 {{ font-size: 1.55rem; }}
  section {{ width: 100%; }} section.single {{ width: calc(50% - .4rem); }}
  .strip {{ grid-template-columns: repeat(min(var(--columns), 2), minmax(0, 1fr)); }} }}
@media print {{ section, figure {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<header>
<h1>Dreams</h1>
<p>{note}</p>
</header>
<main>
{sections}
</main>
</body>
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
    """One HTML page, which shows the images beside it: a part for each unit, a strip for each sign."""
    sections = "\n".join(_section(laid_out, subject) for subject in laid_out.subjects)
    style = _STYLE.read_text(encoding="utf-8")
    return _PAGE.format(style=style, note=escape(note(laid_out, label)), sections=sections)


def _section(laid_out: Table, subject: Subject) -> str:
    signs = tuple(dict.fromkeys(sign for _, sign in laid_out.columns))
    starts = [start for start, sign in laid_out.columns if sign == signs[0]]
    strips = "\n".join(
        '<ul class="strip">\n'
        + "\n".join(_figure(laid_out.cells[(subject, start, sign)]) for start in starts)
        + "\n</ul>"
        for sign in signs
    )
    alone = ' class="single"' if len(starts) == 1 else ""
    unit = escape(str(subject.unit))
    name = f"{escape(subject.concept)}<small>{unit}</small>" if subject.concept else unit
    return f'<section{alone} style="--columns: {len(starts)}">\n<h2>{name}</h2>\n{strips}\n</section>'


def _figure(one: Dreamt) -> str:
    name = escape(_column_name(one.dream.start, one.dream.sign))
    shown = f"dream of {escape(str(one.dream.unit))} from {name}"
    side = one.row.width
    return (
        f'<li><figure><img src="{escape(one.row.image)}" width="{side}" height="{side}" alt="{shown}">'
        f"<figcaption>{name}<small>{escape(caption(one))}</small></figcaption></figure></li>"
    )
