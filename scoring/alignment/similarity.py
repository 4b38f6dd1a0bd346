"""Do a model's layers confuse what people confuse: RSA and CKA of confusions against activations.

One row a layer, with an interval over concepts, a permutation test, and the ceiling that people set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from scoring.alignment import geometry
from scoring.statistics import CONFIDENCE, Floats, Integers, benjamini_hochberg

#: the smallest numbers that a comparison is made with
MIN_CONCEPTS, MIN_OBSERVERS = 8, 4
#: a ceiling whose own permutation p is above this is not told from 0
CEILING_LEVEL = 0.05
#: random halves of the observers that the ceiling is averaged over
SPLITS = 200
#: permutations looked at together, so that memory stays small
_ORDERS_AT_ONCE = 500

#: columns of both tables; ``centred_kernel_alignment`` appends ``biased`` and ``biased_null``
COLUMNS = (
    "measure",  # rsa or cka
    "layer",
    "value",  # 0 without relation, 1 when both arrange the concepts alike
    "low",
    "high",
    "null",
    "p",  # one-sided, of permuted concept labels
    "q",  # p adjusted over the layers, Benjamini-Hochberg
    "ceiling_low",  # what another group of as many people reaches
    "ceiling_high",  # what a layer that is arranged as people in general are reaches
    "ceiling_p",
    "n_concepts",
    "n_observers",
    "n_confusions",
    "n_units",
    "method",
    "reason",  # why value, or its interval, is missing
)

_Vector = Callable[[Floats], Floats]


@dataclass(frozen=True)
class _Measure:
    """What turns similarities of concepts, and a layer's activations, into vectors to compare."""

    name: str
    of_people: _Vector
    of_layer: _Vector


_RSA = _Measure(
    "rsa",
    lambda similarity: geometry.rank_vector(-similarity),
    lambda activation: geometry.rank_vector(geometry.correlation_distance(activation)),
)
_CKA = _Measure(
    "cka",
    geometry.u_centred_vector,
    lambda activation: geometry.u_centred_vector(geometry.linear_kernel(activation)),
)


def representational_similarity(
    choices: Floats, layers: Mapping[str, Floats], *, draws: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """Correlate what people take for what with how far apart each layer's activations are (RSA).

    ``choices`` (O, C, C+1): how often an observer who was shown concept i chose j, the last column for none
    of them; ``layers`` name -> (C, units), activations averaged over a concept's stimuli, the same ones for
    every concept where it can be. Spearman's ρ, over pairs of concepts, of Shepard's similarity of the
    pooled choices (``geometry.shepard_similarity``) and the correlation distance, its sign turned; see
    Kriegeskorte, Mur and Bandettini (2008, Frontiers in Systems Neuroscience 2:4). One row a layer, with the
    columns of ``COLUMNS``; value and interval are NaN with a reason where ``_refused`` says so.
    """
    return _table(choices, layers, _RSA, draws, seed)


def centred_kernel_alignment(
    choices: Floats, layers: Mapping[str, Floats], *, draws: int = 5000, seed: int = 0
) -> pd.DataFrame:
    """As ``representational_similarity``, by the debiased linear CKA of Shepard's similarity and activations.

    ``biased`` is the CKA of Kornblith et al. (2019, ICML), which other papers print, and ``biased_null`` its
    mean over permuted labels: with few concepts and many units it is far above 0 without any relation.
    """
    table = _table(choices, layers, _CKA, draws, seed)
    given = table["value"].notna().to_numpy()
    biased = np.full((len(table), 2), np.nan)
    if given.any():
        people = geometry.shepard_similarity(choices.sum(axis=0))
        order = geometry.orders(choices.shape[1], min(draws, _ORDERS_AT_ONCE), np.random.default_rng(seed))
        for row, activation in enumerate(layers.values()):
            if given[row]:
                biased[row] = _biased(people, geometry.linear_kernel(activation), order)
    return table.assign(biased=biased[:, 0], biased_null=biased[:, 1])


def _biased(people: Floats, kernel: Floats, order: Integers) -> tuple[float, float]:
    given = geometry.centred_vector(kernel)
    moved = people[order[:, :, None], order[:, None, :]]
    null = geometry.centred_vector(moved) @ given
    return float(geometry.centred_vector(people) @ given), float(null.mean())


def _table(
    choices: Floats, layers: Mapping[str, Floats], measure: _Measure, draws: int, seed: int
) -> pd.DataFrame:
    _check(choices, layers)
    rng = np.random.default_rng(seed)
    concepts = choices.shape[1]
    people = choices[choices.sum(axis=(1, 2)) > 0]
    reason = _refused(people)
    ceiling = _Ceiling() if reason else _ceiling(people, measure, draws, rng)
    reason = reason or ceiling.reason
    about = {
        "measure": measure.name,
        "null": np.nan if reason else 0.0,
        "ceiling_low": ceiling.low,
        "ceiling_high": ceiling.high,
        "ceiling_p": ceiling.p,
        "n_concepts": concepts,
        "n_observers": len(people),
        "n_confusions": int(_confusions(choices).sum()),
    }
    compared = _compared(people, layers, measure, reason, geometry.orders(concepts, draws, rng))
    rows = [about | one for one in compared]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.assign(q=benjamini_hochberg(table["p"].to_numpy(dtype=np.float64)))


def _check(choices: Floats, layers: Mapping[str, Floats]) -> None:
    if choices.ndim != 3 or choices.shape[2] != choices.shape[1] + 1:
        raise ValueError(f"choices must be observers by C concepts by C + 1 choices, not {choices.shape}")
    for name, activation in layers.items():
        if activation.ndim != 2 or len(activation) != choices.shape[1]:
            raise ValueError(f"layer {name} must have a row for each of {choices.shape[1]} concepts")


def _confusions(choices: Floats) -> Floats:
    """How often another of the concepts was chosen, by observer (O,)."""
    named = choices[:, :, :-1]
    return np.asarray(named.sum(axis=(1, 2)) - np.trace(named, axis1=1, axis2=2))


def _refused(people: Floats) -> str:
    """Why nothing can be said of these people's choices (O, C, C+1), "" where something can."""
    if people.shape[1] < MIN_CONCEPTS:
        return "too_few_concepts"
    if len(people) < MIN_OBSERVERS:
        return "too_few_observers"
    if (people.sum(axis=(0, 2)) == 0).any():
        return "concept_without_answers"
    # with fewer confusions than concepts nearly all pairs are tied
    return "no_confusions" if _confusions(people).sum() < people.shape[1] else ""


@dataclass(frozen=True)
class _Ceiling:
    """Reliability of the pooled choices' geometry, its root, and the p that there is any."""

    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    reason: str = ""


def _ceiling(people: Floats, measure: _Measure, draws: int, rng: np.random.Generator) -> _Ceiling:
    """How alike two groups of as many people are, and how near a perfect layer could come.

    r is averaged over random halves of the observers and stepped up to the whole group by Spearman (1910)
    and Brown (1910), 2r/(1 + r): the similarity of this group to another one of its size. The root of that
    is its similarity to what people in general do. Leave-one-out bounds (Nili et al. 2014, PLOS Computational
    Biology 10) need observers whose own matrices are filled, which a few hundred trials do not do.
    """
    first, second = _halves(people, measure, rng)
    if not len(first):
        return _Ceiling(reason="concept_without_answers_in_half_of_the_observers")
    products = first.T @ second / len(first)
    half = float(np.trace(products))
    null = _permuted_trace(products, geometry.orders(people.shape[1], draws, rng))
    p = float(geometry.permutation_p(np.array([half]), null[:, None])[0])
    if half <= 0 or p > CEILING_LEVEL:
        return _Ceiling(p=p, reason="ceiling_not_above_zero")
    whole = 2 * half / (1 + half)
    return _Ceiling(whole, whole**0.5, p)


def _halves(people: Floats, measure: _Measure, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Vectors (splits, P) of random halves of the observers, leaving out halves that lack a concept."""
    place = rng.permuted(np.tile(np.arange(len(people)), (SPLITS, 1)), axis=1)
    half = (place < len(people) // 2).astype(np.float64)
    sums = [np.tensordot(part, people, axes=1) for part in (half, 1 - half)]
    first, second = (measure.of_people(geometry.shepard_similarity(counts)) for counts in sums)
    usable = ~(np.isnan(first).any(axis=1) | np.isnan(second).any(axis=1))
    return first[usable], second[usable]


def _permuted_trace(products: Floats, order: Integers) -> Floats:
    """The trace of (P, P) when the concepts of one side take each order (draws, C)."""
    pairs = np.arange(len(products), dtype=np.intp)
    parts = [order[start : start + _ORDERS_AT_ONCE] for start in range(0, len(order), _ORDERS_AT_ONCE)]
    places = (geometry.reordered(pairs, part) for part in parts)
    return np.concatenate([products[pairs, place].sum(axis=1) for place in places])


def _compared(
    people: Floats, layers: Mapping[str, Floats], measure: _Measure, reason: str, order: Integers
) -> list[dict[str, object]]:
    """What differs between the rows of layers."""
    sizes = [{"layer": name, "n_units": activation.shape[1]} for name, activation in layers.items()]
    if reason or not layers:
        return [size | {"p": np.nan, "method": "", "reason": reason} for size in sizes]
    human = measure.of_people(geometry.shepard_similarity(people.sum(axis=0)))
    vectors = np.stack([measure.of_layer(activation) for activation in layers.values()], axis=1)
    value, low, high = pair_cosines(human, vectors, people.shape[1])
    null = np.concatenate(
        [geometry.reordered(human, part) @ vectors for part in np.array_split(order, len(order) // 500 + 1)]
    )
    p = np.where(np.isnan(value), np.nan, geometry.permutation_p(value, null))
    return [
        size | {"value": value[i], "low": low[i], "high": high[i], "p": p[i]} | _how(value[i], low[i])
        for i, size in enumerate(sizes)
    ]


def _how(value: float, low: float) -> dict[str, str]:
    if np.isnan(value):
        return {"method": "", "reason": "activation_constant_or_missing"}
    if np.isnan(low):
        return {"method": "", "reason": "no_interval_for_equal_orders"}
    return {"method": "pairs clustered by concept, t on atanh", "reason": ""}


def pair_cosines(human: Floats, vectors: Floats, concepts: int) -> tuple[Floats, Floats, Floats]:
    """Inner products of unit vectors over pairs (P,) and (P, L) with 95% intervals: value, low, high (L,).

    A pair's influence on a cosine θ of h and l is h·l - θ(h² + l²)/2. Pairs that share a concept are not
    independent: the variance is the sum of squares of a concept's total influence (Fafchamps and Gubert 2007,
    Journal of Development Economics 83, 326-350), times C/(C - 2). The ends are θ ± t(C - 1)·SE on the scale
    of atanh. It counts a pair's own noise twice, in both of its concepts; taking it off once (Aronow, Samii
    and Assenova 2015, Political Analysis 23) leaves intervals that cover 88 to 94% with 8 to 16 concepts.
    """
    value = human @ vectors
    influence = human[:, None] * vectors - value * (human[:, None] ** 2 + vectors**2) / 2
    rows, columns = np.triu_indices(concepts, 1)
    totals = np.zeros((concepts, vectors.shape[1]))
    np.add.at(totals, rows, influence)
    np.add.at(totals, columns, influence)
    error = np.sqrt((totals**2).sum(axis=0) * concepts / (concepts - 2))
    inside = np.where(1 - np.abs(value) > 1e-9, value, np.nan)
    reach = student.ppf((1 + CONFIDENCE) / 2, concepts - 1) * error / (1 - inside**2)
    return value, np.tanh(np.arctanh(inside) - reach), np.tanh(np.arctanh(inside) + reach)
