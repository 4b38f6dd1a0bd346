"""The adaptive procedure: a slow twin of its arithmetic, and observers whose thresholds it recovers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import binom, entropy

from experiment_server.design.adaptive import Aim, Estimate, Grid, Posterior, _tables

BLUR = (0.5, 1.0, 2.0, 4.0, 6.0, 9.0, 14.0, 20.0)
CONTRAST = (0.5, 0.3, 0.15, 0.08, 0.05, 0.03, 0.015)
GRIDS = (
    Grid(BLUR, 1),
    Grid(BLUR, 1, guess=1 / 16),
    Grid(CONTRAST, -1),
    Grid(CONTRAST, -1, guess=0.5),
)
AIMS: tuple[Aim, ...] = ("function", "threshold")
Floats = NDArray[np.float64]
Answers = list[tuple[float, bool]]


class Twin:
    """Direct Bayes: probabilities are multiplied, and every outcome is tried. Axes: threshold, slope,
    lapse.
    """

    def __init__(self, grid: Grid, answers: Answers) -> None:
        self.grid = grid
        low, high = math.log(min(grid.severities) / 3), math.log(max(grid.severities) * 3)
        self.threshold = np.linspace(low, high, 45)[:, None, None]
        self.slope = np.array(grid.slopes)[None, :, None]
        values, weights = np.array(grid.lapses).T
        self.lapse = values[None, None, :]
        shape = (45, len(grid.slopes), len(values))
        self.p: Floats = np.broadcast_to(weights, shape) / np.broadcast_to(weights, shape).sum()
        for severity, right in answers:
            self.p = self.updated(severity, right)

    def right(self, severity: float) -> Floats:
        signal = self.grid.direction * self.slope * (self.threshold - math.log(severity))
        return np.asarray(self.grid.guess + (1 - self.grid.guess - self.lapse) * expit(signal))

    def updated(self, severity: float, right: bool) -> Floats:
        likely = self.right(severity) if right else 1 - self.right(severity)
        return np.asarray(self.p * likely / (self.p * likely).sum())

    def expected_entropy(self, severity: float, aim: Aim) -> float:
        chance = float((self.p * self.right(severity)).sum())
        after = [self._entropy(self.updated(severity, right), aim) for right in (True, False)]
        return chance * after[0] + (1 - chance) * after[1]

    @staticmethod
    def _entropy(p: Floats, aim: Aim) -> float:
        return float(entropy(p.ravel() if aim == "function" else p.sum(axis=(1, 2))))

    def information(self, aim: Aim) -> list[float]:
        now = self._entropy(self.p, aim)
        return [now - self.expected_entropy(one, aim) for one in self.grid.severities]

    def choice(self, seed: str, aim: Aim) -> float:
        told = self.information(aim)
        best = [one for one, gain in zip(self.grid.severities, told, strict=True) if gain > max(told) - 1e-9]
        return Random(seed).choice(best)


@dataclass(frozen=True)
class Truth:
    """An observer: threshold as ln severity, slope, lapse."""

    threshold: float
    slope: float
    lapse: float

    def answers(self, grid: Grid, severity: float, rng: Random) -> bool:
        return rng.random() < grid.proportion(severity, self.threshold, self.slope, self.lapse)


def adaptive_run(
    grid: Grid, truth: Truth, trials: int, seed: int, aim: Aim = "function"
) -> tuple[Posterior, Answers]:
    given: Answers = []
    rng = Random(seed)
    for number in range(trials):
        severity = Posterior.of(grid, given).next_severity(f"{seed}:{number}", aim)
        given.append((severity, truth.answers(grid, severity, rng)))
    return Posterior.of(grid, given), given


def constant_run(grid: Grid, truth: Truth, trials: int, seed: int) -> Posterior:
    """The method of constant stimuli: each severity in turn."""
    rng, severities = Random(seed), grid.severities
    shown = [severities[number % len(severities)] for number in range(trials)]
    return Posterior.of(grid, [(severity, truth.answers(grid, severity, rng)) for severity in shown])


def covers(found: Estimate, ln_severity: float) -> bool:
    """Whether a severity lies in an interval; an open one reaches as far as may be."""
    low, high = found.low or 0.0, found.high or math.inf
    return low <= math.exp(ln_severity) <= high


def moments(posterior: Posterior) -> tuple[float, float]:
    """Mean and SD of the ln threshold, those that are not told included."""
    points = np.array([one for one, *_ in _tables(posterior.grid).combinations])
    mean = float(points @ posterior.weights)
    return mean, math.sqrt(float((points - mean) ** 2 @ posterior.weights))


def mean(found: Estimate) -> float:
    """Of ln severity; only for estimates that there are."""
    assert found.severity is not None
    return math.log(found.severity)


def drawn_from_the_prior(grid: Grid, seed: int) -> Truth:
    rng = Random(f"truth {seed}")
    lapse = rng.choices([one for one, _ in grid.lapses], [weight for _, weight in grid.lapses])[0]
    ends = grid.thresholds[0], grid.thresholds[-1]
    return Truth(rng.uniform(*ends), rng.choice(grid.slopes), lapse)


@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("grid", GRIDS, ids=["typed", "chosen", "contrast", "two words"])
def test_the_twin_believes_and_chooses_the_same(grid: Grid, aim: Aim) -> None:
    truth = Truth(math.log(grid.severities[3]), 1.6, 0.03)
    answers: Answers = []
    rng = Random(5)
    for number in range(12):
        posterior, twin = Posterior.of(grid, answers), Twin(grid, answers)
        np.testing.assert_allclose(posterior.weights, twin.p.ravel(), rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(posterior.information(aim), twin.information(aim), atol=1e-9)
        severity = posterior.next_severity(f"{number}", aim)
        assert severity == twin.choice(f"{number}", aim)
        answers.append((severity, truth.answers(grid, severity, rng)))


@pytest.mark.parametrize("grid", GRIDS, ids=["typed", "chosen", "contrast", "two words"])
def test_the_twin_estimates_the_same(grid: Grid) -> None:
    posterior, answers = adaptive_run(grid, Truth(math.log(grid.severities[4]), 3.0, 0.01), 40, 3)
    twin, found = Twin(grid, answers), posterior.threshold
    marginal, points = twin.p.sum(axis=(1, 2)), twin.threshold.ravel()
    expected = float((marginal * points).sum())
    assert mean(found) == pytest.approx(expected, abs=1e-9)
    sd = math.sqrt(float((marginal * (points - expected) ** 2).sum()))
    assert found.log_sd == pytest.approx(sd, abs=1e-9)
    ends = np.log([min(grid.severities), max(grid.severities)])
    beyond = marginal[points <= ends[0]].sum(), marginal[points >= ends[1]].sum()
    assert (found.below, found.above) == pytest.approx(beyond, abs=1e-9)
    middles = np.cumsum(marginal) - marginal / 2
    limits = np.interp([0.025, 0.975], middles, points)
    for told, limit, outside in zip((found.low, found.high), limits, beyond, strict=True):
        assert told == (pytest.approx(math.exp(limit)) if outside <= 0.025 else None)


@pytest.mark.parametrize("grid", GRIDS, ids=["typed", "chosen", "contrast", "two words"])
def test_the_severity_at_a_proportion_gives_that_proportion(grid: Grid) -> None:
    """Checked where one combination is all that is possible."""
    target = 0.7
    sure = Grid(grid.severities, grid.direction, grid.guess, (1.7,), ((0.02, 1.0),))
    posterior, _ = adaptive_run(sure, Truth(sure.thresholds[20], 1.7, 0.02), 40, 1)
    found = posterior.at(target)
    shift = mean(found) - mean(posterior.threshold)
    assert sure.proportion(math.exp(shift), 0.0, 1.7, 0.02) == pytest.approx(target, abs=1e-9)
    assert (found.reached, found.log_sd) == pytest.approx((1.0, posterior.threshold.log_sd))


def test_a_proportion_that_is_never_reached_has_no_severity() -> None:
    posterior = Posterior.of(GRIDS[1])
    for target in (0.995, 1 / 16):
        assert posterior.at(target) == Estimate(None, None, None, None, 0.0, 0.0, 0.0)
    assert posterior.at(0.9).reached == pytest.approx(0.75, abs=1e-9)


BEYOND_REACH = [
    (Grid((1, 1.7, 3, 5, 8, 14, 25, 44), 1), 200.0),
    (Grid((1, 1.7, 3, 5, 8, 14, 25, 44), 1), 0.15),
    (Grid(CONTRAST, -1), 0.003),
    (Grid((0.1, 0.2, 0.4, 0.6, 0.8), 1), 5.0),
]


@pytest.mark.parametrize(("grid", "threshold"), BEYOND_REACH)
def test_a_threshold_beyond_the_severities_is_said_to_lie_there_and_no_more(
    grid: Grid, threshold: float
) -> None:
    """Where nothing is shown the prior would tell all: how far beyond it lies remains open."""
    largest, smallest = max(grid.severities), min(grid.severities)
    for seed in range(6):
        found = adaptive_run(grid, Truth(math.log(threshold), 1.8, 0.001), 24, seed)[0].threshold
        assert covers(found, math.log(threshold))
        assert (found.severity, found.log_sd) == (None, None)
        if threshold > largest:
            assert found.high is None
            assert found.low is not None
            assert smallest < found.low <= largest
        else:
            assert found.low is None
            assert found.high is not None
            assert smallest <= found.high < largest


@pytest.mark.parametrize("right", [True, False])
def test_who_is_always_right_or_always_wrong_has_no_threshold_but_a_bound(right: bool) -> None:
    grid = GRIDS[3]
    posterior = Posterior.of(grid, [(severity, right) for severity in CONTRAST for _ in range(5)])
    found, edge = posterior.threshold, (min if right else max)(CONTRAST)
    assert (found.severity, found.log_sd) == (None, None)
    assert (found.high if right else found.low) == pytest.approx(edge, rel=0.6)
    assert (found.low if right else found.high) is None


@pytest.mark.parametrize("right", [True, False])
def test_who_is_always_right_or_wrong_near_the_end_of_a_range_is_told_no_severity_either(right: bool) -> None:
    """An occlusion of .8 is near the end, and someone who is always right there is so at no severity less."""
    severities = (0.1, 0.2, 0.4, 0.6, 0.8)
    posterior = Posterior.of(Grid(severities, 1), [(one, right) for one in severities] * 6)
    for found in (posterior.threshold, posterior.at(0.75)):
        assert found.severity is None
        assert (found.high if right else found.low) is None


@pytest.mark.parametrize("aim", AIMS)
def test_observers_from_the_prior_lie_in_the_interval_as_often_as_it_says(aim: Aim) -> None:
    """In 999 of 1000 such tests, were the probability exactly what it says; an open interval has more."""
    grid, runs = Grid(BLUR, 1), 36
    inside = 0
    for seed in range(runs):
        truth = drawn_from_the_prior(grid, seed)
        found = adaptive_run(grid, truth, 24, seed, aim)[0].threshold
        inside += covers(found, truth.threshold)
    assert inside >= binom.ppf(0.001, runs, 0.95)


@pytest.mark.parametrize("aim", AIMS)
@pytest.mark.parametrize("threshold", [1.5, 4.0, 12.0])
def test_the_bias_of_a_known_threshold_is_small(threshold: float, aim: Aim) -> None:
    """Within 0.2 in ln severity (a fifth), a third of the SD of one observer's estimate of 30 trials."""
    errors = []
    for seed in range(8):
        truth = Truth(math.log(threshold), (1.2, 1.8, 2.5)[seed % 3], (0.01, 0.05)[seed % 2])
        errors.append(moments(adaptive_run(GRIDS[1], truth, 30, seed, aim)[0])[0] - truth.threshold)
    assert abs(fmean(errors)) < 0.2


@pytest.mark.parametrize(("aim", "as_sure_as"), [("function", 28), ("threshold", 24)])
def test_fewer_trials_than_constant_stimuli_for_the_same_sd_and_error(aim: Aim, as_sure_as: int) -> None:
    """24 adaptive trials, and more constant ones; their estimates err less than those of 32 constant ones."""
    grid = Grid(BLUR, 1)
    truths = [Truth(math.log((1.0, 3.0, 8.0)[seed % 3]), 1.8, 0.03) for seed in range(300, 324)]
    adaptive = [adaptive_run(grid, one, 24, seed, aim)[0] for seed, one in enumerate(truths)]
    few, more = (
        [constant_run(grid, one, trials, seed) for seed, one in enumerate(truths)]
        for trials in (as_sure_as, 32)
    )
    assert mean_sd(adaptive) < mean_sd(few)
    assert error(adaptive, truths) < error(more, truths)


def mean_sd(posteriors: Sequence[Posterior]) -> float:
    return fmean(moments(one)[1] for one in posteriors)


def error(posteriors: Sequence[Posterior], truths: Sequence[Truth]) -> float:
    """Root mean square error of thresholds, in ln severity."""
    pairs = zip(posteriors, truths, strict=True)
    return math.sqrt(fmean((moments(one)[0] - true.threshold) ** 2 for one, true in pairs))


@pytest.mark.parametrize(("aim", "times"), [("function", 1.1), ("threshold", 1.5)])
@pytest.mark.parametrize("grid", GRIDS[:3], ids=["typed", "chosen", "contrast"])
def test_severities_stay_around_the_threshold(grid: Grid, aim: Aim, times: float) -> None:
    """After ten trials, more lie where 10 to 90% can be seen than of the severities to choose from."""
    truth = Truth(math.log(grid.severities[len(grid.severities) // 2]), 2.0, 0.02)
    shown = [one for seed in range(4) for one, _ in adaptive_run(grid, truth, 30, seed, aim)[1][10:]]

    def near(severities: Sequence[float]) -> float:
        signal = (truth.slope * abs(math.log(one) - truth.threshold) for one in severities)
        return fmean(one < math.log(9) + 0.01 for one in signal)

    assert near(shown) > times * near(grid.severities)


answered = st.lists(st.tuples(st.sampled_from(BLUR), st.booleans()), max_size=30)


@given(answers=answered, guess=st.sampled_from([0.0, 0.25]))
@settings(max_examples=30, deadline=None)
def test_probabilities_sum_to_one_and_the_estimate_is_ordered(answers: Answers, guess: float) -> None:
    posterior = Posterior.of(Grid(BLUR, 1, guess), answers)
    assert math.fsum(posterior.weights) == pytest.approx(1, abs=1e-12)
    assert all(weight >= 0 for weight in posterior.weights)
    assert all(gain >= -1e-12 for aim in AIMS for gain in posterior.information(aim))
    for found in (posterior.threshold, posterior.at(0.75)):
        told = [one for one in (found.low, found.severity, found.high) if one is not None]
        assert told == sorted(told)
        assert all(one >= BLUR[0] * 0.8 and one <= BLUR[-1] * 1.25 for one in told)
        assert (found.severity is None) == (found.log_sd is None)
        assert (found.low is None) == (found.below > 0.025)
        assert (found.high is None) == (found.above > 0.025)


@given(answers=answered, rng=st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_order_of_answers_does_not_matter(answers: Answers, rng: Random) -> None:
    grid = Grid(BLUR, 1)
    shuffled = rng.sample(answers, len(answers))
    assert Posterior.of(grid, answers) == Posterior.of(grid, shuffled)
    assert Posterior.of(grid, answers).trials == len(answers)


def test_answers_that_could_hardly_be_lose_no_probability() -> None:
    """A hundred right answers where nothing can be seen, and as many wrong ones where all can."""
    answers = [(20.0, True)] * 100 + [(0.5, False)] * 100
    for grid in GRIDS[:2]:
        assert math.fsum(Posterior.of(grid, answers).weights) == pytest.approx(1)


def test_chance_decides_among_equals_and_the_seed_decides_chance() -> None:
    flat = Posterior.of(Grid((1.0, 1.000000000001), 1))
    chosen = [flat.next_severity(f"{seed}") for seed in range(20)]
    assert set(chosen) == {1.0, 1.000000000001}
    assert chosen == [flat.next_severity(f"{seed}") for seed in range(20)]


def test_a_choice_takes_milliseconds() -> None:
    """Measured 2.3 ms with 12 severities, all of which have answers; loose here, machines differ."""
    grid = Grid(tuple(0.5 * 1.4**step for step in range(12)), 1)
    _tables(grid)
    counts = tuple((2, 1) for _ in grid.severities)
    took = []
    for _ in range(10):
        begun = time.perf_counter()
        Posterior(grid, counts).next_severity("seed")
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1.0, 2.0), 0), "direction is 0; give 1 or -1"),
        (((1.0, 1.0), 1), r"severities are \(1.0, 1.0\); give two or more that are above 0"),
        (((0.0, 1.0), 1), r"severities are \(0.0, 1.0\); give two or more that are above 0"),
        (((1.0, 2.0), 1, 0.8), "guess is 0.8; guesses and lapses must leave something to see"),
        (((1.0, 2.0), 1, 0.0, (0.0,)), "slopes, lapses and their weights must be above 0"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Grid(*arguments)  # type: ignore[arg-type]


def test_severities_go_from_the_mildest_to_the_hardest() -> None:
    assert Grid((4.0, 1.0, 2.0, 1.0), 1).severities == (1.0, 2.0, 4.0)
    assert Grid((0.1, 0.5), -1).severities == (0.5, 0.1)


def test_an_answer_at_another_severity_is_refused() -> None:
    with pytest.raises(KeyError):
        Posterior.of(GRIDS[0], [(3.3, True)])


def test_before_any_answer_the_threshold_is_the_middle_of_what_is_possible() -> None:
    found = Posterior.of(GRIDS[0]).threshold
    ends = math.log(0.5 / 3), math.log(20.0 * 3)
    assert mean(found) == pytest.approx(sum(ends) / 2)
    assert found.log_sd == pytest.approx((ends[1] - ends[0]) * 45 / 44 / math.sqrt(12), rel=1e-3)
    assert (found.low, found.high) == (None, None)
