"""E, the weighted mean of the effect sizes that are there, and InterpScore = (1 + E)/2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scoring.statistics import Floats
from stimuli.errors import UserError


def refuse_weights(weights: Sequence[float]) -> None:
    """Raise UserError for weights of S, C, R, H that give no mean."""
    if not (all(weight >= 0 for weight in weights) and 0 < sum(weights) < float("inf")):
        given = " ".join(f"{weight:g}" for weight in weights)
        raise UserError(
            f"the weights {given} give no mean; give S C R H weights of at least 0 that are not all 0"
        )


def composite(values: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Average effect sizes (any one shape) by their weights, over those that are not missing.

    NaN where every component with a weight is missing.
    """
    arrays = [np.asarray(values[symbol], dtype=np.float64) for symbol in values]
    share = np.array([weights.get(symbol, 0.0) for symbol in values]).reshape(-1, *[1] * arrays[0].ndim)
    stacked = np.stack(arrays)
    used = np.where(np.isnan(stacked), 0.0, share)
    total = used.sum(axis=0)
    mean = (used * np.nan_to_num(stacked)).sum(axis=0) / np.where(total > 0, total, 1)
    return np.where(total > 0, mean, np.nan)


def composite_of_draws(
    draws: Mapping[str, Floats], values: Mapping[str, Floats], weights: Mapping[str, float]
) -> Floats:
    """Average draws (C, m) over the components that the data themselves have, ``values`` (C,).

    A draw in which one of these is undefined has no composite.
    """
    missing = np.zeros(next(iter(draws.values())).shape, bool)
    kept = {}
    for symbol, drawn in draws.items():
        there = ~np.isnan(values[symbol])[:, None] & (weights.get(symbol, 0.0) > 0)
        missing |= there & np.isnan(drawn)
        kept[symbol] = np.where(there, drawn, np.nan)
    return np.where(missing, np.nan, composite(kept, weights))


def score_of(effect: Floats) -> Floats:
    """InterpScore of E, or the share S, C, R, H of a component: (1 + e)/2, in [0, 1]."""
    return (1 + effect) / 2
