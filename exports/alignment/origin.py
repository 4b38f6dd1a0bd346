"""Where an alignment comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """What was given: the data by name, the fingerprints of the files, the command, what a reader must know.

    ``weights`` names, for each model or layer, which weights made its decisions or activations.
    """

    title: str
    command: str
    files: Mapping[str, str]
    weights: Mapping[str, str]
    notes: tuple[str, ...] = ()
