"""What is made against a model, or by it."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation

MODEL_BASED: tuple[Perturbation, ...] = ()
