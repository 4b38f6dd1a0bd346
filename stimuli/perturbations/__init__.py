"""Everything that can be done to a picture, by name: the registry.

Only the standard library is imported here, because the server needs this vocabulary and none of the image
code. The operator of a perturbation is the function of its name in ``Perturbation.operator_module``.
"""

from __future__ import annotations

from stimuli.perturbations import (
    blurs,
    digital,
    eidolons,
    model_based,
    noises,
    parts,
    vision_science,
)
from stimuli.perturbations.perturbation import Companion, HumanAnchors, Perturbation

__all__ = ["CLEAN", "PERTURBATIONS", "Companion", "HumanAnchors", "Perturbation"]

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
