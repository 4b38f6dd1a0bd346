"""Ridge regression in its dual form: many units, few stimuli, and hundreds of permuted scores at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scoring.statistics import Floats, Integers, members, numbered

#: penalties tried, in units of the mean eigenvalue of the training kernel
PENALTIES = tuple(float(number) for number in np.logspace(-2, 4, 13))
#: folds of the sources learnt from, to choose the penalty by
INNER_FOLDS = 4


@dataclass(frozen=True)
class Design:
    """Activations (S, U) and, for each stimulus (S,), its cell, its source and its fold.

    The means of cells are learnt apart from the slopes: units and scores are taken about them.
    """

    activation: Floats
    cell: Integers
    source: Integers
    fold: Integers


class Foretold(NamedTuple):
    """Scores (S, m) foretold for the left-out folds, and the penalty of each fold for the first column."""

    scores: Floats
    penalties: tuple[float, ...]


def out_of_fold(design: Design, scores: Floats) -> Foretold:
    """Foretell each fold's scores (S, m), column by column, by a ridge trained on the other folds.

    The slopes' part is foretold, and the training mean of a stimulus's cell left out where the training has
    several cells (it is the same for all of a cell in a fold). A column's penalty is the one with the least
    squared error in an inner cross-validation, by source, among the sources learnt from.
    """
    foretold, penalties = np.empty(scores.shape), []
    for one in np.unique(design.fold):
        test = design.fold == one
        kernel = _kernel(design.activation, design.cell, ~test)
        chosen = _penalties(kernel[np.ix_(~test, ~test)], design, ~test, scores[~test])
        parts = _Dual.of(kernel[np.ix_(~test, ~test)], kernel[np.ix_(test, ~test)], design.cell[~test])
        foretold[test] = parts.foretell(scores[~test], chosen)
        if np.unique(design.cell).size == 1:
            foretold[test] += scores[~test].mean(axis=0)
        penalties.append(PENALTIES[chosen[0]])
    return Foretold(foretold, tuple(penalties))


def _kernel(
    activation: Floats, cell: Integers, training: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Floats:
    """Mean product over units (S, S), standardised by the training's spread within cells.

    Units that do not vary there are left out.
    """
    about = _about_cells(cell[training], activation[training])
    spread = np.sqrt((about**2).mean(axis=0))
    level = np.abs(activation[training]).max(axis=0, initial=0.0)
    varies = spread > 1e-10 * level
    units = (activation[:, varies] - activation[training][:, varies].mean(axis=0)) / spread[varies]
    return np.asarray(units @ units.T / max(int(varies.sum()), 1))


def _penalties(
    kernel: Floats, design: Design, training: np.ndarray[tuple[int], np.dtype[np.bool_]], scores: Floats
) -> Integers:
    """The place of the best penalty for each column of scores (n, m), by an inner cross-validation."""
    cell = design.cell[training]
    error = np.zeros((len(PENALTIES), scores.shape[1]))
    for test in _inner_folds(design.source[training], cell):
        parts = _Dual.of(kernel[np.ix_(~test, ~test)], kernel[np.ix_(test, ~test)], cell[~test])
        wanted, to_test = (_about_cells(cell[test], part) for part in (scores[test], parts.to_test))
        weights = parts.weights(scores[~test])
        for place, penalty in enumerate(PENALTIES):
            found = to_test @ (weights / parts.shrunken(penalty)[:, None])
            error[place] += ((wanted - found) ** 2).sum(axis=0)
    # of equals the strongest penalty: a probe that can learn nothing stays near the mean
    return np.asarray(len(PENALTIES) - 1 - error[::-1].argmin(axis=0), dtype=np.intp)


def _inner_folds(source: Integers, cell: Integers) -> Iterator[np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Mark the stimuli of one inner fold after the other; a cell's sources are dealt in turn."""
    names, first, inverse = np.unique(source, return_index=True, return_inverse=True)
    place = np.empty(names.size, dtype=np.intp)
    place[np.lexsort((names, cell[first]))] = np.arange(names.size)
    fold = (place % min(INNER_FOLDS, names.size))[inverse.reshape(-1)]
    for one in np.unique(fold):
        yield fold == one


class _Dual(NamedTuple):
    """A training kernel about its cells: eigenvalues (n,) and vectors (n, n), what maps them to the test."""

    eigenvalues: Floats
    vectors: Floats
    to_test: Floats
    cell: Integers

    @classmethod
    def of(cls, training: Floats, test: Floats, cell: Integers) -> _Dual:
        """Prepare the kernels among the training (n, n) and from the test to it (t, n)."""
        about = _about_cells(cell, _about_cells(cell, training).T)
        eigenvalues, vectors = np.linalg.eigh(about)
        to_test = _about_cells(cell, test.T).T
        return cls(np.maximum(eigenvalues, 0.0), vectors, to_test @ vectors, cell)

    def foretell(self, scores: Floats, places: Integers) -> Floats:
        """Foretell the test (t, m) from training scores (n, m), with a penalty for each column."""
        penalty = np.array(PENALTIES)[places]
        return np.asarray(self.to_test @ (self.weights(scores) / self.shrunken(penalty)))

    def weights(self, scores: Floats) -> Floats:
        """The part (n, m) of training scores along each vector."""
        return np.asarray(self.vectors.T @ _about_cells(self.cell, scores))

    def shrunken(self, penalty: float | Floats) -> Floats:
        """What the parts are divided by: (n,), or (n, m) for penalties (m,)."""
        added = np.asarray(penalty) * max(float(self.eigenvalues.mean()), 1e-300)
        return np.asarray(np.add.outer(self.eigenvalues, added))


def _about_cells(cell: Integers, values: Floats) -> Floats:
    """Rows (n, m) less the mean of their cell."""
    number = numbered(cell)
    member = members(number.astype(np.intp), int(number.max()) + 1)
    means = member @ values / member.sum(axis=1)[:, None]
    return np.asarray(values - means[number])
