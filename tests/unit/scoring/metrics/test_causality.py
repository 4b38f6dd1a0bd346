from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scoring.draws import Measured, Sampler, measured
from scoring.metrics.causality import causality, measured_sources
from scoring.metrics.sample import Causal
from tests.unit.scoring.small_studies import made_up_effects, sample_of, small_cells, with_causal


def slow(causal: Causal, concept: np.ndarray, number: int, unit: int, times: np.ndarray) -> float:
    def specific(channel: int) -> float:
        values = causal.effect[number, :, channel]
        own = concept == number
        ours, others = (np.average(values[side], weights=times[side]) for side in (own, ~own))
        return float(ours - others)

    ours = specific(unit)
    return float(np.mean([np.sign(ours - specific(other)) for other in causal.controls[0]]))


def test_is_the_dominance_over_the_controls() -> None:
    sample = with_causal(sample_of(small_cells(0)), 1)
    assert sample.causal is not None
    found = causality(sample).value
    for number in range(3):
        for unit in range(4):
            expected = slow(sample.causal, sample.concept, number, unit, np.ones(31))
            assert found[number, unit] == pytest.approx(expected)


def test_draws_weigh_the_images() -> None:
    cells = small_cells(1)
    rng = np.random.default_rng(1)
    times = rng.integers(3, size=(31, 6)).astype(float)
    effect = rng.normal(size=(3, 31, 9))
    controls = np.tile(np.arange(4, 9), (4, 1))
    sample = Sampler(cells, 1.0, Measured(effect, controls)).drawn(2, times)
    assert sample.causal is not None
    found = causality(sample).value
    for draw in range(6):
        expected = [slow(sample.causal, cells.concept, number, 2, times[:, draw]) for number in range(3)]
        assert found[:, draw] == pytest.approx(expected)


def test_a_unit_that_drives_its_concept_stands_above_all_controls() -> None:
    cells = replace(small_cells(2, units=30), units=tuple(range(30)))
    laid = measured(cells, made_up_effects(cells, 2))
    found = causality(Sampler(cells, 1.0, laid).units(np.arange(30))).value
    assert found[0, 10] == 1
    assert abs(found.mean()) < 0.1


def test_ties_with_controls_count_one_half() -> None:
    sample = with_causal(sample_of(small_cells(3)), 3)
    assert sample.causal is not None
    alike = replace(sample, causal=replace(sample.causal, effect=np.ones_like(sample.causal.effect)))
    assert (causality(alike).value == 0).all()


def test_a_unit_that_is_silent_on_every_image_has_no_causality() -> None:
    sample = with_causal(sample_of(small_cells(3)), 3)
    assert sample.causal is not None
    effect = sample.causal.effect.copy()
    effect[:, :, 1], effect[:, 4] = 0, np.nan
    found = causality(replace(sample, causal=replace(sample.causal, effect=effect)))
    assert np.isnan(found.value).any(axis=0).tolist() == [False, True, False, False]
    assert found.reason(0, 1) == "silent_on_every_clean_image"


def test_what_is_missing_has_a_reason() -> None:
    sample = sample_of(small_cells(4))
    assert causality(sample).reason(0) == "not_measured_it_needs_images_and_a_model"
    given = with_causal(sample, 4)
    assert given.causal is not None
    effect = given.causal.effect.copy()
    effect[:, 1:9] = np.nan
    few = causality(replace(given, causal=replace(given.causal, effect=effect)))
    assert few.reason(0) == "fewer_than_2_images_with_a_measured_effect_on_a_side"
    assert few.reason(1) == ""
    alone = replace(given.causal, controls=given.causal.controls[:, :0])
    assert causality(replace(given, causal=alone)).reason(2) == "no_control_channels"


def test_images_that_were_not_measured_do_not_count() -> None:
    given = with_causal(sample_of(small_cells(5)), 5)
    assert given.causal is not None
    effect = given.causal.effect.copy()
    effect[:, [0, 12]] = np.nan
    some = replace(given, causal=replace(given.causal, effect=effect))
    assert measured_sources(some).tolist() == [8, 9, 12]
    kept = np.delete(np.arange(31), [0, 12])
    fewer = Causal(effect[:, kept], given.causal.unit, given.causal.controls)
    expected = slow(fewer, given.concept[kept], 0, 1, np.ones(29))
    assert causality(some).value[0, 1] == pytest.approx(expected)
