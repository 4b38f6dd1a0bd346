"""The effect sizes of a study's units for its concepts, their intervals and their nulls.

Arrays are (C, units) or (C, draws), C the number of concepts: every unit is scored for every concept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from scoring.cells import Cells
from scoring.composite import composite, composite_of_draws, refuse_weights
from scoring.draws import Measured, Sampler, bootstrap, exchanges, stuck
from scoring.intervals import (
    Ends,
    around,
    chosen,
    dominance_ends,
    draws_at_bound,
    expanded_tail,
    percentile_ends,
    rank_ends,
    shrunken_tail,
)
from scoring.metrics.human_consistency import recognition_ranks
from scoring.metrics.registry import COMPONENTS, METRICS
from scoring.metrics.sample import Flags, Metric, Result, Sample, joined
from scoring.reliability import reliability, reliability_ends
from scoring.statistics import Floats, Integers, mann_whitney_p

#: units looked at together, so that memory stays small
CHUNK = 256
#: draws looked at together, so that they stay in the processor's cache
DRAWS_AT_ONCE = 334
#: draws of the reliability's interval, which decides whether H is there and so does not depend on options
RELIABILITY_DRAWS = 1000
#: draws of the best of all units
BEST_OF_DRAWS = 100
#: retention is given where the lower bound of e_S exceeds this
LEAST_SELECTIVITY = 0.2

Thing = TypeVar("Thing")
Done = TypeVar("Done")


@dataclass(frozen=True)
class Settings:
    """How to score: the weights of S, C, R, H in E (only their ratios matter), draws, and their seed.

    ``resamples`` draws each for intervals and nulls, 0 for neither.
    """

    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse weights that give no mean."""
        refuse_weights(self.weights)

    @property
    def weight(self) -> dict[str, float]:
        """The weight of each component."""
        return dict(zip(COMPONENTS, self.weights, strict=True))


@dataclass(frozen=True)
class Effects:
    """Effect sizes of units for concepts, (C, units) each, by symbol, and the composites of them.

    ``noise`` is the composite of those components that a unit of noise can have.
    """

    value: Mapping[str, Floats]
    result: Mapping[str, Result]
    composite: Floats
    noise: Floats


@dataclass(frozen=True)
class Drawn:
    """One unit for all concepts: the ends (C,) of its intervals, and its draws and null draws (C, m).

    Keys are the metrics' symbols, ``E`` and, among the ends, ``retention``. All are empty without resamples,
    and ``null`` where none was asked for.
    """

    ends: Mapping[str, Ends]
    draws: Mapping[str, Floats]
    null: Mapping[str, Floats]


@dataclass
class Scoring:
    """One scoring of a study: what is drawn once for all units, and what follows from it."""

    cells: Cells
    settings: Settings = field(default_factory=Settings)
    measured: Measured | None = None
    #: of recognition; None is computed from the responses
    given_reliability: float | None = None
    metrics: Mapping[str, Metric] = field(default_factory=lambda: METRICS)

    @cached_property
    def reliability(self) -> float:
        """Reliability of recognition: given, or that of the study."""
        return reliability(self.cells) if self.given_reliability is None else self.given_reliability

    @cached_property
    def reliability_ends(self) -> tuple[float, float]:
        """Its interval over sources; one that was given has none."""
        if self.given_reliability is not None:
            return (float("nan"), float("nan"))
        return reliability_ends(self.cells, bootstrap(self.cells, RELIABILITY_DRAWS, self._rng(5)))

    @cached_property
    def sampler(self) -> Sampler:
        """What makes the samples. Reliability that is not surely above 0 counts as none, which is 0."""
        low = self.reliability_ends[0] if self.given_reliability is None else self.reliability
        return Sampler(self.cells, 0.0 if low <= 0 else self.reliability, self.measured)

    @cached_property
    def times(self) -> list[Floats]:
        """How often each source is drawn, (S, some draws) each."""
        drawn = bootstrap(self.cells, self.settings.resamples, self._rng(1))
        starts = range(0, drawn.shape[1], DRAWS_AT_ONCE)
        return [np.ascontiguousarray(drawn[:, start : start + DRAWS_AT_ONCE]) for start in starts]

    @cached_property
    def parts(self) -> list[tuple[Floats, Sequence[Floats]]]:
        """The parts of ``times``, each with the ranks of recognition in it."""
        return [(part, recognition_ranks(self.sampler.drawn(0, part))) for part in self.times]

    @cached_property
    def given(self) -> Integers:
        """Whose activations each source gets (draws, S)."""
        return exchanges(self.cells, self.settings.resamples, self._rng(0))

    @cached_property
    def weights(self) -> dict[str, float]:
        """The weight of each metric; one that was added has none."""
        return {symbol: self.settings.weight.get(symbol, 0.0) for symbol in self.metrics}

    @cached_property
    def noise_weights(self) -> dict[str, float]:
        """The weights of those metrics that a unit of noise can have."""
        return {symbol: weight for symbol, weight in self.weights.items() if self.metrics[symbol].from_noise}

    @cached_property
    def sources(self) -> Integers:
        """How many sources (C,) a concept has, or all others have if that is fewer."""
        counts = self.cells.sources_of
        return np.asarray(np.minimum(counts, counts.sum() - counts))

    @cached_property
    def observed(self) -> Effects:
        """The effect sizes of all units for all concepts."""
        count = len(self.cells.units)
        slices = [slice(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
        parts = list(in_threads(self._observe, slices))
        found = {symbol: joined([part[symbol] for part in parts]) for symbol in self.metrics}
        value = {symbol: one.value for symbol, one in found.items()}
        return Effects(value, found, composite(value, self.weights), composite(value, self.noise_weights))

    def _observe(self, places: slice) -> dict[str, Result]:
        return self.computed(self.sampler.units(np.arange(places.start, places.stop)))

    def computed(self, sample: Sample) -> dict[str, Result]:
        """Each metric of a sample."""
        return {symbol: metric.compute(sample) for symbol, metric in self.metrics.items()}

    def composite_of(self, values: Mapping[str, Floats]) -> Floats:
        """E of effect sizes."""
        return composite(values, self.weights)

    def prepare(self) -> None:
        """Compute what all units share, before threads ask for it."""
        _ = self.observed, self.parts, self.given, self._behind

    @cached_property
    def p_selectivity(self) -> Floats:
        """One-sided Mann-Whitney p (C, units) of clean activation, concept against the rest."""
        there = self.cells.present[0]
        values, concept = self.cells.activation[0, there], self.cells.concept[there]
        found = mann_whitney_p(values, concept, len(self.cells.concepts))
        return np.where(np.isnan(self.observed.value["S"]), np.nan, found)

    def draw(self, unit: int, with_null: bool = True) -> Drawn:
        """Draw one unit's intervals, and its null, for all concepts."""
        if not self.settings.resamples:
            return Drawn({}, {}, {})
        value = {symbol: self.observed.value[symbol][:, unit] for symbol in self.metrics}
        draws = self._bootstrapped(unit)
        ends, unsure = {}, {}
        for symbol, metric in self.metrics.items():
            ends[symbol], unsure[symbol] = self._ends(metric, value[symbol], draws[symbol])
        draws |= {"E": composite_of_draws(unsure, value, self.weights)}
        whole = self.observed.composite[:, unit]
        ends["E"] = self._composite_ends(whole, draws["E"], value, ends, unsure)
        if {"S", "R"} <= set(self.metrics):
            ends["retention"] = self._retention(value, unsure, ends["S"].low)
        return Drawn(ends, draws, self._null(unit, value) if with_null else {})

    def _composite_ends(
        self,
        whole: Floats,
        drawn: Floats,
        value: Mapping[str, Floats],
        ends: Mapping[str, Ends],
        draws: Mapping[str, Floats],
    ) -> Ends:
        """Ends of E (C,): from those of its components where all of these are 2P - 1, else percentiles."""
        others = [
            ~np.isnan(value[symbol])
            for symbol, metric in self.metrics.items()
            if metric.sources is None and self.weights[symbol]
        ]
        mixed = np.logical_or.reduce([np.zeros(whole.shape, bool), *others])
        percentiles = percentile_ends(whole, drawn, shrunken_tail(self.sources))
        far = dominance_ends(whole, drawn, self.sources)
        near = self._reach_to_zero(whole, value, ends, draws)
        return around(whole, chosen(mixed, percentiles, _nearer(whole, far, near)))

    def _reach_to_zero(
        self,
        whole: Floats,
        value: Mapping[str, Floats],
        ends: Mapping[str, Ends],
        draws: Mapping[str, Floats],
    ) -> Floats:
        """How far (C,) E's end nearer to 0 lies from E: by its components' own ends on that side.

        It is the standard deviation of E's draws, were that of each component its reach, which keeps their
        correlations (MOVER: Zou 2007, Psychological Methods 12(4), 399-413; Zou and Donner 2008, Statistics
        in Medicine 27(10), 1693-1702). E's own draws times 1/(1 - E^2), as the scale of atanh takes them,
        reach to -1 near 1: a rank's draws, and those of a component at its bound, do not narrow there. A
        component without ends adds nothing.
        """
        scaled = {}
        for symbol, (low, high, _, _) in ends.items():
            reach = np.nan_to_num(np.where(whole > 0, value[symbol] - low, high - value[symbol]))
            spread = _deviation(draws[symbol])
            scale = np.divide(reach, spread, out=np.zeros_like(reach), where=spread > 0)
            scaled[symbol] = draws[symbol] * scale[:, None]
        return _deviation(composite_of_draws(scaled, value, self.weights))

    def _retention(self, value: Mapping[str, Floats], draws: Mapping[str, Floats], least: Floats) -> Ends:
        """Ends of e_R/e_S where e_S is surely above 0.2; a ratio to less says nothing."""
        sure = least > LEAST_SELECTIVITY
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(draws["S"] > 0, draws["R"] / draws["S"], np.nan)
        return percentile_ends(np.where(sure, value["R"], np.nan), ratio, expanded_tail(self.sources))

    def _bootstrapped(self, unit: int) -> dict[str, Floats]:
        """Each metric (C, draws) with the sources drawn again, some draws at a time."""
        drawn = [
            replace(self.sampler.drawn(unit, part), recognition_ranks=ranks) for part, ranks in self.parts
        ]
        parts = [self.computed(sample) for sample in drawn]
        return {
            symbol: np.concatenate([part[symbol].value for part in parts], axis=1) for symbol in self.metrics
        }

    @cached_property
    def _behind(self) -> dict[str, tuple[Integers, Integers]]:
        """The sources and the bound's number (C,) of the metrics that have them; the same for every unit."""
        sample = self.sampler.units(np.arange(1))
        return {
            symbol: (metric.sources(sample), (metric.bound or metric.sources)(sample))
            for symbol, metric in self.metrics.items()
            if metric.sources
        }

    def _ends(self, metric: Metric, value: Floats, draws: Floats) -> tuple[Ends, Floats]:
        """A component's interval, and its draws as a composite takes them."""
        if metric.symbol not in self._behind:
            return percentile_ends(value, draws), draws
        sources, behind = self._behind[metric.symbol]
        rng = self._rng(2, list(self.metrics).index(metric.symbol))
        unsure = draws_at_bound(value, draws, behind, rng)
        if metric.is_auroc:
            return dominance_ends(value, draws, sources), unsure
        return rank_ends(value, draws, sources, behind), unsure

    def _null(self, unit: int, value: Mapping[str, Floats]) -> dict[str, Floats]:
        """Components and their composite (C, draws) when sources exchange activations."""
        sample = self.sampler.exchanged(unit, self.given)
        null = {
            symbol: metric.compute(sample).value
            for symbol, metric in self.metrics.items()
            if metric.from_noise
        }
        null |= {"E": composite_of_draws(null, value, self.noise_weights)}
        return {symbol: np.where(self.without_null[:, None], np.nan, draws) for symbol, draws in null.items()}

    @cached_property
    def stuck_sources(self) -> Integers:
        """How many sources of each concept (C,) can exchange with none of another concept."""
        return np.bincount(self.cells.concept[stuck(self.cells)], minlength=len(self.cells.concepts))

    @cached_property
    def without_null(self) -> Flags:
        """Mark the concepts (C,) of which no source can exchange: shuffling leaves them as they are."""
        return np.asarray(self.stuck_sources == self.cells.sources_of)

    @property
    def best_of_draws(self) -> int:
        """How many draws of the best of all units there are."""
        return min(self.settings.resamples, BEST_OF_DRAWS)

    def best_of(self) -> Iterator[Floats]:
        """Yield the largest composite of any unit (C,) in each draw in which sources exchange activations.

        All units exchange together, so that they stay as alike as they are. Its distribution is that of the
        best of as many units of noise, which a unit chosen on the scored pictures has to beat.
        """
        return in_threads(self._best, range(self.best_of_draws))

    def _best(self, draw: int) -> Floats:
        best = np.full(len(self.cells.concepts), -np.inf)
        for start in range(0, len(self.cells.units), CHUNK):
            places = np.arange(start, min(start + CHUNK, len(self.cells.units)))
            sample = self.sampler.units(places, self.given[draw])
            value = {s: self.metrics[s].compute(sample).value for s in self.noise_weights}
            found = composite(value, self.noise_weights)
            best = np.fmax(best, np.where(np.isnan(found), -np.inf, found).max(axis=1))
        return np.where(self.without_null, np.nan, best)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.settings.seed, *stream])


def _nearer(whole: Floats, ends: Ends, reach: Floats) -> Ends:
    """Put the end nearer to 0 (C,) so far from E, where there are ends."""
    low = np.where(whole > 0, np.maximum(whole - reach, -1), ends.low)
    high = np.where(whole < 0, np.minimum(whole + reach, 1), ends.high)
    there = ends.kind != ""
    return ends._replace(low=np.where(there, low, np.nan), high=np.where(there, high, np.nan))


def _deviation(draws: Floats) -> Floats:
    """Standard deviation (C,) of the draws (C, m) that have a value; 0 where none has."""
    return np.asarray(np.ma.masked_invalid(draws).std(axis=1).filled(0.0))


def in_threads(work: Callable[[Thing], Done], things: Sequence[Thing]) -> Iterator[Done]:
    """Do the work on each thing in a few threads (numpy lets go of Python's lock); yield results in order."""
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        yield from pool.map(work, things)
