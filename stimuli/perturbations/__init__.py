"""Everything that can be done to a picture, by name: the registry.

Only the standard library is imported here, because the server needs this vocabulary and none of the image
code. The operator of a perturbation is the function of its name in ``Perturbation.operator_module``.
"""

from __future__ import annotations

from difflib import get_close_matches

from stimuli.perturbations import (
    blurs,
    digital,
    eidolons,
    model_based,
    noises,
    parts,
    vision_science,
)
from stimuli.perturbations.model_based import DREAMS
from stimuli.perturbations.perturbation import Companion, HumanAnchors, Perturbation

__all__ = ["CLEAN", "DREAMS", "PERTURBATIONS", "Companion", "HumanAnchors", "Perturbation", "unknown"]

CLEAN = "clean"

_NOTHING = Perturbation(CLEAN, "clean", "nothing", "none", "", 0, 0.0, 0.0, 0.0, "")

#: name -> perturbation, clean first, then group by group
PERTURBATIONS: dict[str, Perturbation] = {
    row.name: row
    for row in (
        _NOTHING,
        *noises.NOISES,
        *blurs.BLURS,
        *digital.DIGITAL,
        *vision_science.VISION_SCIENCE,
        *eidolons.EIDOLONS,
        *parts.PARTS,
        *model_based.MODEL_BASED,
    )
}


def unknown(name: str) -> str:
    """Say of a name that no perturbation has it, and which one may be meant.

    >>> unknown("gausian_blur")
    "'gausian_blur' is not a perturbation; is gaussian_blur meant? `stimuli list` names them all"
    """
    near = get_close_matches(name, PERTURBATIONS, n=1)
    meant = f"; is {near[0]} meant?" if near else ";"
    return f"{name!r} is not a perturbation{meant} `stimuli list` names them all"
