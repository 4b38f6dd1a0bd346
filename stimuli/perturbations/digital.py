"""Weather, light and digital corruptions of the corruption benchmark."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation
from stimuli.perturbations.sources import IMAGENET_C

DIGITAL: tuple[Perturbation, ...] = (
    Perturbation(
        name="contrast",
        group="light and digital",
        does="(x - m) c + m, m the mean of the channel",
        parameter="fraction c of contrast that is kept",
        unit="fraction",
        direction=-1,
        identity=1.0,
        low=0.0,
        high=1.0,
        source=IMAGENET_C,
        published_levels=(0.4, 0.3, 0.2, 0.1, 0.05),
        linear_light=True,
        mind="below 5% few grey levels are left",
    ),
    Perturbation(
        name="pixelate",
        group="light and digital",
        does="down with a box filter to int(side c) pixels, up by repeating them",
        parameter="fraction c of the side's pixels that is kept",
        unit="fraction",
        direction=-1,
        identity=1.0,
        low=0.01,
        high=1.0,
        source=IMAGENET_C,
        published_levels=(0.6, 0.5, 0.4, 0.3, 0.25),
        mind="a later version of the published code goes up by repeating, as here; the first used a box",
    ),
)
