"""The published S, R and H of every unit for every concept, many units at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.labels import UNKNOWN_WEIGHTS, Labels
from scoring.neuron_map import Pair
from scoring.published.images import Images, gather
from scoring.published.interpscore import (
    FROM_TRIALS,
    RESULT_COLUMNS,
    Settings,
    check_clean,
    provenance,
)
from scoring.published.registry import METRICS
from scoring.published.sample import Result, Sample

#: units looked at together, so that memory stays small
CHUNK = 256


def every_pair(
    frame: pd.DataFrame,
    units: Sequence[int],
    settings: Settings,
    origin: str = "the trial table",
    weights: str = UNKNOWN_WEIGHTS,
) -> pd.DataFrame:
    """Score every unit for every concept by the published method, without C, intervals and nulls.

    Columns and stand-ins are those of ``score``; rows come concept by concept. Raises UserError as it does.
    """
    concepts = sorted({str(name).strip().lower() for name in frame["ground_truth"].dropna().unique()})
    images = gather(frame, [Pair(unit, concepts[0]) for unit in units], settings.score_column, origin)
    check_clean(images, settings, origin)
    parts = [
        _of_concept(images, concept, slice(start, start + CHUNK), settings)
        for concept in images.concepts
        for start in range(0, len(images.channels), CHUNK)
    ]
    table = pd.concat(parts, ignore_index=True)
    made = pd.DataFrame(provenance(settings, Labels(weights)), index=table.index)
    return table.join(made).reindex(columns=list(RESULT_COLUMNS))


def _of_concept(images: Images, concept: str, places: slice, settings: Settings) -> pd.DataFrame:
    """The rows of one concept and some units, which stand in the place of draws."""
    units = images.channels[places]
    target = images.target(Pair(units[0], concept))
    found = _computed(images, target, places, settings)
    values = {symbol: np.broadcast_to(one.published, (len(units),)) for symbol, one in found.items()}
    share = {symbol: settings.weight[symbol] for symbol in FROM_TRIALS}
    total = sum(share.values())
    mean = sum(values[symbol] * part for symbol, part in share.items()) / total if total else np.nan
    counts = {
        "n_trials": int(images.rows[target].sum()),
        "n_images": np.unique(images.name[target]).size,
        "n_sources": np.unique(images.source[target]).size,
        "n_C_images": 0,
    }
    notes = [_notes(found, at) for at in range(len(units))]
    return pd.DataFrame(
        {"Neuron": units, "Concept": concept, **values, "SRH": mean, "Notes": notes, **counts}
    )


def _computed(
    images: Images, target: NDArray[np.bool_], places: slice, settings: Settings
) -> dict[str, Result]:
    sample = Sample(
        activation=np.ascontiguousarray(images.activation[:, places].T),
        times=np.ones((1, images.level.size)),
        target=target,
        clean=images.level == settings.clean_level,
        invariant=np.isin(images.level, settings.invariant_levels),
        adversarial=np.isin(images.level, settings.adversarial_levels),
        rows=images.rows,
        credit=images.credit,
        recognised=images.recognised,
        percentile=settings.percentile,
    )
    return {symbol: METRICS[symbol].compute(sample) for symbol in FROM_TRIALS}


def _notes(found: Mapping[str, Result], unit: int) -> str:
    """Which values are stand-ins, and why."""
    places = {symbol: min(unit, one.reason.size - 1) for symbol, one in found.items()}
    return "; ".join(
        f"{symbol}: {one.reason[places[symbol]]}, published fallback {one.fallback[places[symbol]]:g}"
        for symbol, one in found.items()
        if one.reason[places[symbol]]
    )
