"""The draws that intervals and nulls are made of, and what a metric sees in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scoring.cells import Cells
from scoring.matched_controls import matched_controls
from scoring.metrics.sample import Causal, Sample
from scoring.neuron_map import concept_key
from scoring.statistics import Floats, Integers, bootstrap_counts, midranks, permutations_within
from stimuli.errors import UserError

if TYPE_CHECKING:
    from scoring.causal_effects import CausalEffects

#: control channels to a unit, the nearest in mean activation
CONTROLS = 100


@dataclass(frozen=True)
class Measured:
    """Causal effects laid out by the sources and units of some cells.

    ``effect`` (C, S, channels), NaN for a source without an image: the cells' U units come first, then the
    model's other channels, which are controls as well; ``matched`` (U, n) indexes each unit's controls.
    """

    effect: Floats
    matched: Integers


def measured(cells: Cells, effects: CausalEffects, controls: int = CONTROLS) -> Measured:
    """Lay out causal effects by cells, and find each unit's controls among them.

    Images of one source are averaged; images of sources that the cells lack are left out. Units of the
    cells that were not measured have NaN. Raises UserError for arrays of other shapes than their names, and
    for a concept of the cells that was not measured: a logit is contrasted with all concepts.
    """
    _refuse_shapes(effects)
    concept = _index([concept_key(name) for name in effects.concepts], cells.concepts)
    _refuse_missing(cells.concepts, concept)
    row = _index(cells.sources, effects.sources)
    own = set(cells.units)
    others = [unit for unit in effects.units if unit not in own]
    column = _index(effects.units, [*cells.units, *others])
    laid = np.full((len(cells.concepts), len(cells.sources), column.size), np.nan)
    for source in np.unique(row[row >= 0]):
        found = effects.effect[row == source].mean(axis=0, dtype=np.float64)
        laid[:, source, column >= 0] = found[np.ix_(column[column >= 0], concept)].T
    mean = np.where(column >= 0, effects.mean_activation[np.maximum(column, 0)], 0.0)
    return Measured(laid, matched_controls(mean, np.arange(len(cells.units)), controls))


def _refuse_shapes(effects: CausalEffects) -> None:
    shape = (len(effects.sources), len(effects.units), len(effects.concepts))
    if effects.effect.shape != shape:
        raise UserError(
            f"the causal effects have the shape {effects.effect.shape}, not {shape}; "
            "give sources x units x concepts"
        )
    if effects.mean_activation.shape != shape[1:2]:
        raise UserError(
            f"the causal effects' mean activation has the shape {effects.mean_activation.shape}, not "
            f"{shape[1:2]}; give one value for each unit"
        )


def _refuse_missing(concepts: Sequence[str], places: Integers) -> None:
    for concept, place in zip(concepts, places, strict=True):
        if place < 0:
            raise UserError(
                f"the causal effects lack the concept {concept}; measure all concepts of the images together"
            )


def _index(into: Sequence[object], names: Sequence[object]) -> Integers:
    """Where each name stands in a list; -1 where it does not."""
    place = {name: at for at, name in enumerate(into)}
    return np.array([place.get(name, -1) for name in names], dtype=np.intp)


def bootstrap(cells: Cells, draws: int, rng: np.random.Generator) -> Floats:
    """How often each source is drawn (S, draws): with replacement, as many of each concept as there are.

    A source brings all its conditions, activations and answers with it.
    """
    return np.ascontiguousarray(bootstrap_counts(cells.concept, draws, rng).T, dtype=np.float64)


def exchanges(cells: Cells, draws: int, rng: np.random.Generator) -> Integers:
    """Whose activations each source gets (draws, S), in all conditions at once.

    Only sources with the same conditions exchange; labels and recognition stay.
    """
    return permutations_within(strata(cells), draws, rng)


def strata(cells: Cells) -> Integers:
    """Number the sets of conditions (S,) that sources have."""
    number = np.unique(cells.present.T, axis=0, return_inverse=True)[1]
    return np.asarray(number, dtype=np.intp).reshape(-1)


def stuck(cells: Cells) -> NDArray[np.bool_]:
    """Mark the sources (S,) whose set of conditions no source of another concept has.

    They exchange among their own at most, which tells nothing about their concept.
    """
    group = strata(cells)
    pairs = np.unique(np.stack([group, cells.concept]), axis=1)
    alone: NDArray[np.bool_] = (np.bincount(pairs[0]) == 1)[group]
    return alone


@dataclass(frozen=True)
class Sampler:
    """Makes the samples of a study: its units as they are, and one unit in many draws."""

    cells: Cells
    reliability: float
    measured: Measured | None = None

    def units(self, places: Integers, given: Integers | None = None) -> Sample:
        """Some units, a column each; with ``given`` (S,), each source gets another one's activations."""
        activation = self.cells.activation[:, :, places]
        if given is not None:
            activation = activation[:, given]
        return self._sample(activation, self._once(), places if given is None else None)

    def drawn(self, unit: int, times: Floats) -> Sample:
        """One unit with its sources drawn again (S, m), a column for each draw."""
        return self._sample(self.cells.activation[:, :, [unit]], times, np.array([unit]))

    def exchanged(self, unit: int, given: Integers) -> Sample:
        """One unit whose sources have exchanged activations (m, S), a column for each draw."""
        own = self.cells.activation[:, :, unit]
        return self._sample(own[:, given.T], self._once(), ranks=self.ranks(unit)[:, given.T])

    def ranks(self, unit: int) -> Floats:
        """A unit's mid-ranks (K, S) among the images of each condition, NaN where there is none."""
        own = self.cells.activation[:, :, unit]
        ranks = np.full(own.shape, np.nan)
        for k, there in enumerate(self.cells.present):
            ranks[k, there] = midranks(own[k, there][:, None], self._once()[there])[:, 0]
        return ranks

    def _once(self) -> Floats:
        return np.ones((len(self.cells.sources), 1))

    def _sample(
        self, activation: Floats, times: Floats, units: Integers | None = None, ranks: Floats | None = None
    ) -> Sample:
        return Sample(
            activation=activation,
            times=times,
            recognition=self.cells.recognition,
            concept=self.cells.concept,
            concepts=len(self.cells.concepts),
            reliability=self.reliability,
            causal=None if units is None else self._causal(units),
            ranks=ranks,
        )

    def _causal(self, units: Integers) -> Causal | None:
        if self.measured is None:
            return None
        return Causal(self.measured.effect, units, self.measured.matched[units])
