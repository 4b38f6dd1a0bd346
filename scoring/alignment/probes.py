"""How well a layer's activations foretell which pictures people recognise, on sources never learnt from.

A ridge regression of the human score on the activations is trained on some sources and asked about others.
All conditions of a source are on the same side: a picture in another condition would give its answer away.
The comparison is within cells (a concept in a condition), so that knowing what is hard in general, or how
degraded a picture is, counts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.ridge import Design, out_of_fold
from scoring.statistics import CONFIDENCE, Floats, Integers, numbered, permutations_within

MIN_SOURCES = 20
#: a concept's sources in a fold, where it has so many, and the most folds
_IN_A_FOLD, MOST_FOLDS = 2, 5
_UNIT = "sources"


@dataclass(frozen=True)
class Probe:
    """What a probe of one layer found; every part is missing with the same reason where it is refused.

    ``within`` is the correlation of foretold and human scores within cells, and carries the permutation p;
    ``share`` is that over √rel, what a perfect probe would reach; ``overall`` is the correlation over all
    stimuli of a probe that is told the activations alone, and ``baseline`` that of concept and condition
    without activations. ``penalties`` are those chosen, one a fold, in units of ``ridge.PENALTIES``.
    """

    within: Estimate
    share: Estimate
    overall: Estimate
    baseline: Estimate
    n_stimuli: int = 0
    n_units: int = 0
    penalties: tuple[float, ...] = ()

    @property
    def reason(self) -> str:
        """Why there is no probe, "" where there is one."""
        return self.within.reason


def probe(
    activation: Floats,
    score: Floats,
    n: Floats | Integers,
    source: Integers,
    concept: Integers,
    condition: Integers,
    reliability: Estimate,
    *,
    draws: int = 200,
    seed: int = 0,
) -> Probe:
    """Foretell the human score of stimuli from activations, cross-validated by source.

    ``activation`` (S, U); ``score`` (S,) mean human score of each stimulus and ``n`` (S,) how many answers it
    is the mean of: stimuli without answers, or without activations (NaN), are left out. ``source``,
    ``concept`` and ``condition`` (S,) number what a stimulus is; a source has one concept. ``reliability`` is
    rel of the scores within cells, ``split_half.attenuation``. Units are standardised, and the penalty is
    chosen, on the sources learnt from alone.

    Refused with fewer than 20 sources (``too_few_sources``), where scores or activations do not vary within
    cells, where no fold holds two sources of a concept in a condition, and where rel's interval is not above
    0 (``recognition_is_not_reliable``). The p is of ``draws`` exchanges of the scores of whole sources of the
    same concept and conditions, the penalty chosen anew each time; NaN where none can be exchanged.
    """
    there = (np.asarray(n) > 0) & ~np.isnan(score) & ~np.isnan(activation).any(axis=1)
    data = _Stimuli(activation[there], score[there], source[there], concept[there], condition[there])
    rng = np.random.default_rng(seed)
    fold = source_folds(data.source, data.concept, rng) if there.any() else data.source
    reason = _refused(data, fold, reliability)
    if reason:
        nothing = missing(reason, np.unique(data.source).size, _UNIT)
        return Probe(nothing, nothing, nothing, nothing, int(there.sum()), activation.shape[1])
    return _probed(data, fold, reliability, draws, rng)


class _Stimuli(NamedTuple):
    """The stimuli (S,) that have activations and answers."""

    activation: Floats
    score: Floats
    source: Integers
    concept: Integers
    condition: Integers

    @property
    def cell(self) -> Integers:
        """The number of each stimulus's concept and condition."""
        return _numbered(self.concept, self.condition)


def source_folds(source: Integers, concept: Integers, rng: np.random.Generator) -> Integers:
    """Deal sources, concept by concept and in random order, to folds: (S,) the fold of each stimulus.

    As many folds as leave two sources of a concept of middling size in each, between 2 and 5.
    """
    names, first, inverse = np.unique(source, return_index=True, return_inverse=True)
    of = concept[first]
    middling = int(np.median(np.unique(of, return_counts=True)[1]))
    folds = int(np.clip(middling // _IN_A_FOLD, 2, MOST_FOLDS))
    fold, dealt = np.empty(names.size, dtype=np.intp), 0
    for one in np.unique(of):
        members = rng.permutation(np.flatnonzero(of == one))
        fold[members] = (dealt + np.arange(members.size)) % folds
        dealt += members.size
    return np.asarray(fold[inverse.reshape(-1)])


def _refused(data: _Stimuli, fold: Integers, reliability: Estimate) -> str:
    if np.unique(data.source).size < MIN_SOURCES:
        return "too_few_sources"
    if not _spread(data.score, data.cell):
        return "recognition_does_not_vary"
    if not _spread(data.activation, data.cell):
        return "constant_activation"
    if not _spread(data.score, _numbered(data.cell, fold)):
        return "no_fold_with_2_sources_of_a_concept"
    # NaN is not above 0 either
    return "" if reliability.low > 0 else "recognition_is_not_reliable"


def _spread(values: Floats, group: Integers) -> bool:
    """Whether values vary within groups by more than rounding."""
    left = np.abs(centred_by(group, values)).max(initial=0.0)
    return bool(left > 1e-10 * np.abs(values).max(initial=0.0))


def _probed(
    data: _Stimuli, fold: Integers, reliability: Estimate, draws: int, rng: np.random.Generator
) -> Probe:
    exchanged = _exchanges(data, draws, rng)
    scores = np.column_stack([data.score, data.score[exchanged].T])
    design = Design(data.activation, data.cell, data.source, fold)
    foretold = out_of_fold(design, scores)
    block = _numbered(data.cell, fold)
    values = _pooled_correlations(foretold.scores, scores, block)
    method = f"sources as clusters, t on atanh, {np.unique(fold).size} folds"
    within = replace(
        _correlation(foretold.scores[:, 0], data, block, fold, method),
        p=_p(values[0], values[1:][(data.score[exchanged] != data.score).any(axis=1)]),
    )
    everywhere = np.zeros(fold.size, dtype=np.intp)
    alone = out_of_fold(replace(design, cell=everywhere), scores[:, :1]).scores[:, 0]
    return Probe(
        within,
        _over(within, reliability),
        _correlation(alone, data, everywhere, fold, method),
        _correlation(_additive(data, fold), data, everywhere, fold, method),
        data.score.size,
        data.activation.shape[1],
        foretold.penalties,
    )


def _p(value: float, null: Floats) -> float:
    """(1 + k)/(1 + draws), k how many draws reach the value; NaN where no exchange was possible."""
    if not null.size or np.isnan(value):
        return float("nan")
    return float((1 + (null >= value).sum()) / (1 + null.size))


def _over(within: Estimate, reliability: Estimate) -> Estimate:
    """The correlation as a share of the ceiling √rel, which is taken as known."""
    root = reliability.value**0.5
    parts = {name: getattr(within, name) / root for name in ("value", "low", "high")}
    return replace(within, **parts, p=float("nan"), method=f"{within.method}; rel taken as known")


def _exchanges(data: _Stimuli, draws: int, rng: np.random.Generator) -> Integers:
    """Which stimulus's score each stimulus is given (draws, S): sources of a concept exchange whole rows.

    Only sources that were shown in the same conditions exchange.
    """
    order = np.lexsort((data.condition, data.source))
    names, start, size = np.unique(data.source[order], return_index=True, return_counts=True)
    shown = [
        (int(data.concept[order[at]]), *data.condition[order[at : at + number]].tolist())
        for at, number in zip(start, size, strict=True)
    ]
    kinds = {kind: number for number, kind in enumerate(sorted(set(shown)))}
    given = permutations_within(np.array([kinds[kind] for kind in shown], dtype=np.intp), draws, rng)
    place = np.searchsorted(names, data.source[order])
    step = np.arange(order.size) - start[place]
    result = np.empty((draws, order.size), dtype=np.intp)
    result[:, order] = order[start[given[:, place]] + step]
    return result


def _pooled_correlations(foretold: Floats, scores: Floats, block: Integers) -> Floats:
    """Correlation within blocks of every two columns (S, m)."""
    one, other = centred_by(block, foretold), centred_by(block, scores)
    sizes = np.sqrt((one**2).sum(axis=0)), np.sqrt((other**2).sum(axis=0))
    varies = (sizes[0] > _least(foretold)) & (sizes[1] > _least(scores))
    # a probe that says the same of all knows nothing
    found = np.zeros(varies.size)
    np.divide((one * other).sum(axis=0), sizes[0] * sizes[1], out=found, where=varies)
    return found


def _least(values: Floats) -> Floats:
    """Lengths of columns (S, m) up to which they differ by rounding alone."""
    return np.asarray(1e-12 * np.maximum(1.0, np.abs(values).max(axis=0)))


def _correlation(foretold: Floats, data: _Stimuli, block: Integers, fold: Integers, method: str) -> Estimate:
    """Correlation within blocks, its interval from the sums over whole sources of stimuli's influence.

    A stimulus's influence is f·y - r(f² + y²)/2, f and y centred within the m sources of their block and of
    length 1 in all; centring takes (m-1)/m off its square, which is made good. The variance is twice the sum
    of squares of whole sources' influence: every two sources of different folds meet twice, each being
    learnt from to foretell the other, so that the folds' errors are not independent (Bengio and Grandvalet
    2004, JMLR 5, 1089-1105); the factor is exact without relation, and simulation bears it out with one. The
    ends are r ± t·SE on the scale of atanh, with the degrees of freedom of the blocks (concept and fold), or
    of the sources within them if these are fewer.
    """
    pair = np.stack([foretold, data.score], axis=1)
    centred = centred_by(block, pair)
    sizes = np.sqrt((centred**2).sum(axis=0))
    sources = numbered(data.source)
    count = int(sources.max()) + 1
    if not (sizes > _least(pair)).all():
        return Estimate(0.0, n=count, unit=_UNIT, null=0.0, reason="no_interval_for_equal_predictions")
    one, other = (centred / sizes).T
    value = float(one @ other)
    influence = one * other - value * (one**2 + other**2) / 2
    number = np.bincount(block)[block]
    total = np.bincount(sources, influence * np.sqrt(number / np.maximum(number - 1, 1)))
    blocks = np.unique(_numbered(data.concept, fold)).size
    freedom = max(min(count - blocks, blocks - 1), 1)
    reach = student.ppf((1 + CONFIDENCE) / 2, freedom) * np.sqrt(2 * (total**2).sum())
    centre, reach = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12)), reach / max(1 - value**2, 1e-12)
    ends = np.tanh([centre - reach, centre + reach])
    return Estimate(value, float(ends[0]), float(ends[1]), count, _UNIT, null=0.0, method=method)


def _additive(data: _Stimuli, fold: Integers) -> Floats:
    """Foretell scores from concept and condition alone, by least squares on the other folds."""
    levels = [numbered(part) for part in (data.concept, data.condition)]
    marks = np.concatenate([np.eye(int(level.max()) + 1)[level] for level in levels], axis=1)
    foretold = np.empty(fold.size)
    for one in np.unique(fold):
        test = fold == one
        weights = np.linalg.lstsq(marks[~test], data.score[~test], rcond=None)[0]
        foretold[test] = marks[test] @ weights
    return foretold


def centred_by(group: Integers, values: Floats) -> Floats:
    """Values (S,) or (S, m) less the mean of their group."""
    number = numbered(group)
    rows = values.reshape(len(values), -1)
    sums = np.zeros((int(number.max(initial=-1)) + 1, rows.shape[1]))
    np.add.at(sums, number, rows)
    means = sums / np.bincount(number)[:, None]
    return np.asarray((rows - means[number]).reshape(values.shape))


def _numbered(one: Integers, other: Integers) -> Integers:
    """Number the combinations that occur."""
    rows = np.stack([one, other], axis=1)
    return np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.intp)
