"""Comparing series: what is chosen and scored, what the pairing gives, and how p behaves under the null."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.cells import Cells
from scoring.comparison import COLUMNS, MEAN, Series, compare, halves, of_sources
from scoring.effects import Scoring, Settings
from scoring.interpscore import score_cells
from scoring.neuron_map import Pair
from scoring.statistics import Floats
from stimuli.errors import UserError

ROOT = Path(__file__).parents[3]


def study(seed: int, sources: int = 20, concepts: int = 3, conditions: int = 3) -> Cells:
    """A study whose recognition goes up and down with a quality of each image; no units yet."""
    rng = np.random.default_rng(seed)
    count = sources * concepts
    quality = rng.normal(size=(conditions, count))
    score = rng.binomial(8, 1 / (1 + np.exp(-1.5 * quality))) / 8
    return Cells(
        concepts=tuple("abcdefgh"[:concepts]),
        sources=tuple(f"{number:03d}" for number in range(count)),
        conditions=tuple(str(number) for number in range(conditions)),
        units=(),
        concept=np.repeat(np.arange(concepts), sources).astype(np.intp),
        activation=np.empty((conditions, count, 0)),
        recognition=score,
        responses=np.full(score.shape, 8.0),
        variance=score * (1 - score) * 8 / 7,
    )


def with_units(cells: Cells, seed: int, separation: float, units: int = 6) -> Cells:
    """Give a study units of which the first ones prefer a concept each."""
    rng = np.random.default_rng(seed)
    noise: Floats = rng.normal(size=(*cells.recognition.shape, units))
    for concept in range(len(cells.concepts)):
        noise[:, cells.concept == concept, concept] += separation
    return replace(cells, units=tuple(range(units)), activation=noise)


def series(name: str, cells: Cells) -> Series:
    return Series(name, "model", name, "squash", cells)


def test_a_series_beside_itself_differs_by_nothing() -> None:
    cells = with_units(study(0), 1, 1.0)
    table = compare([series("one", cells), series("again", cells)], halves(cells, 0), Settings(resamples=100))
    again = table[table["series"] == "again"]
    assert (again["difference"] == 0).all()
    assert (again["p_difference"] == 1).all()


def test_units_are_scored_on_the_sources_they_were_not_chosen_on() -> None:
    cells = with_units(study(0), 1, 1.5)
    chosen_on = halves(cells, 0)
    table = compare([series("one", cells)], chosen_on, Settings(resamples=50)).set_index("Concept")
    rest = of_sources(cells, [name not in chosen_on for name in cells.sources])
    pairs = [Pair(int(str(table.loc[concept, "Neuron"])), concept) for concept in cells.concepts]
    expected = score_cells(rest, pairs, Settings(resamples=50)).table.set_index("Concept")
    assert table.loc[list(cells.concepts), "Neuron"].tolist() == [0, 1, 2]
    for name in ("E", "E_low", "E_high", "InterpScore", "e_S", "e_R", "e_H", "reliability"):
        found = table.loc[list(cells.concepts), name].astype(float)
        assert found.tolist() == pytest.approx(expected[name].tolist(), nan_ok=True)
    assert table.loc[MEAN, "E"] == pytest.approx(expected["E"].mean())
    assert set(table["n_chosen_on"].iloc[:3]) == {10}


def test_halves_take_half_of_each_concept_and_follow_the_seed() -> None:
    cells = study(0, sources=9)
    first = halves(cells, 0)
    assert [sum(name in first for name in cells.sources[start : start + 9]) for start in (0, 9, 18)] == [
        4
    ] * 3
    assert halves(cells, 0) == first
    assert halves(cells, 1) != first


def test_the_better_series_is_found() -> None:
    cells = study(0, sources=24)
    poor, good = (with_units(cells, seed, separation) for seed, separation in ((1, 0.5), (2, 2.0)))
    table = compare([series("poor", poor), series("good", good)], halves(cells, 0), Settings(resamples=300))
    mean = table[(table["series"] == "good") & (table["Concept"] == MEAN)].iloc[0]
    assert 0 < mean["difference_low"] < mean["difference"] < mean["difference_high"]
    assert mean["p_difference"] < 0.02


def test_p_is_not_too_small_where_two_series_are_alike() -> None:
    p_values = []
    for seed in range(40):
        cells = study(seed, sources=18, conditions=2)
        alike = [with_units(cells, 1000 + 2 * seed + which, 1.0, units=3) for which in (0, 1)]
        table = compare(
            [series("one", alike[0]), series("two", alike[1])], halves(cells, 0), Settings(resamples=99)
        )
        p_values.append(table["p_difference"].iloc[-1])
    assert np.mean(np.array(p_values) <= 0.1) < 0.3
    assert np.mean(np.array(p_values) > 0.5) > 0.2


def test_too_few_sources_are_refused() -> None:
    cells = with_units(study(0, sources=14), 1, 1.0)
    message = (
        "a has 7 sources left to be scored, and with fewer than 8 the best of many units is perfect by "
        "chance; choose on fewer sources, or show more pictures"
    )
    with pytest.raises(UserError) as error:
        compare([series("one", cells)], halves(cells, 0), Settings(resamples=10))
    assert str(error.value) == message


CELLS = with_units(study(0), 1, 1.0)
UNLIKE = "the series two has other {} than one; compare series of the same images and answers"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"sources": tuple(f"other {name}" for name in CELLS.sources)}, "sources"),
        ({"concepts": ("a", "b", "d")}, "concepts"),
        ({"concept": CELLS.concept[::-1].copy()}, "concepts of its sources"),
        ({"conditions": ("0", "1", "3")}, "conditions"),
        ({"recognition": 1 - CELLS.recognition}, "recognition"),
        ({"activation": np.where(np.arange(60)[:, None] == 9, np.nan, CELLS.activation)}, "images"),
    ],
)
def test_series_of_other_images_or_answers_are_refused(changed: dict[str, Any], what: str) -> None:
    both = [series("one", CELLS), series("two", replace(CELLS, **changed))]
    with pytest.raises(UserError) as error:
        compare(both, halves(CELLS, 0), Settings(resamples=0))
    assert str(error.value) == UNLIKE.format(what)


def test_images_that_are_missing_in_all_series_are_no_difference() -> None:
    gone = np.arange(60) == 9
    activation = CELLS.activation.copy()
    activation[1, gone] = np.nan
    recognition = np.where(gone & (np.arange(3) == 1)[:, None], np.nan, CELLS.recognition)
    lacking = replace(CELLS, activation=activation, recognition=recognition)
    both = [series("one", lacking), series("two", lacking)]
    table = compare(both, halves(CELLS, 0), Settings(resamples=0))
    assert (table.loc[table["series"] == "two", "difference"] == 0).all()


@pytest.mark.parametrize(
    ("given", "chosen_on", "weights", "message"),
    [
        ([], ["000"], (1, 1, 1, 1), "there is no series to compare; give at least one"),
        (
            [series("one", CELLS)],
            ["000", "none"],
            (1, 1, 1, 1),
            "there is no source none to choose units on; name sources of the series",
        ),
        (
            [series("one", CELLS)],
            [],
            (1, 1, 1, 1),
            "there is no source to choose units on; name some, or draw them with halves",
        ),
        (
            [series("one", CELLS)],
            ["000"],
            (0, 1, 0, 0),
            "the weights 0 1 0 0 leave nothing of S, R and H, by which series are compared; "
            "give one of these a weight above 0",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    given: list[Series], chosen_on: list[str], weights: tuple[float, float, float, float], message: str
) -> None:
    with pytest.raises(UserError) as error:
        compare(given, chosen_on, Settings(weights, resamples=0))
    assert str(error.value) == message


def test_a_difference_at_a_ceiling_is_that_of_the_bare_draws_and_says_so() -> None:
    """A perfect series has draws of 1 only, so the other falls short by what it lacks itself."""
    cells, settings = study(3, sources=24), Settings((1, 0, 1, 0), resamples=300)
    perfect, poor = with_units(cells, 1, 50.0), with_units(cells, 2, 1.5)
    chosen_on = halves(cells, 0)
    table = compare([series("perfect", perfect), series("poor", poor)], chosen_on, settings)
    one, other = (table[table["series"] == name].set_index("Concept") for name in ("perfect", "poor"))
    assert (one["E"] == 1).all()
    rest = of_sources(poor, [name not in chosen_on for name in poor.sources])
    for concept in cells.concepts:
        drawn = bare_draws(rest, int(str(other.loc[concept, "Neuron"])), concept, settings)
        ends = [float(str(other.loc[concept, f"difference_{end}"])) for end in ("low", "high")]
        assert ends == pytest.approx(np.quantile((drawn - 1) / 2, [0.025, 0.975]).tolist(), abs=0.02)
    assert (other["difference_low"] <= other["difference"]).all()
    assert (other["difference"] <= other["difference_high"]).all()
    assert set(other["Notes"]) == {"difference: R and S of perfect at the bound, where no draw varies"}
    assert set(one["Notes"]) == {""}


def bare_draws(cells: Cells, unit: int, concept: str, settings: Settings) -> Floats:
    """E of a unit that has S and R, averaged from their draws."""
    scoring = Scoring(cells.of_units([unit]), settings)
    scoring.prepare()
    drawn, number = scoring.draw(0, with_null=False).draws, cells.concepts.index(concept)
    return np.asarray((drawn["S"][number] + drawn["R"][number]) / 2)


def test_an_interval_holds_its_difference_where_one_series_is_perfect_in_few_sources() -> None:
    for seed in range(6):
        cells = study(seed, sources=16)
        both = [
            series(name, with_units(cells, seed, gap)) for name, gap in (("perfect", 50.0), ("good", 3.0))
        ]
        table = compare(both, halves(cells, 0), Settings(resamples=60, seed=seed)).iloc[4:]
        there = table[table["difference_low"].notna()]
        assert len(there)
        assert there["difference"].between(there["difference_low"], there["difference_high"]).all()


def test_without_resamples_there_are_values_only() -> None:
    cells = with_units(study(0), 1, 1.0)
    table = compare([series("one", cells), series("two", cells)], halves(cells, 0), Settings(resamples=0))
    assert table["InterpScore"].notna().all()
    assert table[["E_low", "difference_low", "p_difference"]].isna().all().all()


def test_each_column_is_documented() -> None:
    page = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
    assert [name for name in COLUMNS if f"`{name}`" not in page] == []
