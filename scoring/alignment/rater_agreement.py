"""How far two raters agree on the same items, and observers on what they chose, beyond chance.

Cohen's kappa (1960, Educational and Psychological Measurement 20(1), 37-46), weighted (Cohen 1968,
Psychological Bulletin 70(4), 213-220) where categories have an order: 0 is the agreement of two raters who
use the categories as often but take no notice of the items.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.observer_pairs import NO_SPREAD, on_atanh, pairs_estimate
from scoring.statistics import CONFIDENCE, Floats, Integers
from stimuli.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Weights = Literal["linear", "quadratic"] | None

#: reasons for which there is no kappa
NO_ITEMS = "no_item_rated_by_both"
ONE_CATEGORY = "both_raters_always_chose_one_category"
ONE_ITEM = "fewer_than_2_items"

#: fewest stimuli that two observers have to share for a kappa of their own
LEAST_SHARED = 20
_ROUNDING = 1e-12


def cohen_kappa(
    one: Sequence[Hashable],
    other: Sequence[Hashable],
    weights: Weights = None,
    categories: Sequence[Hashable] | None = None,
) -> float:
    """Kappa of two raters' categories of the same items, in order; NaN if both always chose the same one.

    ``weights`` count a disagreement of categories i and j as 1, |i - j| (``linear``) or (i - j)²
    (``quadratic``); then ``categories`` gives their order, and is that of sorting where it is not given.
    Raises UserError for unlike lengths and for a category that is not among those given.

    >>> cohen_kappa([1, 1, 0, 0], [1, 1, 0, 1])
    0.5
    """
    table = _table(*_numbers(one, other, categories))
    return float(_kappas(table[None], weights)[0])


def kappa_estimate(
    one: Sequence[Hashable],
    other: Sequence[Hashable],
    weights: Weights = None,
    *,
    categories: Sequence[Hashable] | None = None,
    clusters: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Kappa of two raters as ``cohen_kappa``, for these raters and other items; null 0.

    The interval is kappa ± t·SE on the scale of atanh, SE from items drawn again, or from whole ``clusters``
    of items (such as the concept that answers were given to). Missing where both raters used one category
    only.
    """
    first, second, number = _numbers(one, other, categories)
    unit = "items" if clusters is None else "clusters"
    if not first.size:
        return missing(NO_ITEMS, 0, unit)
    groups = np.arange(first.size) if clusters is None else _codes(list(clusters))
    tables = np.zeros((int(groups.max()) + 1, number, number))
    np.add.at(tables, (groups, first, second), 1.0)
    value = float(_kappas(tables.sum(axis=0)[None], weights)[0])
    if math.isnan(value):
        return missing(ONE_CATEGORY, len(tables), unit)
    if value == 1:
        return _bounded(tables.sum(axis=0), weights, len(tables), unit)
    drawn = _kappas(_drawn_tables(tables, draws, np.random.default_rng(seed)), weights)
    return _of_items(value, drawn, len(tables), unit, f"{draws:,} draws, seed {seed}")


def pairwise_kappa(choices: pd.DataFrame, *, draws: int = 1000, seed: int = 0) -> Estimate:
    """Mean kappa over pairs of observers on what they chose, for other observers and these stimuli; null 0.

    ``choices`` has the columns ``observer``, ``stimulus`` and ``chosen``; a missing choice is a category too,
    none of the concepts. Rows whose answer was not judged (a missing ``correct``, where there is the column)
    do not count. Each pair on the stimuli both saw, at least ``LEAST_SHARED``. Interval as
    ``pairs_estimate``.
    """
    rows = choices[choices["correct"].notna()] if "correct" in choices.columns else choices
    if not len(rows):
        return missing(NO_ITEMS, 0, "observers")
    observer, stimulus, chosen = (
        _codes(rows[name].astype(object).where(rows[name].notna(), "").tolist())
        for name in ("observer", "stimulus", "chosen")
    )
    laid = np.full((int(observer.max()) + 1, int(stimulus.max()) + 1), -1, dtype=np.intp)
    laid[observer, stimulus] = chosen
    return pairs_estimate(choice_kappa(laid), draws=draws, seed=seed)


def choice_kappa(chosen: Integers, *, least: int = LEAST_SHARED) -> Floats:
    """Kappa of every pair of observers on the categories they chose, (O, O).

    ``chosen`` (O, S) numbers categories from 0; -1 where an observer did not see a stimulus. Chance is from
    the stimuli that both saw. NaN on the diagonal, for pairs with fewer than ``least``, and where both always
    chose the same one.
    """
    seen = (chosen >= 0).astype(np.float64)
    n = seen @ seen.T
    agreed, expected = np.zeros(n.shape), np.zeros(n.shape)
    for category in range(int(chosen.max(initial=-1)) + 1):
        mark = (chosen == category).astype(np.float64)
        often = mark @ seen.T
        agreed += mark @ mark.T
        expected += often * often.T
    expected = np.divide(expected, n, out=np.zeros(n.shape), where=n > 0)
    usable = (n >= max(least, 1)) & (n - expected > _ROUNDING * n) & ~np.eye(len(chosen), dtype=bool)
    return np.asarray(np.divide(agreed - expected, n - expected, out=np.full(n.shape, np.nan), where=usable))


def _numbers(
    one: Sequence[Hashable], other: Sequence[Hashable], categories: Sequence[Hashable] | None
) -> tuple[Integers, Integers, int]:
    """Number two raters' categories in their order, and say how many there are."""
    first, second = list(one), list(other)
    if len(first) != len(second):
        raise UserError(
            f"two raters rated {len(first)} and {len(second)} items; give each rater's category of every item"
        )
    order = _sorted({*first, *second}) if categories is None else list(categories)
    place = {category: number for number, category in enumerate(order)}
    for category in (*first, *second):
        if category not in place:
            names = ", ".join(str(name) for name in order)
            raise UserError(
                f"{category!r} is not among the categories {names}; add it to them or correct the rating"
            )
    one_number, other_number = (
        np.array([place[name] for name in names], dtype=np.intp) for names in (first, second)
    )
    return one_number, other_number, len(order)


def _sorted(names: set[Hashable]) -> list[Any]:
    """Sort names; of several types, by how they are written."""
    known: list[Any] = list(names)
    return sorted(known, key=str) if len({isinstance(name, str) for name in known}) > 1 else sorted(known)


def _codes(names: Sequence[Any]) -> Integers:
    return np.unique(np.array([str(name) for name in names]), return_inverse=True)[1].reshape(-1)


def _table(first: Integers, second: Integers, number: int) -> Floats:
    table = np.zeros((number, number))
    np.add.at(table, (first, second), 1.0)
    return table


def _costs(number: int, weights: Weights) -> Floats:
    apart = np.abs(np.arange(number)[:, None] - np.arange(number)[None]).astype(np.float64)
    return np.asarray(np.sign(apart) if weights is None else apart if weights == "linear" else apart**2)


def _bounded(table: Floats, weights: Weights, n: int, unit: str) -> Estimate:
    """Kappa of 1, and the least it may be, from a table (C, C) without a disagreement."""
    cost, total = _costs(len(table), weights), table.sum()
    chance = float(table.sum(axis=1) @ cost @ table.sum(axis=0)) / total**2
    low = max(1 - (1 - (1 - CONFIDENCE) ** (1 / n)) * float(cost.max()) / chance, -1.0)
    method = f"one-sided bound from {n} {unit} without a disagreement"
    return Estimate(1.0, low, 1.0, n, unit, null=0.0, method=method)


def _kappas(tables: Floats, weights: Weights) -> Floats:
    """Kappa (n,) of tables (n, C, C) of counts; NaN for one without a disagreement to expect."""
    cost = _costs(tables.shape[1], weights)
    total = tables.sum(axis=(1, 2))
    seen = (tables * cost).sum(axis=(1, 2))
    chance = np.einsum("ni,ij,nj->n", tables.sum(axis=2), cost, tables.sum(axis=1))
    share = np.divide(seen * total, chance, out=np.full(total.shape, np.nan), where=chance > _ROUNDING)
    return np.asarray(1 - share)


def _drawn_tables(tables: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Draw clusters, each with its table (G, C, C), again with replacement: sums (draws, C, C)."""
    clusters, number, _ = tables.shape
    different, times = np.unique(tables.reshape(clusters, -1), axis=0, return_counts=True)
    counts = rng.multinomial(clusters, times / clusters, size=draws)
    return np.asarray((counts @ different).reshape(draws, number, number))


def _of_items(value: float, drawn: NDArray[np.float64], n: int, unit: str, how: str) -> Estimate:
    known = drawn[~np.isnan(drawn)]
    error = float(known.std()) * math.sqrt(n / (n - 1)) if n > 1 and known.size else 0.0
    reason = ONE_ITEM if n < 2 else "" if error > _ROUNDING and abs(value) < 1 else NO_SPREAD
    low, high = (math.nan, math.nan) if reason else on_atanh(value, error, n - 1)
    return Estimate(
        value, low, high, n, unit, null=0.0, method=f"t from a bootstrap of {unit}, {how}", reason=reason
    )
