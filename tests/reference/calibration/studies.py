"""One simulated study, scored: its intervals, or the p-values of noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from scoring.accuracy import level_contrast, two_way_mean_interval
from scoring.cells import Cells
from scoring.draws import Measured
from scoring.effects import Drawn, Scoring, Settings
from scoring.interpscore import score_cells
from scoring.metrics.registry import METRICS
from scoring.neuron_map import Pair
from scoring.reliability import reliability
from tests.reference.calibration.designs import (
    CONTROLS,
    DESIGNS,
    NULL_DESIGN,
    NULL_UNITS,
    SPECIFIC,
    UNITS,
    control_effects,
)
from tests.reference.simulated_study import CONCEPTS, Study, Unit, simulate


class Found(NamedTuple):
    """One interval of one study; ``kind`` is that of the interval."""

    design: str
    unit: str
    estimate: str
    value: float
    low: float
    high: float
    kind: str


def intervals(design: str, seed: int, study: int, resamples: int) -> list[Found]:
    """Simulate one study of a design and give all its intervals."""
    rng = np.random.default_rng([seed, list(DESIGNS).index(design), study])
    made = simulate(rng, DESIGNS[design], list(UNITS.values()))
    settings = Settings(resamples=resamples, seed=study)
    effects = _effects(design, *_scorings(rng, made, settings))
    return [*effects, *_accuracies(design, made.responses)]


def _scorings(rng: np.random.Generator, study: Study, settings: Settings) -> tuple[Scoring, ...]:
    """Scorings of the study by all components, without C, by S and R alone, and by these with C.

    All are of concept 0 alone, for speed: the others are taken together, but drawn each for itself.
    """
    known, times = reliability(study.cells), Scoring(study.cells, settings).times
    cells = _against_the_rest(study.cells)
    whole = Scoring(*_with_controls(rng, cells, settings), known)
    without = Scoring(cells, settings, given_reliability=known)
    two = Scoring(cells, replace(settings, weights=(1, 0, 1, 0)), given_reliability=known)
    three = replace(whole, metrics={symbol: METRICS[symbol] for symbol in "SCR"})
    whole.times = without.times = two.times = three.times = times
    return whole, without, two, three


def _against_the_rest(cells: Cells) -> Cells:
    """The cells of concept 0 and of all others as one, whose answers nothing asks for any more."""
    own = cells.concept == 0
    return replace(
        cells,
        concepts=(cells.concepts[0], "the rest"),
        concept=np.where(own, 0, 1),
        recognition=np.where(own, cells.recognition, np.nan),
    )


def _with_controls(
    rng: np.random.Generator, cells: Cells, settings: Settings
) -> tuple[Cells, Settings, Measured]:
    """The cells with control channels beside the units, and simulated effects of silencing all of them."""
    silent = np.zeros((*cells.present.shape, CONTROLS))
    specific = np.concatenate([list(SPECIFIC.values()), control_effects()])
    added = replace(
        cells,
        activation=np.concatenate([cells.activation, silent], axis=2),
        units=tuple(range(specific.size)),
    )
    own = (cells.concept == 0)[:, None]
    effect = np.zeros((2, own.size, specific.size))
    effect[0] = rng.normal(size=effect[0].shape) + own * specific
    matched = np.tile(np.arange(len(UNITS), specific.size), (specific.size, 1))
    return added, settings, Measured(effect, matched)


#: what is said of the scorings by fewer components
FEWER = ("E without C", "E of S and R", "E of S, R and C")


def _effects(design: str, whole: Scoring, *fewer: Scoring) -> Iterator[Found]:
    for place, unit in enumerate(UNITS):
        drawn = whole.draw(place, with_null=False)
        observed = {symbol: values[0, place] for symbol, values in whole.observed.value.items()}
        for symbol in "SCRH":
            yield _found(design, unit, f"e_{symbol}", observed[symbol], drawn, symbol)
        total = float(whole.observed.composite[0, place])
        yield _found(design, unit, "E", total, drawn, "E")
        yield _share(_found(design, unit, "InterpScore", total, drawn, "E"))
        yield _found(design, unit, "retention", observed["R"] / observed["S"], drawn, "retention")
        for name, scoring in zip(FEWER, fewer, strict=True):
            partial = float(scoring.observed.composite[0, place])
            yield _found(design, unit, name, partial, scoring.draw(place, with_null=False), "E")


def _found(design: str, unit: str, name: str, value: float, drawn: Drawn, key: str) -> Found:
    ends = drawn.ends[key]
    return Found(design, unit, name, value, float(ends.low[0]), float(ends.high[0]), str(ends.kind[0]))


def _share(found: Found) -> Found:
    low, high, value = ((1 + end) / 2 for end in (found.low, found.high, found.value))
    return found._replace(value=value, low=low, high=high)


def _accuracies(design: str, responses: pd.DataFrame) -> Iterator[Found]:
    own, clean = responses["concept"] == 0, responses["condition"] == 0
    for name, rows in (("a concept", own), ("a condition", clean), ("a concept in a condition", own & clean)):
        kept = responses[rows]
        strata = kept["concept"] if name == "a condition" else None
        mean = two_way_mean_interval(kept["correct"], kept["participant"], kept["source"], strata=strata)
        yield Found(design, "", f"accuracy, {name}", mean.mean, mean.low, mean.high, mean.method)
    two = responses[responses["condition"] <= 1]
    first = two["condition"] == 0
    gap = level_contrast(two["correct"], first, two["participant"], two["source"], strata=two["concept"])
    name = "accuracy, two conditions' difference"
    yield Found(design, "", name, gap.difference, gap.low, gap.high, "two_way")


def null_p_values(seed: int, study: int, resamples: int) -> Mapping[str, float]:
    """p-values of noise: of one unit for one concept, and of the best of all units on the same pictures.

    Those from draws are spread evenly over the step that they stand for, so that they are uniform if the
    observed value is one of the draws.
    """
    rng = np.random.default_rng([seed, len(DESIGNS), study])
    made = simulate(rng, NULL_DESIGN, [Unit()] * NULL_UNITS)
    settings = Settings(resamples=resamples, seed=study)
    best = int(np.argmax(Scoring(made.cells).observed.noise[0]))
    rows = _null_table(made, sorted({0, best}), settings)
    spread = rng.random(2)
    draws = Scoring(made.cells, settings).best_of_draws
    return {
        "p_S": float(rows["p_S"][0]),
        "p_perm": float(rows["p_perm"][0]) - spread[0] / (1 + resamples),
        "p_max": float(rows["p_max"][best]) - spread[1] / (1 + draws),
    }


def _null_table(study: Study, units: list[int], settings: Settings) -> pd.DataFrame:
    pairs = [Pair(unit, CONCEPTS[0]) for unit in units]
    return score_cells(study.cells, pairs, settings).table.set_index("Neuron")
