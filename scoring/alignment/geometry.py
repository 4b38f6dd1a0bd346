"""Which things lie close together, by people's answers or by activations, and how to compare the two.

Two matrices over the same things are compared by the cosine of two vectors over pairs of things. Which
vectors decides what the cosine is: centred ranks give Spearman's correlation, U-centred entries the debiased
centred kernel alignment.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from scoring.statistics import Floats, Integers

_T = TypeVar("_T", bound=np.generic)

#: a vector whose length is at most this part of what rounding leaves is taken for constant
_TINY = 1e-10


def shepard_similarity(counts: Floats) -> Floats:
    """Similarity of concepts from who was taken for whom, free of response bias: 1 on the diagonal.

    ``counts`` (..., C, C+1): how often concept i was shown and j chosen, the last column for none of them.
    η_ij = √(p_ij p_ji / (p_ii p_jj)), the similarity of the biased choice model (Shepard 1957, Psychometrika
    22, 325-345; Luce 1963, Handbook of Mathematical Psychology 1, 103-189): row sums cancel, so that neither
    the tendency to give an answer nor that to give none counts. Half an answer, as a share of the mean number
    of answers to a concept, is added to every proportion, which keeps pairs that nobody confused finite and
    does not favour a concept that was shown more often. NaN where a concept was never shown.
    """
    shown = counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = counts[..., :-1] / shown + 0.5 / shown.mean(axis=-2, keepdims=True)
        right = np.diagonal(share, axis1=-2, axis2=-1)
        both = share * np.swapaxes(share, -1, -2)
        return np.asarray(np.sqrt(both / (right[..., :, None] * right[..., None, :])))


def correlation_distance(activation: Floats) -> Floats:
    """1 - Pearson's correlation over units of every two rows: (C, C) of (C, units), NaN if constant."""
    centred = activation - activation.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    constant = length <= _TINY * np.abs(activation).max(axis=1, keepdims=True, initial=0)
    unit = centred / np.where(constant, np.nan, length)
    return np.asarray(1 - unit @ unit.T)


def linear_kernel(activation: Floats) -> Floats:
    """Inner products (C, C) of the rows of (C, units), each unit less its mean."""
    centred = activation - activation.mean(axis=0)
    return np.asarray(centred @ centred.T)


def pairs_of(matrix: Floats) -> Floats:
    """The entries above the diagonal of (..., C, C), row by row: (..., C(C-1)/2)."""
    rows, columns = np.triu_indices(matrix.shape[-1], 1)
    return np.asarray(matrix[..., rows, columns])


def rank_vector(matrix: Floats) -> Floats:
    """Centred mid-ranks of the pairs of (..., C, C), of length 1: their inner product is Spearman's ρ.

    NaN where all pairs are equal or one is missing.
    """
    pairs = pairs_of(matrix)
    ranks = rankdata(pairs, axis=-1)
    ranks = np.where(np.isnan(pairs).any(axis=-1, keepdims=True), np.nan, ranks)
    return _of_length_one(ranks - ranks.mean(axis=-1, keepdims=True), ranks)


def u_centred_vector(matrix: Floats) -> Floats:
    """U-centred entries above the diagonal of (..., C, C), of length 1; C at least 4.

    Their inner product is the debiased linear CKA, HSIC₁(K, L)/√(HSIC₁(K, K) HSIC₁(L, L)) with the unbiased
    estimator of Song et al. (2012, JMLR 13, 1393-1434) as used by Nguyen et al. (2021, ICLR): that estimator
    is the mean product of U-centred entries (Székely and Rizzo 2014, Annals of Statistics 42, 2382-2412).
    0 in expectation without relation, whatever the number of units. NaN where all entries are equal.
    """
    size = matrix.shape[-1]
    off = np.where(np.eye(size, dtype=bool), 0.0, matrix)
    rows = off.sum(axis=-1, keepdims=True) / (size - 2)
    every = off.sum(axis=(-2, -1), keepdims=True) / ((size - 1) * (size - 2))
    return _of_length_one(pairs_of(off - rows - np.swapaxes(rows, -1, -2) + every), pairs_of(off))


def centred_vector(matrix: Floats) -> Floats:
    """Doubly centred entries of (..., C, C), of length 1: their inner product is the biased CKA."""
    rows = matrix.mean(axis=-1, keepdims=True)
    every = matrix.mean(axis=(-2, -1), keepdims=True)
    centred = matrix - rows - np.swapaxes(rows, -1, -2) + every
    flat = (*matrix.shape[:-2], -1)
    return _of_length_one(centred.reshape(flat), matrix.reshape(flat))


def orders(things: int, draws: int, rng: np.random.Generator) -> Integers:
    """Random orders of things (draws, things) to permute their labels by."""
    return rng.permuted(np.tile(np.arange(things), (draws, 1)), axis=1)


def reordered(vector: NDArray[_T], order: Integers) -> NDArray[_T]:
    """What a vector over pairs (P,) becomes when its things take each order (draws, C): (draws, P)."""
    size = order.shape[1]
    rows, columns = np.triu_indices(size, 1)
    place = np.zeros((size, size), dtype=np.intp)
    place[rows, columns] = place[columns, rows] = np.arange(rows.size)
    moved: NDArray[_T] = vector[place[order[:, rows], order[:, columns]]]
    return moved


def permutation_p(value: Floats, null: Floats) -> Floats:
    """(1 + k)/(1 + draws), k how many permutations (draws, n) are at or above each value (n,)."""
    return np.asarray((1 + (null >= value - 1e-12).sum(axis=0)) / (1 + len(null)))


def _of_length_one(vector: Floats, scale: Floats) -> Floats:
    length = np.sqrt((vector**2).sum(axis=-1, keepdims=True))
    least = _TINY * np.sqrt((scale**2).sum(axis=-1, keepdims=True))
    return np.asarray(vector / np.where(length > least, length, np.nan))
