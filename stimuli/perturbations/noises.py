"""Noise of the corruption benchmark."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation
from stimuli.perturbations.sources import IMAGENET_C

NOISES: tuple[Perturbation, ...] = (
    Perturbation(
        name="gaussian_noise",
        group="noise",
        does="clip(x + N(0, c)), each channel value on its own",
        parameter="standard deviation c of the noise",
        unit="fraction of full scale",
        direction=1,
        identity=0.0,
        low=0.0,
        high=10.0,
        source=IMAGENET_C,
        published_levels=(0.08, 0.12, 0.18, 0.26, 0.38),
        random=True,
        linear_light=True,
        mind="clipping: at c = 0.38 the achieved standard deviation is 0.29",
    ),
)
