"""Putting a drawing on a background: where, how large, turned how far, in what light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

#: range of the share of the picture's side that a drawing fills
SCALES = (0.60, 0.82)
#: largest turn to either side, in degrees
LARGEST_ROTATION = 20.0
#: how much of the free space around a drawing its position may use
FREEDOM = 0.6
#: lightness ranges of the background, as a fraction of full scale: dark or light, never between,
#: so that a drawing in middling colours stands out
DARK, LIGHT = (0.10, 0.30), (0.72, 0.95)
#: largest difference between two channels of a background, as a fraction of full scale
BACKGROUND_COLOUR = 0.16
#: least factor of a tint's channel
LEAST_TINT = 0.75


@dataclass(frozen=True)
class Rendering:
    """How a drawing is shown.

    ``background`` is an RGB colour, 0 to 255. ``x`` and ``y`` are the centre of the drawing, right
    and down, as fractions of the picture's side from its centre. ``scale`` is the share of the side
    that the drawing's square fills, before turning. ``rotation`` is in degrees, anticlockwise.
    ``tint`` multiplies the drawing's red, green and blue, each 0 to 1, like a coloured light.
    """

    background: tuple[int, int, int]
    x: float
    y: float
    scale: float
    rotation: float
    tint: tuple[float, float, float]


def render(drawing: npt.NDArray[np.uint8], rendering: Rendering, size: int) -> npt.NDArray[np.uint8]:
    """Show a drawing on a background.

    ``drawing`` is RGBA, shape (n, n, 4), alpha not multiplied in, in the range 0 to 255. Returns RGB,
    shape (size, size, 3). The same arguments give the same pixels.
    """
    side = max(1, round(rendering.scale * size))
    turned = (
        Image.fromarray(_tinted(drawing, rendering.tint))
        .resize((side, side), Image.Resampling.LANCZOS)
        .rotate(rendering.rotation, Image.Resampling.BICUBIC, expand=True)
    )
    picture = Image.new("RGB", (size, size), rendering.background)
    left = round((0.5 + rendering.x) * size - turned.width / 2)
    top = round((0.5 + rendering.y) * size - turned.height / 2)
    picture.paste(turned, (left, top), turned)
    return np.asarray(picture)


def _tinted(drawing: npt.NDArray[np.uint8], tint: tuple[float, float, float]) -> npt.NDArray[np.uint8]:
    tinted: npt.NDArray[np.uint8] = np.rint(drawing * np.array((*tint, 1.0))).astype(np.uint8)
    return tinted


def random_rendering(rng: np.random.Generator) -> Rendering:
    """Draw a rendering in which a drawing stays whole and easy to recognise.

    Uses the ranges at the top of this module; the generator alone decides.
    """
    scale = float(rng.uniform(*SCALES))
    room = FREEDOM * (1 - scale) / 2
    x, y = (float(value) for value in rng.uniform(-room, room, size=2))
    return Rendering(
        background=_background(rng),
        x=x,
        y=y,
        scale=scale,
        rotation=float(rng.uniform(-LARGEST_ROTATION, LARGEST_ROTATION)),
        tint=_tint(rng),
    )


def _background(rng: np.random.Generator) -> tuple[int, int, int]:
    lightness = rng.uniform(*(LIGHT if rng.random() < 0.5 else DARK))
    channels = lightness + rng.uniform(-BACKGROUND_COLOUR / 2, BACKGROUND_COLOUR / 2, size=3)
    red, green, blue = (int(value) for value in np.rint(255 * np.clip(channels, 0, 1)))
    return red, green, blue


def _tint(rng: np.random.Generator) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in rng.uniform(LEAST_TINT, 1.0, size=3))
    return red, green, blue
