"""Activations of some units beside the trials, and which weights made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.trial_table import activation_column, conform
from stimuli.errors import UserError


class ActivationReader(Protocol):
    """What is needed of an activation store."""

    def read(
        self,
        image_sha256s: Sequence[str],
        layer: str | None = None,
        preprocess: str | None = None,
        weights_hash: str | None = None,
    ) -> NDArray[np.float32]:
        """Activations of some images, shape (images, units)."""


@dataclass(frozen=True)
class Activations:
    """Which units of which series of a store to join; ``weights`` says to people what made them."""

    store: ActivationReader
    units: tuple[int, ...]
    layer: str | None
    preprocess: str | None
    weights_hash: str
    weights: str


def open_activations(
    path: Path,
    units: Sequence[int],
    layer: str | None = None,
    preprocess: str | None = None,
    weights: str | None = None,
) -> Activations:
    """Open the one series of a store that fits; ``weights`` is the beginning of the weights' hash.

    Raises UserError if none fits, or more than one.
    """
    from scoring.activations.store import ActivationStore

    store = ActivationStore(path)
    series = store.find(layer, preprocess, store.whole_hash(weights) if weights else None)
    return Activations(
        store, tuple(units), series.layer, series.preprocess, series.weights_hash, series.model
    )


def add_activations(
    frame: pd.DataFrame,
    store: ActivationReader,
    layer: str | None,
    preprocess: str | None,
    units: Sequence[int],
    hashes: Mapping[str, str],
    weights_hash: str | None = None,
) -> pd.DataFrame:
    """Add ``activation_<channel>`` for some units to a trial table; the table itself is left alone.

    ``hashes`` gives the image of each stimulus (``trial_tables.image_hashes``). Raises UserError if the
    store was made otherwise, lacks an image, or has no such unit.
    """
    stimuli = list(dict.fromkeys(frame["stimulus"]))
    images = [hashes[stimulus] for stimulus in stimuli]
    values = read_units(store, images, layer, preprocess, units, weights_hash)
    columns = {
        activation_column(unit): frame["stimulus"].map(dict(zip(stimuli, values[:, at], strict=True)))
        for at, unit in enumerate(units)
    }
    return conform(frame.assign(**{name: column.astype(np.float64) for name, column in columns.items()}))


def read_units(
    store: ActivationReader,
    hashes: Sequence[str],
    layer: str | None,
    preprocess: str | None,
    units: Sequence[int],
    weights_hash: str | None = None,
) -> NDArray[np.float64]:
    """Activations of some units to some images, shape (images, units)."""
    values = store.read(hashes, layer, preprocess, weights_hash)
    absent = [unit for unit in units if not 0 <= unit < values.shape[1]]
    if absent:
        raise UserError(
            f"unit {absent[0]} is not in the activation store, which has units 0 to {values.shape[1] - 1}; "
            "name another unit"
        )
    return values[:, list(units)].astype(np.float64)
