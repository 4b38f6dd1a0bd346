"""Psychometric fits against plain optimisers, a grid, statsmodels, and their own coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from scoring.alignment.psychometric_curve import Curve, fit_curve
from scoring.statistics import Floats, Integers
from tests.reference.alignment.coverage_psychometric import CASES, studies

sm = pytest.importorskip("statsmodels.api")

SEVERITY = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
N = 30
CUT = float(stats.chi2.ppf(0.95, 1))


def proportion(theta: Floats, guess: float) -> Floats:
    """The model of the page, written once more: α, β, λ."""
    alpha, beta, lapse = theta
    return np.asarray(guess + (1 - guess - lapse) / (1 + (SEVERITY / alpha) ** beta))


def slow_log_likelihood(theta: Floats, right: Floats, guess: float) -> float:
    p = proportion(theta, guess)
    return float((special.xlogy(right, p) + special.xlog1py(N - right, -p)).sum())


def answers(seed: int, guess: float) -> Floats:
    rng = np.random.default_rng(seed)
    return rng.binomial(N, proportion(np.array([6.0, 2.0, 0.06]), guess)).astype(float)


def slow_maximum(right: Floats, guess: float, held: dict[int, float]) -> float:
    """Highest log likelihood with some of α, β, λ held, from many starts of a simplex."""
    free = [at for at in range(3) if at not in held]
    limits = [[(3.0, 12.0), (0.5, 8.0), (0.0, 0.1)][at] for at in free]

    def loss(values: Floats) -> float:
        theta = np.array([held.get(at, 0.0) for at in range(3)])
        theta[free] = values
        return -slow_log_likelihood(theta, right, guess)

    rng = np.random.default_rng(0)
    found = [
        optimize.minimize(
            loss,
            np.array([rng.uniform(*limit) for limit in limits]),
            method="Nelder-Mead",
            bounds=limits,
            options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 2000},
        ).fun
        for _ in range(3)
    ]
    return float(-min(found))


@pytest.mark.parametrize(("seed", "guess"), [(0, 0.0), (1, 1 / 12), (2, 0.25)])
def test_no_plain_optimiser_finds_a_higher_likelihood(seed: int, guess: float) -> None:
    right = answers(seed, guess)
    curve = fit_curve(SEVERITY, right, N, guess=guess, draws=0)
    top = slow_log_likelihood(np.array([curve.alpha, curve.beta, curve.lapse]), right, guess)
    assert top == pytest.approx(slow_maximum(right, guess, {}), abs=1e-8)


@pytest.mark.parametrize(("seed", "guess"), [(0, 0.0), (1, 1 / 12)])
def test_ends_of_intervals_lie_where_the_likelihood_ratio_is_3_84(seed: int, guess: float) -> None:
    right = answers(seed, guess)
    curve = fit_curve(SEVERITY, right, N, guess=guess, draws=0)
    top = slow_log_likelihood(np.array([curve.alpha, curve.beta, curve.lapse]), right, guess)
    ends = {0: (curve.alpha_low, curve.alpha_high), 1: (curve.beta_low, curve.beta_high)}
    for which, pair in ends.items():
        for end in pair:
            assert 2 * (top - slow_maximum(right, guess, {which: end})) == pytest.approx(CUT, abs=1e-5)
    for end in (curve.lapse_low, curve.lapse_high):
        inside = 0 < end < curve.lapse_max
        loss = 2 * (top - slow_maximum(right, guess, {2: end}))
        assert loss == pytest.approx(CUT, abs=1e-5) if inside else loss < CUT


def test_a_grid_has_its_maximum_there_too() -> None:
    right = answers(4, 1 / 12)
    curve = fit_curve(SEVERITY, right, N, guess=1 / 12, draws=0)
    grid = [
        (slow_log_likelihood(np.array([alpha, beta, lapse]), right, 1 / 12), alpha, beta, lapse)
        for alpha in np.geomspace(2, 16, 31)
        for beta in np.geomspace(0.5, 6, 26)
        for lapse in np.linspace(0, 0.1, 11)
    ]
    _, alpha, beta, lapse = max(grid)
    assert math.log(curve.alpha) == pytest.approx(math.log(alpha), abs=0.06)
    assert math.log(curve.beta) == pytest.approx(math.log(beta), abs=0.1)
    assert curve.lapse == pytest.approx(lapse, abs=0.011)


def without_lapses(rows: pd.DataFrame, participants: Integers | None = None) -> Curve:
    return fit_curve(
        rows["severity"],
        rows["right"],
        rows["n"],
        guess=0,
        lapse_max=1e-12,
        participants=participants,
        draws=0,
    )


def test_is_a_logit_model_where_nobody_guesses_or_lapses() -> None:
    rows = pd.DataFrame({"severity": SEVERITY, "right": answers(5, 0), "n": float(N)})
    curve = without_lapses(rows)
    binomial = np.column_stack([rows["right"], rows["n"] - rows["right"]])
    logit = sm.GLM(binomial, sm.add_constant(np.log(SEVERITY)), sm.families.Binomial()).fit(tol=1e-12)
    constant, slope = logit.params
    assert curve.beta == pytest.approx(-slope, rel=1e-6)
    assert curve.alpha == pytest.approx(math.exp(-constant / slope), rel=1e-6)
    assert curve.deviance == pytest.approx(logit.deviance, rel=1e-6)


def test_dispersion_is_the_clustered_variance_over_the_plain_one() -> None:
    rng = np.random.default_rng(6)
    person = np.repeat(np.arange(25, dtype=np.intp), 24)
    severity = np.tile(np.repeat(SEVERITY, 4), 25)
    own = rng.normal(0, 0.6, 25)[person]
    right = (rng.random(600) < special.expit(-2 * (np.log(severity / 6) - own))).astype(float)
    rows = pd.DataFrame({"severity": severity, "right": right, "n": 1.0})
    curve = without_lapses(rows, participants=person)
    design = sm.add_constant(np.log(severity))
    plain = sm.GLM(right, design, sm.families.Binomial()).fit(tol=1e-12)
    groups = {"groups": person, "use_correction": False}
    robust = sm.GLM(right, design, sm.families.Binomial()).fit(tol=1e-12, cov_type="cluster", cov_kwds=groups)
    constant, slope = plain.params
    to_threshold = np.array([-1 / slope, constant / slope**2])
    variances = [to_threshold @ fit.cov_params() @ to_threshold for fit in (robust, plain)]
    assert curve.dispersion == pytest.approx(25 / 24 * variances[0] / variances[1], rel=1e-5)
    assert curve.dispersion > 1.5


@pytest.mark.parametrize(("at", "number", "names"), [(1, 60, ["alpha", "beta"]), (8, 40, ["alpha", "shift"])])
def test_intervals_hold_the_truth_as_often_as_they_say(at: int, number: int, names: list[str]) -> None:
    rows = studies(CASES[at], number, seed=3)
    for name in names:
        assert rows[name].notna().mean() > 0.9
        assert 0.85 <= rows[name].mean() <= 1
