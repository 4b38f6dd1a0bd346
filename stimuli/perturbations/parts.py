"""What leaves, hides or moves parts of a picture, or keeps its outlines only."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation

PARTS: tuple[Perturbation, ...] = ()
