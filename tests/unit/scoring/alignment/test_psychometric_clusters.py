from __future__ import annotations

import math

import numpy as np
import pytest

from scoring.alignment.psychometric_clusters import Clusters, clustered_variance


def test_one_row_a_cluster_is_the_plain_variance() -> None:
    parts = np.random.default_rng(0).normal(size=(200, 1))
    parts -= parts.mean()
    found = clustered_variance(parts, Clusters(participants=np.arange(200)))
    assert found[0] == pytest.approx(200 * parts.var(ddof=1))


def test_two_way_variance_is_that_of_sums_over_people_and_sources() -> None:
    rng = np.random.default_rng(1)
    people, sources = np.repeat(np.arange(60), 50), np.tile(np.arange(50), 60)
    spread = []
    for _ in range(100):
        parts = rng.normal(size=60)[people] + 2 * rng.normal(size=50)[sources] + rng.normal(size=3000)
        spread.append(clustered_variance((parts - parts.mean())[:, None], Clusters(people, sources))[0])
    truth = 60 * 50**2 + 4 * 50 * 60**2 + 3000
    assert np.mean(spread) == pytest.approx(truth, rel=0.06)


def test_differences_between_strata_do_not_count() -> None:
    rng = np.random.default_rng(2)
    sources = np.repeat(np.arange(40), 5)
    strata = sources % 4
    parts = rng.normal(size=(200, 1))
    moved = parts + 10 * strata[:, None]
    one, other = (clustered_variance(some, Clusters(None, sources, strata)) for some in (parts, moved))
    assert one == pytest.approx(other)


def test_a_sum_that_chance_has_near_0_gives_way_to_the_largest() -> None:
    people, sources = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    parts = np.array([[1.0], [-1.0], [-1.0], [1.0]])
    assert clustered_variance(parts, Clusters(people, sources))[0] == pytest.approx(4 / 3 * 4)


def test_degrees_of_freedom_are_of_the_fewer() -> None:
    people, sources = np.repeat(np.arange(9), 10), np.tile(np.arange(10), 9)
    assert Clusters().freedom == math.inf
    assert Clusters(people).freedom == 8
    assert Clusters(people, sources).freedom == 8
    assert Clusters(people, sources, sources % 4).freedom == 6
