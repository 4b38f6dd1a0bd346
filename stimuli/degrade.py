"""One stimulus as a build makes it: a picture, a condition, and the chance of a seed."""

from __future__ import annotations

import numpy as np

from stimuli.conditions import Condition, ConditionsFile
from stimuli.corruptions import apply
from stimuli.corruptions.pixels import Pixels
from stimuli.seeds import generator, stimulus_seed


def render(
    conditions: ConditionsFile, source_sha256: str, clean: Pixels, condition: Condition, build_seed: int = 0
) -> tuple[Pixels, int]:
    """Degrade a picture just as a build does; return the stimulus and the seed of its chance.

    ``clean`` is RGB, shape (height, width, 3). In legacy mode every stimulus draws from ``RandomState(0)``.
    """
    seed = 0 if conditions.legacy else stimulus_seed(source_sha256, condition, 0, build_seed)
    return degraded(conditions, clean, condition, seed), seed


def degraded(conditions: ConditionsFile, clean: Pixels, condition: Condition, seed: int) -> Pixels:
    """Degrade a picture with the chance of a seed; in legacy mode with that of ``RandomState(0)``."""
    rng = np.random.RandomState(0) if conditions.legacy else generator(seed)
    light = conditions.linear_light
    return apply(condition.perturbation, clean, condition.severity, rng, linear_light=light)
