"""The figures of an alignment, as SVG text: each wide, and narrow for a phone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from exports.figures.style import INK, MUTED, PEOPLE, RULE, UNIT, new_axes, svg
from scoring.statistics import Floats

WIDTH, NARROW = 640, 350
#: pixels of a row, of what stands below the rows, and the widest that labels get
ROW, EDGE, LABEL, LABEL_NARROW = 24, 46, 150, 104
#: of rows that stand close to each other, between groups of them in rows, and of a key
DENSE, GAP, KEY = 16, 0.7, 20
#: of a line of a name that is broken
LINE = 15
#: pixels of a heat map's cell at most
LARGEST_CELL = 34
GREY = "#c3c9d0"
MARKERS = ("s", "D", "^", "v", "P", "X")
#: models that one figure of rows tells apart
MOST_MARKED = len(MARKERS)
LINES = ("-", "-", "--", "-.", ":")
BLUES = LinearSegmentedColormap.from_list("blues", ["#ffffff", "#c9e0ef", "#64a7d0", "#0a5a8c"])
#: numbers are written in a heat map's cells up to so many concepts
MOST_NUMBERED = 20


@dataclass(frozen=True)
class Mark:
    """A value with its interval, NaN where there is none; ``who`` is 0 for people, else a model's number."""

    value: float
    low: float = math.nan
    high: float = math.nan
    who: int = 0


@dataclass(frozen=True)
class Row:
    """A row of a figure: its name, its marks one below the other, single values, and a band behind them."""

    name: str
    marks: Sequence[Mark]
    cloud: Sequence[float] = ()
    band: tuple[float, float] = (math.nan, math.nan)


@dataclass(frozen=True)
class Curve:
    """A fitted curve (x, y) with its band, and the data behind it: severities and shares."""

    name: str
    who: int
    x: Floats
    y: Floats
    low: Floats = field(default_factory=lambda: np.empty(0))
    high: Floats = field(default_factory=lambda: np.empty(0))
    data_x: Sequence[float] = ()
    data: Sequence[Mark] = ()
    threshold: Mark | None = None


def rows(
    given: Sequence[Row],
    title: str,
    *,
    narrow: bool = False,
    zero: float | None = None,
    limits: tuple[float, float] | None = None,
    key: Sequence[str] = (),
) -> str:
    """Draw a row for each thing: marks with intervals, a cloud of single values, a grey band.

    ``zero`` draws a dashed line at the value of no relation; ``limits`` are those of the axis, by default
    all that is shown; ``key`` names who the marks are of, people first.
    """
    gap = GAP if any(len(row.marks) > 1 for row in given) else 0.0
    total = sum(max(len(row.marks), 1) for row in given) + gap * (len(given) - 1)
    lines = max((_in_lines(row.name, _letters(narrow)).count("\n") + 1 for row in given), default=1)
    size_of = max(ROW, LINE * lines) if gap == 0 else DENSE
    columns = _key_columns(key, NARROW if narrow else WIDTH)
    above = KEY * math.ceil(len(key) / columns)
    height = EDGE + size_of * total + above
    figure, axes = _row_axes([row.name for row in given], height, narrow, above)
    _draw_key(axes, key, columns)
    low, high = limits or _limits(given, zero)
    axes.set_xlim(low, high)
    if zero is not None:
        axes.axvline(zero, color=MUTED, lw=0.9, ls=(0, (3, 2)))
    place, ticks = 0.0, []
    for row in given:
        size = max(len(row.marks), 1)
        ticks.append(place + (size - 1) / 2)
        _draw_row(axes, row, place, size)
        place += size + gap
    axes.set_ylim(place - gap - 0.5, -0.5)
    names = [_in_lines(row.name, _letters(narrow)) for row in given]
    axes.set_yticks(ticks, names, color=INK, fontsize=8 if narrow else 9)
    axes.set_xlabel(title, fontsize=8)
    return svg(figure)


def _row_axes(names: Sequence[str], height: float, narrow: bool, above: int) -> tuple[Figure, Axes]:
    width = NARROW if narrow else WIDTH
    lines = [line for name in names for line in _in_lines(name, _letters(narrow)).split("\n")]
    longest = max((len(line) for line in lines), default=0)
    label = min(LABEL_NARROW if narrow else LABEL, 14 + 5.6 * longest)
    left = label / width
    figure, axes = new_axes(width, height, (left, 34 / height, 0.975 - left, 1 - (EDGE + above) / height))
    axes.grid(axis="x", color=RULE, lw=0.7)
    axes.set_axisbelow(True)
    return figure, axes


def _letters(narrow: bool) -> int:
    """Letters of a line of a row's name."""
    return 16 if narrow else 24


def _key_columns(key: Sequence[str], width: int) -> int:
    """Names of a key that stand beside each other in a figure."""
    longest = max((len(name) for name in key), default=0)
    return max(1, min(len(key), int(0.85 * width / (34 + 5.2 * longest))))


def _draw_key(axes: Axes, key: Sequence[str], columns: int, numbers: Sequence[int] | None = None) -> None:
    """Say above the axes who the marks are of: their ``numbers``, by default 0, 1, …"""
    if not key:
        return
    marks = [
        Line2D([], [], color=colour(who), marker=marker(who), ls="", ms=6, mec="white")
        for who in numbers or range(len(key))
    ]
    axes.legend(
        marks, key, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False, fontsize=8,
        handletextpad=0.1, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def colour(who: int) -> str:
    """People are blue, models orange."""
    return UNIT if who else PEOPLE


def marker(who: int) -> str:
    """People are circles; models differ by their marker as far as these reach."""
    return MARKERS[(who - 1) % len(MARKERS)] if who else "o"


def _in_lines(name: str, letters: int) -> str:
    """Break a long name where it has a blank, an underscore or a dot."""
    return "\n".join(wrap(name.replace("_", " "), letters)) or name


def _limits(given: Sequence[Row], zero: float | None) -> tuple[float, float]:
    values = [
        value
        for row in given
        for value in (
            *row.cloud,
            *row.band,
            *(end for one in row.marks for end in (one.low, one.value, one.high)),
        )
        if not math.isnan(value)
    ]
    values += [] if zero is None else [zero]
    if not values:
        return 0.0, 1.0
    pad = 0.06 * (max(values) - min(values) or 1.0)
    return min(values) - pad, max(values) + pad


def _draw_row(axes: Axes, row: Row, place: float, size: int) -> None:
    if not math.isnan(row.band[0]):
        axes.fill_betweenx([place - 0.5, place + size - 0.5], *row.band, color=GREY, alpha=0.55, lw=0)
    if row.cloud:
        spread = 0.26 * np.array([((7 * at) % 11 - 5) / 5 for at in range(len(row.cloud))])
        look = colour(max((mark.who for mark in row.marks), default=0))
        axes.plot(row.cloud, place + spread, "o", color=look, alpha=0.28, ms=4, mew=0)
    for at, mark in enumerate(row.marks):
        _draw_mark(axes, mark, place + at)


def _draw_mark(axes: Axes, mark: Mark, at: float) -> None:
    if not math.isnan(mark.low):
        axes.plot([mark.low, mark.high], [at, at], color=colour(mark.who), lw=1.8)
    look = {"color": colour(mark.who), "marker": marker(mark.who), "ms": 6.5, "mec": "white", "mew": 0.9}
    axes.plot(mark.value, at, zorder=3, clip_on=False, **look)  # type: ignore[arg-type]


def heat_map(shares: Floats, concepts: Sequence[str], *, narrow: bool = False) -> str:
    """Draw how often each concept shown (rows) was taken for each (columns; the last is none of them)."""
    label, top, right = (70, 74, 26) if narrow else (90, 88, 34)
    cell = min(((NARROW if narrow else WIDTH) - label - right) / (len(concepts) + 1), LARGEST_CELL)
    width, height = label + right + cell * (len(concepts) + 1), top + cell * len(concepts) + 4
    box = (label / width, 4 / height, 1 - (label + right) / width, 1 - (top + 4) / height)
    figure, axes = new_axes(width, height, box)
    axes.imshow(np.nan_to_num(shares), cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    size = 6.5 if narrow else 8
    axes.set_yticks(range(len(concepts)), concepts, fontsize=size, color=INK)
    axes.set_xticks(
        range(len(concepts) + 1),
        [*concepts, "none of them"],
        fontsize=size,
        color=INK,
        rotation=75 if narrow else 60,
    )
    for tick in axes.get_xticklabels():
        tick.set_horizontalalignment("left")
        tick.set_rotation_mode("anchor")
    axes.xaxis.tick_top()
    for edge in range(1, len(concepts) + 1):
        axes.axvline(edge - 0.5, color="white", lw=1)
        axes.axhline(edge - 0.5, color="white", lw=1)
    axes.set_ylim(len(concepts) - 0.5, -0.5)
    if len(concepts) <= MOST_NUMBERED and not narrow:
        _number_cells(axes, shares)
    return svg(figure)


def _number_cells(axes: Axes, shares: Floats) -> None:
    for (row, column), value in np.ndenumerate(shares):
        if value >= 0.005:
            text = "1" if value > 0.995 else f"{value:.2f}".removeprefix("0")
            ink = "white" if value > 0.7 else INK
            axes.annotate(text, (column, row), ha="center", va="center", fontsize=6.5, color=ink)


def curves(given: Sequence[Curve], xlabel: str, *, chance: float, log: bool = False) -> str:
    """Draw psychometric curves with their bands, the data behind them, and thresholds on the axis."""
    names = [curve.name for curve in given]
    columns = _key_columns(names, 320)
    height = 200 + KEY * math.ceil(len(names) / columns)
    figure, axes = new_axes(320, height, (0.09, 40 / height, 0.88, 158 / height))
    _draw_key(axes, names, columns, [curve.who for curve in given])
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
    axes.grid(axis="y", color=RULE, lw=0.7)
    axes.set_axisbelow(True)
    if log:
        axes.set_xscale("log")
    if chance > 0:
        axes.axhline(chance, color=MUTED, lw=0.9, ls=(0, (3, 2)))
    for curve in given:
        _draw_curve(axes, curve)
    _name_severities(axes, given, log)
    axes.set_xlabel(xlabel, fontsize=8)
    return svg(figure)


def _name_severities(axes: Axes, given: Sequence[Curve], log: bool) -> None:
    """Name severities that were shown, those that have room."""
    shown = sorted({at for curve in given for at in curve.data_x if at > 0 or not log})
    span = (math.log(shown[-1] / shown[0]) if log else shown[-1] - shown[0]) or 1.0
    kept: list[float] = []
    for at in shown:
        step = (math.log(at / kept[-1]) if log else at - kept[-1]) if kept else math.inf
        if step >= span / 12:
            kept.append(at)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(kept, [f"{at:g}" for at in kept])


def _draw_curve(axes: Axes, curve: Curve) -> None:
    look = colour(curve.who)
    if curve.low.size:
        axes.fill_between(curve.x, curve.low, curve.high, color=look, alpha=0.16, lw=0)
    axes.plot(curve.x, curve.y, color=look, lw=1.6, ls=LINES[curve.who % len(LINES)])
    shares = [mark.value for mark in curve.data]
    axes.plot(curve.data_x, shares, marker(curve.who), color=look, ms=5, mec="white", mew=0.7, zorder=3)
    if ends := _threshold_ends(curve):
        axes.plot(ends, [-0.015, -0.015], color=look, lw=4, alpha=0.7, solid_capstyle="butt")


def _threshold_ends(curve: Curve) -> list[float]:
    """Where the bar of a threshold's interval ends: an open end where the curve does; none without one."""
    given = [] if curve.threshold is None else [curve.threshold.low, curve.threshold.high]
    if all(math.isnan(end) for end in given):
        return []
    shown = (float(np.min(curve.x)), float(np.max(curve.x)))
    return [end if math.isnan(at) else at for at, end in zip(given, shown, strict=True)]
