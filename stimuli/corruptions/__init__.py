"""The operators that degrade a picture, one module for each family, found by name.

What a severity means, its unit and its range are in ``stimuli.perturbations.PERTURBATIONS``. The operator
is the function of the perturbation's name, ``(image, severity, rng) -> image`` on RGB pictures; where a
perturbation has a form in linear light, ``<name>_values`` beside it does the same to float32 values of 0
to 255. Modules are imported when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

import numpy as np

from stimuli.conditions import Condition
from stimuli.corruptions.light import from_light, to_light
from stimuli.corruptions.pixels import Pixels, Rng, Values
from stimuli.errors import UserError
from stimuli.perturbations import PERTURBATIONS
from stimuli.pictures import MATTE

Operator = Callable[[Pixels, float, Rng], Pixels]
ValuesOperator = Callable[[Values, float, Rng], Values]

#: longest side of a picture, in pixels; OpenCV counts the places that pixels are fetched from in 16 bits
LONGEST = 16_384


def operator(perturbation: str) -> Operator:
    """Operator of a perturbation. Raises UserError for one that needs a model."""
    known = PERTURBATIONS[perturbation]
    if known.needs_model:
        raise UserError(
            f"{perturbation} is made against a model; use `stimuli attack` or `stimuli dream` for it"
        )
    return cast(Operator, getattr(import_module(known.operator_module), perturbation))


def values_operator(perturbation: str) -> ValuesOperator:
    """Operator on float values. Raises UserError for a perturbation that has no form in linear light."""
    known = PERTURBATIONS[perturbation]
    if not known.linear_light:
        raise UserError(
            f"{perturbation} has no form in linear light; leave it out, or leave linear_light out"
        )
    return cast(ValuesOperator, getattr(import_module(known.operator_module), f"{perturbation}_values"))


def apply(
    perturbation: str, image: Pixels, severity: float, rng: Rng, *, linear_light: bool = False
) -> Pixels:
    """Degrade a picture.

    ``image`` has values of 0 to 255 and the shape (height, width) for grey, (height, width, 3) for RGB, or
    (height, width, 4), which is put on mid-grey. Returns RGB, shape (height, width, 3); ``image`` is left
    as it was. ``severity`` is in the perturbation's own unit. Operators that need no chance draw nothing
    from ``rng``; a ``numpy.random.RandomState`` asks for the published pixels. ``linear_light`` computes on
    light instead of on encoded values. Raises UserError for an unknown perturbation, a severity out of its
    range, one that needs a model, or one that has no form in linear light, and ValueError for what is no
    picture, or one with a side of more than 16,384 pixels.
    """
    condition = Condition(perturbation, severity)
    rgb = _rgb(image)
    if not linear_light or perturbation == "clean":
        return operator(perturbation)(rgb, condition.severity, rng)
    if condition.severity == PERTURBATIONS[perturbation].identity:
        return rgb.copy()
    return from_light(values_operator(perturbation)(to_light(rgb), condition.severity, rng))


def _rgb(image: Pixels) -> Pixels:
    if image.dtype != np.uint8 or image.ndim not in {2, 3} or image.shape[2:] not in {(), (3,), (4,)}:
        raise ValueError(
            f"a picture is uint8 of shape (height, width), (…, 3) or (…, 4), not {image.dtype} {image.shape}"
        )
    if max(image.shape[:2]) > LONGEST:
        raise ValueError(f"a picture has at most {LONGEST} pixels along a side, not {max(image.shape[:2])}")
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    if image.shape[2] == 3:
        return np.ascontiguousarray(image)
    alpha = image[:, :, 3:].astype(np.float32) / 255
    return np.rint(image[:, :, :3] * alpha + MATTE * (1 - alpha)).astype(np.uint8)
