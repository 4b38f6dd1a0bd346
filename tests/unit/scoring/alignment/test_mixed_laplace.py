from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from scoring.alignment.mixed_laplace import Laplace, Term
from scoring.statistics import Floats

N, PEOPLE, IMAGES, CONCEPTS = 300, 12, 20, 4
PARAMETERS = np.array([0.6, -0.2, 0.4, 0.7, 0.5, 0.3])


def example(seed: int = 0) -> Laplace:
    """A correlated intercept and slope by concept, people and images; two inner effects, one outer."""
    rng = np.random.default_rng(seed)
    person, image = rng.integers(PEOPLE, size=N), rng.integers(IMAGES, size=N)
    a, one = rng.normal(size=N), np.ones(N)
    right = (rng.random(N) < expit(0.5 + 0.4 * a + rng.normal(0, 0.7, PEOPLE)[person])).astype(float)
    terms = (
        Term("concept", image % CONCEPTS, np.column_stack([one, a]), CONCEPTS),
        Term("participant", person, one[:, None], PEOPLE),
        Term("image", image, one[:, None], IMAGES),
    )
    return Laplace(right, terms, np.eye(2)[image % 2], a[:, None])


def differences(model: Laplace, at: Floats, step: float = 1e-5) -> Floats:
    moves = np.eye(at.size) * step
    return np.array([(model.value(at + d)[0] - model.value(at - d)[0]) / (2 * step) for d in moves])


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("zero", [[], [0, 1], [3], [4], [2, 3, 4]])
def test_gradient_is_that_of_finite_differences(seed: int, zero: list[int]) -> None:
    at = PARAMETERS.copy()
    at[zero] = 0
    model = example(seed)
    assert model.value(at)[1] == pytest.approx(differences(model, at), abs=2e-5)


def test_the_likelihood_is_even_in_each_standard_deviation() -> None:
    model = example()
    other = PARAMETERS * [-1, -1, 1, 1, -1, 1]
    assert model.value(other)[0] == pytest.approx(model.value(PARAMETERS)[0], abs=1e-6)


def test_the_mode_is_where_the_penalised_deviance_is_flat() -> None:
    model = example()
    mode = model.mode(PARAMETERS)
    assert mode.converged
    surplus = model.right - expit(mode.linear)
    image = model.terms[2]
    pulled = PARAMETERS[4] * np.bincount(image.group, surplus, minlength=IMAGES)
    assert pulled == pytest.approx(mode.first, abs=1e-6)
    assert model.inner.T @ surplus == pytest.approx(0, abs=1e-6)


def test_an_order_of_questions_does_not_matter() -> None:
    one, other = example(), example()
    other.value(PARAMETERS * 2)
    assert one.value(PARAMETERS)[0] == pytest.approx(other.value(PARAMETERS)[0], abs=1e-6)


def test_far_away_it_is_infinite_or_a_number_but_never_nan() -> None:
    model = example()
    for factor in (1e2, 1e4, 1e8):
        value, gradient = model.value(PARAMETERS * factor)
        assert not np.isnan(value)
        assert not np.isnan(gradient).any()


def test_left_out_is_what_a_fit_without_the_answer_says() -> None:
    model = example()
    mean, variance = model.left_out(PARAMETERS)
    rest = np.arange(N) != 7
    terms = tuple(Term(t.name, t.group[rest], t.columns[rest], t.groups) for t in model.terms)
    without = Laplace(model.right[rest], terms, model.inner[rest], model.outer[rest])
    effects = [value for value, _ in without.random_effects(PARAMETERS)]
    fixed, _ = without.fixed_effects(PARAMETERS)
    expected = model.outer[7] @ PARAMETERS[-1:] + model.inner[7] @ fixed
    for term, values in zip(model.terms, effects, strict=True):
        expected += term.columns[7] @ values[term.group[7]]
    assert mean[7] == pytest.approx(expected, abs=0.02)
    assert variance[7] > 0
