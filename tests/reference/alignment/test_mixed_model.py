"""The mixed model against GPBoost, a dense Laplace's approximation, quadrature, and simulated truths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import binom

from scoring.alignment.mixed_laplace import Laplace, Term
from scoring.alignment.mixed_model import fit_mixed
from scoring.statistics import Floats, Integers
from tests.reference.alignment.coverage_mixed import CASES, Study, coverage, simulate
from tests.unit.scoring.alignment.test_mixed_laplace import PARAMETERS, example


def dense(model: Laplace, parameters: Floats) -> float:
    """Minus the log likelihood by dense matrices and a general minimiser."""
    blocks, penalties = [], []
    for at, term in enumerate(model.terms):
        entries = parameters[model.starts[at] : model.starts[at + 1]]
        factor = np.zeros((term.width, term.width))
        factor[np.tril_indices(term.width)] = entries
        for group in range(term.groups):
            blocks.append((term.columns * (term.group == group)[:, None]) @ factor)
        penalties += [1.0] * term.size
    design = np.column_stack([*blocks, model.inner])
    penalty = np.array(penalties + [0.0] * model.inner.shape[1])
    offset = model.outer @ parameters[model.starts[-1] :]
    sign = 2 * model.right - 1

    def half(v: Floats) -> tuple[float, Floats]:
        linear = offset + design @ v
        slope = -design.T @ (model.right - expit(linear)) + penalty * v
        return float(np.logaddexp(0, -sign * linear).sum() + 0.5 * (penalty * v**2).sum()), slope

    found = minimize(half, np.zeros(design.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-9})
    chance = expit(offset + design @ found.x)
    hessian = design.T @ (design * (chance * (1 - chance))[:, None]) + np.diag(penalty)
    free = model.inner.shape[1]
    return float(found.fun + 0.5 * np.linalg.slogdet(hessian)[1] - 0.5 * free * math.log(2 * math.pi))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_likelihood_is_that_of_dense_matrices(seed: int) -> None:
    model = example(seed)
    for at in (PARAMETERS, PARAMETERS * [1, 1, 0, 0, 2, -1]):
        assert model.value(at)[0] == pytest.approx(dense(model, at), abs=1e-6)


def quadrature(right: Floats, person: Integers, base: float, spread: float) -> float:
    """The log likelihood of (1 | person) by Gauss-Hermite quadrature of 80 nodes."""
    nodes, weights = hermegauss(80)
    total = 0.0
    for one in np.unique(person):
        y = right[person == one]
        chance = expit(base + spread * nodes)
        likelihood = chance ** y.sum() * (1 - chance) ** (y.size - y.sum())
        total += math.log(likelihood @ weights / math.sqrt(2 * math.pi))
    return total


@pytest.mark.parametrize(("each", "error"), [(5, 0.015), (25, 0.01), (100, 0.004)])
def test_how_far_laplace_is_from_the_exact_likelihood(each: int, error: float) -> None:
    """Per person, at an SD of 1; it underestimates, the more so the fewer answers there are."""
    rng = np.random.default_rng(each)
    person = np.repeat(np.arange(100), each)
    right = (rng.random(person.size) < expit(0.5 + rng.normal(0, 1, 100)[person])).astype(float)
    one = np.ones((person.size, 1))
    model = Laplace(right, (Term("participant", person, one, 100),), one[:, :0], one)
    exact = quadrature(right, person, 0.5, 1.0)
    short = exact + model.value(np.array([1.0, 0.5]))[0]
    assert 0 < short / 100 < error


def boosted(frame: pd.DataFrame, columns: Floats, groups: list[str], slopes: Floats | None) -> Any:
    import gpboost

    extra: dict[str, Any] = {}
    if slopes is not None:
        dropped = [name == "concept" for name in groups]
        extra = {
            "group_rand_coef_data": slopes[:, None],
            "ind_effect_group_rand_coef": [groups.index("concept") + 1],
            "drop_intercept_group_rand_effect": dropped,
        }
    model = gpboost.GPModel(
        group_data=frame[groups].to_numpy(),
        likelihood="bernoulli_logit",
        matrix_inversion_method="cholesky",
        **extra,
    )
    params = {"optimizer_cov": "lbfgs", "optimizer_coef": "lbfgs", "delta_rel_conv": 1e-12, "maxit": 2000}
    model.fit(y=frame["correct"].to_numpy(np.float64), X=columns, params=params)
    return model


def dummies(names: pd.Series[str]) -> Floats:
    """An intercept and the other levels' differences to the first."""
    found = np.array(pd.get_dummies(names), dtype=np.float64)
    found[:, 0] = 1
    return found


def test_gpboost_agrees_on_crossed_intercepts() -> None:
    frame, _ = simulate(Study(slope=None, conditions=2, concept_sd=0.6), np.random.default_rng(5))
    ours = fit_mixed(frame, restricted=False)
    theirs = boosted(frame, dummies(frame["condition"]), ["concept", "observer", "stimulus"], None)
    assert ours.log_likelihood == pytest.approx(-theirs.get_current_neg_log_likelihood(), abs=1e-6)
    spread = np.sqrt(np.asarray(theirs.get_cov_pars())[0])
    assert ours.spread["value"].to_numpy() == pytest.approx(spread, abs=1e-4)
    effects = np.asarray(theirs.get_coef())[0]
    assert ours.fixed["value"].to_numpy() == pytest.approx([effects[0], effects[0] + effects[1]], abs=1e-4)


def test_gpboost_agrees_on_slopes_that_differ_between_concepts() -> None:
    frame, activation = simulate(Study(conditions=1, concept_sd=0.5), np.random.default_rng(5))
    assert activation is not None
    ours = fit_mixed(frame, activation, restricted=False)
    # the simulated activations are exponentials of normal scores
    score = np.log(frame["stimulus"].map(activation).to_numpy(np.float64))
    columns = np.column_stack([dummies(frame["concept"]), score])
    theirs = boosted(frame, columns, ["observer", "stimulus", "concept"], score)
    assert ours.log_likelihood == pytest.approx(-theirs.get_current_neg_log_likelihood(), abs=1e-6)
    spread = np.sqrt(np.asarray(theirs.get_cov_pars())[0])
    assert ours.spread["value"].to_numpy()[[1, 2, 0]] == pytest.approx(spread, abs=1e-4)
    assert ours.slope.value == pytest.approx(np.asarray(theirs.get_coef())[0, -1], abs=1e-4)


STUDIES = 18


def test_intervals_of_small_studies_cover_the_truth() -> None:
    rows = list(coverage("no activation", STUDIES, seed=7))
    fewest = binom.ppf(1e-4, STUDIES, 0.93) / STUDIES
    for what, truth, mean, inside, _, n in rows:
        assert n == STUDIES, what
        assert inside >= fewest, what
        assert mean == pytest.approx(truth, rel=0.25), what


def test_cases_have_a_truth_for_each_estimate() -> None:
    for name, study in CASES.items():
        assert len(study.truths()) == (7 if study.slope is None else 4), name
