"""Which answers belong together, and the variance of sums over them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.statistics import Floats, numbered


class Clusters(NamedTuple):
    """What each row of answers shares with others: labels (r,), or None where they share nothing.

    ``strata`` are groups of sources that would be the same in a repetition, such as concepts.
    """

    participants: NDArray[Any] | None = None
    sources: NDArray[Any] | None = None
    strata: NDArray[Any] | None = None

    @property
    def none(self) -> bool:
        """Whether answers are independent."""
        return self.participants is None and self.sources is None

    @property
    def freedom(self) -> float:
        """Degrees of freedom of t: of the fewer of participants and of sources within strata."""
        found = math.inf
        if self.participants is not None:
            found = min(found, np.unique(self.participants).size - 1)
        if self.sources is not None:
            strata = 1 if self.strata is None else np.unique(self.strata).size
            found = min(found, np.unique(self.sources).size - strata)
        return found


def clustered_variance(parts: Floats, clusters: Clusters) -> Floats:
    """Variance (m,) of sums over rows of ``parts`` (r, m) that are alike within participants and sources.

    V_P + V_S - V_PS as for a mean accuracy (``scoring.accuracy``): each with G/(G-1), sources within their
    strata; where chance has the sum below a tenth of the largest, that one stands in.
    """
    strata = _codes(clusters.strata, len(parts))
    size = np.bincount(strata)
    groups = size.size
    centred = parts - (np.stack([np.bincount(strata, one) for one in parts.T], 1) / size[:, None])[strata]
    if clusters.sources is None:
        return _sum_of_squares(parts, _codes(clusters.participants, len(parts)), 1)
    sources = _codes(clusters.sources, len(parts))
    of_sources = _sum_of_squares(centred, sources, groups)
    if clusters.participants is None:
        return of_sources
    people = _codes(clusters.participants, len(parts))
    of_people = _sum_of_squares(centred, people, 1)
    of_both = _sum_of_squares(centred, _codes(people * (sources.max() + 1) + sources, len(parts)), 1)
    total, largest = of_people + of_sources - of_both, np.maximum(np.maximum(of_people, of_sources), of_both)
    return np.where(total > largest / 10, total, largest)


def _sum_of_squares(parts: Floats, cluster: NDArray[np.intp], strata: int) -> Floats:
    sums = np.stack([np.bincount(cluster, one) for one in parts.T], axis=1)
    return np.asarray(len(sums) / max(len(sums) - strata, 1) * (sums**2).sum(axis=0))


def _codes(labels: NDArray[Any] | None, rows: int) -> NDArray[np.intp]:
    if labels is None:
        return np.zeros(rows, dtype=np.intp)
    return numbered(labels)
