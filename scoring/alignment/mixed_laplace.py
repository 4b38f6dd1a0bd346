"""The marginal likelihood of a logit mixed model by Laplace's approximation, with its exact gradient.

    logit P(y = 1) = offset + X beta + Z L b,   b ~ N(0, I)

L holds Cholesky factors of the terms' covariances, so that a term without variance is an ordinary point and
not an edge. The mode of what is integrated out is found by Newton's method with step halving. The largest
term of one column a group has a diagonal block in the Hessian and is eliminated first; the Schur complement
on the rest is small and dense. See Pinheiro and Chao (2006), J. Comput. Graph. Stat. 15(1), 58-81; Bates et
al. (2015), J. Stat. Softw. 67(1), section 2, for the form with L; Skaug and Fournier (2006), Comput. Stat.
Data Anal. 51(2), 699-709, for the gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.sparse import csc_array, csr_array, hstack
from scipy.special import expit

from scoring.statistics import Floats, Integers

#: Newton steps of the inner mode, and halvings of one of them
_STEPS, _HALVINGS = 100, 40
#: the mode is found when a step would lower the penalised deviance by less than this
_DECREMENT = 1e-13


@dataclass(frozen=True)
class Term:
    """A random term: effects that differ between groups, normal around 0.

    ``group`` (n,) numbers each answer's group below ``groups``; ``columns`` (n, k) are what the group's k
    effects multiply: ones for an intercept, a regressor for a slope. k = 2 has a 2 x 2 covariance.
    """

    name: str
    group: Integers
    columns: Floats
    groups: int

    @property
    def width(self) -> int:
        """Number of effects of a group, k."""
        return int(self.columns.shape[1])

    @property
    def size(self) -> int:
        """Number of effects of all groups."""
        return self.groups * self.width

    @property
    def parameters(self) -> int:
        """Number of entries of the Cholesky factor of the covariance, by rows: l11, l21, l22."""
        return self.width * (self.width + 1) // 2

    def matrix(self) -> csr_array[np.float64]:
        """Z (n, groups·k): a group's effects stand side by side."""
        n, k = self.columns.shape
        column = self.group[:, None] * k + np.arange(k)
        rows = np.arange(0, n * k + 1, k)
        return csr_array((self.columns.ravel(), column.ravel(), rows), shape=(n, self.size))


class Mode(NamedTuple):
    """The mode of what is integrated out, at given parameters, and the curvature there.

    ``first`` (e,) and ``rest`` (q,) are the eliminated effects and the others, the first in units of their
    SD; ``penalised`` is half the penalised deviance; ``diagonal`` (e,), ``cross`` (e, q) and ``factor`` are
    the Hessian's blocks, the last as Cholesky factor of its Schur complement.
    """

    first: Floats
    rest: Floats
    linear: Floats
    penalised: float
    diagonal: Floats
    cross: Floats
    factor: Floats
    converged: bool


class Inverse(NamedTuple):
    """Blocks of the inverse Hessian: the diagonal of the eliminated part, the cross block, the rest."""

    first: Floats
    cross: Floats
    rest: Floats


@dataclass
class Laplace:
    """Answers and a design, of which the likelihood is asked at many parameters.

    ``right`` (n,) of 0 and 1; ``terms`` at least one of a single column; ``inner`` (n, p) fixed effects that
    are integrated out under a flat prior (so that variances are not underestimated, as in restricted maximum
    likelihood); ``outer`` (n, m) fixed effects that are parameters. The parameters are the Cholesky entries
    of each term in turn, then the outer effects. The likelihood is even in l11 and l22, so there are no
    bounds.
    """

    right: Floats
    terms: tuple[Term, ...]
    inner: Floats
    outer: Floats
    #: where the last mode was, from which the next search starts
    _last: tuple[Floats, Floats] | None = field(default=None, repr=False)

    @cached_property
    def first(self) -> int:
        """Index of the term that is eliminated: the largest of one column."""
        sizes = [term.size if term.width == 1 else 0 for term in self.terms]
        return int(np.argmax(sizes))

    @cached_property
    def kept(self) -> tuple[int, ...]:
        """Indices of the other terms."""
        return tuple(index for index in range(len(self.terms)) if index != self.first)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first of each term's parameters, and last the first outer effect."""
        return tuple(np.cumsum([0, *(term.parameters for term in self.terms)]).tolist())

    @cached_property
    def diagonals(self) -> tuple[int, ...]:
        """The parameters that stand on the diagonal of a Cholesky factor: those that are 0 or more."""
        return tuple(
            start + at
            for start, term in zip(self.starts[:-1], self.terms, strict=True)
            for at, (row, column) in enumerate(_entries(term.width))
            if row == column
        )

    @cached_property
    def places(self) -> tuple[int, ...]:
        """The first column of each kept term among the kept columns, and last that of the fixed effects."""
        return tuple(np.cumsum([0, *(self.terms[index].size for index in self.kept)]).tolist())

    @cached_property
    def _eliminated(self) -> csr_array[np.float64]:
        return self.terms[self.first].matrix()

    @cached_property
    def _columns(self) -> csr_array[np.float64]:
        """Columns (n, q) of the kept terms and the inner fixed effects."""
        parts = [self.terms[index].matrix() for index in self.kept] + [csr_array(self.inner)]
        return csr_array(hstack(parts, format="csr"))

    @cached_property
    def _products(self) -> csr_array[np.float64]:
        """(n, q·q): products of each row's kept columns, so that F'WF is a sum over rows."""
        return _row_products(self._columns, self._columns)

    @cached_property
    def _crossed(self) -> csr_array[np.float64]:
        """(n, e·q): products of each row's eliminated column with its kept ones."""
        return _row_products(self._eliminated, self._columns)

    @cached_property
    def _columns_sum(self) -> csc_array[np.float64]:
        return csc_array(self._columns.T)

    @cached_property
    def _products_sum(self) -> csc_array[np.float64]:
        return csc_array(self._products.T)

    @cached_property
    def _crossed_sum(self) -> csc_array[np.float64]:
        return csc_array(self._crossed.T)

    @cached_property
    def _sign(self) -> Floats:
        return np.asarray(2 * self.right - 1)

    @cached_property
    def _own(self) -> tuple[Integers, Floats]:
        term = self.terms[self.first]
        return term.group, term.columns[:, 0]

    @property
    def effects(self) -> int:
        """Number of kept random effects; the kept columns after them are fixed."""
        return self.places[-1]

    def value(self, parameters: Floats) -> tuple[float, Floats]:
        """Minus the log marginal likelihood, infinite where there is no mode, and its gradient (m,)."""
        try:
            mode = self.mode(parameters)
        except np.linalg.LinAlgError:
            self._last = None
            return math.inf, np.zeros(parameters.size)
        inverse = self.inverse(mode)
        half = np.log(np.diagonal(mode.factor)).sum() + 0.5 * np.log(mode.diagonal).sum()
        value = mode.penalised + half - 0.5 * self.inner.shape[1] * math.log(2 * math.pi)
        return float(value), self._gradient(parameters, mode, inverse)

    def mode(self, parameters: Floats) -> Mode:
        """Find the mode at these parameters by Newton's method; the Hessian is taken there."""
        scale = _Scale(self, parameters)
        offset = self.outer @ parameters[self.starts[-1] :]
        first, rest = self._last or (np.zeros(self.terms[self.first].size), self._empty_rest())
        linear, penalised = self._penalised(first, rest, scale, offset)
        for _ in range(_STEPS):
            system = self._system(linear, scale)
            step, slope = self._newton(first, rest, linear, scale, system)
            if slope < _DECREMENT:
                self._last = first, rest
                return Mode(first, rest, linear, penalised, *system, converged=True)
            size, (linear, lower) = self._halved(first, rest, step, scale, offset, penalised)
            if size == 0:
                # rounding hides what is left to gain
                return Mode(first, rest, linear, penalised, *system, converged=slope < 1e-6)
            first, rest, penalised = first + size * step[0], rest + size * step[1], lower
        return Mode(first, rest, linear, penalised, *self._system(linear, scale), converged=False)

    def inverse(self, mode: Mode) -> Inverse:
        """Invert the Hessian at a mode, the diagonal only of the eliminated block."""
        rest = _solve(mode.factor, np.eye(mode.rest.size))
        ratio = mode.cross / mode.diagonal[:, None]
        cross = -ratio @ rest
        return Inverse(1 / mode.diagonal - (cross * ratio).sum(axis=1), cross, rest)

    def random_effects(self, parameters: Floats) -> list[tuple[Floats, Floats]]:
        """Give each term's effects, means to first order, and their standard deviations, both (groups, k).

        A mean lies beyond the mode where answers are nearly all alike. Tierney and Kadane (1986), J. Am.
        Stat. Assoc. 81(393), 82-86.
        """
        scale, mode = _Scale(self, parameters), self.mode(parameters)
        inverse = self.inverse(mode)
        _, shift_first, shift = self._bent(mode, inverse, scale)
        first, effects = mode.first - 0.5 * shift_first, scale.effects(mode.rest - 0.5 * shift)
        spread = np.diagonal(scale.left(scale.left(inverse.rest.copy()).T))
        found = []
        for index, term in enumerate(self.terms):
            if index == self.first:
                pair = scale.first * first, abs(scale.first) * np.sqrt(inverse.first)
            else:
                part = self._part(index)
                pair = effects[part], np.sqrt(spread[part])
            found.append((pair[0].reshape(term.groups, -1), pair[1].reshape(term.groups, -1)))
        return found

    def fixed_effects(self, parameters: Floats) -> tuple[Floats, Floats]:
        """The inner fixed effects (p,), means to first order, and their covariance given the parameters."""
        mode = self.mode(parameters)
        inverse = self.inverse(mode)
        mean = mode.rest - 0.5 * self._bent(mode, inverse, _Scale(self, parameters))[2]
        return mean[self.effects :], inverse.rest[self.effects :, self.effects :]

    def left_out(self, parameters: Floats) -> tuple[Floats, Floats]:
        """What the others say of each answer's log odds: mean and variance (n,), at given parameters.

        One Newton step away from the mode, as in Rad and Maleki (2020), J. R. Stat. Soc. B 82(4), 965-996.
        """
        scale, mode = _Scale(self, parameters), self.mode(parameters)
        inverse = self.inverse(mode)
        leverage, chance = self._leverage(inverse, scale), expit(mode.linear)
        without = leverage / (1 - chance * (1 - chance) * leverage)
        _, shift_first, shift = self._bent(mode, inverse, scale)
        group, column = self._own
        moved = (scale.first * shift_first)[group] * column + _times(self._columns, scale.effects(shift))
        return mode.linear - without * (self.right - chance) - 0.5 * moved, without

    def _empty_rest(self) -> Floats:
        return np.zeros(self._columns.shape[1])

    def _part(self, index: int) -> slice:
        """The kept columns of a term."""
        at = self.kept.index(index)
        return slice(self.places[at], self.places[at + 1])

    def _penalised(self, first: Floats, rest: Floats, scale: _Scale, offset: Floats) -> tuple[Floats, float]:
        """The linear predictor (n,) and half the penalised deviance."""
        group, column = self._own
        linear = offset + (scale.first * first)[group] * column + _times(self._columns, scale.effects(rest))
        loss = np.logaddexp(0, -self._sign * linear).sum()
        return linear, float(loss + 0.5 * (first @ first) + 0.5 * (rest[: self.effects] ** 2).sum())

    def _system(self, linear: Floats, scale: _Scale) -> tuple[Floats, Floats, Floats]:
        """The Hessian at a linear predictor: diagonal (e,), cross (e, q), the Schur part's factor."""
        weight = expit(linear) * expit(-linear)
        group, column = self._own
        e, q = self.terms[self.first].size, self._columns.shape[1]
        squares = np.bincount(group, weight * column**2, minlength=e)
        diagonal = np.asarray(1 + scale.first**2 * squares, dtype=np.float64)
        cross = scale.right(scale.first * (_times(self._crossed_sum, weight)).reshape(e, q))
        rest = scale.right(scale.right((_times(self._products_sum, weight)).reshape(q, q)).T)
        rest.flat[: self.effects * (q + 1) : q + 1] += 1
        rest -= cross.T @ (cross / diagonal[:, None])
        return diagonal, cross, _factor(rest)

    def _newton(
        self,
        first: Floats,
        rest: Floats,
        linear: Floats,
        scale: _Scale,
        system: tuple[Floats, Floats, Floats],
    ) -> tuple[tuple[Floats, Floats], float]:
        """Newton's step, and twice what it would gain were the deviance quadratic."""
        diagonal, cross, factor = system
        surplus = self.right - expit(linear)
        own, others = self._pulled(surplus, scale)
        own -= first
        others[: self.effects] -= rest[: self.effects]
        step = _solve(factor, others - cross.T @ (own / diagonal))
        eliminated = (own - cross @ step) / diagonal
        return (eliminated, step), float(own @ eliminated + others @ step)

    def _halved(
        self,
        first: Floats,
        rest: Floats,
        step: tuple[Floats, Floats],
        scale: _Scale,
        offset: Floats,
        penalised: float,
    ) -> tuple[float, tuple[Floats, float]]:
        """Halve a step until it does not raise the deviance; a size of 0 where none does."""
        size = 1.0
        for _ in range(_HALVINGS):
            found = self._penalised(first + size * step[0], rest + size * step[1], scale, offset)
            if found[1] <= penalised:
                return size, found
            size /= 2
        return 0.0, self._penalised(first, rest, scale, offset)

    def _pulled(self, rows: Floats, scale: _Scale) -> tuple[Floats, Floats]:
        """A'r of answers (n,): by eliminated effect (e,) and kept column (q,)."""
        group, column = self._own
        own = np.bincount(group, rows * column, minlength=self.terms[self.first].size)
        return np.asarray(scale.first * own, dtype=np.float64), scale.right(
            (_times(self._columns_sum, rows))[None]
        )[0]

    def _gradient(self, parameters: Floats, mode: Mode, inverse: Inverse) -> Floats:
        """Derivative of minus the log likelihood, the mode moving along (implicit differentiation)."""
        scale = _Scale(self, parameters)
        chance = expit(mode.linear)
        weight = chance * (1 - chance)
        bend, back_first, back = self._bent(mode, inverse, scale)
        group, column = self._own
        along = (scale.first * back_first)[group] * column + _times(self._columns, scale.effects(back))
        surplus = self.right - chance
        pull = -surplus + 0.5 * bend - 0.5 * weight * along
        found = np.empty(parameters.size)
        found[self.starts[-1] :] = self.outer.T @ pull
        found[: self.starts[-1]] = self._trace(weight, scale, inverse)
        found[self.starts[self.first]] += self._moved(group, column, pull, surplus, mode.first, back_first)
        for index in self.kept:
            found[self.starts[index] : self.starts[index + 1]] += self._moved_kept(
                index, pull, surplus, mode.rest, back
            )
        return found

    def _bent(self, mode: Mode, inverse: Inverse, scale: _Scale) -> tuple[Floats, Floats, Floats]:
        """How the determinant changes along each answer's log odds (n,), and H⁻¹A' of that (e,) and (q,)."""
        chance = expit(mode.linear)
        bend = chance * (1 - chance) * (1 - 2 * chance) * self._leverage(inverse, scale)
        own, others = self._pulled(bend, scale)
        back = _solve(mode.factor, others - mode.cross.T @ (own / mode.diagonal))
        return bend, (own - mode.cross @ back) / mode.diagonal, back

    @staticmethod
    def _moved(
        group: Integers, column: Floats, pull: Floats, surplus: Floats, effect: Floats, back: Floats
    ) -> float:
        """What a larger entry of L does through the linear predictor and through the mode."""
        return float((column * (pull * effect[group] + 0.5 * surplus * back[group])).sum())

    def _moved_kept(
        self, index: int, pull: Floats, surplus: Floats, rest: Floats, back: Floats
    ) -> list[float]:
        term, part = self.terms[index], self._part(index)
        effect, shift = (values[part].reshape(term.groups, -1) for values in (rest, back))
        return [
            self._moved(term.group, term.columns[:, i], pull, surplus, effect[:, j], shift[:, j])
            for i, j in _entries(term.width)
        ]

    def _leverage(self, inverse: Inverse, scale: _Scale) -> Floats:
        """a'H⁻¹a of each answer's row (n,): the variance of its linear predictor."""
        group, column = self._own
        rest = scale.left(scale.left(inverse.rest.copy()).T)
        cross = scale.left((scale.first * inverse.cross).T).T
        own = scale.first**2 * inverse.first[group] * column**2
        found: Floats = (
            own + 2 * (_times(self._crossed, cross.ravel())) + _times(self._products, rest.ravel())
        )
        return found

    def _trace(self, weight: Floats, scale: _Scale, inverse: Inverse) -> Floats:
        """Trace of H⁻¹L'F'WF dL for each entry of L: what it does to half the log determinant."""
        group, column = self._own
        e, q = self.terms[self.first].size, self._columns.shape[1]
        diagonal = np.bincount(group, weight * column**2, minlength=e)
        cross = (_times(self._crossed_sum, weight)).reshape(e, q)
        products = (_times(self._products_sum, weight)).reshape(q, q)
        found = np.empty(self.starts[-1])
        found[self.starts[self.first]] = scale.first * (inverse.first @ diagonal) + float(
            (inverse.cross * scale.right(cross.copy())).sum()
        )
        below = scale.right(products).T
        for index in self.kept:
            part, width = self._part(index), self.terms[index].width
            for at, (i, j) in enumerate(_entries(width), start=self.starts[index]):
                rows, columns = (slice(part.start + shift, part.stop, width) for shift in (j, i))
                found[at] = scale.first * (inverse.cross[:, rows] * cross[:, columns]).sum()
                found[at] += (inverse.rest[rows] * below[:, columns].T).sum()
        return found


class _Scale:
    """Products with L, the block-diagonal matrix of Cholesky factors, at given parameters."""

    def __init__(self, model: Laplace, parameters: Floats) -> None:
        self.first = float(parameters[model.starts[model.first]])
        self.diagonal = np.ones(model._columns.shape[1])
        self.pairs: list[tuple[slice, slice, float]] = []
        for index in model.kept:
            part, entries = model._part(index), parameters[model.starts[index] : model.starts[index + 1]]
            if model.terms[index].width == 1:
                self.diagonal[part] = entries[0]
                continue
            one, two = slice(part.start, part.stop, 2), slice(part.start + 1, part.stop, 2)
            self.diagonal[one], self.diagonal[two] = entries[0], entries[2]
            self.pairs.append((one, two, float(entries[1])))

    def right(self, matrix: Floats) -> Floats:
        """M L."""
        found: Floats = matrix * self.diagonal
        for one, two, entry in self.pairs:
            found[:, one] += entry * matrix[:, two]
        return found

    def left(self, matrix: Floats) -> Floats:
        """L M."""
        found: Floats = matrix * self.diagonal[:, None]
        for one, two, entry in self.pairs:
            found[two] += entry * matrix[one]
        return found

    def effects(self, rest: Floats) -> Floats:
        """L v: effects on the scale of log odds."""
        return self.left(rest[:, None])[:, 0]


def _times(matrix: csr_array[np.float64] | csc_array[np.float64], values: Floats) -> Floats:
    return np.asarray(matrix @ values)


def _factor(matrix: Floats) -> Floats:
    """Lower Cholesky factor; the upper triangle is left as it comes.

    Raises numpy.linalg.LinAlgError where the matrix is not positive definite.
    """
    found, failed = dpotrf(matrix, lower=1) if matrix.size else (matrix, 0)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    return np.asarray(found)


def _solve(factor: Floats, right: Floats) -> Floats:
    return np.asarray(dpotrs(factor, right, lower=1)[0]) if right.size else right


def _entries(width: int) -> list[tuple[int, int]]:
    """Rows and columns of a Cholesky factor's entries, by rows."""
    return [(row, column) for row in range(width) for column in range(row + 1)]


def _row_products(one: csr_array[np.float64], other: csr_array[np.float64]) -> csr_array[np.float64]:
    """(n, a·b): in each row all products of an entry of one (n, a) and an entry of the other (n, b)."""
    counts, others = np.diff(one.indptr), np.diff(other.indptr)
    per_row = counts * others
    row = np.repeat(np.arange(per_row.size), per_row)
    place = np.arange(row.size) - np.repeat(np.cumsum(per_row) - per_row, per_row)
    left = one.indptr[row] + place // others[row]
    right = other.indptr[row] + place % others[row]
    column = one.indices[left].astype(np.int64) * other.shape[1] + other.indices[right]
    starts = np.concatenate([[0], np.cumsum(per_row)])
    shape = (one.shape[0], one.shape[1] * other.shape[1])
    values: NDArray[np.float64] = one.data[left] * other.data[right]
    return csr_array((values, column, starts), shape=shape)
