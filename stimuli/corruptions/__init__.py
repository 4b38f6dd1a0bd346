"""The operators that degrade a picture, one module for each family, and their registry.

What a severity means, its unit and its range are in ``stimuli.conditions.PERTURBATIONS``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stimuli.conditions import Condition
from stimuli.corruptions.contrast import contrast
from stimuli.corruptions.gaussian_blur import gaussian_blur
from stimuli.corruptions.gaussian_noise import gaussian_noise
from stimuli.corruptions.pixelate import pixelate

Operator = Callable[[npt.NDArray[np.uint8], float, np.random.Generator], npt.NDArray[np.uint8]]


def clean(image: npt.NDArray[np.uint8], severity: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Give the picture back as it is."""
    del severity, rng
    return image.copy()


OPERATORS: dict[str, Operator] = {
    "clean": clean,
    "gaussian_noise": gaussian_noise,
    "gaussian_blur": gaussian_blur,
    "contrast": contrast,
    "pixelate": pixelate,
}


def apply(
    perturbation: str, image: npt.NDArray[np.uint8], severity: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Degrade a picture.

    ``image`` is RGB, shape (height, width, 3), 0 to 255; so is what is returned, and ``image`` is left
    as it was. ``severity`` is in the perturbation's own unit. Operators that need no chance draw
    nothing from ``rng``. Raises UserError for an unknown perturbation or a severity out of its range.
    """
    condition = Condition(perturbation, severity)
    return OPERATORS[condition.perturbation](image, condition.severity, rng)
