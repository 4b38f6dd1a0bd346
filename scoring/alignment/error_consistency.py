"""Whether two observers err on the same stimuli, beyond what their accuracies make them share.

Error consistency is Cohen's kappa of right and wrong: (o - e) / (1 - e), o the share of stimuli on which both
are right or both are wrong, e the share expected of two independent observers who are right as often
(Geirhos, Meding and Wichmann 2020, NeurIPS 33). With e from accuracies per concept, what all observers share
because some concepts are easy is expected as well, and what is left is about single pictures. 0 means no more
than that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.observations import Matrix
from scoring.alignment.observer_pairs import (
    NO_PAIR,
    NO_SPREAD,
    ONE_OBSERVER,
    bootstrapped,
    observer_draws,
    on_atanh,
    pair_means,
    pairs_estimate,
    standard_error,
)
from scoring.statistics import CONFIDENCE, Floats, Integers, bootstrap_counts

#: fewest stimuli that two observers have to share for a kappa of their own
LEAST_SHARED = 20
#: a reason for which there is no interval over other stimuli
ONE_SOURCE = "fewer_than_2_sources_a_concept"
#: a reason: no two observers answered the same, or all were always right, or always wrong
NOTHING_EXPECTED = "no_disagreement_expected"

#: pairs looked at together when stimuli are drawn again, so that memory stays small
_PAIRS_AT_ONCE = 512
#: smaller expected disagreements are rounding
_ROUNDING = 1e-9


def error_consistency(
    correct: Floats, concept: Integers | None = None, *, least: int = LEAST_SHARED, unbiased: bool = False
) -> Floats:
    """Kappa of right and wrong of every pair of observers, on the stimuli that both saw: (O, O).

    ``correct`` (O, S) has 1, 0, or NaN where an observer did not see a stimulus; ``concept`` (S,), where
    given, has accuracies taken per concept, o and e then being averages over stimuli. NaN on the diagonal,
    for pairs with fewer than ``least`` stimuli, and where e is 1 (both always right, or both always wrong).

    Accuracies of n stimuli a concept are fitted to these very stimuli, which takes about 1/n off o - e.
    ``unbiased`` makes that good, concepts with one shared stimulus left out; the published formula does not.
    """
    shape = (len(correct), len(correct))
    shared, above, room = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for group in _groups(concept, correct.shape[1]):
        n, agreed, expected = _agreement(correct[:, group])
        made_good = np.divide(n, n - 1, out=np.zeros(shape), where=n > 1) if unbiased else 1.0
        surplus = (agreed - expected) * made_good
        counts = n > 1 if unbiased else n > 0
        shared += np.where(counts, n, 0.0)
        above += surplus
        room += np.where(counts, n - agreed + surplus if unbiased else n - expected, 0.0)
    usable = (shared >= max(least, 1)) & (room > _ROUNDING * shared) & ~np.eye(len(correct), dtype=bool)
    return np.asarray(np.divide(above, room, out=np.full(shape, np.nan), where=usable))


def human_consistency(
    matrix: Matrix, *, per_concept: bool = False, unbiased: bool = False, draws: int = 1000, seed: int = 0
) -> Estimate:
    """Mean error consistency over pairs of observers, for other observers and these stimuli; null 0.

    The interval is that of ``pairs_estimate``: a bootstrap of observers without self-pairs. ``unbiased`` is
    that of ``error_consistency``.
    """
    values = error_consistency(matrix.values, _concept(matrix, per_concept), unbiased=unbiased)
    found = pairs_estimate(values, draws=draws, seed=seed)
    return replace(found, reason=_why_none(matrix.values)) if found.reason == NO_PAIR else found


def crossed_consistency(
    matrix: Matrix,
    *,
    per_concept: bool = False,
    draws: int = 1000,
    seed: int = 0,
    interval: Literal["two_way", "percentile"] = "two_way",
) -> Estimate:
    """Mean error consistency over pairs of observers, for other observers and other pictures like these.

    Observers and sources are drawn again, each alone and both together; ``n`` counts the observers. The
    variance is V_O·n/(n - 1) + V_S·s/(s - c) - V_OS, with s sources of c concepts, where V_OS, what both
    alone count twice, is what the draws of both vary more than V_O + V_S (Owen 2007, Annals of Applied
    Statistics 1(2), 386-411); t on the scale of atanh with Satterthwaite's degrees of freedom, and never
    narrower than for other observers alone. The central part of the draws of both is the ``percentile``
    interval: its 95% are 95-100%.
    """
    concept = _concept(matrix, per_concept)
    consistency = error_consistency(matrix.values, concept)
    alone = human_consistency(matrix, per_concept=per_concept, draws=draws, seed=seed)
    if math.isnan(alone.low):
        return alone
    counts, freedom = _source_draws(matrix, draws, seed)
    if freedom < 1:
        return Estimate(alone.value, n=alone.n, unit="observers and sources", null=0.0, reason=ONE_SOURCE)
    times = observer_draws(len(matrix.values), draws, seed)
    of_sources, of_both = _drawn_sources(matrix, concept, consistency, times, counts)
    sources = np.unique(matrix.source).size
    if interval == "percentile":
        low, high = (float(end) for end in np.nanquantile(of_both, [0.025, 0.975]))
    else:
        of_observers = float(np.nanvar(pair_means(consistency, times)))
        spread = (of_observers, float(np.nanvar(of_sources)), float(np.nanvar(of_both)))
        ends = _two_way(alone.value, spread, (alone.n, sources, freedom))
        low, high = min(ends[0], alone.low), max(ends[1], alone.high)
    how = "percentiles of" if interval == "percentile" else "t, two-way variance from"
    drawn = f"a crossed bootstrap of observers and {sources} sources"
    method = f"{how} {drawn}, {draws:,} draws, seed {seed}"
    return Estimate(alone.value, low, high, alone.n, "observers and sources", null=0.0, method=method)


def sparse_consistency(
    matrix: Matrix, *, per_concept: bool = False, draws: int = 1000, seed: int = 0
) -> Estimate:
    """Error consistency where pairs share too few stimuli for a kappa each: one kappa for all of them.

    o is the share of agreeing among all pairs of observers who saw the same stimulus, e = p² + (1 - p)² with
    p the accuracy of all, or of all in a concept (as kappa of Fleiss 1971, Psychological Bulletin 76(5),
    378-382, each pair counting once). Observers of unlike accuracy lower it. Interval as ``pairs_estimate``.
    """
    answering = matrix.values[(~np.isnan(matrix.values)).any(axis=1)]
    n = len(answering)
    if n < 2:
        return missing(ONE_OBSERVER, n, "observers")
    times = np.concatenate([np.ones((1, n)), observer_draws(n, draws, seed)])
    found = _pooled(answering, _concept(matrix, per_concept), times)
    if math.isnan(found[0]):
        return missing(NOTHING_EXPECTED, n, "observers")
    return bootstrapped(float(found[0]), found[1:], n, draws=draws, seed=seed)


def model_consistency(
    humans: Matrix, models: Matrix, *, per_concept: bool = False, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Error consistency of each model with people, beside that of people with each other.

    Both matrices have the same stimuli. One row a model: ``consistency`` is the mean over people, ``n`` of
    them, with the interval of ``pairs_estimate`` for other people; ``ceiling`` is the mean over pairs of
    people, and why there is none; ``gap`` the ceiling less the model, both in the same draws. ``shared`` is
    the median number of stimuli that a person shares with the model. NaN with a ``reason`` where no person
    shares enough.
    """
    both = np.concatenate([humans.values, models.values])
    people, concept = len(humans.values), _concept(humans, per_concept)
    consistency = error_consistency(both, concept)
    ceiling = human_consistency(humans, per_concept=per_concept, draws=draws, seed=seed)
    times = observer_draws(people, draws, seed)
    among = pair_means(consistency[:people, :people], times)
    seen = (~np.isnan(humans.values)).astype(np.float64) @ (~np.isnan(models.values)).T
    rows = []
    for at, (name, shared) in enumerate(zip(models.observers.tolist(), seen.T, strict=True)):
        why = _constant(models.values[at])
        own = np.full(people, np.nan) if why else consistency[:people, people + at]
        entries = _with_people(own, shared, among, ceiling, times, seed)
        about = {"model": name, "shared": float(np.median(shared)) if people else math.nan}
        rows.append(about | entries | ({"reason": why} if why else {}))
    return pd.DataFrame(rows, columns=["model", *_MODEL_COLUMNS, "shared"])


def model_pairs(
    models: Matrix, *, per_concept: bool = False, draws: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Error consistency of every pair of models, for these models and other pictures; null 0.

    Columns ``one``, ``other``, ``consistency``, ``low``, ``high``, ``n`` (the sources, which are drawn again
    within their concepts) and ``reason``: t on the scale of atanh, n less the concepts degrees of freedom.
    """
    concept = _concept(models, per_concept)
    consistency = error_consistency(models.values, concept)
    one, other = np.triu_indices(len(models.values), 1)
    counts, freedom = _source_draws(models, draws, seed)
    rows = []
    for part in _parts(models, concept, (one, other)):
        drawn = part.kappas(counts)
        for place, row in zip(part.pairs, drawn.T, strict=True):
            value = float(consistency[one[place], other[place]])
            rows.append(_pair_row(models, (one[place], other[place]), value, row, freedom))
    names = ["one", "other", "consistency", "low", "high", "n", "reason"]
    return pd.DataFrame(rows, columns=names)


_MODEL_COLUMNS = (
    *("consistency", "consistency_low", "consistency_high", "n", "ceiling", "ceiling_low", "ceiling_high"),
    *("ceiling_reason", "gap", "gap_low", "gap_high", "null", "method", "reason"),
)


def _concept(matrix: Matrix, per_concept: bool) -> Integers | None:
    return matrix.concept if per_concept else None


def _why_none(correct: Floats) -> str:
    """Why no pair has a kappa: too few stimuli are shared, or those that are leave no error to expect."""
    seen = (~np.isnan(correct)).astype(np.float64)
    shared = (seen @ seen.T)[~np.eye(len(correct), dtype=bool)]
    return NOTHING_EXPECTED if shared.max(initial=0) >= LEAST_SHARED else NO_PAIR


def _groups(concept: Integers | None, stimuli: int) -> list[Integers]:
    if concept is None:
        return [np.arange(stimuli)]
    return [np.flatnonzero(concept == number) for number in np.unique(concept)]


def _agreement(correct: Floats) -> tuple[Floats, Floats, Floats]:
    """How many stimuli each two share, agree on, and are expected to agree on, each (O, O)."""
    there = ~np.isnan(correct)
    right, seen = np.where(there, correct, 0.0), there.astype(np.float64)
    n, own, both = seen @ seen.T, right @ seen.T, right @ right.T
    return n, n - own - own.T + 2 * both, _expected(n, own, own.T)


def _expected(n: Floats, own: Floats, others: Floats) -> Floats:
    """Stimuli to agree on by chance, of n shared ones of which one gets ``own`` and one ``others`` right."""
    chance = own * others + (n - own) * (n - others)
    return np.divide(chance, n, out=np.zeros(n.shape), where=n > 0)


def _pooled(correct: Floats, concept: Integers | None, times: Floats) -> Floats:
    """One kappa (draws,) of all pairs that share a stimulus, observers being there ``times`` (draws, O)."""
    there = ~np.isnan(correct)
    right, seen = np.where(there, correct, 0.0), there.astype(np.float64)
    above, room = np.zeros(len(times)), np.zeros(len(times))
    for group in _groups(concept, correct.shape[1]):
        n, hits = times @ seen[:, group], times @ right[:, group]
        pairs = (n**2 - times**2 @ seen[:, group]).sum(axis=1)
        unlike = 2 * (hits * (n - hits)).sum(axis=1)
        total = n.sum(axis=1)
        p = np.divide(hits.sum(axis=1), total, out=np.zeros(len(times)), where=total > 0)
        disagreement = pairs * 2 * p * (1 - p)
        above += disagreement - unlike
        room += disagreement
    return np.asarray(np.divide(above, room, out=np.full(len(times), np.nan), where=room > _ROUNDING))


def _constant(answers: Floats) -> str:
    """Why a model's agreement with people says nothing of its errors: it has none, or nothing else."""
    seen = answers[~np.isnan(answers)]
    if not seen.size or seen.min() != seen.max():
        return ""
    return "model_always_right" if seen[0] else "model_always_wrong"


def _with_people(
    values: Floats, shared: Floats, among: Floats, ceiling: Estimate, times: Floats, seed: int
) -> dict[str, object]:
    """The entries of one model: its consistencies (people,), what it shares, and ``among`` people's draws."""
    known = ~np.isnan(values)
    n = int(known.sum())
    sums, number = times @ np.where(known, values, 0.0), times @ known.astype(np.float64)
    drawn = np.divide(sums, number, out=np.full(len(times), np.nan), where=number > 0)
    found = missing(NO_PAIR if shared.max(initial=0) < LEAST_SHARED else NOTHING_EXPECTED, 0, "observers")
    if n:
        found = bootstrapped(float(values[known].mean()), drawn, n, draws=len(times), seed=seed)
    gap = ceiling.value - found.value
    reach = math.nan
    if n > 2:
        reach = float(student.ppf((1 + CONFIDENCE) / 2, n - 1)) * standard_error(among - drawn, n)
    entries = (
        *(found.value, found.low, found.high, n, ceiling.value, ceiling.low, ceiling.high),
        *(ceiling.reason, gap, gap - reach, gap + reach, found.null, found.method, found.reason),
    )
    return dict(zip(_MODEL_COLUMNS, entries, strict=True))


class _Part(NamedTuple):
    """Some pairs' sums by concept, each (pairs, groups of stimuli): what ``times`` of the groups weight.

    ``pairs`` (p,) are places among all pairs; in each entry of ``concepts``, columns of groups, and the
    shared stimuli, those one and the other got right, and those both did.
    """

    pairs: Integers
    concepts: list[tuple[Integers, tuple[Floats, Floats, Floats, Floats]]]

    def kappas(self, times: Floats) -> Floats:
        """Kappa (draws, p) when groups of stimuli are there ``times`` (draws, groups)."""
        above = np.zeros((len(times), self.pairs.size))
        room = above.copy()
        for columns, sums in self.concepts:
            n, own, others, both = (times[:, columns] @ one.T for one in sums)
            expected = _expected(n, own, others)
            above += n - own - others + 2 * both - expected
            room += n - expected
        return np.asarray(np.divide(above, room, out=np.full(above.shape, np.nan), where=room > _ROUNDING))


def _parts(matrix: Matrix, concept: Integers | None, pairs: tuple[Integers, Integers]) -> Iterator[_Part]:
    """Pairs of observers, some at once, with their sums over the stimuli of each source."""
    there = ~np.isnan(matrix.values)
    right, seen = np.where(there, matrix.values, 0.0), there.astype(np.float64)
    groups = [
        (np.unique(matrix.source[group]), _by_source(matrix.source[group]), group)
        for group in _groups(concept, matrix.values.shape[1])
    ]
    for start in range(0, pairs[0].size, _PAIRS_AT_ONCE):
        places = np.arange(start, min(start + _PAIRS_AT_ONCE, pairs[0].size))
        i, j = pairs[0][places], pairs[1][places]
        concepts = []
        for columns, member, group in groups:
            x, m = right[:, group], seen[:, group]
            products = (m[i] * m[j], x[i] * m[j], x[j] * m[i], x[i] * x[j])
            n, own, others, both = (one if member is None else one @ member for one in products)
            concepts.append((columns, (n, own, others, both)))
        yield _Part(places, concepts)


def _by_source(source: Integers) -> Floats | None:
    """Which stimuli (rows) are of which source (columns); None where each is of its own and in order."""
    names, number = np.unique(source, return_inverse=True)
    if names.size == source.size and (np.diff(source) > 0).all():
        return None
    return np.asarray(number.reshape(-1)[:, None] == np.arange(names.size), dtype=np.float64)


def _source_draws(matrix: Matrix, draws: int, seed: int) -> tuple[Floats, int]:
    """Draw sources again within concepts, (draws, sources), and how many are free to vary."""
    names, first = np.unique(matrix.source, return_index=True)
    strata = matrix.concept[first]
    rng = np.random.default_rng([seed, 1])
    counts = np.zeros((draws, int(names.max(initial=-1)) + 1))
    counts[:, names] = bootstrap_counts(strata, draws, rng)
    return counts, names.size - np.unique(strata).size


def _drawn_sources(
    matrix: Matrix, concept: Integers | None, consistency: Floats, times: Floats, counts: Floats
) -> tuple[Floats, Floats]:
    """Means over pairs (draws,) when sources are there ``counts`` times, and observers ``times`` as well."""
    one, other = np.triu_indices(len(consistency), 1)
    known = ~np.isnan(consistency[one, other])
    one, other = one[known], other[known]
    sums, pairs = np.zeros((2, len(times))), np.zeros((2, len(times)))
    for part in _parts(matrix, concept, (one, other)):
        kappa = part.kappas(counts)
        there, filled = ~np.isnan(kappa), np.nan_to_num(kappa)
        weight = times[:, one[part.pairs]] * times[:, other[part.pairs]]
        sums += np.stack([filled.sum(axis=1), (filled * weight).sum(axis=1)])
        pairs += np.stack([there.sum(axis=1), (there * weight).sum(axis=1)])
    of_sources, of_both = np.divide(sums, pairs, out=np.full(sums.shape, np.nan), where=pairs > 0)
    return of_sources, of_both


def _two_way(
    value: float, spread: tuple[float, float, float], number: tuple[int, int, int]
) -> tuple[float, float]:
    """The ends of a value for other observers and sources, of which there are ``number``; so many vary.

    ``spread`` are the variances of the draws of observers, of sources, and of both.
    """
    (of_observers, of_sources, of_both), (observers, sources, varying) = spread, number
    twice = max(of_both - of_observers - of_sources, 0.0)
    own = of_observers * observers / (observers - 1)
    others = of_sources * sources / varying
    total = max(own + others - twice, own, others)
    freedom = (own + others) ** 2 / (own**2 / (observers - 1) + others**2 / varying)
    return on_atanh(value, math.sqrt(total), freedom)


def _pair_row(
    models: Matrix, pair: tuple[int, int], value: float, drawn: Floats, freedom: int
) -> tuple[object, ...]:
    one, other = (str(models.observers[at]) for at in pair)
    sources = int(np.unique(models.source).size)
    if math.isnan(value):
        return (one, other, value, math.nan, math.nan, 0, NO_PAIR)
    known = drawn[~np.isnan(drawn)]
    error = float(known.std()) * math.sqrt(sources / freedom) if known.size and freedom > 0 else 0.0
    if not error > _ROUNDING:
        return (one, other, value, math.nan, math.nan, sources, NO_SPREAD if freedom > 0 else ONE_SOURCE)
    return (one, other, value, *on_atanh(value, error, freedom), sources, "")
