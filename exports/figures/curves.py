"""One measure in every condition: points, shaded intervals, a line within each family of conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes

from exports.figures.style import INK, MUTED, RULE, new_axes, svg

#: distance between two conditions of a family, and between two families
STEP, GAP = 1.0, 1.5
WIDTH, HEIGHT = 252, 156
#: CSS pixels of a letter of a label, at least, and of a line of them; the share of the width that axes have
LETTER, LINE, SHARE = 4.6, 11, 0.91


@dataclass(frozen=True)
class Tick:
    """A condition as an axis names it: its family ("noise"), and its severity ("0.38", empty if clean)."""

    family: str
    severity: str


@dataclass(frozen=True)
class Point:
    """A value in [0, 1] with its interval; NaN where there is none."""

    value: float
    low: float
    high: float


def curve(
    ticks: Sequence[Tick], points: Sequence[Point], *, colour: str, marker: str, chance: float | None
) -> str:
    """Draw one measure over the conditions, as SVG.

    ``chance`` draws a line at the value that nothing known would give. Conditions of one family are
    joined; between families there is no order, so no line.
    """
    places = _places(ticks)
    names = _names(ticks, places)
    more = LINE * max(line for *_, line in names)
    height = HEIGHT + more
    box = (0.085, (0.24 * HEIGHT + more) / height, SHARE, 0.73 * HEIGHT / height)
    figure, axes = new_axes(WIDTH, height, box)
    _draw_frame(axes, ticks, places, chance)
    _draw_names(axes, names)
    for at, point in zip(places, points, strict=True):
        if not math.isnan(point.low):
            axes.plot(
                [at, at], [point.low, point.high], color=colour, alpha=0.22, lw=9, solid_capstyle="butt"
            )
    for family in dict.fromkeys(tick.family for tick in ticks):
        own = [at for at, tick in enumerate(ticks) if tick.family == family]
        axes.plot([places[at] for at in own], [points[at].value for at in own], color=colour, lw=1.4)
    axes.plot(places, [point.value for point in points], marker, color=colour, ms=5, mec="white", mew=0.8)
    return svg(figure)


def _places(ticks: Sequence[Tick]) -> list[float]:
    places = [0.0]
    for before, tick in pairwise(ticks):
        places.append(places[-1] + (STEP if tick.family == before.family else GAP))
    return places


def _draw_frame(axes: Axes, ticks: Sequence[Tick], places: Sequence[float], chance: float | None) -> None:
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlim(places[0] - 0.6, places[-1] + 0.6)
    axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"], fontsize=7.8)
    axes.set_xticks([])
    axes.grid(axis="y", color=RULE, lw=0.7)
    axes.set_axisbelow(True)
    if chance is not None:
        axes.axhline(chance, color=MUTED, lw=0.9, ls=(0, (3, 2)))
    for at, tick in zip(places, ticks, strict=True):
        axes.annotate(
            tick.severity, (at, 0), (0, -4), xycoords=("data", "axes fraction"), textcoords="offset points",
            ha="center", va="top", fontsize=7.8, color=MUTED,
        )  # fmt: skip


def _names(ticks: Sequence[Tick], places: Sequence[float]) -> list[tuple[str, float, bool, int]]:
    """Each family's name, its middle, whether severities stand above it, and its line, 0 or 1."""
    pixels = WIDTH * SHARE / (places[-1] - places[0] + 1.2)
    ends, found = [-math.inf, -math.inf], []
    for family in dict.fromkeys(tick.family for tick in ticks):
        own = [at for at, tick in zip(places, ticks, strict=True) if tick.family == family]
        reach = LETTER * len(family) / 2 / pixels
        middle = min(sum(own) / len(own), places[-1] + 0.6 - reach)
        line = 0 if middle - reach > ends[0] else 1
        ends[line] = middle + reach
        found.append((family, middle, any(tick.severity for tick in ticks if tick.family == family), line))
    return found


def _draw_names(axes: Axes, names: Sequence[tuple[str, float, bool, int]]) -> None:
    for family, middle, below, line in names:
        down = (-15 if below else -4) - LINE * 72 / 96 * line
        axes.annotate(
            family, (middle, 0), (0, down), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="center", va="top", fontsize=7.8, color=INK,
        )  # fmt: skip
