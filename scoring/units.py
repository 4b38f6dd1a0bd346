"""Choosing the unit that stands for a concept, on pictures that it will not be scored on.

The measure is the AUROC of a unit's activation, one concept against the rest: the probability that a
picture of the concept gives a higher activation than another picture, ties counting one half.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scoring.statistics import auroc_by_group, midranks
from stimuli.errors import UserError
from stimuli.files import replacing

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """The unit chosen for a concept, and how well it told the concept apart on the selection pictures."""

    concept: str
    #: channel index in the layer
    unit: int
    #: in [0, 1]; 0.5 is chance
    auroc: float
    #: difference of the two means over the pooled standard deviation; 0 for a constant unit
    difference: float
    #: pictures of the concept, and of the others
    n_concept: int
    n_others: int


def choose_units(
    activations: npt.NDArray[np.floating], concepts: Sequence[str], wanted: Sequence[str] | None = None
) -> list[Choice]:
    """Choose one unit for each concept: the one with the largest AUROC against all other pictures.

    ``activations`` is (pictures, units), ``concepts`` names each picture's concept, ``wanted`` limits
    the concepts that get a unit (default all). Ties go to the larger standardised difference, then to
    the lower unit. A unit stands for one concept only: of two concepts that want it, the one it tells
    apart better gets it and the other takes its next best. Returns the choices in the order of the
    concepts' names. Raises UserError if a wanted concept has no picture, or fewer than two concepts
    have any.
    """
    names = np.asarray(concepts)
    chosen = sorted(set(concepts) if wanted is None else set(wanted))
    _refuse_absent(chosen, names)
    values = np.asarray(activations, np.float64)
    if values.shape[1] < len(chosen):
        raise UserError(
            f"the layer has {values.shape[1]} units, fewer than {len(chosen)} concepts; name another layer"
        )
    scores = np.stack([auroc(values, names == concept) for concept in chosen])
    gaps = np.stack([standardised_difference(values, names == concept) for concept in chosen])
    pairs = _best_pairs(scores, gaps)
    return [
        Choice(
            concept,
            pairs[row],
            float(scores[row, pairs[row]]),
            float(gaps[row, pairs[row]]),
            int((names == concept).sum()),
            int((names != concept).sum()),
        )
        for row, concept in enumerate(chosen)
    ]


def auroc(values: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    """AUROC of each column of ``values`` (pictures, units) for the rows that are ``positive``.

    Mann-Whitney's U over the number of pairs, from mid-ranks, so that ties count one half.
    """
    once = np.ones((len(values), 1))
    areas: Floats = auroc_by_group(midranks(values, once), once, positive.astype(np.intp), 2)[1]
    return areas


def standardised_difference(values: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    """Difference of the means over the pooled standard deviation, for each column; 0 where that is 0."""
    inside, outside = values[positive], values[~positive]
    squares = sum(((part - part.mean(axis=0)) ** 2).sum(axis=0) for part in (inside, outside))
    spread = np.sqrt(squares / max(1, len(values) - 2))
    gap = inside.mean(axis=0) - outside.mean(axis=0)
    result: Floats = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    return result


def _best_pairs(scores: Floats, gaps: Floats) -> dict[int, int]:
    """Match rows to columns, the best pair of all first; each row and column once."""
    rows, units = np.indices(scores.shape)
    order = np.lexsort((units.ravel(), rows.ravel(), -gaps.ravel(), -scores.ravel()))
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for flat in order:
        row, unit = int(rows.flat[flat]), int(units.flat[flat])
        if row not in pairs and unit not in used:
            pairs[row] = unit
            used.add(unit)
    return pairs


def _refuse_absent(chosen: Sequence[str], names: npt.NDArray[np.str_]) -> None:
    present = sorted(set(names.tolist()))
    for concept in chosen:
        if concept not in present:
            raise UserError(
                f"no picture to choose from shows {concept!r}; the concepts there are {', '.join(present)}"
            )
    if len(present) < 2:
        raise UserError("units are chosen by telling concepts apart; give pictures of at least two concepts")


def neuron_map(choices: Sequence[Choice]) -> dict[str, str]:
    """The published form of a neuron map: unit -> concept."""
    return {str(choice.unit): choice.concept for choice in choices}


def write_neuron_map(path: Path, units: Mapping[str, str], force: bool = False) -> None:
    """Write a neuron map as JSON; UserError if the file exists and not ``force``."""
    with replacing(path, force=force) as temporary:
        temporary.write_text(json.dumps(dict(units), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
