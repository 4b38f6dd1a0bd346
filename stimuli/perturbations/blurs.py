"""Blurs of the corruption benchmark."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation
from stimuli.perturbations.sources import IMAGENET_C

BLURS: tuple[Perturbation, ...] = (
    Perturbation(
        name="gaussian_blur",
        group="blur",
        does="blur of each channel by a Gaussian, edge pixels repeated, kernel cut at 4 SD",
        parameter="standard deviation of the Gaussian",
        unit="px",
        direction=1,
        identity=0.0,
        low=0.0,
        high=128.0,
        source=IMAGENET_C,
        published_levels=(1.0, 2.0, 3.0, 4.0, 6.0),
        linear_light=True,
        mind="pixels are those of the stimulus, so scale it with its size",
    ),
)
