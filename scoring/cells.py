"""The cells of a study: what each source made of units and of people, condition by condition.

The unit of analysis is the image, and an image is a source in a condition. Several images of one source in
one condition (replicates) count as one: their activations and their human scores are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scoring.neuron_map import concept_key
from scoring.statistics import Floats, Integers, mean_by
from stimuli.errors import UserError


@dataclass(frozen=True)
class Cells:
    """S sources in K conditions, seen by U units and by people. Missing cells are NaN.

    ``concepts`` are sorted and lower case, ``concept`` (S,) numbers into them; ``conditions[0]`` is the
    clean one. ``activation`` (K, S, U) lacks the same cells for every unit. ``recognition`` (K, S) is the
    mean human score in [0, 1], ``responses`` (K, S) how many there are, and ``variance`` (K, S) their sample
    variance within one image (NaN below 2 responses).
    """

    concepts: tuple[str, ...]
    sources: tuple[str, ...]
    conditions: tuple[str, ...]
    units: tuple[int, ...]
    concept: Integers
    activation: Floats
    recognition: Floats
    responses: Floats
    variance: Floats

    @property
    def present(self) -> NDArray[np.bool_]:
        """Mark the cells (K, S) that have an image."""
        there: NDArray[np.bool_] = ~np.isnan(self.activation[:, :, 0])
        return there

    @property
    def sources_of(self) -> Integers:
        """How many sources each concept (C,) has."""
        return np.bincount(self.concept, minlength=len(self.concepts))

    def of_units(self, units: Sequence[int]) -> Cells:
        """Keep some units, in the order given."""
        at = [self.units.index(unit) for unit in units]
        return replace(self, units=tuple(units), activation=self.activation[:, :, at])

    def number(self, concept: str) -> int:
        """The number of a concept, however it is spelt."""
        return self.concepts.index(concept_key(concept))


def cells_of(images: pd.DataFrame, activation: ArrayLike, units: Sequence[int], clean: str) -> Cells:
    """Arrange images in cells.

    ``images`` has a row for each image: ``concept``, ``source``, ``condition``, ``score`` (mean human score,
    NaN where nobody answered), ``responses`` and ``variance``; ``activation`` is (images, units). Raises
    UserError if no image is clean, or a source shows two concepts.
    """
    frame = images.reset_index(drop=True)
    concept = frame["concept"].map(concept_key)
    _refuse_two_concepts(frame["source"], concept)
    sources, row = np.unique(frame["source"].to_numpy(str), return_inverse=True)
    conditions = _clean_first(frame["condition"].to_numpy(str), clean)
    column = pd.Index(conditions).get_indexer(pd.Index(frame["condition"].to_numpy(str)))
    concepts, number = np.unique(concept.to_numpy(str), return_inverse=True)
    place = np.empty(sources.size, np.intp)
    place[row] = number
    where = (column, row)
    shape = (len(conditions), sources.size)
    score, responses, variance = _human(frame, where, shape)
    return Cells(
        concepts=tuple(concepts.tolist()),
        sources=tuple(sources.tolist()),
        conditions=conditions,
        units=tuple(units),
        concept=place,
        activation=_averaged(np.asarray(activation, dtype=np.float64), where, shape),
        recognition=score,
        responses=responses,
        variance=variance,
    )


def _refuse_two_concepts(source: pd.Series, concept: pd.Series) -> None:
    shown = concept.groupby(source.to_numpy()).nunique()
    if (shown > 1).any():
        name = shown.index[shown > 1][0]
        both = " and ".join(sorted(concept[(source == name).to_numpy()].unique())[:2])
        raise UserError(f"the source {name} shows {both}; a source is one picture of one concept")


def _clean_first(names: NDArray[np.str_], clean: str) -> tuple[str, ...]:
    there = sorted(set(names.tolist()))
    if clean not in there:
        raise UserError(
            f"no image is in the clean condition {clean!r}; the conditions are {', '.join(there)}"
        )
    return (clean, *(name for name in there if name != clean))


def _averaged(values: Floats, where: tuple[Integers, Integers], shape: tuple[int, int]) -> Floats:
    """Average the rows of an array (images, units) by cell; NaN in the cells without a row."""
    cell, row = np.unique(np.ravel_multi_index(where, shape), return_inverse=True)
    laid = np.full((shape[0] * shape[1], values.shape[1]), np.nan)
    laid[cell] = values[np.argsort(row)] if cell.size == len(values) else mean_by(row, values)
    return laid.reshape(*shape, -1)


def _human(
    frame: pd.DataFrame, where: tuple[Integers, Integers], shape: tuple[int, int]
) -> tuple[Floats, Floats, Floats]:
    """Mean score, responses and variance within images (K, S); replicates pool by their responses."""
    n = frame["responses"].to_numpy(np.float64)
    mean = np.where(n > 0, frame["score"].to_numpy(np.float64), 0.0)
    spread = frame["variance"].to_numpy(np.float64)
    responses, credit, squares, freedom = np.zeros((4, *shape))
    np.add.at(responses, where, n)
    np.add.at(credit, where, n * mean)
    known = ~np.isnan(spread)
    np.add.at(squares, where, np.where(known, spread * (n - 1), 0.0))
    np.add.at(freedom, where, np.where(known, n - 1, 0.0))
    nothing = np.full(shape, np.nan)
    score = np.divide(credit, responses, out=nothing.copy(), where=responses > 0)
    variance = np.divide(squares, freedom, out=nothing, where=freedom > 0)
    return score, responses, variance
