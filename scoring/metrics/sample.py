"""What a metric of the default score is given, and what it gives back.

Arrays have their columns last: m draws of one unit, or m units once. Where all columns agree, there may be
one column instead of m. S is the number of sources, K of conditions (the first is clean), C of concepts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.statistics import Floats, Integers, midranks

Flags = NDArray[np.bool_]

#: why a value is missing, as it stands in the results
CONSTANT = "constant_activation"
FEW_SOURCES = "fewer_than_2_sources_on_a_side"


@dataclass(frozen=True)
class Causal:
    """Effects of silencing units on the concepts' logits, source by source, and who is compared with whom.

    ``effect`` (C, S, U): z(1) - z(0) on a source's clean image, NaN where it was not measured. ``unit``
    (m or 1,) is the place of each column's unit among the U, ``controls`` (m or 1, n) those of its controls.
    """

    effect: Floats
    unit: Integers
    controls: Integers


@dataclass(frozen=True)
class Sample:
    """One unit in m draws, or m units once.

    ``activation`` (K, S, m or 1), NaN where a source lacks a condition, which is so for every unit;
    ``times`` (S, m or 1) how often a source counts; ``recognition`` (K, S) the mean human score in [0, 1],
    NaN where nobody answered; ``concept`` (S,) numbers into the C concepts; ``reliability`` of recognition
    in (0, 1], 0 if it has none, NaN if it is unknown. ``ranks`` (K, S, m), where given, has
    ``midranks`` of each condition, and ``recognition_ranks`` what ``human_consistency`` would rank anew.
    """

    activation: Floats
    times: Floats
    recognition: Floats
    concept: Integers
    concepts: int
    reliability: float = 1.0
    causal: Causal | None = None
    ranks: Floats | None = None
    recognition_ranks: Sequence[Floats] | None = None

    @property
    def conditions(self) -> int:
        """How many conditions there are; number 0 is the clean one."""
        return len(self.activation)

    @property
    def columns(self) -> int:
        """How many draws or units there are."""
        return int(max(self.activation.shape[2], self.times.shape[1]))

    def present(self, condition: int) -> Flags:
        """Mark the sources (S,) that are there in a condition."""
        there: Flags = ~np.isnan(self.activation[condition, :, 0])
        return there

    def ranks_of(self, condition: int) -> Floats:
        """Mid-ranks (present sources, m) of the activation among all sources of a condition."""
        there = self.present(condition)
        if self.ranks is not None:
            return np.asarray(self.ranks[condition][there])
        return midranks(self.activation[condition][there], self.times[there])


@dataclass(frozen=True)
class Result:
    """A metric's value (C, m), NaN where it is undefined, and why.

    ``undefined`` maps a reason to where (C, m) it holds; of several the first counts.
    """

    value: Floats
    undefined: Mapping[str, Flags]

    def reason(self, concept: int, column: int = 0) -> str:
        """Say why a value is missing; "" where it is there."""
        where = (why for why, mask in self.undefined.items() if mask[concept, column])
        return next(where, "")


def result(value: Floats, undefined: Mapping[str, Flags]) -> Result:
    """Make a Result: the value is NaN wherever a reason holds."""
    masks = {why: np.broadcast_to(mask, value.shape) for why, mask in undefined.items()}
    missing = np.logical_or.reduce([np.zeros(value.shape, bool), *masks.values()])
    return Result(np.where(missing, np.nan, value), masks)


def joined(parts: Sequence[Result]) -> Result:
    """Put the columns of several results beside each other; all have the same reasons."""
    reasons = parts[0].undefined
    return Result(
        np.concatenate([part.value for part in parts], axis=1),
        {why: np.concatenate([part.undefined[why] for part in parts], axis=1) for why in reasons},
    )


@dataclass(frozen=True)
class Metric:
    """One component of InterpScore: an effect size, 0 where a unit has nothing to do with a concept.

    ``symbol`` is its column; every value lies in ``bounds``; ``higher_is_better`` is its direction;
    ``unit_of_analysis`` is what is counted once; ``from_noise`` tells whether a unit of noise can have it, so
    that permuted activations are its null (else the model's other channels are).

    ``sources`` says how many sources (C,) the smaller side has, where an interval depends on that;
    ``is_auroc`` marks a metric that is 2P - 1, P a probability over pairs of sources. ``bound`` is what
    stands behind a value of 1 in every draw, where that is not the sources. See ``scoring.intervals``.
    """

    symbol: str
    name: str
    compute: Callable[[Sample], Result]
    bounds: tuple[float, float]
    higher_is_better: bool
    unit_of_analysis: str
    from_noise: bool
    citation: str
    sources: Callable[[Sample], Integers] | None = None
    is_auroc: bool = False
    bound: Callable[[Sample], Integers] | None = None
