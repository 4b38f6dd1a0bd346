"""Which model weights made a score's numbers; every results file says it."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN_WEIGHTS = "unknown: activations were given in DATA"


@dataclass(frozen=True)
class Labels:
    """Which weights made the activations, and which the model that C was measured on ("" if none was)."""

    activations: str = UNKNOWN_WEIGHTS
    causality: str = ""
