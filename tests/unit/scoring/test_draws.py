from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.causal_effects import CausalEffects
from scoring.cells import Cells
from scoring.draws import Sampler, bootstrap, exchanges, measured, strata, stuck
from scoring.effects import Scoring
from scoring.metrics.registry import METRICS
from stimuli.errors import UserError
from tests.unit.scoring.small_studies import made_up_effects, small_cells


def lacking(cells: Cells) -> Cells:
    """Source 0 lacks condition 1, sources 9 and 10 lack condition 2."""
    activation = cells.activation.copy()
    activation[1, 0] = activation[2, 9:11] = np.nan
    return replace(cells, activation=activation)


def test_bootstrap_keeps_the_number_of_sources_of_each_concept() -> None:
    times = bootstrap(small_cells(0), 50, np.random.default_rng(0))
    assert times.shape == (31, 50)
    assert (times[:9].sum(axis=0) == 9).all()
    assert (times[9:19].sum(axis=0) == 10).all()
    assert (times[19:].sum(axis=0) == 12).all()


def test_only_sources_of_the_same_conditions_exchange() -> None:
    cells = lacking(small_cells(0))
    # source 0 is alone with its conditions, and 9 and 10, of one concept, have only each other
    assert np.flatnonzero(stuck(cells)).tolist() == [0, 9, 10]
    given = exchanges(cells, 40, np.random.default_rng(0))
    assert (np.sort(given, axis=1) == np.arange(31)).all()
    assert (strata(cells)[given] == strata(cells)).all()
    assert (given[:, 0] == 0).all()
    assert set(given[:, 9].tolist()) == {9, 10}


@pytest.mark.parametrize("symbol", ["S", "R", "H"])
def test_exchanging_one_unit_is_scoring_exchanged_cells(symbol: str) -> None:
    cells = lacking(small_cells(1))
    given = exchanges(cells, 6, np.random.default_rng(1))
    sampler = Sampler(cells, 0.6)
    found = METRICS[symbol].compute(sampler.exchanged(2, given)).value
    for draw in range(6):
        moved = replace(cells, activation=cells.activation[:, given[draw]])
        expected = METRICS[symbol].compute(Sampler(moved, 0.6).units(np.arange(4))).value[:, 2]
        together = METRICS[symbol].compute(sampler.units(np.arange(4), given[draw])).value[:, 2]
        assert found[:, draw] == pytest.approx(expected, abs=1e-12)
        assert together == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("symbol", ["S", "R", "H"])
def test_counting_every_source_once_changes_nothing(symbol: str) -> None:
    cells = lacking(small_cells(2))
    once = Sampler(cells, 0.6).drawn(3, np.ones((31, 2)))
    plain = Sampler(cells, 0.6).units(np.arange(4))
    found, expected = (METRICS[symbol].compute(sample).value for sample in (once, plain))
    assert found[:, 1] == pytest.approx(expected[:, 3], abs=1e-12)


def test_effects_are_laid_out_by_source_unit_and_concept() -> None:
    cells = small_cells(3)
    order = np.random.default_rng(3).permutation(31)
    effects = made_up_effects(cells, 3)
    sources = tuple(cells.sources[place] for place in order)
    turned = replace(effects, sources=sources, effect=effects.effect[order])
    laid = measured(cells, turned).effect
    assert laid.shape == (3, 31, 30)
    assert laid[:, :, :4] == pytest.approx(effects.effect[:, 10:14].transpose(2, 0, 1), abs=1e-6)


def test_images_of_a_source_are_averaged_and_others_left_out() -> None:
    cells = small_cells(4)
    effects = made_up_effects(cells, 4)
    sources = ("s000", "s000", "elsewhere", *cells.sources[3:])
    found = measured(cells, replace(effects, sources=sources)).effect
    assert found[:, 0, 0] == pytest.approx(effects.effect[:2, 10].mean(axis=0), abs=1e-6)
    assert np.isnan(found[:, 1:3]).all()


def test_concepts_of_effects_are_matched_however_they_are_spelt() -> None:
    cells = small_cells(4)
    effects = made_up_effects(cells, 4)
    turned = replace(
        effects, concepts=("C2 ", "other", " c0", "C1"), effect=effects.effect[:, :, [2, 0, 0, 1]]
    )
    assert (measured(cells, turned).effect == measured(cells, effects).effect).all()


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_effects_without_a_concept_of_the_cells_are_refused(lacking: int) -> None:
    cells = small_cells(4)
    effects = made_up_effects(cells, 4)
    there = [number for number in range(3) if number != lacking]
    fewer = replace(
        effects, concepts=tuple(f"c{number}" for number in there), effect=effects.effect[:, :, there]
    )
    with pytest.raises(UserError) as refused:
        measured(cells, fewer)
    assert str(refused.value) == (
        f"the causal effects lack the concept c{lacking}; measure all concepts of the images together"
    )


def test_effects_of_another_shape_than_their_names_are_refused() -> None:
    cells = small_cells(4)
    effects = made_up_effects(cells, 4)
    with pytest.raises(UserError) as refused:
        measured(cells, replace(effects, effect=effects.effect.transpose(0, 2, 1)))
    assert str(refused.value) == (
        "the causal effects have the shape (31, 3, 30), not (31, 30, 3); give sources x units x concepts"
    )
    with pytest.raises(UserError) as refused:
        measured(cells, replace(effects, mean_activation=effects.mean_activation[1:]))
    assert str(refused.value) == (
        "the causal effects' mean activation has the shape (29,), not (30,); give one value for each unit"
    )


def test_units_that_were_not_measured_have_no_effect_and_control_nothing() -> None:
    cells = replace(small_cells(5), units=(10, 999, 12, 13))
    found = measured(cells, made_up_effects(cells, 5))
    assert np.isnan(found.effect[:, :, 1]).all()
    assert not np.isnan(found.effect[:, :, [0, 2, 3]]).any()
    values = Scoring(cells, measured=found).observed
    assert np.isnan(values.value["C"][:, 1]).all()
    assert values.result["C"].reason(0, 1) == "unit_not_measured"


def effects_of(mean: np.ndarray) -> CausalEffects:
    cells = small_cells(6)
    plain = made_up_effects(cells, 6, units=mean.size)
    return replace(plain, mean_activation=mean)


def test_controls_are_the_nearest_in_mean_activation() -> None:
    mean = np.random.default_rng(6).permutation(40.0 + np.arange(40))
    cells = replace(small_cells(6, units=40), units=tuple(range(40)))
    matched = measured(cells, effects_of(mean), controls=6).matched
    assert matched.shape == (40, 6)
    for unit in range(40):
        assert unit not in matched[unit]
        gaps = np.sort(mean[matched[unit]] - mean[unit])
        inner = 43 <= mean[unit] <= 76
        assert (gaps.tolist() == [-3, -2, -1, 1, 2, 3]) == inner


def test_silent_channels_control_nothing() -> None:
    mean = np.where(np.arange(40) % 4 == 0, 0.0, 1.0 + np.arange(40))
    cells = replace(small_cells(6, units=40), units=tuple(range(40)))
    matched = measured(cells, effects_of(mean), controls=100).matched
    assert matched.shape == (40, 29)
    assert (mean[matched] > 0).all()


def test_controls_come_from_all_units_that_were_measured() -> None:
    """A table has the labelled units' activations alone; the model's other channels are their controls."""
    cells = small_cells(7)
    matched = measured(cells, made_up_effects(cells, 7), controls=20).matched
    assert matched.shape == (4, 20)
