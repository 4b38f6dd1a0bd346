"""What having named a concept before does to naming it again.

A participant who has just named one sailboat names the next one more easily (repetition priming), so that
an accuracy over a study's trials is one over first and later pictures of a concept. Here the effect is
estimated beside two things that look like it: some pictures are easier than others, and everybody gets better
with practice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from scoring.accuracy import experiment_trials
from scoring.statistics import CONFIDENCE, Floats, Integers

Marks = NDArray[np.bool_]

#: reasons for which there is no effect
NO_REPETITION = "no_concept_came_twice"
ONE_REPEATING = "fewer_than_2_participants_had_a_concept_twice"
FOLLOWS_PLACE = "later_pictures_of_a_concept_never_came_before_first_ones"
FOLLOWS_CELL = "repetition_follows_from_what_was_shown_and_when"
NO_VARIATION = "all_answers_of_a_concept_and_condition_scored_the_same"

#: the position's slope is written for so many trials
TRIALS = 10
#: least share of pairs in which a later picture of a concept came before the first one of another
LEAST_OVERLAP = 0.01
#: smaller shares of a sum of squares are rounding
_ROUNDING = 1e-9


class Effect(NamedTuple):
    """A difference in credit with its 95% interval, its null's central 95%, and a two-sided p."""

    estimate: float
    low: float
    high: float
    null_low: float
    null_high: float
    p: float


NOTHING = Effect(*[float("nan")] * 6)


@dataclass(frozen=True)
class Repetition:
    """The effect of repetition in a study, or the ``reason`` why there is none.

    ``later``: any later picture of a concept less its first one. ``further``: each further one, as a straight
    line; equal to ``later`` where nobody had three. ``practice``: ten trials further on in the session; it
    has no null. ``n`` trials are of ``participants``, of whom ``repeating`` had a concept more than once,
    one of them ``most`` times. The unit that was resampled is the participant.
    """

    later: Effect
    further: Effect
    practice: Effect
    n: int
    participants: int
    repeating: int
    most: int
    draws: int
    seed: int
    reason: str = ""


def repetition(trials: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> Repetition:
    """Effect of repetition in a trial table, from the test trials that count and know their repetition.

    The conditions are the table's levels. See ``repetition_effect``.
    """
    kept = experiment_trials(trials)
    known = kept[["concept_repetition", "trial_index", "soft_correct", "participant"]].notna().all(axis=1)
    rows = kept[known.to_numpy(dtype=bool)]
    return repetition_effect(
        rows["soft_correct"].astype(float),
        rows["participant"],
        rows["concept"],
        rows["level"],
        rows["concept_repetition"].astype(int),
        rows["trial_index"].astype(int),
        draws=draws,
        seed=seed,
    )


def repetition_effect(
    scores: ArrayLike,
    participants: ArrayLike,
    concepts: ArrayLike,
    conditions: ArrayLike,
    repetitions: ArrayLike,
    places: ArrayLike,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Repetition:
    """Least-squares effect of repetition on credit, beside cells, participants and the place in the session.

    All have shape (n,): ``scores`` in [0, 1], ``repetitions`` 1 for a participant's first picture of a
    concept, ``places`` the trials' places in their session. Each concept in each condition has a mean of its
    own (some pictures are easier), and so has each participant (who leaves early has few later pictures); the
    place counts as a straight line, so that practice in general is not taken for repetition.

    Intervals are e ± t·SE: SE from drawing whole participants again, ``draws`` times, with everything
    estimated anew; t has the degrees of freedom of those who had a concept twice. They speak of other
    participants. The null puts each participant's trials in another random order, as the allocation might
    have, and keeps what was shown and answered, less the line of practice (Freedman and Lane 1983, Journal
    of Business & Economic Statistics 1(4), 292-298); repetitions and places are then those of that order.

    No effect, with a reason, where fewer than two participants had a concept twice, or where repetition
    cannot be told from what was shown or from the place.
    """
    often = np.asarray(repetitions, dtype=np.intp)
    place = np.asarray(places, dtype=np.float64) / TRIALS
    person, concept = _codes(np.asarray(participants)), _codes(np.asarray(concepts))
    cell = _codes(concept, np.asarray(conditions))
    model = _Model(person, concept, cell, often, place, np.asarray(scores, dtype=np.float64))
    most, repeating = int(often.max(initial=0)), np.unique(person[often > 1]).size
    shape = (often.size, np.unique(person).size, repeating, most, draws, seed)
    reason = _reason(model, repeating)
    if reason:
        return Repetition(NOTHING, NOTHING, NOTHING, *shape, reason)
    return Repetition(*model.effects(repeating, draws, np.random.default_rng(seed)), *shape)


#: columns of a regression: any later picture, further pictures, place, score
_LATER, _FURTHER, _PLACE, _SCORE = range(4)


@dataclass(frozen=True)
class _Model:
    """The trials: numbers from 0 of participant, concept and cell; repetition, place, score, each (n,)."""

    person: Integers
    concept: Integers
    cell: Integers
    repetition: Integers
    place: Floats
    score: Floats

    @cached_property
    def counts(self) -> Floats:
        """How many trials of each cell each participant had, (people, cells)."""
        return self._summed(np.ones((self.person.size, 1)))[..., 0]

    @cached_property
    def columns(self) -> Floats:
        """The columns of the regressions (n, 4), with each participant's mean taken off."""
        return self._within(self._regressors(self.repetition, self.place), self.score)

    def effects(self, repeating: int, draws: int, rng: np.random.Generator) -> tuple[Effect, Effect, Effect]:
        """The effects of any later picture, of each further one, and of the place."""
        people = len(self.counts)
        weights = rng.multinomial(people, np.full(people, 1 / people), size=draws).astype(np.float64)
        sums, squares = self._summed(self.columns), np.zeros((people, 4, 4))
        np.add.at(squares, self.person, self.columns[:, :, None] * self.columns[:, None, :])
        slopes = _slopes(self._left(sums, squares, np.ones(people)))
        drawn = np.array([_slopes(self._left(sums, squares, weight)) for weight in weights])
        error = drawn[~np.isnan(drawn).any(axis=1)].std(axis=0) * np.sqrt(repeating / (repeating - 1))
        reach = student.ppf((1 + CONFIDENCE) / 2, repeating - 1) * error
        null = np.column_stack([self._null(draws, rng), np.full(draws, np.nan)])
        later, further, practice = (
            _effect(*one) for one in zip(slopes, slopes - reach, slopes + reach, null.T, strict=True)
        )
        return later, further, practice

    def _left(self, sums: Floats, squares: Floats, weights: Floats) -> Floats:
        """Sums of squares and products (4, 4) that cells leave when people count ``weights`` times.

        Participants' means stay what they are when whole participants are drawn; those of cells are taken
        off by the normal equations (Frisch and Waugh 1933).
        """
        by_cell = np.tensordot(weights, sums, 1)
        explained = by_cell.T @ np.linalg.solve(self._normal(weights), by_cell)
        return np.asarray(np.tensordot(weights, squares, 1) - explained)

    def _normal(self, weights: Floats) -> Floats:
        """The cells' normal equations (cells, cells), participants' means taken off; never singular.

        They know cells up to a constant (in each group of cells that share participants), and say nothing of
        a cell that nobody saw: a ridge as small as rounding decides both.
        """
        normal = np.diag(weights @ self.counts) - self.counts.T @ (
            (weights / self.counts.sum(axis=1))[:, None] * self.counts
        )
        return np.asarray(normal + np.eye(len(normal)) * 1e-10 * (1 + np.trace(normal) / len(normal)))

    @cached_property
    def _solver(self) -> Floats:
        return np.asarray(np.linalg.inv(self._normal(np.ones(len(self.counts)))))

    def unexplained(self, columns: Floats) -> Floats:
        """What participants and cells leave of columns (n, m) that have no participants' means any more."""
        means = self._solver @ self._summed(columns).sum(axis=0)
        return np.asarray(columns - self._within(means[self.cell]))

    def _null(self, draws: int, rng: np.random.Generator) -> Floats:
        """Slopes (draws, 2) of later and of further pictures in other orders of the participants' trials."""
        left = self.unexplained(self.columns[:, [_PLACE, _SCORE]])
        score = left[:, 1] - left[:, 0] * _ratio(left.T @ left)
        return np.array([self._reordered(score, rng) for _ in range(draws)])

    def _reordered(self, score: Floats, rng: np.random.Generator) -> Floats:
        """Slopes (2,) of what is unexplained of the scores when each participant's trials come otherwise."""
        place = np.empty_like(self.place)
        new = np.argsort(self.person + rng.random(self.person.size))
        place[new] = self.place[self._in_order]
        order = self._counted(place)
        columns = self.unexplained(self._within(self._regressors(order, place)))
        whole = np.column_stack([columns, score])
        return _slopes(whole.T @ whole)[:_PLACE]

    @cached_property
    def _in_order(self) -> Integers:
        return np.lexsort((self.place, self.person))

    def _counted(self, place: Floats) -> Integers:
        """Count each participant's pictures of a concept in the order of some places: 1, 2, … (n,)."""
        order = np.lexsort((place, self._sets))
        sets = self._sets[order]
        counted = np.empty(order.size, dtype=np.intp)
        counted[order] = np.arange(order.size) - np.searchsorted(sets, sets) + 1
        return counted

    @cached_property
    def _sets(self) -> Integers:
        return _codes(self.person, self.concept)

    def _regressors(self, repetition: Integers, place: Floats) -> Floats:
        return np.column_stack([repetition > 1, repetition - 1, place]).astype(np.float64)

    def _within(self, *columns: Floats) -> Floats:
        """Take each participant's mean off columns (n, m)."""
        table = np.column_stack(columns)
        size = self.counts.sum(axis=1)
        sums = [np.bincount(self.person, column, minlength=size.size) for column in table.T]
        return np.asarray(table - (np.column_stack(sums) / size[:, None])[self.person])

    def _summed(self, columns: Floats) -> Floats:
        """Sum columns (n, m) by participant and cell: (people, cells, m)."""
        people, cells = int(self.person.max()) + 1, int(self.cell.max()) + 1
        at = self.person * cells + self.cell
        sums = [np.bincount(at, column, minlength=people * cells) for column in columns.T]
        return np.stack(sums, axis=-1).reshape(people, cells, -1).astype(np.float64)


def _slopes(products: Floats) -> Floats:
    """Slopes (3,) of later pictures, of further ones, each beside the place, and of the place.

    ``products`` (4, 4) are the columns' sums of squares and products. The place's slope is that beside later
    pictures; NaN where a column does not vary apart from the other.
    """
    first, each = (_beside(products[np.ix_(rows, rows)]) for rows in ([0, 2, 3], [1, 2, 3]))
    return np.array([first[0], each[0], first[1]])


def _beside(products: Floats) -> Floats:
    """Slopes (2,) of y on two columns, by the sums of products (3, 3) of x, z and y."""
    (xx, xz, xy), (_, zz, zy), _ = products
    if xx * zz - xz**2 <= _ROUNDING * max(xx, 1) * max(zz, 1):
        return np.full(2, np.nan)
    return np.asarray(np.array([zz * xy - xz * zy, xx * zy - xz * xy]) / (xx * zz - xz**2))


def _ratio(products: Floats) -> float:
    """Slope of a second column on a first, by their sums of products (2, 2); 0 where the first is flat."""
    return float(products[0, 1] / products[0, 0]) if products[0, 0] > _ROUNDING else 0.0


def _effect(value: float, low: float, high: float, null: Floats) -> Effect:
    known = null[~np.isnan(null)]
    if not known.size:
        return Effect(float(value), float(low), float(high), *[float("nan")] * 3)
    ends = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    reached = int((np.abs(known) >= abs(value) - _ROUNDING).sum())
    p = (1 + reached) / (known.size + 1)
    return Effect(float(value), float(low), float(high), float(ends[0]), float(ends[1]), p)


def _reason(model: _Model, repeating: int) -> str:
    if repeating < 2:
        return ONE_REPEATING if repeating else NO_REPETITION
    if _overlap(model.person, model.place, model.repetition > 1) < LEAST_OVERLAP:
        return FOLLOWS_PLACE
    left = model.unexplained(model.columns)
    if np.isnan(_slopes(left.T @ left)).any():
        return FOLLOWS_CELL
    return NO_VARIATION if left[:, _SCORE] @ left[:, _SCORE] <= _ROUNDING * len(left) else ""


def _overlap(person: Integers, place: Floats, later: Marks) -> float:
    """Share of a participant's pairs of a first and a later picture in which the later one came before.

    0 where all first pictures of the concepts come before all later ones.
    """
    order = np.lexsort((place, person))
    person, after = person[order], later[order].astype(np.float64)
    seen = np.cumsum(after) - after
    before = (seen - seen[np.searchsorted(person, person)]) @ (1 - after)
    pairs = np.bincount(person, after) @ np.bincount(person, 1 - after)
    return float(before / pairs) if pairs else 0.0


def _codes(*labels: NDArray[np.generic]) -> Integers:
    """Number the different combinations of some labels (n,) from 0."""
    table = pd.DataFrame(dict(enumerate(labels)))
    return np.asarray(table.groupby(list(table.columns), sort=True).ngroup(), dtype=np.intp)
