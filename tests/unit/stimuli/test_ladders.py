"""Ladders of severities: steps that are equal, similarities that are met, anchors that are hit."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import t as student

from stimuli.conditions import Condition, ConditionsFile
from stimuli.errors import UserError
from stimuli.ladders import (
    CHANCE,
    TOLERANCE,
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
    assert str(error.value) == "the severities of rotation have no order, so that there is no ladder of them"


# Similarity


@pytest.mark.parametrize("measure", ["ssim", "rms"])
@pytest.mark.parametrize("family", [NOISE, BLUR, CONTRAST], ids=lambda family: family.name)
def test_similarity_falls_in_equal_steps(family: Perturbation, measure: Measure) -> None:
    ladder = similarity_ladder(family, None, 4, PICTURES, measure, 0)
    curve = SimilarityCurve(family, PICTURES, measure, 0)
    found = [curve(severity) for severity, _ in ladder]
    assert found == pytest.approx([value for _, value in ladder], abs=2 * TOLERANCE)
    assert np.diff([value for _, value in ladder]) == pytest.approx(
        3 * [(found[-1] - found[0]) / 3], abs=2e-3
    )


@pytest.mark.parametrize("family", [NOISE, BLUR, CONTRAST], ids=lambda family: family.name)
def test_it_is_what_a_search_over_a_grid_finds(family: Perturbation) -> None:
    first, last = family.levels[1], family.levels[-2]
    grid = np.linspace(first, last, 150)
    curve = SimilarityCurve(family, PICTURES[:3], "ssim", 0)
    found = np.array([curve(float(f"{severity:.6g}")) for severity in grid])
    wanted = float((found[0] + found[-1]) / 2)
    nearest = grid[np.argmin(np.abs(found - wanted))]
    [(severity, _)] = similarity_ladder(family, [wanted], 1, PICTURES[:3], "ssim", 0)
    assert abs(severity - nearest) <= 1.5 * abs(grid[1] - grid[0]) + 5 * TOLERANCE * abs(last - first)


def test_new_pictures_are_as_similar_as_those_it_was_chosen_on() -> None:
    chosen_on, others = [picture(seed) for seed in range(40)], [picture(seed) for seed in range(100, 140)]
    ladder = similarity_ladder(NOISE, [0.7, 0.5, 0.3], 3, chosen_on, "ssim", 0)
    for severity, wanted in ladder:
        condition = Condition(NOISE.name, severity)
        new = [similarity(one.stimulus(condition, 5), one, "ssim") for one in others]
        assert float(np.mean(new)) == pytest.approx(wanted, abs=0.05)


def test_whole_severities_come_as_near_as_they_can() -> None:
    quality = PERTURBATIONS["jpeg_compression"]
    curve = SimilarityCurve(quality, PICTURES, "ssim", 0)
    wanted = (curve(20) + curve(21)) / 2 + 1e-3
    assert similarity_ladder(quality, [wanted], 1, PICTURES, "ssim", 0)[0][0] in {20, 21}


@pytest.mark.parametrize(("wanted", "bound"), [(0.01, "at least"), (1.5, "at most")])
def test_a_similarity_out_of_reach_is_refused(wanted: float, bound: str) -> None:
    with pytest.raises(UserError) as error:
        similarity_ladder(PIXELATE, [wanted], 1, PICTURES, "ssim", 0)
    assert f"no severity of pixelate gives a mean similarity of {wanted:g}; on these pictures" in str(
        error.value
    )
    assert bound in str(error.value)


def test_a_similarity_that_rises_is_refused() -> None:
    with pytest.raises(UserError) as error:
        similarity_ladder(BLUR, None, 3, PICTURES, "ssim", 0, (0.3, 0.8))
    assert str(error.value) == (
        "similarity is to fall, not to go from 0.3 to 0.8; name others by --from and --to"
    )


@pytest.mark.parametrize("family", [NOISE, BLUR, CONTRAST, PIXELATE], ids=lambda family: family.name)
def test_it_begins_and_ends_at_the_levels_themselves(family: Perturbation) -> None:
    ladder = similarity_ladder(family, None, 3, PICTURES[:3], "ssim", 0)
    assert (ladder[0][0], ladder[-1][0]) == (family.levels[0], family.levels[-1])


def test_what_is_milder_than_the_first_level_is_found_too() -> None:
    [(severity, _)] = similarity_ladder(BLUR, [0.999], 1, PICTURES[:3], "ssim", 0)
    assert 0 < severity < BLUR.levels[0]


def test_a_range_whose_mild_end_is_less_similar_is_left_aside() -> None:
    glass = PERTURBATIONS["glass_blur"]
    curve = SimilarityCurve(glass, PICTURES, "ssim", 0)
    assert curve(glass.low) < curve(glass.levels[0])
    wanted = curve(1.3)
    [(severity, _)] = similarity_ladder(glass, [wanted], 1, PICTURES, "ssim", 0)
    assert glass.levels[0] < severity < glass.levels[-1]
    with pytest.raises(UserError, match="it is at most"):
        similarity_ladder(glass, [0.999], 1, PICTURES, "ssim", 0)


def test_a_similarity_that_is_jumped_over_is_refused() -> None:
    glass = PERTURBATIONS["glass_blur"]
    curve = SimilarityCurve(glass, PICTURES, "ssim", 0)
    before, after = curve(0.95), curve(0.950001)
    assert before - after > 0.05
    with pytest.raises(UserError) as error:
        similarity_ladder(glass, [(before + after) / 2], 1, PICTURES, "ssim", 0)
    assert f"it jumps from {before:.4f} to {after:.4f} at 0.950001, where another parameter" in str(
        error.value
    )


def test_what_is_done_or_not_has_no_ladder() -> None:
    with pytest.raises(UserError) as error:
        physical_ladder(PERTURBATIONS["greyscale"], 3, None, None, "linear")
    assert str(error.value) == "greyscale is done or is not done, so that there is no ladder of it"


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
        "no human thresholds are known of pixelate; use --by similarity, or measure them"
    )


# Measuring and the gate


def test_what_a_ladder_does_is_measured_on_what_a_build_writes() -> None:
    rungs = measured(NOISE, [0.1, 0.3], [None, None], PICTURES, 7)
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
    return Rung(severity, None, Mean(0.5, 0.4, 0.6), Mean(far, far, far), 3, 3)


def test_the_gate_refuses_a_ladder_that_does_not_leave_clean_behind() -> None:
    refuse_flat(BLUR, [rung(1, 0.1), rung(2, 0.2)])
    with pytest.raises(UserError) as error:
        refuse_flat(BLUR, [rung(1, 0.2), rung(2, 0.2)])
    assert str(error.value) == (
        "gaussian_blur-2 is on average no further from clean (0.2000) than gaussian_blur-1 (0.2000); "
        "choose other severities"
    )
    with pytest.raises(UserError) as error:
        refuse_flat(BLUR, [rung(0, 0.0), rung(2, 0.2)])
    assert str(error.value) == (
        "gaussian_blur-0 is on average no further from clean (0.0000) than clean (0.0000); "
        "choose other severities"
    )
