from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from scipy.stats import binomtest

from experiment_server.design.observer import (
    THRESHOLDS,
    ObservedAnswer,
    Observer,
    Population,
    easiness,
    relative_severity,
    signal_odds,
    typo,
)
from scoring.answers import judge
from stimuli.conditions import Condition
from stimuli.errors import UserError
from stimuli.perturbations import PERTURBATIONS

CLEAN = Condition("clean")
CONDITIONS = [
    CLEAN,
    *(Condition(name, level) for name in THRESHOLDS for level in PERTURBATIONS[name].published_levels),
]
CONCEPTS = ("sailboat", "fire", "dog", "cactus")
#: every picture as easy as any other, nobody lapses
UNIFORM = replace(
    Population(),
    concept_sd=0.0,
    concept_by_perturbation_sd=0.0,
    source_sd=0.0,
    lapse=0.0,
    width=224,
)


def answers(
    observer: Observer, condition: Condition, n: int = 400, **options: list[str]
) -> list[ObservedAnswer]:
    rng = Random(repr(condition))
    alternatives = options.get("alternatives")
    return [observer.answer("dog", condition, "s1", alternatives, rng) for _ in range(n)]


def assert_rate(successes: int, n: int, probability: float) -> None:
    """The binomial interval at 99.99% holds the probability, so that a dozen looks rarely fail one."""
    low, high = binomtest(successes, n).proportion_ci(0.9999)
    assert low <= probability <= high


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.key)
def test_recognition_follows_the_psychometric_function(condition: Condition) -> None:
    observer = Observer(Population(), ability=0.3)
    given = answers(observer, condition)
    recognised = sum(answer.recognised for answer in given)
    assert_rate(recognised, len(given), observer.probability("dog", condition, "s1"))


@pytest.mark.parametrize("condition", [CLEAN, Condition("contrast", 0.05), Condition("gaussian_noise", 2.0)])
@pytest.mark.parametrize("dont_know", [True, False])
def test_guessing_among_alternatives(condition: Condition, dont_know: bool) -> None:
    observer = Observer(Population(), dont_know=dont_know)
    given = answers(observer, condition, alternatives=list(CONCEPTS))
    correct = sum(answer.text == "dog" for answer in given)
    assert_rate(correct, len(given), observer.probability_correct("dog", condition, "s1", len(CONCEPTS)))
    assert all(answer.text in CONCEPTS or answer.dont_know for answer in given)
    assert dont_know or not any(answer.dont_know for answer in given)


@pytest.mark.parametrize("perturbation", sorted(THRESHOLDS))
def test_half_are_recognised_at_the_threshold(perturbation: str) -> None:
    at = Condition(perturbation, THRESHOLDS[perturbation].severity)
    assert relative_severity(at, UNIFORM.width) == pytest.approx(1.0)
    assert Observer(UNIFORM).probability("dog", at, "s1") == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("remaining", "share"), [(0.097, 0.75), (0.048, 0.53), (0.033, 0.35)])
def test_contrast_is_near_the_human_anchors_in_a_choice_of_16(remaining: float, share: float) -> None:
    observer = Observer(UNIFORM, dont_know=False)
    correct = observer.probability_correct("dog", Condition("contrast", remaining), "s1", 16)
    assert correct == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("perturbation", sorted(THRESHOLDS))
def test_a_stronger_severity_is_never_easier(perturbation: str) -> None:
    known = PERTURBATIONS[perturbation]
    probabilities = [
        Observer().probability("dog", Condition(perturbation, level), "s1")
        for level in known.published_levels
    ]
    clean = Observer(UNIFORM).probability("dog", CLEAN, "s1")
    assert known.identity is not None
    assert probabilities == sorted(probabilities, reverse=True)
    assert Observer(UNIFORM).probability("dog", Condition(perturbation, known.identity), "s1") == clean


def test_nothing_is_recognised_where_nothing_is_left() -> None:
    assert signal_odds(UNIFORM, Condition("contrast", 0.0)) == 0.0
    assert Observer().probability("dog", Condition("contrast", 0.0), "s1") == 0.0


def test_the_blur_threshold_grows_with_the_picture() -> None:
    condition = Condition("gaussian_blur", 6.0)
    assert relative_severity(condition, 224) == pytest.approx(1.0)
    assert relative_severity(condition, 448) == pytest.approx(0.5)


def test_a_perturbation_without_a_threshold_takes_the_fourth_published_level(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fog = replace(
        PERTURBATIONS["gaussian_noise"], name="mist", published_levels=(1.5, 2.0, 2.5, 3.0, 3.5), high=9.0
    )
    monkeypatch.setitem(PERTURBATIONS, "mist", fog)
    assert relative_severity(Condition("mist", 3.0), 288) == pytest.approx(1.0)


def test_a_perturbation_about_which_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    mist = replace(PERTURBATIONS["gaussian_noise"], name="mist", published_levels=())
    monkeypatch.setitem(PERTURBATIONS, "mist", mist)
    with pytest.raises(UserError) as error:
        Observer().probability("dog", Condition("mist", 1.0), "s1")
    assert str(error.value) == (
        "no psychometric function is known for mist; leave it out of a simulated study"
    )


@pytest.mark.parametrize("perturbation", ["dream", "dream_negative"])
def test_a_dream_is_at_its_threshold_however_many_steps_made_it(perturbation: str) -> None:
    odds = {signal_odds(UNIFORM, Condition(perturbation, steps)) for steps in (1.0, 64.0, 100_000.0)}
    assert odds == {1 / (1 / UNIFORM.clean_odds + 1)}


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_an_attack_is_as_hard_as_noise_of_its_size(attack: str) -> None:
    assert signal_odds(UNIFORM, Condition(attack, 51)) == pytest.approx(
        signal_odds(UNIFORM, Condition("gaussian_noise", 0.2)), rel=0.01
    )


def test_easiness_is_the_pictures_own_and_has_the_stated_spread() -> None:
    people = Population()
    values = [easiness(people, "dog", CLEAN, f"source {i}") for i in range(2000)]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    assert spread == pytest.approx(people.source_sd, rel=0.06)
    assert values[0] == easiness(Population(), "dog", CLEAN, "source 0")
    assert values[0] != easiness(Population(seed=1), "dog", CLEAN, "source 0")


def test_participants_differ_in_ability_as_stated() -> None:
    rng = Random(1)
    abilities = [Population().draw(rng).ability for _ in range(2000)]
    spread = math.sqrt(sum(ability**2 for ability in abilities) / len(abilities))
    assert spread == pytest.approx(Population().ability_sd, rel=0.06)


def test_the_same_seed_gives_the_same_answers() -> None:
    observer = Population().draw(Random(3), CONCEPTS)
    assert answers(observer, CLEAN, 50) == answers(observer, CLEAN, 50)


def test_a_lapse_is_the_only_miss_of_the_easiest_picture() -> None:
    easy = replace(UNIFORM, clean_odds=1e9, lapse=0.1)
    given = answers(Observer(easy), CLEAN, 2000)
    assert_rate(sum(not answer.recognised for answer in given), len(given), 0.1)


def test_what_is_recognised_is_named_in_several_ways() -> None:
    given = answers(Observer(replace(UNIFORM, clean_odds=1e9)), CLEAN, 2000)
    rules = Counter(judge("dog", answer.text).rule for answer in given)
    assert rules["exact"] / len(given) == pytest.approx(0.70, abs=0.05)
    assert rules["inflection"] > 0
    assert rules["no_match"] > 0
    texts = {answer.text.lower() for answer in given}
    assert {"puppy", "animal", "cane", "dog face"} <= texts


def test_what_is_not_recognised_is_confused_vague_or_unknown() -> None:
    observer = Observer(UNIFORM, concepts=CONCEPTS)
    given = answers(observer, Condition("contrast", 0.0), 2000)
    texts = {answer.text.lower() for answer in given}
    assert {"bear", "sailboat", "shape", "animal", ""} <= texts
    assert "dog" not in texts
    assert_rate(sum(answer.dont_know for answer in given), len(given), 0.30)
    assert all(answer.dont_know == (answer.text == "") for answer in given)


def test_an_unknown_concept_is_named_too() -> None:
    rng = Random(0)
    texts = {Observer().answer("zeppelin", CLEAN, "s1", None, rng).text for _ in range(200)}
    assert {"zeppelin", "zeppelins", "object"} <= texts


def test_times_are_lognormal_about_the_median() -> None:
    given = answers(Observer(replace(UNIFORM, clean_odds=1e9), speed=2.0), CLEAN, 2000)
    logs = [math.log(answer.rt_ms) for answer in given]
    mean = sum(logs) / len(logs)
    assert math.exp(mean) == pytest.approx(2 * UNIFORM.rt_median_ms, rel=0.03)
    assert all(
        answer.rt_first_key_ms is not None and answer.rt_first_key_ms < answer.rt_ms for answer in given
    )


def test_who_vanishes_and_who_reloads() -> None:
    rng = Random(5)
    people = replace(UNIFORM, dropout=0.2, reload=0.4)
    sittings = [people.sitting(rng, 10) for _ in range(2000)]
    assert_rate(sum(sitting.vanishes_at is not None for sitting in sittings), 2000, 0.2)
    assert_rate(sum(sitting.reloads_at is not None for sitting in sittings), 2000, 0.4)
    assert {sitting.vanishes_at for sitting in sittings} == {None, *range(10)}


@pytest.mark.parametrize("draw", [lambda rng: typo("sailboat", rng), lambda rng: typo("fire", rng)])
def test_a_typo_keeps_the_first_letter_and_about_the_length(draw: Callable[[Random], str]) -> None:
    rng = Random(2)
    slips = [draw(rng) for _ in range(200)]
    assert len({slip[0] for slip in slips}) == 1
    assert len({len(slip) for slip in slips}) == 3


def test_short_words_are_typed_right() -> None:
    assert typo("dog", Random(0)) == "dog"
