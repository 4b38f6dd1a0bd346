"""Whether a severity that came out no further from clean than a milder one is so, or by chance."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from stimuli.conditions import Condition
from stimuli.matching import CannotMatchError
from stimuli.measures import distance
from stimuli.perturbations import Perturbation
from stimuli.picture_sample import Picture

#: draws of chance that a step is made with again, and the standard errors of their mean that chance explains
DRAWS = 8
ERRORS = 3.0

Floats = npt.NDArray[np.float64]


def falls(
    family: Perturbation, milder: float, stronger: float, pictures: Iterable[Picture], seed: int
) -> bool:
    """Whether a step of a ladder falls, or does not climb, that came out so on these pictures.

    Every stimulus has a chance of its own (each fog its own veil), so that a few stimuli of the stronger
    severity may lie nearer to clean by chance. Where the family draws from chance, both severities are
    therefore made again of the same pictures with the same chance, ``DRAWS`` times. The step falls if its
    mean is below 0 by ``ERRORS`` standard errors over the draws, or is 0 in all of them. Without chance it
    falls as it was seen to, and so where no picture can be made again.
    """
    if not family.random:
        return True
    each = [_steps(family, milder, stronger, picture, seed) for picture in pictures]
    found = [steps for steps in each if steps is not None]
    if not found:
        return True
    steps = np.mean(found, axis=0)
    error = float(steps.std(ddof=1)) / math.sqrt(DRAWS)
    return bool(steps.mean() + ERRORS * error <= 0)


def _steps(
    family: Perturbation, milder: float, stronger: float, picture: Picture, seed: int
) -> Floats | None:
    """How much further from clean the stronger stimulus is, (draws,); None where one cannot be matched."""
    severities = (milder, stronger)
    try:
        apart = [
            [
                distance(picture.in_common(Condition(family.name, one), seed, draw), picture.clean)
                for one in severities
            ]
            for draw in range(DRAWS)
        ]
    except CannotMatchError:
        return None
    return np.diff(apart)[:, 0]
