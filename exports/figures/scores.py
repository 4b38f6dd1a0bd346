"""Scores with their intervals against what chance would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from exports.figures.style import INK, MUTED, RULE, UNIT, new_axes, svg

GREY = "#c3c9d0"
WIDTH, ROW, EDGE = 640, 24, 46


@dataclass(frozen=True)
class Score:
    """A value in [0, 1] with its interval and its null's; NaN where there is none."""

    name: str
    value: float
    low: float
    high: float
    null: float
    null_low: float
    null_high: float


def against_null(scores: Sequence[Score], title: str) -> str:
    """Draw one row for each score, as SVG: a point with its interval, and a grey bar for its null."""
    height = EDGE + ROW * len(scores)
    figure, axes = new_axes(WIDTH, height, (0.24, 30 / height, 0.74, 1 - EDGE / height))
    axes.set_xlim(0, 1)
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", ".25", ".5", ".75", "1"])
    axes.set_yticks(range(len(scores)), [score.name for score in scores], color=INK, fontsize=9)
    axes.grid(axis="x", color=RULE, lw=0.7)
    axes.set_axisbelow(True)
    for at, score in enumerate(scores):
        if not math.isnan(score.null_low):
            axes.plot(
                [score.null_low, score.null_high], [at, at], color="#c3c9d0", lw=9, solid_capstyle="butt"
            )
            axes.plot(score.null, at, "|", color=MUTED, ms=9, mew=1.2)
        if not math.isnan(score.low):
            axes.plot([score.low, score.high], [at, at], color=UNIT, lw=1.6)
        axes.plot(score.value, at, "s", color=UNIT, ms=6, mec="white", mew=0.8)
    axes.set_xlabel(title, fontsize=8)
    return svg(figure)
