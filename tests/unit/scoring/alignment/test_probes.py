from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from scoring.alignment.estimate import Estimate
from scoring.alignment.probes import Probe, _exchanges, _Stimuli, centred_by, probe, source_folds
from tests.reference.alignment.coverage_probes import RELIABILITY, Design, Study, simulate

SMALL = Design(concepts=4, sources=10, conditions=2, units=15, signal=0.9)


def probed(study: Study, reliability: Estimate = RELIABILITY, draws: int = 39) -> Probe:
    return probe(*study, reliability, draws=draws, seed=0)


def study(design: Design = SMALL, seed: int = 0) -> Study:
    return simulate(design, np.random.default_rng(seed))


def test_a_planted_relation_is_found() -> None:
    found = probed(study())
    assert found.reason == ""
    assert found.within.low > 0
    assert found.within.low < found.within.value < found.within.high
    assert found.within.p == pytest.approx(1 / 40)
    assert found.within.n == 40
    assert found.within.unit == "sources"
    assert found.within.null == 0
    assert found.n_stimuli == 80
    assert found.n_units == 15
    assert len(found.penalties) == 5
    assert found.overall.value > 0


def test_the_share_is_of_the_root_of_the_reliability() -> None:
    found = probed(study())
    for name in ("value", "low", "high"):
        assert getattr(found.share, name) == pytest.approx(getattr(found.within, name) / 0.6**0.5)


def test_noise_is_not_found() -> None:
    given = study()
    noise = np.random.default_rng(8).normal(size=given.activation.shape)
    found = probed(given._replace(activation=noise))
    assert found.within.low < 0 < found.within.high
    assert found.within.p > 0.05


def test_the_baseline_is_what_concept_and_condition_say() -> None:
    given = study()
    score = 0.2 * given.concept + 0.1 * given.condition
    score = score + np.where(np.arange(score.size) % 4 < 2, 0.001, -0.001)
    assert probed(given._replace(score=score)).baseline.value > 0.99


def test_activations_that_only_tell_sources_apart_foretell_nothing() -> None:
    """A probe that saw other conditions of a source would know its answer; this one never does."""
    rng = np.random.default_rng(3)
    source = np.repeat(np.arange(60), 4)
    concept, condition = source // 15, np.arange(240) % 4
    score = np.clip(0.5 + 0.2 * rng.normal(size=60)[source] + 0.05 * rng.normal(size=240), 0, 1)
    given = Study(np.eye(60)[source], score, np.full(240, 8), source, concept, condition)
    found = probed(given)
    assert abs(found.within.value) < 0.2
    assert found.within.p > 0.05
    leaking = probed(given._replace(source=np.arange(240)))
    assert leaking.within.value > 0.6


def test_folds_hold_whole_sources_and_two_of_each_concept() -> None:
    source = np.repeat(np.arange(40), 3)
    fold = source_folds(source, source // 10, np.random.default_rng(0))
    assert np.unique(fold).tolist() == [0, 1, 2, 3, 4]
    for one in np.unique(source):
        assert np.unique(fold[source == one]).size == 1
    for concept in range(4):
        for one in range(5):
            assert np.unique(source[(fold == one) & (source // 10 == concept)]).size == 2


def test_whole_sources_of_a_concept_exchange_their_scores() -> None:
    given = study()
    shown = np.random.default_rng(4).permutation(given.score.size)[:70]
    some = given.only(shown)
    data = _Stimuli(some.activation, some.score, some.source, some.concept, some.condition)
    exchanged = _exchanges(data, 30, np.random.default_rng(1))
    assert (np.sort(exchanged, axis=1) == np.arange(70)).all()
    assert (data.concept[exchanged] == data.concept).all()
    assert (data.condition[exchanged] == data.condition).all()
    for source in np.unique(data.source):
        own = data.source[exchanged[:, data.source == source]]
        assert (own == own[:, :1]).all()
    assert (data.source[exchanged] != data.source).any()


def few_sources(given: Study) -> Study:
    return given.only(given.source < 19)


def constant_score(given: Study) -> Study:
    return given._replace(score=np.asarray(0.1 * given.concept, dtype=np.float64))


def constant_activation(given: Study) -> Study:
    return given._replace(activation=np.eye(4)[given.concept])


def one_source_a_concept(given: Study) -> Study:
    return given._replace(concept=given.source)


def no_answers(given: Study) -> Study:
    return given._replace(n=np.zeros_like(given.n))


def no_activations(given: Study) -> Study:
    return given._replace(activation=np.full_like(given.activation, np.nan))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (few_sources, "too_few_sources"),
        (no_answers, "too_few_sources"),
        (no_activations, "too_few_sources"),
        (constant_score, "recognition_does_not_vary"),
        (constant_activation, "constant_activation"),
        (one_source_a_concept, "recognition_does_not_vary"),
    ],
)
def test_what_would_mislead_is_refused(change: Callable[[Study], Study], reason: str) -> None:
    found = probed(change(study()))
    for part in (found.within, found.share, found.overall, found.baseline):
        assert part.reason == reason
        assert np.isnan([part.value, part.low, part.high, part.p]).all()


@pytest.mark.parametrize("low", [0.0, -0.1, np.nan])
def test_scores_that_are_not_reliable_are_refused(low: float) -> None:
    found = probed(study(), Estimate(0.2, low, 0.5, 40, "sources"))
    assert found.reason == "recognition_is_not_reliable"


def test_no_fold_with_two_sources_to_compare_is_refused() -> None:
    rng = np.random.default_rng(0)
    source = np.arange(24)
    given = Study(rng.normal(size=(24, 3)), rng.random(24), np.full(24, 5), source, source // 2, 0 * source)
    assert probed(given).reason == "no_fold_with_2_sources_of_a_concept"


def test_stimuli_without_answers_or_activations_do_not_count() -> None:
    given = study()
    score, n, activation = given.score.copy(), given.n.copy(), given.activation.copy()
    score[0], n[0] = np.nan, 0
    activation[7] = np.nan
    there = np.delete(np.arange(80), [0, 7])
    fewer = given.only(there)
    assert probed(given._replace(score=score, n=n, activation=activation)).within == probed(fewer).within


def test_numbers_of_sources_do_not_matter_but_for_chance() -> None:
    given = study()
    one, again = probed(given), probed(given._replace(source=given.source * 7 + 3, concept=given.concept * 2))
    assert one.within == again.within


def test_units_that_do_not_vary_are_left_out_and_scale_does_not_matter() -> None:
    given = study()
    padded = np.concatenate([given.activation * np.arange(1, 16), np.full((80, 3), 0.1)], axis=1)
    found = probed(given._replace(activation=padded))
    assert found.within.value == pytest.approx(probed(given).within.value, abs=1e-9)


def test_no_p_where_nothing_can_be_exchanged() -> None:
    """Two sources share each condition, and no two sources were shown in the same ones."""
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(24), 2)
    condition = np.stack([np.arange(24), (np.arange(24) + 1) % 24], axis=1).ravel()
    none = np.zeros(48, dtype=np.intp)
    given = Study(rng.normal(size=(48, 3)), rng.random(48), np.full(48, 5), source, none, condition)
    found = probed(given)
    assert found.reason == ""
    assert np.isnan(found.within.p)


def test_means_of_groups_are_taken_off() -> None:
    group = np.array([0, 1, 0, 1])
    assert centred_by(group, np.array([1.0, 2, 3, 6])).tolist() == [-1, -2, 1, 2]
