"""Ladders of severities: steps that are equal, similarities that are met, anchors that are hit."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import t as student

from stimuli.conditions import Condition, ConditionsFile
from stimuli.corruptions.pixels import Pixels, Rng
from stimuli.errors import UserError
from stimuli.ladders import (
    CHANCE,
    TOLERANCE,
    Chosen,
    HumanCurve,
    Mean,
    Measure,
    Rung,
    SimilarityCurve,
    clustered_mean,
    human_ladder,
    measured,
    physical_ladder,
    refuse_flat,
    similarity,
    similarity_ladder,
)
from stimuli.perturbations import PERTURBATIONS, HumanAnchors, Perturbation
from stimuli.picture_sample import Picture
from stimuli.sources.folder import Source

#: what facts are known of people: 75%, midpoint, 35% correct
ANCHORS = {
    "contrast": (0.097, 0.048, 0.033),
    "uniform noise": (0.101, 0.27, 0.43),
    "low-pass": (2.0, 6.0, 9.3),
    "high-pass": (1.74, 0.75, 0.57),
    "phase": (55, 95, 115),
    "eidolon I": (8.1, 14.8, 26),
}


def picture(seed: int, cluster: str = "", size: int = 64) -> Picture:
    """A made-up picture: soft blobs in colour with an edge through them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    image = np.zeros((size, size, 3))
    for _ in range(6):
        (cy, cx), width = rng.random(2), 0.05 + 0.15 * rng.random()
        blob = np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * width**2))
        image += blob[:, :, None] * rng.uniform(-120, 120, 3)
    image[x > y] += 40
    pixels = np.clip(np.rint(image + 128), 0, 255).astype(np.uint8)
    name = f"{seed:x}".ljust(64, "0")
    return Picture(
        Source(f"blob/{seed}.png", name, "blob", cluster or name[:12]), ConditionsFile(size), pixels
    )


def family_of(anchors: tuple[float, float, float], unit: str = "fraction") -> Perturbation:
    direction = 1 if anchors[0] < anchors[2] else -1
    return Perturbation(
        "blur", "", "", "", unit, direction, None, 0.0, 200.0, "", (1.0, 2.0), human=HumanAnchors(*anchors)
    )


def stairs(monkeypatch: pytest.MonkeyPatch, heights: dict[float, float]) -> Perturbation:
    """A made-up family that puts pictures on grey: a hundredth more for each unit of severity from 0 to 50,
    and more from some severities on, which are the keys of ``heights``.
    """

    def operator(image: Pixels, severity: float, rng: Rng) -> Pixels:
        share = severity / 100 + sum(more for start, more in heights.items() if severity >= start)
        return np.rint(image + share * (128 - image.astype(float))).astype(np.uint8)

    module = ModuleType("stimuli.corruptions.stairs")
    vars(module)["stairs"] = operator
    monkeypatch.setitem(sys.modules, module.__name__, module)
    family = Perturbation("stairs", "", "", "", "", 1, 0.0, 0.0, 50.0, "", own_levels=(5.0, 45.0))
    monkeypatch.setitem(PERTURBATIONS, "stairs", family)
    return family


NOISE, BLUR, CONTRAST, PIXELATE = (
    PERTURBATIONS[name] for name in ("gaussian_noise", "gaussian_blur", "contrast", "pixelate")
)
PICTURES = [picture(seed) for seed in range(8)]


# Physical


def test_steps_are_equal_between_the_first_and_the_last_level() -> None:
    assert physical_ladder(BLUR, 6, None, None, "linear") == [1, 2, 3, 4, 5, 6]
    assert physical_ladder(CONTRAST, 3, 0.4, 0.1, "log") == [0.4, 0.2, 0.1]


def test_severities_have_six_digits_and_whole_ones_are_whole() -> None:
    ladder = physical_ladder(NOISE, 4, 0.1, 0.2, "linear")
    assert ladder == [0.1, 0.133333, 0.166667, 0.2]
    assert [Condition("gaussian_noise", severity).severity for severity in ladder] == ladder
    quality = PERTURBATIONS["jpeg_compression"]
    assert quality.whole
    assert physical_ladder(quality, 3, 60, 25, "linear") == [60, 42, 25]


@pytest.mark.parametrize(
    ("start", "stop", "scale", "said"),
    [
        (6.0, 1.0, "linear", "severity 1 of gaussian_blur is not stronger than 6; exchange --from and --to"),
        (0.0, 6.0, "log", "a logarithmic scale has no 0; give severities above it, or use --scale linear"),
        (1.0, 500.0, "linear",
         "severity 500 of gaussian_blur is outside its range; give a number from 0 to 128"),
    ],
)  # fmt: skip
def test_ends_that_make_no_ladder_are_refused(start: float, stop: float, scale: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        physical_ladder(BLUR, 3, start, stop, "log" if scale == "log" else "linear")
    assert str(error.value) == said


def test_more_levels_than_whole_severities_are_refused() -> None:
    with pytest.raises(UserError) as error:
        physical_ladder(PERTURBATIONS["jpeg_compression"], 5, 12, 10, "linear")
    assert str(error.value) == (
        "two levels of jpeg_compression come to lie at 12 and 12; "
        "ask for fewer levels, or for levels further apart"
    )


def test_severities_without_order_make_no_ladder() -> None:
    with pytest.raises(UserError) as error:
        physical_ladder(PERTURBATIONS["rotation"], 3, None, None, "linear")
    assert str(error.value) == (
        "the severities of rotation have no order, so that there is no ladder of them; "
        "write those that you want into the conditions file"
    )


# Similarity


@pytest.mark.parametrize("measure", ["ssim", "rms"])
@pytest.mark.parametrize("family", [NOISE, BLUR, CONTRAST], ids=lambda family: family.name)
def test_similarity_falls_in_equal_steps(family: Perturbation, measure: Measure) -> None:
    ladder = similarity_ladder(family, None, 4, PICTURES, measure, 0)
    curve = SimilarityCurve(family, PICTURES, measure, 0)
    found = [curve(one.severity) for one in ladder]
    assert found == [one.reached for one in ladder]
    wanted = [one.wanted for one in ladder if one.wanted is not None]
    assert found == pytest.approx(wanted, abs=2 * TOLERANCE)
    assert np.diff(wanted) == pytest.approx(3 * [(found[-1] - found[0]) / 3], abs=2e-3)


@pytest.mark.parametrize("family", [NOISE, BLUR, CONTRAST], ids=lambda family: family.name)
def test_it_is_what_a_search_over_a_grid_finds(family: Perturbation) -> None:
    first, last = family.levels[1], family.levels[-2]
    grid = np.linspace(first, last, 150)
    curve = SimilarityCurve(family, PICTURES[:3], "ssim", 0)
    found = np.array([curve(float(f"{severity:.6g}")) for severity in grid])
    wanted = float((found[0] + found[-1]) / 2)
    nearest = grid[np.argmin(np.abs(found - wanted))]
    [(severity, *_)] = similarity_ladder(family, [wanted], 1, PICTURES[:3], "ssim", 0)
    assert abs(severity - nearest) <= 1.5 * abs(grid[1] - grid[0]) + 5 * TOLERANCE * abs(last - first)


def test_new_pictures_are_as_similar_as_those_it_was_chosen_on() -> None:
    chosen_on, others = [picture(seed) for seed in range(40)], [picture(seed) for seed in range(100, 140)]
    ladder = similarity_ladder(NOISE, [0.7, 0.5, 0.3], 3, chosen_on, "ssim", 0)
    for severity, wanted, _ in ladder:
        condition = Condition(NOISE.name, severity)
        new = [similarity(one.stimulus(condition, 5), one, "ssim") for one in others]
        assert float(np.mean(new)) == pytest.approx(wanted, abs=0.05)


def test_whole_severities_come_as_near_as_they_can() -> None:
    quality = PERTURBATIONS["jpeg_compression"]
    curve = SimilarityCurve(quality, PICTURES, "ssim", 0)
    wanted = (curve(20) + curve(21)) / 2 + 1e-3
    [one] = similarity_ladder(quality, [wanted], 1, PICTURES, "ssim", 0)
    assert one.severity in {20, 21}
    assert one.missed == (abs(curve(one.severity) - wanted) > TOLERANCE)


@pytest.mark.parametrize(
    ("wanted", "bound", "todo"),
    [(0.01, "at least", "give a larger one"), (1.5, "at most", "give a smaller one")],
)
def test_a_similarity_out_of_reach_is_refused(wanted: float, bound: str, todo: str) -> None:
    with pytest.raises(UserError) as error:
        similarity_ladder(PIXELATE, [wanted], 1, PICTURES, "ssim", 0)
    said = f"no severity of pixelate gives a mean similarity of {wanted:g}: on these pictures it is {bound} "
    assert str(error.value).startswith(said)
    assert str(error.value).endswith(f"; {todo}")


def test_a_similarity_that_rises_is_refused() -> None:
    with pytest.raises(UserError) as error:
        similarity_ladder(BLUR, None, 3, PICTURES, "ssim", 0, (0.3, 0.8))
    assert str(error.value) == (
        "similarity is to fall, not to go from 0.3 to 0.8; "
        "name others by --from and --to, or use --by physical"
    )


@pytest.mark.parametrize("family", [NOISE, BLUR, CONTRAST, PIXELATE], ids=lambda family: family.name)
def test_it_begins_and_ends_at_the_levels_themselves(family: Perturbation) -> None:
    ladder = similarity_ladder(family, None, 3, PICTURES[:3], "ssim", 0)
    assert (ladder[0].severity, ladder[-1].severity) == (family.levels[0], family.levels[-1])


def test_what_is_milder_than_the_first_level_is_found_too() -> None:
    [(severity, *_)] = similarity_ladder(BLUR, [0.999], 1, PICTURES[:3], "ssim", 0)
    assert 0 < severity < BLUR.levels[0]


def test_a_range_whose_mild_end_is_less_similar_is_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    family = replace(stairs(monkeypatch, {0.0: 0.1, 5.0: -0.1}), identity=None)
    curve = SimilarityCurve(family, PICTURES, "rms", 0)
    assert curve(family.low) < curve(family.levels[0])
    [(severity, *_)] = similarity_ladder(family, [curve(20)], 1, PICTURES, "rms", 0)
    assert severity == pytest.approx(20, abs=0.5)
    with pytest.raises(UserError, match="it is at most"):
        similarity_ladder(family, [0.999], 1, PICTURES, "rms", 0)


def test_a_similarity_that_is_jumped_over_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    family = stairs(monkeypatch, {20.0: 0.3})
    curve = SimilarityCurve(family, PICTURES, "rms", 0)
    before, after = curve(19.9999), curve(20)
    assert before - after > 0.05
    with pytest.raises(UserError) as error:
        similarity_ladder(family, [(before + after) / 2], 1, PICTURES, "rms", 0)
    assert f": it jumps from {before:.4f} to {after:.4f} at 20; name others by --at" in str(error.value)


def test_steps_that_jumps_make_unequal_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    family = stairs(monkeypatch, {20.0: 0.08})
    curve = SimilarityCurve(family, PICTURES, "rms", 0)
    middle, first, last = (curve(19.9999) + curve(20)) / 2, curve(15), curve(25)
    assert abs(curve(20) - middle) < 0.02
    with pytest.raises(UserError) as error:
        similarity_ladder(family, [first, middle, last], 3, PICTURES, "rms", 0)
    assert f"gives a mean similarity of {middle:.4g}: it jumps from" in str(error.value)


def test_two_levels_on_either_side_of_one_jump_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    family = stairs(monkeypatch, {20.0: 0.3})
    curve = SimilarityCurve(family, PICTURES, "rms", 0)
    before, after = curve(19.9999) - 1e-3, curve(20) + 1e-3
    with pytest.raises(UserError) as error:
        similarity_ladder(family, [curve(10), before, after], 3, PICTURES, "rms", 0)
    assert str(error.value) == (
        f"the similarities {before:.4g} and {after:.4g} of stairs lie on either side of one jump, "
        "at 19.9999 and 20; ask for levels further apart"
    )


def test_it_says_where_it_could_only_come_near(monkeypatch: pytest.MonkeyPatch) -> None:
    family = stairs(monkeypatch, {20.0: 0.02})
    curve = SimilarityCurve(family, PICTURES, "rms", 0)
    wanted = (curve(19.9999) + curve(20)) / 2 + 1e-4
    near, met = similarity_ladder(family, [wanted, curve(40)], 2, PICTURES, "rms", 0)
    assert TOLERANCE < abs(curve(20) - wanted) < 0.01
    assert near == Chosen(19.9999, wanted, curve(19.9999))
    assert (near.missed, met.missed) == (True, False)


def test_what_is_done_or_not_has_no_ladder() -> None:
    with pytest.raises(UserError) as error:
        physical_ladder(PERTURBATIONS["greyscale"], 3, None, None, "linear")
    assert str(error.value) == (
        "greyscale is done or is not done, so that there is no ladder of it; "
        "write its severity 1 into the conditions file"
    )


def test_what_is_made_against_a_model_has_no_ladder() -> None:
    with pytest.raises(UserError) as error:
        physical_ladder(PERTURBATIONS["fgsm"], 3, None, None, "linear")
    assert str(error.value) == (
        "fgsm is made against a model, so that no ladder can be chosen from pictures; "
        "use `stimuli attack` or `stimuli dream` for it"
    )


# People


@pytest.mark.parametrize("anchors", ANCHORS.values(), ids=list(ANCHORS))
def test_anchors_are_hit_exactly(anchors: tuple[float, float, float]) -> None:
    family = family_of(anchors)
    middle = CHANCE + (HumanCurve.of(family).best - CHANCE) / 2
    found = [severity for severity, _ in human_ladder(family, [0.35, middle, 0.75], 288)]
    assert found == pytest.approx(anchors, rel=1e-5)


@pytest.mark.parametrize("anchors", ANCHORS.values(), ids=list(ANCHORS))
def test_the_curve_falls_from_its_best_to_chance(anchors: tuple[float, float, float]) -> None:
    curve = HumanCurve.of(family_of(anchors))
    assert 0.75 < curve.best <= 1
    severities = np.geomspace(anchors[0] ** 2 / anchors[1], anchors[2] ** 2 / anchors[1], 50)
    proportions = [curve.proportion_at(float(severity)) for severity in severities]
    assert all(CHANCE < after < before < curve.best for before, after in pairwise(proportions))
    for proportion in np.linspace(0.3, 0.8, 11):
        assert curve.proportion_at(curve.severity_at(float(proportion))) == pytest.approx(proportion)


def test_a_logistic_of_log_severity_is_recovered() -> None:
    middle, slope, best = 0.2, 1.7, 0.9

    def severity(proportion: float) -> float:
        share = (proportion - CHANCE) / (best - CHANCE)
        return middle * math.exp(-math.log(share / (1 - share)) / slope)

    curve = HumanCurve.of(family_of((severity(0.75), middle, severity(0.35))))
    assert curve.best == pytest.approx(best, abs=1e-9)
    for proportion in (0.3, 0.5, 0.6, 0.8):
        assert curve.severity_at(proportion) == pytest.approx(severity(proportion), rel=1e-9)


def test_pixels_grow_with_the_picture() -> None:
    family = family_of(ANCHORS["low-pass"], "px")
    assert human_ladder(family, [0.75], 224) == [(2.0, 0.75)]
    assert human_ladder(family, [0.75], 448) == [(4.0, 0.75)]
    assert human_ladder(family_of(ANCHORS["low-pass"]), [0.75], 448) == [(2.0, 0.75)]


def test_a_severity_beyond_the_range_is_refused_and_not_taken_for_its_end() -> None:
    high_pass = PERTURBATIONS["high_pass"]
    with pytest.raises(UserError) as error:
        human_ladder(high_pass, [0.75, 0.35], 64)
    assert str(error.value) == (
        "a proportion correct of 0.35 takes severity 0.162857 of high_pass at 64 px, outside its range of "
        "0.2 to 128; give another proportion or another --size"
    )
    assert human_ladder(high_pass, [0.75], 64) == [(0.497143, 0.75)]
    with pytest.raises(UserError, match=r"; give another proportion$"):
        human_ladder(family_of((50.0, 100.0, 250.0)), [0.35], 288)


@pytest.mark.parametrize("proportion", [0.29, 0.86])
def test_extrapolation_is_refused(proportion: float) -> None:
    with pytest.raises(UserError) as error:
        human_ladder(family_of(ANCHORS["contrast"]), [proportion], 288)
    assert str(error.value) == (
        f"a proportion correct of {proportion:g} lies beyond what the anchors of blur tell "
        "(35%, midpoint, 75%); give one from 0.3 to 0.85"
    )


def test_where_the_curve_is_flat_it_tells_no_severity() -> None:
    with pytest.raises(UserError) as error:
        human_ladder(family_of(ANCHORS["high-pass"]), [0.85], 288)
    assert str(error.value).startswith(
        "people are right 0.87 of the time at best with blur, and near to that"
    )


def test_a_family_without_anchors_is_refused() -> None:
    with pytest.raises(UserError) as error:
        human_ladder(PIXELATE, [0.75], 288)
    assert str(error.value) == (
        "no human thresholds are known of pixelate; use --by similarity, measure them, or take a family that "
        "has them: " + ", ".join(name for name, family in PERTURBATIONS.items() if family.human)
    )


# Measuring and the gate


def test_what_a_ladder_does_is_measured_on_what_a_build_writes() -> None:
    rungs = measured(NOISE, [Chosen(0.1), Chosen(0.3)], PICTURES, 7)
    image = PICTURES[0].stimulus(Condition("gaussian_noise", 0.1), 7)
    assert [rung.severity for rung in rungs] == [0.1, 0.3]
    assert rungs[0].n == rungs[0].clusters == 8
    values = [similarity(one.stimulus(Condition("gaussian_noise", 0.1), 7), one, "ssim") for one in PICTURES]
    assert values[0] == similarity(image, PICTURES[0], "ssim")
    assert rungs[0].ssim.value == pytest.approx(np.mean(values))
    assert rungs[0].rms.low < rungs[0].rms.value < rungs[0].rms.high


def test_the_interval_is_students_where_pictures_are_independent() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 12)
    found = clustered_mean(list(values), [str(place) for place in range(12)])
    low, high = student.interval(0.95, 11, values.mean(), values.std(ddof=1) / math.sqrt(12))
    assert found == pytest.approx((values.mean(), low, high))


def test_copies_in_a_cluster_add_no_certainty() -> None:
    values, clusters = [0.2, 0.5, 0.9], ["a", "b", "c"]
    assert clustered_mean(4 * values, 4 * clusters) == pytest.approx(clustered_mean(values, clusters))


def test_one_cluster_has_no_interval() -> None:
    found = clustered_mean([0.2, 0.4], ["a", "a"])
    assert found.value == pytest.approx(0.3)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def rung(severity: float, far: float) -> Rung:
    return Rung(Chosen(severity), Mean(0.5, 0.4, 0.6), Mean(far, far, far), 3, 3)


def test_the_gate_refuses_a_ladder_that_does_not_leave_clean_behind() -> None:
    refuse_flat(BLUR, [rung(1, 0.1), rung(2, 0.2)], [], 0)
    with pytest.raises(UserError) as error:
        refuse_flat(BLUR, [rung(1, 0.2), rung(2, 0.2)], [], 0)
    assert str(error.value) == (
        "gaussian_blur-2 is on average no further from clean (0.2000) than gaussian_blur-1 (0.2000); "
        "choose other severities"
    )
    with pytest.raises(UserError) as error:
        refuse_flat(BLUR, [rung(0, 0.0), rung(2, 0.2)], [], 0)
    assert str(error.value) == (
        "gaussian_blur-0 is on average no further from clean (0.0000) than clean (0.0000); "
        "choose other severities"
    )
