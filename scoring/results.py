"""The results file of the default score: one row for each pair of unit and concept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from scoring.composite import score_of
from scoring.draws import stuck
from scoring.effects import Drawn, Scoring
from scoring.intervals import Ends
from scoring.metrics.causality import NOT_MEASURED
from scoring.metrics.human_consistency import FEWEST, counted_cells
from scoring.metrics.registry import COMPONENTS
from scoring.neuron_map import Pair
from scoring.statistics import Floats, Integers, benjamini_hochberg, percentile_among

FORMAT_VERSION = 1
METHOD = "interpscore"

UNKNOWN_WEIGHTS = "unknown: activations were given in DATA"

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
    *("p_S", "q_S", "n_tests", "retention", "retention_low", "retention_high", "reliability"),
    *("n_trials", "n_images", "n_sources", "n_other_sources", "n_conditions", "n_H_conditions"),
    *("n_C_images", "n_C_controls"),
    *(f"{name}_interval" for name in COMPONENTS),
    *("resampled", "resamples", "seed", "method", "weights", "C_weights", "format_version"),
)


@dataclass(frozen=True)
class Labels:
    """Which weights made the activations, and which the model that C was measured on ("" if none was)."""

    activations: str = UNKNOWN_WEIGHTS
    causality: str = ""


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
            low, high = (self._ends(symbol, end) for end in ("low", "high"))
            effect, share = ("E", "InterpScore") if symbol == "E" else (f"e_{symbol}", symbol)
            found |= {f"{effect}_low": low, f"{effect}_high": high}
            found |= {f"{share}_low": score_of(low), f"{share}_high": score_of(high)}
            if symbol != "E":
                found[f"{symbol}_interval"] = [self._kind(symbol, row) for row in range(self.units.size)]
        return found | self._retention()

    def _retention(self) -> dict[str, object]:
        low, high = self._ends("retention", "low"), self._ends("retention", "high")
        value = {symbol: self._of(self.scoring.observed.value[symbol]) for symbol in ("S", "R")}
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(np.isnan(low), np.nan, value["R"] / value["S"])
        return {"retention": ratio, "retention_low": low, "retention_high": high}

    def _interval(self, symbol: str, row: int) -> tuple[Ends, int] | None:
        drawn = self.drawn.get(int(self.units[row]))
        return (drawn.ends[symbol], int(self.concepts[row])) if drawn and drawn.ends else None

    def _ends(self, symbol: str, end: str) -> Floats:
        found = (self._interval(symbol, row) for row in range(self.units.size))
        return np.array([getattr(one[0], end)[one[1]] if one else np.nan for one in found], dtype=np.float64)

    def _kind(self, symbol: str, row: int) -> str:
        found = self._interval(symbol, row)
        return str(found[0].kind[found[1]]) if found else ""

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
            quantiles = np.array([_quantiles(self._null(symbol, row)) for row in range(self.units.size)])
            for name, column in zip(("", "_low", "_high"), quantiles.reshape(-1, 3).T, strict=True):
                found[f"{share}_null{name}"] = score_of(column)
        return found

    def _tests(self) -> dict[str, object]:
        rows = range(self.units.size)
        noise, whole = self.scoring.observed.noise, self.scoring.observed.composite
        value, nulls = self._of(noise), [self._null("E", row) for row in rows]
        p_perm = np.array([_p_value(value[row], nulls[row]) for row in rows])
        p_all = self.scoring.p_selectivity
        others = [np.delete(whole[self.concepts[row]], self.units[row]) for row in rows]
        return {
            "Q_perm": [percentile_among(value[row], nulls[row]) for row in rows],
            "p_perm": p_perm,
            "q_perm": benjamini_hochberg(p_perm),
            "Q_ctrl": [percentile_among(self._of(whole)[row], others[row]) for row in rows],
            "n_ctrl": [int((~np.isnan(other)).sum()) for other in others],
            "p_max": [_p_value(value[row], self.best[:, self.concepts[row]]) for row in rows],
            "n_units": noise.shape[1],
            "p_S": self._of(p_all),
            "q_S": self._of(benjamini_hochberg(p_all)),
            "n_tests": int((~np.isnan(p_all)).sum()),
        }

    def _counts(self) -> dict[str, object]:
        cells, measured = self.scoring.cells, self.scoring.measured
        per_concept = np.bincount(cells.concept, minlength=len(cells.concepts))
        member = cells.concept[None, :] == np.arange(len(cells.concepts))[:, None]
        images = np.array([cells.present[:, own].sum() for own in member])
        trials = np.array([cells.responses[:, own].sum() for own in member]).astype(int)
        conditions = np.array([cells.present[:, own].any(axis=1).sum() for own in member])
        effects = np.zeros(len(member), int)
        if measured is not None:
            seen = ~np.isnan(measured.effect[0]).all(axis=1)
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
        }

    def _notes(self) -> list[str]:
        shared = self._shared_notes()
        return ["; ".join([*self._missing(row), *self._few(row), *shared]) for row in range(self.units.size)]

    def _missing(self, row: int) -> Iterable[str]:
        """Why components are missing, and what is missing of their intervals."""
        place = int(self.concepts[row]), int(self.units[row])
        for symbol in self.scoring.metrics:
            reason = self.scoring.observed.reason(symbol, *place)
            if reason and (reason != NOT_MEASURED or self.scoring.weights[symbol]):
                yield f"{symbol}: {reason}"
            found = self._interval(symbol, row)
            if not reason and found:
                yield from _interval_notes(symbol, found[0], found[1])

    def _few(self, row: int) -> Iterable[str]:
        cells = self.scoring.cells
        if (cells.concept == self.concepts[row]).sum() < FEWEST:
            yield (
                f"fewer_than_{FEWEST}_sources: a unit chosen on these pictures can be perfect by chance, "
                "read p_max"
            )

    def _shared_notes(self) -> list[str]:
        return [*self._unreliable(), *self._stuck()]

    def _unreliable(self) -> list[str]:
        share = self.scoring.reliability
        if not 0 < share < LOW_RELIABILITY:
            return []
        return [
            f"H: recognition has a reliability of only {share:.2f}, and dividing by its root multiplies noise "
            f"by {share**-0.5:.1f}"
        ]

    def _stuck(self) -> list[str]:
        alone = int(stuck(self.scoring.cells).sum())
        total = len(self.scoring.cells.sources)
        return (
            [f"null: {alone} of {total} sources share their conditions with no other and stay"]
            if alone
            else []
        )

    def _provenance(self) -> dict[str, object]:
        settings = self.scoring.settings
        return {
            "resampled": "source",
            "resamples": settings.resamples,
            "seed": settings.seed,
            "method": METHOD,
            "weights": self.labels.activations,
            "C_weights": self.labels.causality,
            "format_version": FORMAT_VERSION,
        }


def _interval_notes(symbol: str, ends: Ends, concept: int) -> Iterable[str]:
    if not ends.kind[concept]:
        yield f"{symbol}: no_interval_since_resamples_do_not_vary"
    if ends.undefined[concept]:
        yield f"{symbol}: undefined in {ends.undefined[concept]} resamples"


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
