"""Eidolons: pictures in disarray, coherent or not, over a reach."""

from __future__ import annotations

from stimuli.perturbations.perturbation import Perturbation

EIDOLONS: tuple[Perturbation, ...] = ()
