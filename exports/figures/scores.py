"""Scores with their intervals against what chance would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from exports.figures.style import INK, MUTED, RULE, UNIT, new_axes, svg

GREY = "#c3c9d0"
WIDTH, ROW, EDGE = 640, 24, 46
#: width for a phone, and the widest that its labels get
NARROW, LABEL = 350, 110


@dataclass(frozen=True)
class Score:
    """A value in [0, 1] with its interval and its null's; NaN where there is none.

    ``best_low`` and ``best_high`` are the ends of the best of all units in the null; ``comparable`` is the
    value on the components that the null has, where these are fewer.
    """

    name: str
    value: float
    low: float
    high: float
    null: float
    null_low: float
    null_high: float
    best_low: float = math.nan
    best_high: float = math.nan
    comparable: float = math.nan


def against_null(scores: Sequence[Score], title: str, *, narrow: bool = False) -> str:
    """Draw one row for each score, as SVG: a point with its interval, and a grey bar for its null."""
    width, height = NARROW if narrow else WIDTH, EDGE + ROW * len(scores)
    left = LABEL / width if narrow else 0.24
    figure, axes = new_axes(width, height, (left, 30 / height, 0.98 - left, 1 - EDGE / height))
    axes.set_xlim(0, 1)
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    axes.set_yticks(range(len(scores)), [score.name for score in scores], color=INK, fontsize=9)
    axes.grid(axis="x", color=RULE, lw=0.7)
    axes.set_axisbelow(True)
    for at, score in enumerate(scores):
        _draw(axes, at, score)
    axes.set_xlabel(title, fontsize=8)
    return svg(figure)


def _draw(axes: Axes, at: int, score: Score) -> None:
    _line(axes, at, score.null_low, score.null_high, color=GREY, lw=9, solid_capstyle="butt")
    axes.plot(score.null, at, "|", color=MUTED, ms=9, mew=1.2)
    _line(axes, at + 0.32, score.best_low, score.best_high, color=MUTED, lw=1.6, solid_capstyle="butt")
    _line(axes, at, score.low, score.high, color=UNIT, lw=1.6)
    axes.plot(score.value, at, "s", color=UNIT, ms=6, mec="white", mew=0.8, clip_on=False, zorder=3)
    axes.plot(score.comparable, at, "D", color="white", mec=UNIT, ms=4.5, mew=1.2, clip_on=False, zorder=4)


def _line(axes: Axes, at: float, low: float, high: float, **look: Any) -> None:
    """Draw a horizontal line; nothing where it has no ends."""
    if not math.isnan(low):
        axes.plot([low, high], [at, at], **look)
