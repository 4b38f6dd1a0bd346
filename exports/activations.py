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
    held = {one.weights_hash: one.model for one in store.series()}
    series = store.find(layer, preprocess, _whole_hash(path, held, weights) if weights else None)
    return Activations(
        store, tuple(units), series.layer, series.preprocess, series.weights_hash, series.model
    )


def _whole_hash(path: Path, held: Mapping[str, str], begin: str) -> str:
    """Find the one hash with this beginning among those held, each with the label of its model."""
    fit = [one for one in held if one.startswith(begin.lower())]
    if len(fit) == 1:
        return fit[0]
    shown = "; ".join(f"{one[:12]}, {held[one]}" for one in sorted(fit or held)) or "none"
    how_many = (
        "more than one model whose weights' hash begins" if fit else "no model whose weights' hash begins"
    )
    raise UserError(
        f"the store {path} holds {how_many} with {begin!r}, of {shown}; give the first digits of one of them"
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
