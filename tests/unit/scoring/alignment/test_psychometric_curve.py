from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from scoring.alignment.psychometric_clusters import Clusters
from scoring.alignment.psychometric_curve import (
    ALL_RIGHT,
    ALL_WRONG,
    HARDER,
    LAPSE_AT_BOUND,
    LINEAR,
    LOG,
    MILDER,
    NO_FALL,
    NOT_LOCATED,
    ONE_PARTICIPANT,
    ONE_SOURCE,
    STEEP,
    TOO_FEW_SEVERITIES,
    TOO_FEW_TRIALS,
    Answers,
    Model,
    fit_curve,
    fit_curves,
)
from scoring.alignment.psychometric_likelihood import SHAPES
from scoring.statistics import Floats

SIX = [1, 2, 4, 8, 16, 32]


def expected(
    severity: Floats, alpha: float, beta: float, lapse: float, guess: float, direction: int = 1
) -> Floats:
    z = direction * beta * np.log(np.asarray(severity) / alpha)
    return np.asarray(guess + (1 - guess - lapse) * expit(-z))


@pytest.mark.parametrize("guess", [0.0, 1 / 12, 0.5])
@pytest.mark.parametrize("direction", [1, -1])
def test_recovers_what_answers_were_made_of(guess: float, direction: int) -> None:
    severity = np.array(SIX, dtype=float)
    p = expected(severity, 5.0, 2.2, 0.03, guess, direction)
    curve = fit_curve(severity, 1e6 * p, 1e6, guess=guess, direction=direction, draws=0)
    assert [curve.alpha, curve.beta, curve.lapse] == pytest.approx([5.0, 2.2, 0.03], rel=1e-3)
    assert curve.alpha_low < 5 < curve.alpha_high
    assert curve.half == pytest.approx(
        5 * (1 / ((1 - guess) / 2 / (1 - guess - 0.03)) - 1) ** (direction / 2.2), rel=1e-3
    )
    assert (curve.reason, curve.notes, curve.scale) == ("", (), LOG)


@pytest.mark.parametrize("shape", SHAPES)
def test_half_is_seen_at_the_threshold_of_every_shape(shape: str) -> None:
    curve = fit_curve(SIX, [39, 38, 33, 16, 6, 4], 40, guess=0.1, shape=shape, draws=0)
    p, low, high = curve.at([curve.alpha, curve.half])
    assert p == pytest.approx([0.1 + (0.9 - curve.lapse) / 2, 0.55], abs=1e-9)
    assert (low < p).all()
    assert (p < high).all()


def test_turning_a_scale_around_turns_the_curve_around() -> None:
    right = [39, 36, 30, 14, 5, 2]
    plain = fit_curve(SIX, right, 40, guess=0, draws=0)
    turned = fit_curve(1 / np.array(SIX), right, 40, guess=0, direction=-1, draws=0)
    assert turned.alpha == pytest.approx(1 / plain.alpha, rel=1e-6)
    assert (turned.alpha_low, turned.alpha_high) == pytest.approx(
        (1 / plain.alpha_high, 1 / plain.alpha_low), rel=1e-5
    )
    assert turned.beta == pytest.approx(plain.beta, rel=1e-5)
    assert (turned.half_low, turned.half_high) == pytest.approx(
        (1 / plain.half_high, 1 / plain.half_low), rel=1e-5
    )


def test_zooms_from_1_are_fitted_as_they_are() -> None:
    severity = np.array([1.1, 1.2, 1.3, 1.4, 1.5])
    right = np.round(400 * expit(-12 * (severity - 1.3)))
    curve = fit_curve(severity, right, 400, guess=0, identity=1.0, draws=0)
    assert curve.scale == LINEAR
    assert curve.alpha == pytest.approx(1.3, abs=0.01)
    assert curve.beta == pytest.approx(12, abs=0.6)


def test_undegraded_trials_tell_the_lapse_and_are_no_severity() -> None:
    right = [26, 24, 20, 9, 3, 1]
    without = fit_curve(SIX, right, 40, guess=0, draws=0)
    curve = fit_curve([0, *SIX], [56, *right], [80, *[40] * 6], guess=0, identity=0.0, draws=0)
    assert without.lapse_max == 0.1
    assert LAPSE_AT_BOUND in without.notes
    assert curve.lapse_max == 0.5
    assert curve.lapse == pytest.approx(0.3, abs=0.05)
    assert curve.lapse_low > 0.15
    assert (curve.n_severities, curve.n_trials) == (6, 320)


def test_undegraded_at_a_severity_above_0_is_none_of_the_five() -> None:
    curve = fit_curve([1, 0.5, 0.4, 0.3, 0.2], [30, 28, 20, 8, 2], 30, guess=0, direction=-1, identity=1.0)
    assert (curve.reason, curve.n_severities) == (TOO_FEW_SEVERITIES, 4)


@pytest.mark.parametrize(
    ("severity", "right", "n", "reason"),
    [
        (SIX[:4], [9, 8, 5, 1], 10, TOO_FEW_SEVERITIES),
        (SIX, [3, 3, 3, 2, 1, 0], 3, TOO_FEW_TRIALS),
        (SIX, [10] * 6, 10, ALL_RIGHT),
        (SIX, [0] * 6, 10, ALL_WRONG),
        (SIX, [5, 6, 4, 5, 6, 5], 10, NO_FALL),
        (SIX, [1, 4, 9, 16, 19, 20], 20, NO_FALL),
        (SIX, [40, 40, 40, 40, 39, 30], 40, HARDER),
        (SIX, [12, 4, 2, 0, 0, 0], 40, MILDER),
    ],
)
def test_refuses(severity: list[float], right: list[float], n: float, reason: str) -> None:
    curve = fit_curve(severity, right, n, guess=0, draws=0)
    assert curve.reason == reason
    assert all(math.isnan(one) for one in (curve.alpha, curve.beta, curve.lapse, curve.half))
    assert np.isnan(curve.at([1.0])[0][0]) == (reason not in {HARDER, MILDER})


def test_keeps_where_a_threshold_beyond_the_severities_was_fitted() -> None:
    curve = fit_curve(SIX, [40, 40, 40, 40, 38, 28], 40, guess=0, draws=0)
    assert curve.reason == HARDER
    assert curve.alpha_fitted > 32
    assert math.isnan(curve.alpha_high)


def test_leaves_an_end_open_that_lies_beyond_the_severities() -> None:
    curve = fit_curve(SIX, [20, 20, 20, 19, 16, 9], 20, guess=0, draws=0)
    assert 16 < curve.alpha < 32
    assert 8 < curve.alpha_low < curve.alpha
    assert math.isnan(curve.alpha_high)
    assert curve.notes == ("threshold_open_to_harder",)


def test_no_threshold_where_both_ends_are_open() -> None:
    severity, person = np.tile(np.repeat(SIX, 8), 2), np.repeat([0, 1], 48)
    right = np.concatenate([np.arange(8) < at for at in (8, 8, 8, 7, 5, 2, 8, 6, 4, 2, 0, 0)])
    two = fit_curve(severity, right, guess=0, participants=person, draws=0)
    assert two.reason == NOT_LOCATED
    assert 1 < two.alpha_fitted < 32
    assert math.isnan(two.alpha)


def test_a_step_has_a_threshold_and_no_slope() -> None:
    curve = fit_curve(SIX, [20, 20, 20, 0, 0, 0], 20, guess=0, draws=0)
    assert curve.alpha == pytest.approx(math.sqrt(32), rel=1e-3)
    assert 4 < curve.alpha_low < curve.alpha_high < 8
    assert math.isnan(curve.beta)
    assert curve.beta_low > 4
    assert math.isnan(curve.beta_high)
    assert STEEP in curve.notes


def test_the_test_of_fit_is_even_under_the_curve_and_small_off_it() -> None:
    rng = np.random.default_rng(0)
    p = expected(np.array(SIX, dtype=float), 5.0, 2.0, 0.02, 0.0)
    ps = [fit_curve(SIX, rng.binomial(30, p), 30, guess=0, draws=39).p for _ in range(24)]
    assert 0.3 < np.mean(ps) < 0.7
    assert np.mean(np.array(ps) <= 0.1) < 0.25
    odd = fit_curve(SIX, [38, 20, 38, 20, 5, 0], 40, guess=0, draws=199)
    assert odd.p == pytest.approx(1 / 200)
    assert (odd.df, odd.deviance > 20) == (3, True)


def test_people_who_differ_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    person, severity = np.repeat(np.arange(30), 60), np.tile(np.repeat(SIX, 10), 30).astype(float)
    own = np.exp(rng.normal(0, 0.5, 30))[person]
    right = (rng.random(1800) < 1 / (1 + (severity / (5 * own)) ** 3)).astype(float)
    plain = fit_curve(severity, right, guess=0, draws=0)
    people = fit_curve(severity, right, guess=0, participants=person, draws=0)
    assert people.alpha == pytest.approx(plain.alpha)
    widths = [math.log(one.alpha_high / one.alpha_low) for one in (plain, people)]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(people.dispersion) * 2.045 / 1.96, rel=0.05)
    assert people.dispersion > 3
    assert people.beta < 2.6
    band = [one.at([5.0]) for one in (plain, people)]
    assert band[1][2] - band[1][1] > 1.5 * (band[0][2] - band[0][1])


@pytest.mark.parametrize(
    ("who", "note"),
    [({"participants": np.zeros(240)}, ONE_PARTICIPANT), ({"sources": np.zeros(240)}, ONE_SOURCE)],
)
def test_no_interval_of_a_single_cluster(who: dict[str, Any], note: str) -> None:
    severity = np.repeat(SIX, 40)
    right = np.concatenate([np.arange(40) < at for at in (39, 38, 30, 14, 5, 1)])
    curve = fit_curve(severity, right, guess=0, draws=0, **who)
    assert curve.notes == (note,)
    assert curve.alpha > 0
    assert all(
        math.isnan(one)
        for one in (curve.alpha_low, curve.alpha_high, curve.beta_low, curve.lapse_high, curve.half_low)
    )


def test_order_and_company_make_no_difference() -> None:
    rng = np.random.default_rng(2)
    right = np.array([39, 36, 30, 14, 5, 2], dtype=float)
    alone = fit_curve(SIX, right, 40, guess=0, draws=0)
    shown = np.array(SIX, dtype=float)
    short = Answers(shown[:5], right[:5], np.full(5, 40.0), Clusters())
    order = rng.permutation(6)
    mixed = Answers(shown[order], right[order], np.full(6, 40.0), Clusters())
    found = fit_curves([short, mixed], [Model(), Model()], draws=0)
    assert (found[1].alpha, found[1].beta_high) == pytest.approx((alone.alpha, alone.beta_high), rel=1e-6)
    assert found[0].n_severities == 5


def test_the_same_seed_gives_the_same_p() -> None:
    right = [39, 36, 30, 14, 5, 2]
    ps = [fit_curve(SIX, right, 40, guess=0, draws=50, seed=3).p for _ in range(2)]
    assert ps[0] == ps[1]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"guess": 1.0}, "guess is 1.0; give a proportion from 0 to below 1"),
        ({"guess": 0.0, "direction": 0}, "direction is 0; give 1 or -1"),
        ({"guess": 0.0, "shape": "cubic"}, "shape 'cubic', scale None are not both known"),
    ],
)
def test_refuses_what_cannot_be(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_curve(SIX, [1] * 6, 2, **wrong)


def test_refuses_counts_that_are_none() -> None:
    with pytest.raises(ValueError, match="right answers must be from 0 to n, and none may be missing"):
        fit_curve(SIX, [1, 2, 3, 4, 5, math.nan], 5, guess=0)
