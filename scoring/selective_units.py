"""The most selective units of a layer, each with the concept that it tells apart best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scoring.units import auroc, standardised_difference
from stimuli.errors import UserError

#: a concept is judged from at least so many pictures, as in ``scoring.metrics.selectivity``
FEWEST = 2


@dataclass(frozen=True)
class SelectiveUnit:
    """A channel, the concept that it is most selective for, and its selectivity 2·AUROC - 1 for it."""

    channel: int
    concept: str
    selectivity: float


def most_selective(
    activations: npt.NDArray[np.floating], concepts: Sequence[str], count: int
) -> list[SelectiveUnit]:
    """Give the ``count`` most selective of the units of ``activations`` (pictures, units), best first.

    A unit's concept is that of its largest selectivity among the concepts with two pictures or more; ties,
    of concepts and of units, go to the larger standardised difference, then to the first. Raises UserError
    for fewer than two such concepts, and for fewer units than are asked for.
    """
    values, names = np.asarray(activations, np.float64), np.asarray(concepts)
    known = sorted(name for name, times in Counter(concepts).items() if times >= FEWEST)
    if len(known) < 2:
        raise UserError(
            f"selectivity compares concepts of at least {FEWEST} pictures each, and there are {len(known)} "
            "of them; give more pictures"
        )
    if not 1 <= count <= values.shape[1]:
        raise UserError(f"the layer has {values.shape[1]} units, not {count}; ask for fewer")
    scores = np.stack([2 * auroc(values, names == concept) - 1 for concept in known])
    gaps = np.stack([standardised_difference(values, names == concept) for concept in known])
    best = [int(np.lexsort((-gaps[:, unit], -scores[:, unit]))[0]) for unit in range(values.shape[1])]
    units = np.arange(values.shape[1])
    order = np.lexsort((units, -gaps[best, units], -scores[best, units]))[:count]
    return [SelectiveUnit(int(unit), known[best[unit]], float(scores[best[unit], unit])) for unit in order]
