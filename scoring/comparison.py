"""Several models or layers beside each other, each by the units that it offers for the concepts.

A concept's unit is chosen in each series on sources that are not scored, so that none is flattered. All
series are scored on the same images, answers and draws, so that their differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from scoring.cells import Cells
from scoring.composite import composite, composite_of_draws
from scoring.effects import Drawn, Scoring, Settings
from scoring.intervals import Ends, around, percentile_ends, shrunken_tail
from scoring.metrics.registry import METRICS
from scoring.metrics.sample import Sample
from scoring.statistics import Floats
from scoring.units import Choice, choose_units
from stimuli.errors import UserError

#: the concept of the row that is the mean over all of them
MEAN = "mean over concepts"

#: fewest sources of a concept that are scored; with fewer, the best of many units is perfect by chance
FEWEST_SOURCES = 8

#: the components that a series of activations has; causality needs the model itself
COMPONENTS = ("S", "R", "H")

#: the columns of the comparison, in order
COLUMNS: tuple[str, ...] = (
    *("series", "model", "layer", "preprocess", "n_units", "Concept", "Neuron"),
    *("InterpScore", "InterpScore_low", "InterpScore_high", "E", "E_low", "E_high", "e_S", "e_R", "e_H"),
    *("difference", "difference_low", "difference_high", "p_difference"),
    *("chosen_auroc", "n_chosen_on", "n_sources", "n_concepts", "reliability"),
    *("resampled", "resamples", "seed", "weights", "Notes", "format_version"),
)

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Series:
    """One model's layer: its cells, all series having the same but for units, and what to call it."""

    name: str
    model: str
    layer: str
    preprocess: str
    cells: Cells


@dataclass
class _Scored:
    """A series with the units that were chosen for the concepts, in their order."""

    series: Series
    choices: Sequence[Choice]
    scoring: Scoring
    #: E (C,) of each concept's own unit
    value: Floats
    #: its interval (2, C) as ``score`` gives it; NaN without resamples
    ends: Floats
    #: its draws (C, draws), those of a component at its bound replaced; see ``intervals.draws_at_bound``
    draws: Floats = field(default_factory=lambda: np.empty(0))
    #: its draws (C, draws) from the components' as they are, which alone may be subtracted
    plain: Floats = field(default_factory=lambda: np.empty(0))

    def at_bound(self, concept: int) -> list[str]:
        """Name the components of a concept's unit that stand at -1 or 1, where no draw varies."""
        value = {symbol: self.scoring.observed.value[symbol][concept, concept] for symbol in COMPONENTS}
        return [symbol for symbol in COMPONENTS if METRICS[symbol].sources and abs(value[symbol]) == 1]


def compare(
    series: Sequence[Series], chosen_on: Sequence[str], settings: Settings | None = None
) -> pd.DataFrame:
    """Compare series: a row for each of them and each concept, and one for the mean over concepts.

    ``chosen_on`` names the sources that units are chosen on, by the AUROC of clean images; all others are
    scored. ``difference`` is the series' InterpScore less that of the first series, with the interval of
    the same draws of sources and a permutation p, the two series exchanged source by source. Columns:
    ``COLUMNS``. Raises UserError if there is no series, if one has other images or answers than the first,
    for an unknown source, for weights that leave nothing of S, R and H, and if a concept has fewer than 8
    sources to be scored, or none to choose on.
    """
    chosen = settings or Settings()
    _refuse_unlike(series)
    _refuse_unknown(chosen_on, series[0].cells)
    _refuse_weights(chosen)
    scored = [_scored(one, set(chosen_on), chosen) for one in series]
    return pd.DataFrame([row for one in scored for row in _rows(one, scored[0])], columns=list(COLUMNS))


def halves(cells: Cells, seed: int) -> list[str]:
    """Draw half of each concept's sources, the smaller half if they are odd, to choose units on."""
    rng = np.random.default_rng([seed, 3])
    members = [np.flatnonzero(cells.concept == concept) for concept in range(len(cells.concepts))]
    drawn = [rng.permutation(sources)[: sources.size // 2] for sources in members]
    return [cells.sources[source] for source in np.concatenate(drawn)]


def of_sources(cells: Cells, keep: Iterable[bool]) -> Cells:
    """Keep some sources (S,) of cells; conditions and concepts stay."""
    kept = np.array(list(keep), dtype=bool)
    return replace(
        cells,
        sources=tuple(name for name, is_in in zip(cells.sources, kept, strict=True) if is_in),
        concept=cells.concept[kept],
        activation=cells.activation[:, kept],
        recognition=cells.recognition[:, kept],
        responses=cells.responses[:, kept],
        variance=cells.variance[:, kept],
    )


def _refuse_unlike(series: Sequence[Series]) -> None:
    if not series:
        raise UserError("there is no series to compare; give at least one")
    for one in series[1:]:
        for what, same in _likeness(one.cells, series[0].cells):
            if not same:
                raise UserError(
                    f"the series {one.name} has other {what} than {series[0].name}; "
                    "compare series of the same images and answers"
                )


def _likeness(one: Cells, first: Cells) -> Iterator[tuple[str, bool]]:
    """What all series must have the same, and whether these two do; what follows relies on what precedes."""
    yield "sources", one.sources == first.sources
    yield "concepts", one.concepts == first.concepts
    yield "concepts of its sources", np.array_equal(one.concept, first.concept)
    yield "conditions", one.conditions == first.conditions
    yield "recognition", np.array_equal(one.recognition, first.recognition, equal_nan=True)
    yield "images", np.array_equal(one.present, first.present)


def _refuse_unknown(chosen_on: Sequence[str], cells: Cells) -> None:
    if not chosen_on:
        raise UserError("there is no source to choose units on; name some, or draw them with halves")
    known = set(cells.sources)
    for name in chosen_on:
        if name not in known:
            raise UserError(f"there is no source {name} to choose units on; name sources of the series")


def _refuse_weights(settings: Settings) -> None:
    if not sum(settings.weight[symbol] for symbol in COMPONENTS) > 0:
        given = " ".join(f"{weight:g}" for weight in settings.weights)
        raise UserError(
            f"the weights {given} leave nothing of S, R and H, by which series are compared; "
            "give one of these a weight above 0"
        )


def _scored(series: Series, chosen_on: set[str], settings: Settings) -> _Scored:
    cells = series.cells
    choosing = [name in chosen_on for name in cells.sources]
    rest = of_sources(cells, [not chosen for chosen in choosing])
    _refuse_few(rest)
    choices = _choices(of_sources(cells, choosing), cells.concepts)
    own = rest.of_units([cells.units[choice.unit] for choice in choices])
    scoring = Scoring(own, settings, None, None, {symbol: METRICS[symbol] for symbol in COMPONENTS})
    scoring.prepare()
    value = np.diagonal(scoring.observed.composite)
    found = _Scored(series, choices, scoring, value, np.full((2, len(choices)), np.nan))
    if settings.resamples:
        drawn = [scoring.draw(unit, with_null=False) for unit in range(len(choices))]
        ends = [one.ends["E"] for one in drawn]
        found.ends = np.array([(end.low[at], end.high[at]) for at, end in enumerate(ends)]).T
        found.draws = np.stack([one.draws["E"][concept] for concept, one in enumerate(drawn)])
        found.plain = np.stack([_plain(scoring, one, concept) for concept, one in enumerate(drawn)])
    return found


def _plain(scoring: Scoring, drawn: Drawn, concept: int) -> Floats:
    """E (draws,) of a concept's own unit from its components' draws as they are."""
    draws = {symbol: drawn.draws[symbol][[concept]] for symbol in COMPONENTS}
    value = {symbol: scoring.observed.value[symbol][[concept], concept] for symbol in COMPONENTS}
    found: Floats = composite_of_draws(draws, value, scoring.weights)[0]
    return found


def _refuse_few(cells: Cells) -> None:
    counts = cells.sources_of
    if counts.min() < FEWEST_SOURCES:
        concept = cells.concepts[int(counts.argmin())]
        raise UserError(
            f"{concept} has {counts.min()} sources left to be scored, and with fewer than {FEWEST_SOURCES} "
            "the best of many units is perfect by chance; choose on fewer sources, or show more pictures"
        )


def _choices(cells: Cells, concepts: Sequence[str]) -> list[Choice]:
    """Each concept's unit by the clean images of some sources, in the order of the concepts."""
    there = cells.present[0]
    names = [concepts[number] for number in cells.concept[there]]
    return choose_units(cells.activation[0][there], names, list(concepts))


def _rows(one: _Scored, first: _Scored) -> list[dict[str, object]]:
    value = np.append(one.value, one.value.mean())
    ends, differences = np.column_stack([one.ends, _ends_of_mean(one)]), _differences(one, first)
    names = [*one.series.cells.concepts, MEAN]
    return [
        _shared(one)
        | _effects(one, at)
        | _interval(value[at], *ends[:, at])
        | differences[at]
        | {"Concept": name, "Notes": "; ".join(_notes(one, first, at))}
        for at, name in enumerate(names)
    ]


def _ends_of_mean(one: _Scored) -> tuple[float, float]:
    if not one.draws.size:
        return (float("nan"), float("nan"))
    ends = _around(one.value.mean(keepdims=True), one.draws.mean(axis=0, keepdims=True), _tails(one)[-1:])
    return float(ends.low[0]), float(ends.high[0])


def _around(value: Floats, draws: Floats, tails: Floats) -> Ends:
    return around(value, percentile_ends(value, draws, tails))


def _notes(one: _Scored, first: _Scored, at: int) -> list[str]:
    """Why components are missing, and where a difference is less sure than its interval says."""
    concepts = range(len(one.choices))
    if at in concepts:
        reasons = {symbol: one.scoring.observed.result[symbol].reason(at, at) for symbol in COMPONENTS}
        missing = [f"{symbol}: {reason}" for symbol, reason in reasons.items() if reason]
        return missing + _bounds(one, first, [at])
    return _bounds(one, first, concepts)


def _bounds(one: _Scored, first: _Scored, concepts: Sequence[int]) -> list[str]:
    """Say which components of two series say nothing of how sure their difference is."""
    if one is first or not one.draws.size:
        return []
    both = (one, first)
    held = [sorted({symbol for at in concepts for symbol in who.at_bound(at)}) for who in both]
    return [
        f"difference: {' and '.join(symbols)} of {who.series.name} at the bound, where no draw varies"
        for who, symbols in zip(both, held, strict=True)
        if symbols
    ]


def _tails(one: _Scored) -> Floats:
    """What an interval leaves out at each end, concept by concept and for the mean, by their sources."""
    sources = one.scoring.sources
    return shrunken_tail(np.append(sources, sources.min()))


def _interval(value: float, low: float, high: float) -> dict[str, object]:
    found = {"": value, "_low": low, "_high": high}
    effect: dict[str, object] = {f"E{end}": number for end, number in found.items()}
    return effect | {f"InterpScore{end}": (1 + number) / 2 for end, number in found.items()}


def _effects(one: _Scored, at: int) -> dict[str, object]:
    """The unit, its components and how it was chosen; for the mean over concepts, means."""
    values = {symbol: np.diagonal(one.scoring.observed.value[symbol]) for symbol in COMPONENTS}
    counts = one.scoring.cells.sources_of
    if at == len(one.choices):
        means = {f"e_{symbol}": _mean(found) for symbol, found in values.items()}
        auroc = float(np.mean([choice.auroc for choice in one.choices]))
        return means | {"Neuron": "", "chosen_auroc": auroc, "n_sources": counts.sum(), "n_chosen_on": ""}
    choice = one.choices[at]
    return {f"e_{symbol}": found[at] for symbol, found in values.items()} | {
        "Neuron": one.series.cells.units[choice.unit],
        "chosen_auroc": choice.auroc,
        "n_chosen_on": choice.n_concept,
        "n_sources": counts[at],
    }


def _mean(values: Floats) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def _shared(one: _Scored) -> dict[str, object]:
    settings = one.scoring.settings
    return {
        "series": one.series.name,
        "model": one.series.model,
        "layer": one.series.layer,
        "preprocess": one.series.preprocess,
        "n_units": len(one.series.cells.units),
        "n_concepts": len(one.choices),
        "reliability": one.scoring.reliability,
        "resampled": "source",
        "resamples": settings.resamples,
        "seed": settings.seed,
        "weights": " ".join(f"{symbol} {settings.weight[symbol]:g}" for symbol in COMPONENTS),
        "format_version": FORMAT_VERSION,
    }


def _differences(one: _Scored, first: _Scored) -> list[dict[str, object]]:
    """The difference of InterpScore to the first series, concept by concept and of the mean."""
    count = len(one.choices) + 1
    if one is first:
        return [{}] * count
    value = np.append(one.value - first.value, (one.value - first.value).mean()) / 2
    low, high, p_value = np.full((3, count), np.nan)
    if one.draws.size:
        paired = (one.plain - first.plain) / 2
        ends = _around(value, np.vstack([paired, paired.mean(axis=0)]), _tails(one))
        low, high, p_value = ends.low, ends.high, _p_values(one, first, value)
    names = ("difference", "difference_low", "difference_high", "p_difference")
    return [dict(zip(names, row, strict=True)) for row in zip(value, low, high, p_value, strict=True)]


def _p_values(one: _Scored, first: _Scored, value: Floats) -> Floats:
    """Two-sided p when the two units of a concept exchange their ranks, source by source."""
    settings, cells = one.scoring.settings, one.scoring.cells
    rng = np.random.default_rng([settings.seed, 4])
    swap = rng.random((len(cells.sources), settings.resamples)) < 0.5
    null = np.stack([_exchanged(one.scoring, first.scoring, at, swap) for at in range(len(one.choices))])
    null = np.vstack([null, null.mean(axis=0)]) / 2
    there = ~np.isnan(null)
    reached = (np.abs(null) >= np.abs(value)[:, None] - 1e-12) & there
    return np.where(np.isnan(value), np.nan, (1 + reached.sum(axis=1)) / (1 + there.sum(axis=1)))


def _exchanged(one: Scoring, other: Scoring, concept: int, swap: np.ndarray) -> Floats:
    """E of a concept's unit less E of the other's (draws,), after they exchanged the marked sources."""
    ranks = [scoring.sampler.ranks(concept) for scoring in (one, other)]
    sides = [np.where(swap, b[..., None], a[..., None]) for a, b in (ranks, ranks[::-1])]
    effects = [_composite(scoring, side, concept) for scoring, side in zip((one, other), sides, strict=True)]
    return effects[0] - effects[1]


def _composite(scoring: Scoring, activation: Floats, concept: int) -> Floats:
    cells = scoring.cells
    times = np.ones((len(cells.sources), 1))
    sample = Sample(
        activation, times, cells.recognition, cells.concept, len(cells.concepts), scoring.sampler.reliability
    )
    values: Mapping[str, Floats] = {
        symbol: found.value[concept] for symbol, found in scoring.computed(sample).items()
    }
    return composite(values, scoring.weights)
