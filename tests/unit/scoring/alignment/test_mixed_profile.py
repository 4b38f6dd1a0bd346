from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from scoring.alignment.mixed_profile import Profile, maximise, search
from scoring.statistics import Floats
from tests.unit.scoring.alignment.test_mixed_laplace import example

LIMIT = 3.841


def test_search_finds_the_minimum_of_a_curved_valley() -> None:
    def valley(x: Floats) -> tuple[float, Floats]:
        bend = x[1] - x[0] ** 2
        return float((1 - x[0]) ** 2 + 10 * bend**2), np.array(
            [-2 * (1 - x[0]) - 40 * x[0] * bend, 20 * bend]
        )

    found, value, _, _ = search(valley, np.array([-1.0, 1.0]), np.eye(2) * 0.1, 1e-12)
    assert found == pytest.approx([1, 1], abs=1e-5)
    assert value == pytest.approx(0, abs=1e-10)


def test_search_shortens_steps_into_what_is_not_possible() -> None:
    def wall(x: Floats) -> tuple[float, Floats]:
        if x[0] <= 0:
            return math.inf, np.zeros(1)
        return float(x[0] - np.log(x[0])), 1 - 1 / x

    found, _, _, _ = search(wall, np.array([5.0]), np.eye(1) * 50, 1e-12)
    assert found == pytest.approx([1], abs=1e-4)


def test_optimum_is_scipys() -> None:
    model = example()
    found = maximise(model)
    other = minimize(model.value, np.full(6, 0.4), jac=True, method="L-BFGS-B", options={"ftol": 1e-14})
    assert found.converged
    assert found.value <= other.fun + 1e-7
    assert found.gain < 1e-7


@pytest.mark.parametrize("index", [3, 5])
def test_ends_are_where_the_profile_crosses_the_limit(index: int) -> None:
    model = example()
    optimum = maximise(model)
    others = np.arange(6) != index

    def cost(value: float) -> float:
        def part(free: Floats) -> tuple[float, Floats]:
            whole = np.insert(free, index, value)
            lower, gradient = model.value(whole)
            return lower, gradient[others]

        # an SD of 0 is a stationary point, which searches do not leave
        starts = optimum.parameters[others] + 0.2, np.full(5, 0.5), np.array([0.3, -0.3, 0.1, 0.5, 0.3])
        lowest = min(minimize(part, start, jac=True, method="L-BFGS-B").fun for start in starts)
        return float(2 * (lowest - optimum.value) - LIMIT)

    ends = Profile(model, optimum, index).ends(LIMIT, positive=index == 3)
    assert ends.reason == ""
    at = float(optimum.parameters[index])
    assert ends.high == pytest.approx(brentq(cost, at, at + 2), abs=2e-3)
    assert ends.low == pytest.approx(brentq(cost, 0 if index == 3 else at - 2, at), abs=2e-3)


def test_a_spread_that_the_data_do_not_show_is_exactly_0() -> None:
    model = example()
    by_person = np.argsort(model.terms[1].group, kind="stable")
    model.right[by_person] = np.arange(model.right.size) % 2
    optimum = maximise(model)
    assert optimum.converged
    assert optimum.parameters[3] == 0
    ends = Profile(model, optimum, 3).ends(LIMIT, positive=True)
    assert ends.low == 0
    assert 0 < ends.high < 2
