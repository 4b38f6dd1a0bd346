"""InterpScore by the published method: its components, their composite, intervals and nulls.

The published values keep the published stand-ins where a component is undefined, and say so in
``Notes``. Intervals and nulls are ours: draws in which a component is undefined are left out of them.
``docs/score.md`` defines every column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.composite import refuse_weights
from scoring.counted_rows import listed
from scoring.labels import Labels
from scoring.neuron_map import Pair
from scoring.published.causality import saturate
from scoring.published.human_consistency import recognition_p_value
from scoring.published.images import Images, gather
from scoring.published.registry import METRICS
from scoring.published.sample import Result, Sample
from scoring.statistics import (
    Floats,
    Integers,
    bootstrap_counts,
    central_interval,
    permutations_within,
)
from stimuli.errors import UserError

FORMAT_VERSION = 1

#: the components that the trials alone give
FROM_TRIALS = tuple(symbol for symbol, metric in METRICS.items() if metric.from_trials)

#: the columns of the results file, in order
RESULT_COLUMNS: tuple[str, ...] = (
    *("Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes", "SRH"),
    *("n_trials", "n_images", "n_sources", "n_C_images"),
    *(f"{name}_{end}" for name in (*METRICS, "InterpScore", "SRH") for end in ("low", "high")),
    *(f"{name}_null{end}" for name in (*FROM_TRIALS, "SRH") for end in ("", "_low", "_high")),
    *("resampled", "resamples", "seed", "method", "weights", "C_weights", "format_version"),
)


@dataclass(frozen=True)
class Settings:
    """What the options of ``score`` choose; the defaults are what the published method does.

    ``weights`` of S, C, R, H count by their shares of their sum. ``percentile`` and ``min_p_value`` are in
    [0, 1]. ``resamples`` draws each for intervals and nulls, 0 for neither.
    """

    clean_level: int = 5
    invariant_levels: tuple[int, ...] = (1, 2)
    adversarial_levels: tuple[int, ...] = (3,)
    percentile: float = 0.95
    min_p_value: float | None = None
    score_column: str = "soft_correct"
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse weights that give no mean."""
        refuse_weights(self.weights)

    @property
    def weight(self) -> dict[str, float]:
        """The weight of each component."""
        return dict(zip(METRICS, self.weights, strict=True))


@dataclass(frozen=True)
class Null:
    """Draws in which whole sources have exchanged their activations.

    ``given`` (draws, images): the image whose activation an image gets; None where there are no draws.
    ``stuck`` (images,): the source has no other with the same conditions, so it keeps its own.
    ``group`` (images,): sources exchange within these.
    """

    given: Integers | None
    stuck: NDArray[np.bool_]
    group: Integers


def score(
    frame: pd.DataFrame,
    pairs: Sequence[Pair],
    settings: Settings | None = None,
    *,
    origin: str = "the trial table",
    changes: Mapping[Pair, Floats] | None = None,
    labels: Labels | None = None,
) -> pd.DataFrame:
    """Score pairs of unit and concept by the published method; one row per pair, in their order.

    ``frame`` is a trial table as ``read_trials`` gives it; ``changes`` has for each pair the relative
    embedding changes (images, 2) that C needs. Columns: ``RESULT_COLUMNS``. Raises UserError as
    ``gather`` does, and if no row is at the clean level.
    """
    chosen = settings or Settings()
    images = gather(frame, pairs, chosen.score_column, origin)
    rows = score_pairs(images, pairs, chosen, origin=origin, changes=changes, labels=labels)
    return pd.DataFrame(list(rows), columns=list(RESULT_COLUMNS))


def score_pairs(
    images: Images,
    pairs: Sequence[Pair],
    settings: Settings,
    *,
    origin: str = "the trial table",
    changes: Mapping[Pair, Floats] | None = None,
    labels: Labels | None = None,
) -> Iterator[dict[str, object]]:
    """Yield the results of each pair in turn, as ``score`` does."""
    check_clean(images, settings, origin)
    null = exchange(images, settings.resamples, np.random.default_rng([settings.seed, 0]))
    for pair in pairs:
        change = None if changes is None else changes.get(pair, np.empty((0, 2)))
        yield _Scoring(images, pair, settings, null, change, labels or Labels()).row()


def check_clean(images: Images, settings: Settings, origin: str) -> None:
    """Raise UserError, listing the levels that are there, if no image is at the clean one."""
    if settings.clean_level not in images.level:
        levels = listed([str(level) for level in np.unique(images.level)])
        raise UserError(
            f"{origin} has no row at the clean level {settings.clean_level}; its levels are {levels}: "
            "name the clean one with --clean-level"
        )


def exchange(images: Images, draws: int, rng: np.random.Generator) -> Null:
    """Draw the null: sources exchange all their activations, labels and responses stay.

    An image gets the activation of the other source's image in the same slot: level, and place among
    that source's images of the level. Only sources with the same slots exchange.
    """
    slot = _slots(images)
    sets = [tuple(np.sort(slot[images.source == source])) for source in range(images.source.max() + 1)]
    numbers = {slots: number for number, slots in enumerate(dict.fromkeys(sets))}
    stratum = np.array([numbers[slots] for slots in sets], dtype=np.intp)
    stuck = np.bincount(stratum)[stratum] == 1
    at = np.zeros((len(sets), slot.max() + 1), dtype=np.intp)
    at[images.source, slot] = np.arange(slot.size)
    given = at[permutations_within(stratum, draws, rng)[:, images.source], slot] if draws else None
    return Null(given, stuck[images.source], stratum[images.source])


def _slots(images: Images) -> Integers:
    """Number each image's slot: its level, and its place among its source's images of that level."""
    slots = pd.DataFrame({"source": images.source, "level": images.level})
    slots["place"] = slots.groupby(["source", "level"]).cumcount()
    return slots.groupby(["level", "place"]).ngroup().to_numpy().astype(np.intp)


@dataclass
class _Scoring:
    """The scoring of one pair; ``notes`` gathers what its reader must know."""

    images: Images
    pair: Pair
    settings: Settings
    null: Null
    change: Floats | None
    labels: Labels
    notes: list[str] = field(default_factory=list)

    def row(self) -> dict[str, object]:
        sample = self.sample()
        results = {symbol: metric.compute(sample) for symbol, metric in METRICS.items()}
        values = self.published(sample, results)
        sound = {symbol: not results[symbol].reason[0] and not np.isnan(values[symbol]) for symbol in METRICS}
        is_constant = np.ptp(sample.activation) == 0
        if is_constant:
            self.notes.append("constant_activation: the unit has the same activation everywhere")
        if is_constant:
            sound = dict.fromkeys(METRICS, False)
        ends = self.intervals(sample, sound) | self.nulls(sample, sound)
        composite = {
            "InterpScore": _composite(values, self.settings.weight),
            "SRH": _composite(values, self.srh_weight()),
        }
        return self.counts(sample) | values | composite | ends | self.provenance()

    def sample(self) -> Sample:
        level = self.images.level
        return Sample(
            activation=self.images.of_unit(self.pair.channel)[None, :],
            times=np.ones((1, level.size)),
            target=self.images.target(self.pair),
            clean=level == self.settings.clean_level,
            invariant=np.isin(level, self.settings.invariant_levels),
            adversarial=np.isin(level, self.settings.adversarial_levels),
            rows=self.images.rows,
            credit=self.images.credit,
            recognised=self.images.recognised,
            percentile=self.settings.percentile,
            embedding_change=self.change,
        )

    def published(self, sample: Sample, results: Mapping[str, Result]) -> dict[str, float]:
        """Take the published values, noting each that is a stand-in or missing."""
        values = {symbol: float(found.published[0]) for symbol, found in results.items()}
        for symbol, found in results.items():
            if found.reason[0]:
                stand_in = "" if np.isnan(values[symbol]) else f", published fallback {values[symbol]:g}"
                self.notes.append(f"{symbol}: {found.reason[0]}{stand_in}")
        least = self.settings.min_p_value
        if least is not None and not (p := recognition_p_value(sample)) <= least:
            values["H"] = float("nan")
            self.notes.append(f"H: recognition is not above the other concepts' (p = {p:.3g} > {least:g})")
        return values

    def srh_weight(self) -> dict[str, float]:
        return {symbol: self.settings.weight[symbol] for symbol in FROM_TRIALS}

    def composites(self, values: Mapping[str, Floats]) -> dict[str, Floats]:
        """Average components by draw: SRH, and InterpScore where no component with a weight is missing."""
        weights = {"SRH": self.srh_weight(), "InterpScore": self.settings.weight}
        return {
            name: np.asarray(_composite(values, weight))
            for name, weight in weights.items()
            if any(weight.values()) and all(part in values for part, share in weight.items() if share)
        }

    def intervals(self, sample: Sample, sound: Mapping[str, bool]) -> dict[str, float]:
        """Bootstrap whole sources, the concept's and the others' apart; one draw feeds S, R and H.

        C's clean images are drawn apart from them: they are the manifest's, rated or not.
        """
        if not self.settings.resamples:
            return {}
        is_target = self.images.concept_of_source == self.images.concepts.index(self.pair.key)
        if min(is_target.sum(), (~is_target).sum()) < 2:
            self.notes.append("intervals: fewer than 2 sources of the concept or of the others")
            return {}
        concept = self.images.concepts.index(self.pair.key)
        rng = np.random.default_rng([self.settings.seed, 1, concept])
        counts = bootstrap_counts(is_target.astype(np.intp), self.settings.resamples, rng)
        drawn = replace(sample, times=counts[:, self.images.source].astype(np.float64))
        values = _from_trials(drawn) | self.causal_draws(rng)
        return self.ends(values, sound, "resamples", {"low": "low", "high": "high"})

    def causal_draws(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Bootstrap C over its images; nothing where there are fewer than two."""
        if self.change is None or len(self.change) < 2:
            return {}
        drawn = rng.integers(len(self.change), size=(self.settings.resamples, len(self.change)))
        return {"C": saturate(self.change[drawn].mean(axis=(1, 2)))}

    def nulls(self, sample: Sample, sound: Mapping[str, bool]) -> dict[str, float]:
        """Give the median and the central 95% of each component when sources exchange activations."""
        if self.null.given is None:
            return {}
        groups = self.null.group
        if not set(groups[sample.target]) & set(groups[~sample.target]):
            self.notes.append("null: no source of another concept has the same conditions")
            return {}
        stuck = np.unique(self.images.source[self.null.stuck]).size
        if stuck:
            total = self.images.source.max() + 1
            self.notes.append(
                f"null: {stuck} of {total} sources share their conditions with no other and stay"
            )
        drawn = replace(sample, activation=sample.activation[0][self.null.given])
        names = {"null": "median", "null_low": "low", "null_high": "high"}
        return self.ends(_from_trials(drawn), sound, "permutations", names)

    def ends(
        self, values: dict[str, Floats], sound: Mapping[str, bool], what: str, names: Mapping[str, str]
    ) -> dict[str, float]:
        """Summarise the draws of components and their composites where the values themselves are sound."""
        found: dict[str, float] = {}
        for symbol, draws in (values | self.composites(values)).items():
            if self.is_sound(symbol, sound):
                interval = central_interval(draws)
                found |= {f"{symbol}_{name}": getattr(interval, end) for name, end in names.items()}
                if interval.undefined and symbol in METRICS:
                    self.notes.append(f"{symbol}: undefined in {interval.undefined} of {draws.size} {what}")
        return found

    def is_sound(self, symbol: str, sound: Mapping[str, bool]) -> bool:
        """Tell whether a component is sound; a composite is if all components with a weight are."""
        if symbol in METRICS:
            return sound[symbol]
        weight = self.srh_weight() if symbol == "SRH" else self.settings.weight
        return all(sound[part] for part, share in weight.items() if share)

    def counts(self, sample: Sample) -> dict[str, object]:
        target = sample.target
        if self.images.sourceless:
            self.notes.append(f"sources: {self.images.sourceless} images have none and count as their own")
        if self.images.by_row:
            self.notes.append("responses to one image differ in activation, so each is taken as an image")
        return {
            "Neuron": self.pair.channel,
            "Concept": self.pair.concept,
            "n_trials": int(sample.rows[target].sum()),
            "n_images": np.unique(self.images.name[target]).size,
            "n_sources": np.unique(self.images.source[target]).size,
            "n_C_images": 0 if self.change is None else len(self.change),
        }

    def provenance(self) -> dict[str, object]:
        return {"Notes": "; ".join(self.notes), **provenance(self.settings, self.labels)}


def provenance(settings: Settings, labels: Labels) -> dict[str, object]:
    """How a row came about, by column."""
    return {
        "resampled": "source",
        "resamples": settings.resamples,
        "seed": settings.seed,
        "method": "reference",
        "weights": labels.activations,
        "C_weights": labels.causality,
        "format_version": FORMAT_VERSION,
    }


def _from_trials(drawn: Sample) -> dict[str, Floats]:
    return {symbol: METRICS[symbol].compute(drawn).value for symbol in FROM_TRIALS}


Value = TypeVar("Value", float, Floats)


def _composite(values: Mapping[str, Value], weight: Mapping[str, float]) -> Value | float:
    """Average with weights; NaN if a value with a weight is missing, or none has one."""
    total = sum(weight.values())
    if not total:
        return float("nan")
    return sum(values[symbol] * share for symbol, share in weight.items() if share) / total
