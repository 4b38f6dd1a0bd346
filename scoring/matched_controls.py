"""Control channels: those that are about as active as a unit, and not it."""

from __future__ import annotations

import numpy as np

from scoring.statistics import Floats, Integers


def matched_controls(mean_activation: Floats, units: Integers, count: int) -> Integers:
    """The channels nearest to each unit in the order of mean activations: (units, at most ``count``).

    As many lie below as above it, where there are. Silent channels (mean 0) are no controls, and a unit is
    none of its own.

    >>> matched_controls(np.array([0.0, 3.0, 1.0, 2.0, 9.0]), np.array([3]), 2)
    array([[2, 1]])
    """
    active = np.flatnonzero(mean_activation != 0)
    ranked = active[np.argsort(mean_activation[active], kind="stable")]
    number = min(count, max(ranked.size - 1, 0))
    found = np.empty((len(units), number), np.intp)
    for row, unit in enumerate(units):
        others = ranked[ranked != unit]
        place = int(np.searchsorted(mean_activation[others], mean_activation[unit]))
        first = min(max(place - number // 2, 0), others.size - number)
        found[row] = others[first : first + number]
    return found
