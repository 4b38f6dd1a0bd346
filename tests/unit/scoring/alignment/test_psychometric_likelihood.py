from __future__ import annotations

import numpy as np
import pytest

from scoring.alignment.psychometric_likelihood import (
    SHAPES,
    Counts,
    bounds,
    climb,
    log_likelihood,
    maximise,
    profile,
    profile_ends,
    proportions,
    score_and_information,
)

HARDNESS = np.array([-np.inf, 0.0, 0.7, 1.4, 2.1, 2.8, 3.5])
THETA = np.array([[1.7, 0.8, 0.04]])


def counts(shape: str = "logistic", guess: float = 0.1, seed: int = 0, rows: int = 1) -> Counts:
    low, high = bounds(HARDNESS, 0.2)
    n = np.full((rows, HARDNESS.size), 30.0)
    empty = Counts(
        np.tile(HARDNESS, (rows, 1)),
        0 * n,
        n,
        guess,
        SHAPES[shape],
        np.tile(low, (rows, 1)),
        np.tile(high, (rows, 1)),
    )
    p, _ = proportions(empty, np.tile(THETA, (rows, 1)))
    return empty._replace(right=np.random.default_rng(seed).binomial(30, p).astype(float))


@pytest.mark.parametrize("shape", SHAPES)
def test_falls_from_1_to_0_and_is_half_at_the_threshold(shape: str) -> None:
    value, change = SHAPES[shape].falls(np.array([-30.0, -1.0, 0.0, 1.0, 30.0]))
    assert value == pytest.approx(np.sort(value)[::-1])
    assert value[[0, 2, 4]] == pytest.approx([1, 0.5, 0], abs=1e-9)
    assert (change <= 0).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_undoes_its_shape(shape: str) -> None:
    z = np.array([-2.0, 0.0, 1.5])
    assert SHAPES[shape].undone(SHAPES[shape].falls(z)[0]) == pytest.approx(z, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_halfway_point_can_stand_for_the_threshold(shape: str) -> None:
    some = counts(shape)._replace(by_half=True)
    p, _ = proportions(some._replace(hardness=np.full((1, 7), 1.7)), THETA)
    assert p[0] == pytest.approx(0.55)


@pytest.mark.parametrize("by_half", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_that_of_small_steps(shape: str, by_half: bool) -> None:
    some, step = counts(shape)._replace(by_half=by_half), 1e-6
    by_steps = [
        (log_likelihood(some, THETA + step * one) - log_likelihood(some, THETA - step * one))[0] / (2 * step)
        for one in np.eye(3)
    ]
    assert score_and_information(some, THETA)[0][0] == pytest.approx(by_steps, rel=1e-5, abs=1e-5)


def test_information_is_the_expected_square_of_the_gradient() -> None:
    many = counts(rows=1)
    p, _ = proportions(many, THETA)
    right = np.random.default_rng(1).binomial(30, p, size=(40000, HARDNESS.size)).astype(float)
    drawn = many.rows(np.zeros(40000, dtype=np.intp))._replace(right=right)
    score, information = score_and_information(drawn, np.tile(THETA, (40000, 1)))
    scale = np.sqrt(np.outer(np.diag(information[0]), np.diag(information[0])))
    assert (score.T @ score / 40000) / scale == pytest.approx(information[0] / scale, abs=0.03)


def test_undegraded_answers_tell_of_lapses_alone() -> None:
    p, by_theta = proportions(counts(), THETA)
    assert p[0, 0] == pytest.approx(1 - 0.04)
    assert by_theta[0, 0] == pytest.approx([0, 0, -1])


def test_rows_do_not_disturb_each_other() -> None:
    together = counts(rows=5)
    theta, top = maximise(together)
    for row in range(5):
        alone, height = maximise(together.rows(np.array([row])))
        assert alone[0] == pytest.approx(theta[row], abs=1e-6)
        assert height[0] == pytest.approx(top[row], abs=1e-9)


def test_held_parameters_stay_and_others_stay_in_their_bounds() -> None:
    some = counts()
    theta, _ = climb(some, np.array([[9.9, 9.9, 9.9]]), np.array([[True, True, False]]))
    assert theta[0, 2] == 0.2
    assert (theta >= some.low).all()
    assert (theta <= some.high).all()


def test_ends_lie_where_the_profile_has_lost_what_was_asked() -> None:
    some = counts(rows=3)
    theta, top = maximise(some)
    edges = np.stack([some.low, some.high], axis=2)
    cuts = np.tile([2.0, 3.84, 6.0], (3, 1))
    ends = profile_ends(some, theta, top, cuts, edges)
    for which in range(3):
        for side in range(2):
            held = np.full(3, which)
            _, value = profile(some, theta, held, ends.at[:, which, side], theta)
            lost = 2 * (top - value)
            is_open = ends.open[:, which, side]
            assert lost[~is_open] == pytest.approx(cuts[~is_open, which], abs=1e-5)
            assert (lost[is_open] <= cuts[is_open, which]).all()
