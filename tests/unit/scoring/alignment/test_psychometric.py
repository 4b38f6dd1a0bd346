from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from scoring.alignment.observations import COLUMNS as OBSERVED
from scoring.alignment.observations import HUMAN, MODEL, Observations
from scoring.alignment.psychometric import (
    COLUMNS,
    PEOPLE,
    SHIFT_COLUMNS,
    Fitted,
    curves,
    fitted,
    participant_curves,
    shift,
    shifts,
    table,
    threshold_spread,
)
from stimuli.perturbations import PERTURBATIONS

LEVELS = (1.0, 2.0, 3.0, 5.0, 8.0, 13.0)
CONCEPTS = ("boat", "cat", "hand", "knife")


def rows_of(
    observer: str, kind: str, thresholds: dict[str, float], levels: dict[str, tuple[float, ...]], seed: int
) -> list[dict[str, object]]:
    """Six sources of each of four concepts at each severity."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, object]] = []
    for name, shown in levels.items():
        direction = PERTURBATIONS[name].direction if name in PERTURBATIONS else 1
        for severity in shown:
            for source in range(24):
                z = 3 * direction * np.log(severity / thresholds[name]) if severity else -math.inf
                right = bool(rng.random() < 0.97 * expit(-z))
                concept = CONCEPTS[source % 4]
                row: dict[str, object] = {"observer": observer, "kind": kind, "source": str(source)}
                row |= {"stimulus": f"{name} {severity} {source}", "condition": f"{name} {severity}"}
                row |= {"concept": concept, "chosen": concept if right else pd.NA}
                rows.append(
                    row
                    | {"perturbation": name, "severity": severity, "correct": right, "score": float(right)}
                )
    return rows


BLUR = {"gaussian_blur": LEVELS, "clean": (0.0,)}
AT_4 = {"gaussian_blur": 4.0, "clean": 1.0}


def observed(rows: list[dict[str, object]], alternatives: int | None = None) -> Observations:
    return Observations(pd.DataFrame(rows, columns=list(OBSERVED)).astype(OBSERVED), "here", alternatives)


def study(
    step: float = 0.0, people: int = 8, levels: dict[str, tuple[float, ...]] | None = None
) -> Observations:
    shown = BLUR if levels is None else levels
    rng, rows = np.random.default_rng(0), []
    for person in range(people):
        own = {name: at * math.exp(rng.normal(0, 0.3)) for name, at in AT_4.items()}
        rows += rows_of(f"p{person}", HUMAN, own, shown, 10 + person)
    model = {name: at * math.exp(step) for name, at in AT_4.items()}
    return observed(rows + rows_of("net", MODEL, model, shown, 5))


def test_one_row_for_people_together_and_for_each_model() -> None:
    found = curves(study(), draws=20)
    assert tuple(found.columns) == COLUMNS
    assert found[["kind", "group", "perturbation"]].to_numpy().tolist() == [
        [HUMAN, PEOPLE, "gaussian_blur"],
        [MODEL, "net", "gaussian_blur"],
    ]
    people, net = found.to_dict("records")
    assert (people["n_severities"], people["n_trials"], people["n_participants"], people["n_sources"]) == (
        6,
        8 * 168,
        8,
        24,
    )
    assert (net["n_trials"], net["n_participants"], net["reason"]) == (168, 0, "")
    for row in (people, net):
        assert row["alpha_low"] < 4 < row["alpha_high"]
        assert (row["direction"], row["guess"], row["scale"]) == (1, 0, "log")
        assert 0 < row["p"] <= 1


def test_one_kind_alone() -> None:
    assert [one.group for one in fitted(study(), MODEL, draws=0)] == ["net"]
    assert [one.group for one in fitted(study(), HUMAN, draws=0)] == [PEOPLE]


def test_chance_is_one_in_as_many_as_were_offered() -> None:
    offered = replace(study(), alternatives=16)
    assert curves(offered, MODEL, draws=0)["guess"].tolist() == [1 / 16]
    assert curves(offered, MODEL, guess=0.0, draws=0)["guess"].tolist() == [0.0]


def test_answers_that_were_not_judged_do_not_count() -> None:
    some = study()
    some.frame.loc[some.frame["observer"].eq("p0"), "correct"] = pd.NA
    assert curves(some, HUMAN, draws=0)["n_participants"].tolist() == [7]


def test_severities_between_participants_are_refused() -> None:
    rows = []
    for person in range(6):
        mine = {"gaussian_blur": tuple(LEVELS[(person + at) % 6] for at in range(3))}
        rows += rows_of(f"p{person}", HUMAN, AT_4, mine, person)
    assert curves(observed(rows), draws=0)["reason"].tolist() == ["severities_between_participants"]


def test_who_answered_at_few_severities_is_left_out_and_counted() -> None:
    some = study()
    early = some.frame["observer"].eq("p3") & some.frame["severity"].gt(3)
    found = curves(replace(some, frame=some.frame[~early]), HUMAN, draws=0).iloc[0]
    assert (found["n_left_out"], found["n_participants"], found["reason"]) == (1, 7, "")


def test_four_severities_are_too_few() -> None:
    found = curves(study(levels={"gaussian_blur": LEVELS[:4], "clean": (0.0,)}), draws=0)
    assert found["reason"].tolist() == ["too_few_severities"] * 2
    assert found["n_severities"].tolist() == [4, 4]


def test_contrast_falls_with_smaller_severities() -> None:
    levels: dict[str, tuple[float, ...]] = {"contrast": (0.6, 0.4, 0.2, 0.1, 0.05, 0.02)}
    rows = rows_of("net", MODEL, {"contrast": 0.15}, levels, 3)
    found = curves(observed(rows), draws=0).iloc[0]
    assert (found["direction"], found["reason"]) == (-1, "")
    assert found["alpha_low"] < 0.15 < found["alpha_high"]


def test_directions_are_not_guessed() -> None:
    rows = rows_of("net", MODEL, {"smoke": 4.0}, {"smoke": LEVELS}, 3)
    rows += rows_of("net", MODEL, {"rotation": 1.0}, {"rotation": (1.0, 2.0, 3.0)}, 3)
    some = observed(rows)
    found = curves(some, draws=0).set_index("perturbation")
    assert found["reason"].to_dict() == {
        "rotation": "severities_have_no_order",
        "smoke": "direction_not_known",
    }
    assert found["direction"].tolist() == [0, 0]
    told = curves(some, directions={"smoke": 1}, draws=0).set_index("perturbation")
    assert told.loc["smoke", "alpha"] == pytest.approx(4, rel=0.3)


def test_no_rows_without_severities() -> None:
    some = study()
    some.frame["severity"] = pd.NA
    assert curves(replace(some, frame=some.frame.astype(OBSERVED)), draws=0).empty


def curve_of(found: list[Fitted], group: str) -> Fitted:
    return next(one for one in found if one.group == group)


def test_a_model_like_people_has_no_shift_and_a_stronger_one_has() -> None:
    same, stronger = (shifts(fitted(study(step), draws=0)).iloc[0] for step in (0.0, 0.5))
    assert tuple(same.index) == SHIFT_COLUMNS
    assert same["low"] < 0 < same["high"]
    assert 0 < stronger["low"] < 0.5 < stronger["high"]
    assert (same["null"], same["n"], same["unit"], same["model"]) == (0, 8, "participants", "net")


def test_a_shift_is_of_ln_severity_and_turns_around_with_the_two() -> None:
    found = fitted(study(0.5), draws=0)
    people, net = (curve_of(found, group).curve for group in (PEOPLE, "net"))
    one, other = shift(people, net), shift(net, people)
    assert one.value == pytest.approx(math.log(net.alpha / people.alpha))
    assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))


def test_a_shift_needs_one_task_and_two_thresholds() -> None:
    found = fitted(study(), draws=0)
    people, net = (curve_of(found, group).curve for group in (PEOPLE, "net"))
    chosen = replace(net, model=replace(net.model, guess=1 / 12))
    assert shift(people, chosen).reason == "chance_levels_differ"
    assert shift(people, replace(net, scale="linear")).reason == "scales_differ"
    assert shift(people, replace(net, reason="no_fall")).reason == "model_no_fall"
    assert shift(None, net).reason == "no_human_curve"
    assert shift(people, None).reason == "no_model_curve"
    assert math.isnan(shift(people, chosen).value)


def test_a_shift_keeps_open_what_a_threshold_left_open() -> None:
    found = fitted(study(), draws=0)
    people, net = (curve_of(found, group).curve for group in (PEOPLE, "net"))
    half_open = shift(people, replace(net, alpha_high=math.nan))
    assert math.isnan(half_open.high)
    assert not math.isnan(half_open.low)
    assert half_open.reason == "interval_open_beyond_severities_shown"


def test_one_person_has_a_threshold_and_no_interval() -> None:
    found = fitted(study(people=1), draws=0)
    people = curve_of(found, PEOPLE).curve
    assert people.notes == ("fewer_than_2_participants",)
    assert shifts(found)["reason"].tolist() == ["fewer_than_2_participants"]


def test_each_participant_for_themselves_and_how_they_differ() -> None:
    found = participant_curves(study(people=30))
    assert [one.group for one in found[:3]] == ["p0", "p1", "p10"]
    assert table(found)["alpha_low"].notna().all()
    spread = threshold_spread(found)["gaussian_blur"]
    assert spread.low < 0.3 < spread.high
    assert spread.value == pytest.approx(0.3, abs=0.1)
    assert spread.n == 30


def test_no_spread_of_few_thresholds() -> None:
    found = participant_curves(study(people=5))
    assert threshold_spread(found[:2])["gaussian_blur"].reason == "fewer_than_3_thresholds"
    lost = [replace(one, curve=replace(one.curve, reason="no_fall")) for one in found[:2]]
    spread = threshold_spread([*lost, *found[2:]])["gaussian_blur"]
    assert (spread.reason, spread.n) == ("threshold_missing_for_more_than_a_fifth", 3)
