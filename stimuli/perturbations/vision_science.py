"""Manipulations of vision science, most of them in grey."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation

VISION_SCIENCE: tuple[Perturbation, ...] = ()
