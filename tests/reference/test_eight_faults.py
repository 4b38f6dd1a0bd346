"""The eight faults of the published method: each shows in it, and not in the default score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from scoring.accuracy import two_way_mean_interval
from scoring.causal_effects import CausalEffects
from scoring.cells import Cells
from scoring.draws import measured
from scoring.effects import Effects, Scoring, Settings
from scoring.interpscore import score_cells
from scoring.neuron_map import Pair
from scoring.published.images import Images, gather
from scoring.published.registry import METRICS as PUBLISHED
from scoring.published.sample import Sample
from scoring.statistics import Floats
from scoring.trial_cells import Levels, cells_of_trials
from scoring.trial_table import read_trials
from tests.reference.simulated_study import (
    CONCEPTS,
    LABELLED,
    Design,
    Study,
    noise_units,
    shuffled_units,
    simulate,
    true_accuracy,
)

RANDOM = 1000
LEVELS = Levels(clean=5, dreams=(4,))
UNITS = tuple(range(10))
PLAIN = Settings(resamples=0)


@pytest.fixture(scope="module")
def study() -> Study:
    return simulate(np.random.default_rng(4))


@pytest.fixture(scope="module")
def trials(study: Study, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return read_trials(study.csv(tmp_path_factory.mktemp("study") / "data.csv"))


def ours(frame: pd.DataFrame) -> Effects:
    """The default score's effects of the ten labelled units in a trial table."""
    return Scoring(cells_of_trials(frame, UNITS, LEVELS, "soft_correct", "data.csv").cells).observed


def images_of(frame: pd.DataFrame) -> Images:
    pairs = [Pair(unit, CONCEPTS[unit]) for unit in UNITS]
    return gather(frame, pairs, "soft_correct", "data.csv")


def published(images: Images, concept: str, activation: Floats | None = None) -> dict[str, Floats]:
    """The published S, R, H of units (D, images; default the labelled ones) for a concept, and their mean."""
    sample = Sample(
        activation=images.activation.T if activation is None else activation,
        times=np.ones((1, images.level.size)),
        target=images.concept == images.concepts.index(concept),
        clean=images.level == 5,
        invariant=np.isin(images.level, (1, 2)),
        adversarial=images.level == 3,
        rows=images.rows,
        credit=images.credit,
        recognised=images.recognised,
    )
    found = {symbol: PUBLISHED[symbol].compute(sample).published for symbol in "SRH"}
    return found | {"SRH": np.mean([found["S"], found["R"], found["H"]], axis=0)}


def labelled(images: Images, symbol: str) -> Floats:
    """The published values of the labelled pairs."""
    return np.array([published(images, CONCEPTS[unit])[symbol][unit] for unit in UNITS])


def mismatched(values: Floats) -> Floats:
    """The values (C, units) of all pairs that are not labelled."""
    return values[~np.eye(len(values), dtype=bool)]


def with_activation(frame: pd.DataFrame, unit: int, change: Mapping[int, float]) -> pd.DataFrame:
    """Multiply a unit's activations, level by level."""
    factor = frame["level"].astype(int).map(change).fillna(1.0)
    return frame.assign(**{f"activation_{unit}": frame[f"activation_{unit}"] * factor})


# 1: a random unit beats the real one


def test_1_published_random_units_beat_labelled_ones_half_of_the_time(trials: pd.DataFrame) -> None:
    images = images_of(trials)
    random = np.random.default_rng(1).exponential(size=(RANDOM, images.level.size))
    own = labelled(images, "SRH")
    above = [np.mean(published(images, CONCEPTS[unit], random)["SRH"] > own[unit]) for unit in UNITS]
    assert 0.25 < np.mean(above) < 0.75
    assert sum(share > 0.05 for share in above) >= 8


def test_1_ours_no_random_or_shuffled_unit_in_twenty_beats_a_labelled_one(study: Study) -> None:
    rng = np.random.default_rng(2)
    extra = [noise_units(rng, study, RANDOM), shuffled_units(rng, study, RANDOM)]
    values = np.concatenate([study.activation, *extra], axis=2)
    cells = replace(study.cells, activation=values, units=tuple(range(values.shape[2])))
    found = Scoring(cells).observed.noise
    own = np.diag(found[:, :10])
    for start in (10, 10 + RANDOM):
        others = found[:, start : start + RANDOM]
        assert ((others >= own[:, None]).mean(axis=1) <= 0.05).all()
        assert np.abs(others.mean(axis=1)).max() < 0.02


def test_1_ours_mismatched_pairs_have_nothing_and_labelled_ones_stand_above_them(study: Study) -> None:
    scores = score_cells(study.cells, [Pair(*pair) for pair in study.pairs.items()], Settings(resamples=300))
    found = Scoring(study.cells).observed.composite
    overall = scores.controls[scores.controls["Concept"] == "all"]
    assert overall["Control"].tolist() == ["mismatched"]
    assert overall["E"].to_list() == pytest.approx([mismatched(found).mean()])
    assert overall[["E", "E_low"]].to_numpy().max() <= 0
    for number, unit in enumerate(UNITS):
        assert found[number, unit] > np.delete(found[number], unit).max()
        assert found[number, unit] > np.delete(found[:, unit], number).max()


# 2: dead units and mismatched pairs


def test_2_published_a_dead_unit_is_robust(trials: pd.DataFrame) -> None:
    images = images_of(trials.assign(activation_3=0.0))
    found = published(images, CONCEPTS[3])
    assert (found["S"][3], found["R"][3]) == (0.5, 1.0)


def test_2_ours_a_dead_unit_has_no_value_but_a_reason(trials: pd.DataFrame) -> None:
    found = ours(trials.assign(activation_3=0.0))
    assert np.isnan(found.composite[:, 3]).all()
    assert {found.result[symbol].reason(3, 3) for symbol in "SRH"} == {"constant_activation"}
    assert not np.isnan(np.delete(found.composite, 3, axis=1)).any()


def test_2_mismatched_pairs_are_more_robust_only_as_published(trials: pd.DataFrame) -> None:
    images = images_of(trials)
    every = np.array([published(images, concept)["R"] for concept in CONCEPTS])
    assert mismatched(every).mean() > 2 * np.diag(every).mean()
    effect = ours(trials).value["R"]
    assert mismatched(effect).max() < np.diag(effect).min()


# 3: S ranks nothing


def test_3_published_selectivity_is_one_for_all(trials: pd.DataFrame) -> None:
    assert labelled(images_of(trials), "S").min() > 0.985


def test_3_ours_ranks_units_by_how_much_they_miss(trials: pd.DataFrame) -> None:
    effect = np.diag(ours(trials).value["S"])
    missed = [unit.missed for unit in LABELLED]
    assert np.ptp(effect) > 0.15
    assert spearmanr(effect, missed).statistic < -0.6


# 4: rows are not images


def asked_again(frame: pd.DataFrame, times: int) -> pd.DataFrame:
    """Repeat the responses to every third clean picture, as if more people had answered."""
    third = frame["image_basename"].str.extract(r"clean_(\d+)")[0].astype(float).mod(3).eq(0)
    more = [frame[third].assign(participant=lambda rows: rows["participant"] + "x") for _ in range(times)]
    return pd.concat([frame, *more], ignore_index=True)


def test_4_published_robustness_depends_on_how_many_people_saw_a_picture(trials: pd.DataFrame) -> None:
    few, many = (labelled(images_of(frame), "R") for frame in (trials, asked_again(trials, 8)))
    assert np.abs(few - many).max() > 0.01


def test_4_ours_does_not(trials: pd.DataFrame) -> None:
    few, many = (ours(frame) for frame in (trials, asked_again(trials, 8)))
    for symbol in ("S", "R"):
        assert few.value[symbol] == pytest.approx(many.value[symbol], abs=1e-12)


def by_row(cells: Cells) -> Cells:
    """Take each response to a clean picture for a source of its own, as intervals over rows do."""
    times = cells.responses[0].astype(int)
    every = np.repeat(np.arange(len(cells.sources)), times)
    arrays = {
        name: getattr(cells, name)[:1, every]
        for name in ("activation", "recognition", "responses", "variance")
    }
    return replace(
        cells,
        conditions=cells.conditions[:1],
        sources=tuple(str(number) for number in range(every.size)),
        concept=cells.concept[every],
        **arrays,
    )


def test_4_intervals_over_rows_are_far_too_narrow(study: Study) -> None:
    widths = []
    for cells in (study.cells, by_row(study.cells)):
        scoring = Scoring(cells, Settings(resamples=300))
        ends = [scoring.draw(unit).ends["S"] for unit in UNITS]
        widths.append(np.array([end.high[unit] - end.low[unit] for unit, end in enumerate(ends)]))
    ratio = np.median(widths[0] / widths[1])
    raters = study.cells.responses[0].mean()
    assert 0.7 * np.sqrt(raters) < ratio < 1.5 * np.sqrt(raters)


def test_4_the_accuracy_of_a_concept_is_covered_by_two_way_intervals_and_not_by_rows() -> None:
    truth = np.mean([true_accuracy(0, condition) for condition in range(4)])
    rows, two_way = [], []
    for seed in range(120):
        answers = simulate(np.random.default_rng([7, seed]), Design(), LABELLED[:1]).responses
        own = answers[answers["concept"] == 0]
        mean, n = own["correct"].mean(), len(own)
        rows.append(abs(mean - truth) < 1.96 * np.sqrt(mean * (1 - mean) / n))
        found = two_way_mean_interval(own["correct"], own["participant"], own["source"])
        two_way.append(found.low <= truth <= found.high)
    assert np.mean(rows) < 0.8
    assert np.mean(two_way) > 0.9


# 5: H is the recognition rate


def test_5_published_consistency_of_noise_is_the_recognition_rate(trials: pd.DataFrame) -> None:
    images = images_of(trials)
    random = np.random.default_rng(3).exponential(size=(200, images.level.size))
    noise = [published(images, concept, random)["H"].mean() for concept in CONCEPTS]
    shows = [images.concept == number for number in range(10)]
    rate = [images.credit[own].sum() / images.rows[own].sum() for own in shows]
    assert np.corrcoef(noise, rate)[0, 1] > 0.95
    assert np.mean(noise) > 0.4


def test_5_ours_noise_has_no_consistency(study: Study) -> None:
    random = noise_units(np.random.default_rng(3), study, 200)
    found = Scoring(replace(study.cells, activation=random, units=tuple(range(200)))).observed.value["H"]
    assert np.abs(found.mean(axis=1)).max() < 0.06


def test_5_only_the_published_h_counts_the_dreams(trials: pd.DataFrame) -> None:
    awake = trials[trials["level"].astype(int) != 4]
    assert (labelled(images_of(awake), "H") > labelled(images_of(trials), "H") + 0.01).all()
    assert (ours(awake).composite == ours(trials).composite).all()


def test_5_a_unit_that_sees_as_people_do_reaches_the_ceiling_only_in_ours(study: Study) -> None:
    """Activation is the chance to be recognised, without the raters' noise; the published H is that rate."""
    best = replace(LABELLED[0], human=1.0)
    ideal = simulate(np.random.default_rng(6), Design(participants=None), [best])
    assert Scoring(ideal.cells).observed.value["H"][0, 0] > 0.9
    images = gather(ideal_frame(ideal), [Pair(0, CONCEPTS[0])], "soft_correct", "data.csv")
    assert published(images, CONCEPTS[0])["H"][0] < 0.8


def ideal_frame(study: Study) -> pd.DataFrame:
    """The study's trial table, not by way of a file."""
    frame = study.frame().rename(columns={"PROLIFIC_PID": "participant"})
    source = frame["image_basename"].str.replace(r"_(clean|noisy_level\d)", "", regex=True)
    return frame.assign(source=source, excluded=False)


# 6: R punishes increases, and looks at people on one side only


def test_6_published_robustness_falls_when_degraded_pictures_excite_the_unit_more(
    trials: pd.DataFrame,
) -> None:
    same = with_activation(trials, 0, {1: 4.0, 2: 3.3, 3: 5.5})
    more = with_activation(trials, 0, {1: 16.0, 2: 13.2, 3: 22.0})
    before, after = (published(images_of(frame), CONCEPTS[0])["R"][0] for frame in (same, more))
    assert after < 0.6 * before
    effects = [ours(frame).value["R"][0, 0] for frame in (same, more)]
    assert effects[0] == effects[1]


def test_6_only_the_published_robustness_depends_on_what_people_said(trials: pd.DataFrame) -> None:
    upside_down = trials.assign(soft_correct=1 - trials["soft_correct"])
    before, after = (labelled(images_of(frame), "R") for frame in (trials, upside_down))
    assert np.abs(before - after).mean() > 0.03
    assert (ours(trials).value["R"] == ours(upside_down).value["R"]).all()


# 7: the number of a level is no severity


def test_7_accuracy_does_not_follow_the_number_of_the_level(trials: pd.DataFrame) -> None:
    accuracy = trials.groupby(trials["level"].astype(int))["soft_correct"].mean()
    assert list(accuracy.sort_values().index) == [4, 3, 1, 2, 5]


def test_7_only_the_published_score_changes_with_the_numbers_of_degraded_levels(trials: pd.DataFrame) -> None:
    turned = trials.assign(level=trials["level"].replace({1: 3, 2: 1, 3: 2}))
    assert np.abs(labelled(images_of(trials), "R") - labelled(images_of(turned), "R")).max() > 0.02
    before, after = ours(trials), ours(turned)
    for symbol in "SRH":
        assert before.value[symbol] == pytest.approx(after.value[symbol], abs=1e-12)


# 8: C is the mean activation again


def random_model(rng: np.random.Generator) -> tuple[CausalEffects, Floats]:
    """A model of random weights, e = sum of a_j w_j, and its published C (U,); unit 0 drives concept 0.

    Ten images a concept, 300 units, 64 dimensions, random texts.
    """
    concept = np.repeat(np.arange(10), 10)
    scale = rng.lognormal(sigma=1, size=300)
    activation = rng.exponential(size=(100, 300)) * scale
    weights, texts = rng.normal(size=(300, 64)), rng.normal(size=(10, 64))
    activation[concept == 0, 0] *= 6
    weights[0] += 3 * texts[0]
    embedding = activation @ weights
    silenced = embedding[:, None] - activation[:, :, None] * weights
    whole, without = (logits(e, texts) for e in (embedding[:, None], silenced))
    change = (
        np.linalg.norm(silenced - embedding[:, None], axis=2) / np.linalg.norm(embedding, axis=1)[:, None]
    )
    effects = CausalEffects(
        sources=tuple(f"{number:06d}" for number in range(100)),
        concepts=CONCEPTS,
        units=tuple(range(300)),
        effect=(whole - without).astype(np.float32),
        change=change.astype(np.float32),
        mean_activation=activation.mean(axis=0),
        weights="random",
        method="exact",
    )
    return effects, 1 - np.exp(-change[concept == 0].mean(axis=0))


def logits(embedding: Floats, texts: Floats) -> Floats:
    """Cosine with a concept's text less the mean cosine with the others' (…, C)."""
    unit = embedding / np.linalg.norm(embedding, axis=-1, keepdims=True)
    cosine = unit @ (texts / np.linalg.norm(texts, axis=1, keepdims=True)).T
    return np.asarray(cosine - (cosine.sum(axis=-1, keepdims=True) - cosine) / (len(texts) - 1))


def test_8_published_causality_is_the_mean_activation_and_ours_is_not() -> None:
    rng = np.random.default_rng(8)
    effects, change = random_model(rng)
    assert spearmanr(change[1:], effects.mean_activation[1:]).statistic > 0.95
    small = simulate(rng, Design(sources=10), [LABELLED[0]])
    cells = replace(small.cells, units=effects.units, activation=np.repeat(small.activation, 300, axis=2))
    found = Scoring(cells, PLAIN, measured(cells, effects)).observed.value["C"]
    related = [spearmanr(values[1:], effects.mean_activation[1:]).statistic for values in found]
    assert np.abs(related).max() < 0.25
    assert abs(found.mean()) < 0.05
    assert found[0, 0] > 0.9


def test_8_a_unit_whose_effect_is_its_activation_alone_has_no_causality() -> None:
    """Silencing a unit harms every concept's logit alike, in pictures of anything, by its activation."""
    rng = np.random.default_rng(9)
    small = simulate(rng, Design(sources=10), [LABELLED[0]])
    mean = rng.lognormal(size=200)
    effect = np.repeat((mean * rng.gamma(2, size=(100, 200)))[:, :, None], 10, axis=2).astype(np.float32)
    effects = CausalEffects(
        small.cells.sources,
        CONCEPTS,
        tuple(range(200)),
        effect,
        np.full((100, 200), np.nan, np.float32),
        mean,
        "",
        "",
    )
    cells = replace(small.cells, units=effects.units, activation=np.repeat(small.activation, 200, axis=2))
    found = Scoring(cells, PLAIN, measured(cells, effects)).observed.value["C"]
    assert np.abs(found.mean(axis=1)).max() < 0.1
    assert np.abs([spearmanr(values, mean).statistic for values in found]).max() < 0.25
