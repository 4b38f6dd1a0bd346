"""RSA, CKA and their ceilings against slow twins, and their intervals against simulated truth, in short."""

from __future__ import annotations

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from scoring.alignment import geometry
from scoring.alignment.similarity import (
    _CKA,
    _RSA,
    _ceiling,
    _Measure,
    _permuted_trace,
    centred_kernel_alignment,
    pair_cosines,
    representational_similarity,
)
from scoring.statistics import Floats
from tests.reference.alignment.coverage_similarity import Design, simulate, studies

STUDIES = 40


def slow_similarity(counts: Floats) -> Floats:
    size = len(counts)
    mean = counts.sum() / size
    share = [[counts[i, j] / counts[i].sum() + 0.5 / mean for j in range(size)] for i in range(size)]
    found = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            found[i, j] = (share[i][j] * share[j][i] / (share[i][i] * share[j][j])) ** 0.5
    return found


def unbiased_hsic(one: Floats, other: Floats) -> float:
    """Song et al. (2012), equation 5, term by term."""
    n = len(one)
    one, other = one - np.diag(np.diag(one)), other - np.diag(np.diag(other))
    ones = np.ones(n)
    inner = np.trace(one @ other)
    middle = (ones @ one @ ones) * (ones @ other @ ones) / ((n - 1) * (n - 2))
    return float((inner + middle - 2 / (n - 2) * (ones @ one @ other @ ones)) / (n * (n - 3)))


def slow_cka(one: Floats, other: Floats) -> float:
    return unbiased_hsic(one, other) / math.sqrt(unbiased_hsic(one, one) * unbiased_hsic(other, other))


def test_rsa_is_spearman_of_the_pairs() -> None:
    choices, activation = simulate(Design(shared=0.5), np.random.default_rng(3))
    likeness = slow_similarity(choices.sum(axis=0))
    pairs = list(combinations(range(10), 2))
    far = [1 - np.corrcoef(activation[i], activation[j])[0, 1] for i, j in pairs]
    expected = spearmanr([-likeness[i, j] for i, j in pairs], far).statistic
    row = representational_similarity(choices, {"a": activation}, draws=20).iloc[0]
    assert row["value"] == pytest.approx(expected, abs=1e-12)


def test_cka_is_that_of_the_unbiased_hsic() -> None:
    choices, activation = simulate(Design(shared=0.5), np.random.default_rng(3))
    likeness, kernel = slow_similarity(choices.sum(axis=0)), activation @ activation.T
    row = centred_kernel_alignment(choices, {"a": activation}, draws=20).iloc[0]
    assert row["value"] == pytest.approx(slow_cka(likeness, kernel), abs=1e-12)
    centre = np.eye(10) - 0.1
    one, other = centre @ likeness @ centre, centre @ kernel @ centre
    expected = (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other)
    assert row["biased"] == pytest.approx(expected, abs=1e-12)


def test_the_p_is_that_of_permuted_concepts() -> None:
    choices, activation = simulate(Design(concepts=8, shared=0.3), np.random.default_rng(4))
    people = _RSA.of_people(geometry.shepard_similarity(choices.sum(axis=0)))
    distance = geometry.correlation_distance(activation)
    value = people @ geometry.rank_vector(distance)
    some = list(permutations(range(8)))[::19]
    slow = [people @ geometry.rank_vector(distance[np.ix_(order, order)]) for order in some]
    row = representational_similarity(choices, {"a": activation}, draws=4000).iloc[0]
    assert row["p"] == pytest.approx(np.mean(np.array(slow) >= value - 1e-12), abs=0.04)


def test_the_interval_sums_influence_by_concept() -> None:
    rng = np.random.default_rng(5)
    one, other = (geometry.rank_vector(rng.random((9, 9))) for _ in range(2))
    value, low, high = pair_cosines(one, other[:, None], 9)
    totals = np.zeros(9)
    for place, (i, j) in enumerate(combinations(range(9), 2)):
        part = one[place] * other[place] - value[0] * (one[place] ** 2 + other[place] ** 2) / 2
        totals[[i, j]] += part
    reach = 2.306004 * (totals @ totals * 9 / 7) ** 0.5 / (1 - value[0] ** 2)
    assert [low[0], high[0]] == pytest.approx(
        np.tanh(np.arctanh(value[0]) + np.array([-reach, reach])), abs=1e-6
    )


def test_permuting_one_half_of_the_observers_is_permuting_its_matrix() -> None:
    rng = np.random.default_rng(6)
    first, second = (rng.random((3, 9, 9)) for _ in range(2))
    vectors = [geometry.u_centred_vector(part + np.swapaxes(part, 1, 2)) for part in (first, second)]
    order = geometry.orders(9, 5, rng)
    found = _permuted_trace(vectors[0].T @ vectors[1], order)
    expected = [np.sum(vectors[0] * geometry.reordered(vectors[1].T, order[[k]])[0].T) for k in range(5)]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("measure", [_RSA, _CKA])
def test_ceilings_are_what_another_group_and_what_the_truth_reach(measure: _Measure) -> None:
    low, high = [], []
    for seed in range(12):
        every, _ = simulate(Design(concepts=12, observers=400), np.random.default_rng(seed))
        one, other, all_people = every[:10], every[10:20], every[20:]
        ceiling = _ceiling(one, measure, 50, np.random.default_rng(seed))
        mine, theirs, true = (
            measure.of_people(geometry.shepard_similarity(part.sum(axis=0)))
            for part in (one, other, all_people)
        )
        low.append(ceiling.low - mine @ theirs)
        high.append(ceiling.high - mine @ true)
    assert np.mean(low) == pytest.approx(0, abs=0.06)
    assert np.mean(high) == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_intervals_cover(shared: float) -> None:
    rows = studies(Design(shared=shared), STUDIES, 1, draws=60)
    for _, part in rows.groupby("measure"):
        true = part["value"].mean()
        covered = (part["low"].le(true) & part["high"].ge(true)).sum()
        assert covered >= binom.ppf(1e-4, len(part), 0.93)
        if not shared:
            assert part["p"].le(0.05).sum() <= binom.ppf(1 - 1e-4, len(part), 0.06)


def test_intervals_half_as_wide_would_not_cover() -> None:
    rows = studies(Design(shared=0.95, concepts=16), STUDIES, 1, draws=60)
    part = rows[rows["measure"].eq("rsa")]
    half = (part["high"] - part["low"]) / 4
    covered = (part["value"] - part["value"].mean()).abs().le(half).sum()
    assert covered < binom.ppf(1e-2, len(part), 0.93)
