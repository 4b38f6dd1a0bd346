"""No degradation."""

from __future__ import annotations

from stimuli.corruptions.pixels import Pixels, Rng


def clean(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Give the picture back as it is."""
    del severity, rng
    return image.copy()
