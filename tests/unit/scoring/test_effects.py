from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from scoring.composite import composite
from scoring.draws import Sampler, measured
from scoring.effects import CHUNK, Scoring, Settings
from scoring.metrics.registry import METRICS
from scoring.metrics.sample import Metric, Result, Sample, result
from stimuli.errors import UserError
from tests.unit.scoring.small_studies import made_up_effects, small_cells


def test_units_are_scored_alike_in_any_chunk() -> None:
    cells = small_cells(0, units=CHUNK + 3)
    found = Scoring(cells).observed
    few = Scoring(cells.of_units([10, 10 + CHUNK])).observed
    for symbol in METRICS:
        assert found.value[symbol].shape == (3, CHUNK + 3)
        assert np.array_equal(found.value[symbol][:, [0, CHUNK]], few.value[symbol], equal_nan=True)
    assert found.result["C"].reason(2, CHUNK) == "not_measured_it_needs_images_and_a_model"
    assert found.result["S"].reason(2, CHUNK) == ""


def test_noise_can_have_all_components_but_causality() -> None:
    cells = replace(small_cells(1, units=20), units=tuple(range(20)))
    scoring = Scoring(cells, Settings((2, 5, 1, 1)), measured(cells, made_up_effects(cells, 1)))
    found = scoring.observed
    assert found.composite == pytest.approx(
        (2 * found.value["S"] + 5 * found.value["C"] + found.value["R"] + found.value["H"]) / 9
    )
    assert found.noise == pytest.approx((2 * found.value["S"] + found.value["R"] + found.value["H"]) / 4)


@pytest.mark.parametrize(("weights", "shown"), [((0, 0, 0, 0), "0 0 0 0"), ((1, -1, 1, 1), "1 -1 1 1")])
def test_weights_without_a_mean_are_refused(weights: tuple[float, float, float, float], shown: str) -> None:
    with pytest.raises(UserError) as refused:
        Settings(weights)
    assert str(refused.value) == (
        f"the weights {shown} give no mean; give S C R H weights of at least 0 that are not all 0"
    )


def test_weights_on_what_is_missing_leave_no_composite() -> None:
    found = Scoring(small_cells(2), Settings((0, 1, 0, 0))).observed
    assert np.isnan(found.composite).all()


def test_p_values_are_those_of_mann_whitney() -> None:
    cells = small_cells(3)
    found = Scoring(cells).p_selectivity
    for concept in range(3):
        own = cells.concept == concept
        for unit in range(4):
            x, y = cells.activation[0, own, unit], cells.activation[0, ~own, unit]
            expected = mannwhitneyu(x, y, alternative="greater", method="asymptotic").pvalue
            assert found[concept, unit] == pytest.approx(expected, rel=1e-9)


def test_draws_are_a_function_of_the_seed() -> None:
    cells = small_cells(4)
    one, same, other = (Scoring(cells, Settings(resamples=50, seed=seed)).draw(1) for seed in (3, 3, 4))
    assert np.array_equal(one.draws["E"], same.draws["E"])
    assert np.array_equal(one.null["E"], same.null["E"])
    assert not np.array_equal(one.draws["E"], other.draws["E"])


def test_one_draw_feeds_every_component() -> None:
    scoring = Scoring(small_cells(5), Settings(resamples=40))
    drawn = scoring.draw(0)
    expected = (drawn.null["S"] + drawn.null["R"] + drawn.null["H"]) / 3
    assert drawn.null["E"] == pytest.approx(expected)
    sampler = Sampler(scoring.cells, scoring.reliability)
    for symbol in "SRH":
        one = METRICS[symbol].compute(sampler.drawn(0, np.concatenate(scoring.times, axis=1))).value
        assert np.array_equal(drawn.draws[symbol], one, equal_nan=True)


def test_without_resamples_nothing_is_drawn() -> None:
    drawn = Scoring(small_cells(6), Settings(resamples=0)).draw(0)
    assert (drawn.ends, drawn.draws, drawn.null) == ({}, {}, {})


def test_the_best_of_all_units_is_the_largest_of_each_draw() -> None:
    scoring = Scoring(small_cells(7, units=6), Settings(resamples=12))
    found = np.stack(list(scoring.best_of()))
    assert found.shape == (12, 3)
    every = np.stack([scoring.draw(unit).null["E"] for unit in range(6)])
    assert pytest.approx(every.max(axis=0)) == found.T


def test_retention_is_given_only_where_selectivity_is_sure() -> None:
    cells = small_cells(8, sources=(15, 15), units=3)
    activation = cells.activation.copy()
    activation[:, :15, 0] += 2
    scoring = Scoring(replace(cells, activation=activation), Settings(resamples=200))
    for unit in range(3):
        ends = scoring.draw(unit).ends
        given = ~np.isnan(ends["retention"].low)
        assert (given == (ends["S"].low > 0.2)).all()
    assert not np.isnan(scoring.draw(0).ends["retention"].low[0])


def near_the_top(seed: int, sources: tuple[int, ...] = (8, 8, 8)) -> Scoring:
    """A scoring by S, R and C of which unit 0 has all it can have of S, and almost all of R and C."""
    cells = small_cells(seed, sources=sources, units=40, ties=False)
    activation = cells.activation.copy()
    activation[0, cells.concept == 0, 0] += 50
    activation[1:, cells.concept == 0, 0] += 1.5
    cells = replace(cells, activation=activation, units=(10, *range(100, 139)))
    effects = measured(cells, made_up_effects(cells, seed))
    return Scoring(cells, Settings((1, 1, 1, 0), resamples=400), effects)


@pytest.mark.parametrize("seed", range(6))
def test_a_composite_near_its_bound_reaches_no_further_than_its_components_together(seed: int) -> None:
    scoring = near_the_top(seed)
    drawn, whole = scoring.draw(0), scoring.observed.composite[0, 0]
    assert whole > 0.9
    lowest = np.mean([drawn.ends[symbol].low[0] for symbol in "SCR"])
    assert lowest <= drawn.ends["E"].low[0] < whole < drawn.ends["E"].high[0] <= 1


@pytest.mark.parametrize("sign", [1, -1])
def test_a_composite_reaches_to_zero_as_its_components_do_by_their_correlation(sign: int) -> None:
    cells = small_cells(4)
    cells = replace(cells, activation=sign * cells.activation)
    scoring = Scoring(cells, Settings((2, 0, 1, 0), resamples=400))
    drawn, whole = scoring.draw(0), float(scoring.observed.composite[0, 0])
    assert sign * whole > 0
    near = {symbol: end.low if sign > 0 else end.high for symbol, end in drawn.ends.items()}
    value = {symbol: scoring.observed.value[symbol][0, 0] for symbol in "SR"}
    own, other = (share * (value[symbol] - near[symbol][0]) for share, symbol in ((2 / 3, "S"), (1 / 3, "R")))
    correlation = np.corrcoef([drawn.draws[symbol][0] for symbol in "SR"])[0, 1]
    reach = np.sqrt(own**2 + other**2 + 2 * correlation * own * other)
    assert near["E"][0] == pytest.approx(whole - sign * reach)


@pytest.mark.parametrize("symbol", ["S", "C", "R"])
def test_a_composite_of_one_component_has_its_end_on_the_side_of_zero(symbol: str) -> None:
    weights = {"S": (1, 0, 0, 0), "C": (0, 1, 0, 0), "R": (0, 0, 1, 0)}[symbol]
    drawn = replace(near_the_top(2), settings=Settings(weights, resamples=100)).draw(0)
    assert drawn.ends["E"].low[0] == pytest.approx(drawn.ends[symbol].low[0])


def test_a_composite_without_draws_that_vary_has_no_ends() -> None:
    cells = small_cells(3, sources=(1, 9))
    drawn = Scoring(cells, Settings((1, 0, 1, 0), resamples=50)).draw(0)
    assert np.isnan(drawn.ends["E"].low).all()
    assert np.isnan(drawn.ends["E"].high).all()


def first_activation(sample: Sample) -> Result:
    """A metric of one's own: the mean clean activation of the concept less that of all."""
    clean = sample.activation[0]
    mean = np.array([clean[sample.concept == number].mean(axis=0) for number in range(sample.concepts)])
    return result(np.broadcast_to(np.tanh(mean - clean.mean(axis=0)), (sample.concepts, sample.columns)), {})


OWN = Metric("X", "own", first_activation, (-1, 1), True, "source", True, "nobody (2020)")


def test_a_metric_that_is_added_is_scored_and_has_no_weight() -> None:
    cells = small_cells(9)
    scoring = Scoring(cells, Settings(resamples=30), metrics={**METRICS, "X": OWN})
    found, plain = scoring.observed, Scoring(cells).observed
    assert found.value["X"].shape == (3, 4)
    assert np.array_equal(found.composite, plain.composite)
    three = {symbol: found.value[symbol] for symbol in "SRH"}
    assert found.composite == pytest.approx(composite(three, dict.fromkeys("SRH", 1.0)))
    assert scoring.draw(0).null["X"].shape == (3, 30)
