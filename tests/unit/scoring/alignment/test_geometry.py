from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from scoring.alignment import geometry


def test_similarity_is_free_of_response_bias_and_of_how_often_none_was_said() -> None:
    rng = np.random.default_rng(0)
    place = rng.normal(size=(6, 2))
    likeness = np.exp(-np.linalg.norm(place[:, None] - place, axis=-1))
    biased = likeness * rng.uniform(0.2, 2, size=6)
    share = biased / biased.sum(axis=1, keepdims=True)
    none = rng.uniform(0, 0.6, size=(6, 1))
    shown = rng.uniform(1e9, 5e9, size=(6, 1))
    counts = shown * np.concatenate([share * (1 - none), none], axis=1)
    assert geometry.shepard_similarity(counts) == pytest.approx(likeness, rel=1e-6)


def test_similarity_of_pairs_nobody_confused_is_small_and_not_zero() -> None:
    counts = np.concatenate([10 * np.eye(3), np.zeros((3, 1))], axis=1)
    found = geometry.shepard_similarity(counts)
    assert np.diagonal(found) == pytest.approx(1)
    assert found[0, 1] == pytest.approx(0.05 / 1.05)
    # who was shown ten times as often, and as seldom confused, is not taken for less alike
    assert geometry.shepard_similarity(counts * [[1], [1], [10]])[0, 2] == pytest.approx(
        geometry.shepard_similarity(counts * [[1], [1], [10]])[0, 1]
    )


def test_similarity_is_missing_where_a_concept_was_never_shown() -> None:
    counts = np.array([[5.0, 1, 0], [0, 0, 0]])
    assert np.isnan(geometry.shepard_similarity(counts)[0, 1])


def test_distance_is_that_of_scipy_and_missing_for_a_constant_row() -> None:
    activation = np.random.default_rng(1).normal(size=(7, 5))
    found = geometry.pairs_of(geometry.correlation_distance(activation))
    assert found == pytest.approx(pdist(activation, "correlation"), abs=1e-12)
    activation[2] = 0.1
    assert np.isnan(geometry.correlation_distance(activation)[2, 0])


def test_rank_vectors_multiply_to_spearman_with_ties() -> None:
    rng = np.random.default_rng(2)
    one, other = (np.round(rng.random((6, 6)), 1) for _ in range(2))
    found = geometry.rank_vector(one) @ geometry.rank_vector(other)
    expected = spearmanr(geometry.pairs_of(one), geometry.pairs_of(other)).statistic
    assert found == pytest.approx(expected, abs=1e-12)
    assert np.isnan(geometry.rank_vector(np.ones((6, 6)))).all()


def test_reordering_a_vector_is_reordering_the_matrix() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.random((9, 9))
    matrix += matrix.T
    order = geometry.orders(9, 4, rng)
    moved = matrix[order[:, :, None], order[:, None, :]]
    for embed in (geometry.pairs_of, geometry.rank_vector, geometry.u_centred_vector):
        assert geometry.reordered(embed(matrix), order) == pytest.approx(embed(moved), abs=1e-12)


def test_orders_are_permutations_and_differ() -> None:
    order = geometry.orders(9, 10, np.random.default_rng(4))
    assert (np.sort(order, axis=1) == np.arange(9)).all()
    assert len(np.unique(order, axis=0)) == 10


def test_p_counts_the_value_itself() -> None:
    value = np.array([2.0, 0.0])
    null = np.array([[0.0, 1], [2, -1], [1, 0], [0, 0], [0, 1]])
    assert geometry.permutation_p(value, null) == pytest.approx([2 / 6, 5 / 6])
