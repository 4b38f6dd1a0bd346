"""How every figure looks, and how it becomes SVG."""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: colours that people with any colour vision tell apart (Okabe and Ito 2008), and greys
PEOPLE, UNIT = "#0072b2", "#c8540a"
INK, MUTED, RULE = "#1f2328", "#5c6670", "#d9dee3"

SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 8.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "interpscore",
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}
#: CSS pixels to matplotlib's inch
PIXELS = 96


def new_axes(width: float, height: float, box: tuple[float, float, float, float]) -> tuple[Figure, Axes]:
    """A figure of a size in CSS pixels with one axes; ``box`` is left, bottom, width, height in [0, 1]."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(width / PIXELS, height / PIXELS))
        axes = figure.add_axes(box)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    return figure, axes


def svg(figure: Figure) -> str:
    """The figure as SVG, without the time at which it was drawn."""
    stream = io.StringIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return re.sub(r"\s*\n\s*", "\n", text[text.index("<svg") :])


def data_uri(content: bytes, kind: str) -> str:
    """Content as the address of an image; ``kind`` is such as ``svg+xml`` or ``webp``."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
