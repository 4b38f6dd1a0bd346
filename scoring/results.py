"""The results file of the default score: one row for each pair of unit and concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from scoring.composite import score_of
from scoring.effects import Drawn, Scoring
from scoring.intervals import Ends
from scoring.labels import Labels
from scoring.metrics.causality import NOT_MEASURED, measured_places
from scoring.metrics.human_consistency import FEWEST, counted_cells
from scoring.metrics.registry import COMPONENTS
from scoring.neuron_map import Pair
from scoring.statistics import (
    Floats,
    Integers,
    benjamini_hochberg,
    percentile_among,
    percentiles_among_the_rest,
)

FORMAT_VERSION = 1
METHOD = "interpscore"

#: a reliability of recognition below this is remarked upon
LOW_RELIABILITY = 0.2

_NOISE = ("S", "R", "H")

#: the columns of the results file, in order; those of a metric that was added follow
RESULT_COLUMNS: tuple[str, ...] = (
    *("Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes"),
    *(f"{name}_{end}" for name in ("InterpScore", *COMPONENTS) for end in ("low", "high")),
    *(f"{name}_null{end}" for name in ("InterpScore", *_NOISE) for end in ("", "_low", "_high")),
    *(f"{name}{end}" for name in ("E", "e_S", "e_C", "e_R", "e_H") for end in ("", "_low", "_high")),
    *("components", "Q_perm", "p_perm", "q_perm", "Q_ctrl", "n_ctrl", "p_max", "n_units"),
    *("p_S", "q_S", "n_tests", "retention", "retention_low", "retention_high"),
    *("reliability", "reliability_low", "reliability_high"),
    *("n_trials", "n_images", "n_sources", "n_other_sources", "n_conditions", "n_H_conditions"),
    *("n_C_images", "n_C_controls"),
    *(f"{name}_interval" for name in COMPONENTS),
    *(
        "resampled",
        "resamples",
        "seed",
        "method",
        "composite_weights",
        "weights",
        "C_weights",
        "format_version",
    ),
)


@dataclass
class Table:
    """Builds the results of some pairs: (unit's place, concept's number) each."""

    scoring: Scoring
    units: Integers
    concepts: Integers
    names: Sequence[Pair]
    drawn: Mapping[int, Drawn]
    best: Floats
    labels: Labels = field(default_factory=Labels)

    def frame(self) -> pd.DataFrame:
        """The whole table, its columns in order."""
        columns = {
            "Neuron": [pair.channel for pair in self.names],
            "Concept": [pair.concept for pair in self.names],
            **self._effects(),
            **self._intervals(),
            **self._nulls(),
            **self._tests(),
            **self._counts(),
            "Notes": self._notes(),
            **self._provenance(),
        }
        frame = pd.DataFrame(columns)
        added = [name for name in frame.columns if name not in RESULT_COLUMNS]
        return frame[[*RESULT_COLUMNS, *added]]

    def _of(self, values: Floats) -> Floats:
        """Pick the pairs from an array (C, units)."""
        return np.asarray(values[self.concepts, self.units])

    def _effects(self) -> dict[str, object]:
        observed = self.scoring.observed
        found: dict[str, object] = {"E": self._of(observed.composite)}
        found["InterpScore"] = score_of(self._of(observed.composite))
        for symbol, values in observed.value.items():
            found |= {f"e_{symbol}": self._of(values), symbol: score_of(self._of(values))}
        there = {symbol: ~np.isnan(self._of(observed.value[symbol])) for symbol in COMPONENTS}
        used = [symbol for symbol in COMPONENTS if self.scoring.weights[symbol]]
        found["components"] = [
            " ".join(symbol for symbol in used if there[symbol][row]) for row in range(self.units.size)
        ]
        return found

    def _intervals(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for symbol in ("E", *self.scoring.metrics):
            ends = self._all_ends(symbol)
            low, high = self._of(ends.low), self._of(ends.high)
            effect, share = ("E", "InterpScore") if symbol == "E" else (f"e_{symbol}", symbol)
            found |= {f"{effect}_low": low, f"{effect}_high": high}
            found |= {f"{share}_low": score_of(low), f"{share}_high": score_of(high)}
            if symbol != "E":
                found[f"{symbol}_interval"] = ends.kind[self.concepts, self.units]
        return found | self._retention()

    def _retention(self) -> dict[str, object]:
        ends = self._all_ends("retention")
        value = {symbol: self._of(self.scoring.observed.value[symbol]) for symbol in ("S", "R")}
        low = self._of(ends.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(np.isnan(low), np.nan, value["R"] / value["S"])
        return {"retention": ratio, "retention_low": low, "retention_high": self._of(ends.high)}

    def _all_ends(self, symbol: str) -> Ends:
        """The ends of one estimate for all concepts and units, (C, units); missing where none were drawn."""
        shape = self.scoring.observed.composite.shape
        low, high = np.full((2, *shape), np.nan)
        kind, undefined = np.full(shape, "", dtype="<U16"), np.zeros(shape, np.intp)
        for unit, drawn in self.drawn.items():
            if drawn.ends:
                low[:, unit], high[:, unit], kind[:, unit], undefined[:, unit] = drawn.ends[symbol]
        return Ends(low, high, kind, undefined)

    def _null(self, symbol: str, row: int) -> Floats:
        """Null draws of a pair that have a value; none where the value itself is missing."""
        drawn = self.drawn.get(int(self.units[row]))
        place = (self.concepts[row], self.units[row])
        observed = self.scoring.observed
        value = observed.noise[place] if symbol == "E" else observed.value[symbol][place]
        if drawn is None or symbol not in drawn.null or np.isnan(value):
            return np.empty(0)
        null = drawn.null[symbol][self.concepts[row]]
        return np.asarray(null[~np.isnan(null)])

    def _nulls(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for symbol in ("E", *self.scoring.noise_weights):
            share = "InterpScore" if symbol == "E" else symbol
            quantiles = np.full((self.units.size, 3), np.nan)
            for row in self._rows_with_null:
                quantiles[row] = _quantiles(self._null(symbol, row))
            for name, column in zip(("", "_low", "_high"), quantiles.T, strict=True):
                found[f"{share}_null{name}"] = score_of(column)
        return found

    @cached_property
    def _rows_with_null(self) -> list[int]:
        with_null = [unit for unit, drawn in self.drawn.items() if drawn.null]
        return np.flatnonzero(np.isin(self.units, with_null)).tolist()

    def _tests(self) -> dict[str, object]:
        noise, whole = self.scoring.observed.noise, self.scoring.observed.composite
        value = self._of(noise)
        q_perm, p_perm, p_max = np.full((3, self.units.size), np.nan)
        for row in self._rows_with_null:
            null = self._null("E", row)
            q_perm[row], p_perm[row] = percentile_among(value[row], null), _p_value(value[row], null)
            p_max[row] = _p_value(value[row], self.best[:, self.concepts[row]])
        p_all = self.scoring.p_selectivity
        others = (~np.isnan(whole)).sum(axis=1)[self.concepts] - ~np.isnan(self._of(whole))
        return {
            "Q_perm": q_perm,
            "p_perm": p_perm,
            "q_perm": benjamini_hochberg(p_perm),
            "Q_ctrl": self._of(percentiles_among_the_rest(whole)),
            "n_ctrl": others,
            "p_max": p_max,
            "n_units": noise.shape[1],
            "p_S": self._of(p_all),
            "q_S": self._of(benjamini_hochberg(p_all)),
            "n_tests": int((~np.isnan(p_all)).sum()),
        }

    def _counts(self) -> dict[str, object]:
        cells, measured = self.scoring.cells, self.scoring.measured
        per_concept = cells.sources_of
        member = cells.concept[None, :] == np.arange(len(cells.concepts))[:, None]
        images = np.array([cells.present[:, own].sum() for own in member])
        trials = np.array([cells.responses[:, own].sum() for own in member]).astype(int)
        conditions = np.array([cells.present[:, own].any(axis=1).sum() for own in member])
        effects = np.zeros(len(member), int)
        if measured is not None:
            seen = measured_places(measured.effect)
            effects = np.array([(seen & own).sum() for own in member])
        sample = self.scoring.sampler.units(np.arange(1))
        return {
            "n_trials": trials[self.concepts],
            "n_images": images[self.concepts],
            "n_sources": per_concept[self.concepts],
            "n_other_sources": per_concept.sum() - per_concept[self.concepts],
            "n_conditions": conditions[self.concepts],
            "n_H_conditions": counted_cells(sample)[self.concepts],
            "n_C_images": effects[self.concepts],
            "n_C_controls": 0 if measured is None else measured.matched.shape[1],
            "reliability": self.scoring.reliability,
            "reliability_low": self.scoring.reliability_ends[0],
            "reliability_high": self.scoring.reliability_ends[1],
        }

    def _notes(self) -> list[str]:
        shared, few, null = self._unreliable(), self._few_sources(), self._of_the_null()
        kept: list[list[str]] = [[] for _ in range(self.units.size)]
        for symbol in self.scoring.metrics:
            self._note_missing(symbol, kept)
        return [
            "; ".join([*own, *filter(None, (few[concept], null[concept])), *shared])
            for own, concept in zip(kept, self.concepts, strict=True)
        ]

    def _note_missing(self, symbol: str, kept: list[list[str]]) -> None:
        """Note why a component is missing, and what is missing of its interval."""
        value, result = self._of(self.scoring.observed.value[symbol]), self.scoring.observed.result[symbol]
        ends = self._all_ends(symbol)
        kind, undefined = ends.kind[self.concepts, self.units], ends.undefined[self.concepts, self.units]
        for row in np.flatnonzero(np.isnan(value)):
            reason = result.reason(int(self.concepts[row]), int(self.units[row]))
            if reason != NOT_MEASURED or self.scoring.weights[symbol]:
                kept[row].append(f"{symbol}: {reason}")
        if self.scoring.settings.resamples:
            for row in np.flatnonzero(~np.isnan(value) & (kind == "")):
                kept[row].append(f"{symbol}: no_interval_since_resamples_do_not_vary")
        for row in np.flatnonzero(~np.isnan(value) & (undefined > 0)):
            kept[row].append(f"{symbol}: undefined in {undefined[row]} resamples")

    def _few_sources(self) -> list[str]:
        """What is said of a concept (C,) with so few sources that chance alone can be perfect."""
        note = f"fewer_than_{FEWEST}_sources: a unit chosen on them can be perfect by chance, read p_max"
        return [note if count < FEWEST else "" for count in self.scoring.cells.sources_of]

    def _unreliable(self) -> list[str]:
        share = self.scoring.reliability
        if not 0 < self.scoring.sampler.reliability < LOW_RELIABILITY:
            return []
        return [
            f"H: recognition has a reliability of only {share:.2f}, and dividing by its root multiplies "
            f"noise by {share**-0.5:.1f}"
        ]

    def _of_the_null(self) -> list[str]:
        """What is said of a concept (C,) whose sources, or some, can exchange with no other concept's."""
        alone, cells = self.scoring.stuck_sources, self.scoring.cells
        return [
            "null: no_source_of_another_concept_has_the_same_conditions"
            if number == count
            else f"null: {number} of its {count} sources share their conditions with no other concept"
            if number
            else ""
            for number, count in zip(alone, cells.sources_of, strict=True)
        ]

    def _provenance(self) -> dict[str, object]:
        settings = self.scoring.settings
        return {
            "resampled": "source",
            "resamples": settings.resamples,
            "seed": settings.seed,
            "method": METHOD,
            "composite_weights": " ".join(f"{name} {share:g}" for name, share in settings.weight.items()),
            "weights": self.labels.activations,
            "C_weights": self.labels.causality,
            "format_version": FORMAT_VERSION,
        }


def _quantiles(null: Floats) -> tuple[float, float, float]:
    """Median and central 95% of null draws."""
    if not null.size:
        return (np.nan, np.nan, np.nan)
    low, middle, high = np.quantile(null, [0.025, 0.5, 0.975])
    return float(middle), float(low), float(high)


def _p_value(value: float, null: Floats) -> float:
    """The share of null draws at or above a value, the value itself counted among them."""
    there = null[np.isfinite(null)]
    if np.isnan(value) or not there.size:
        return float("nan")
    return float((1 + (there >= value).sum()) / (1 + there.size))
