"""All measures of alignment together: from observations and layers to estimates, tables and refusals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from scoring.alignment.accuracies import accuracy_table, human_accuracy
from scoring.alignment.confusions import confusion_table
from scoring.alignment.error_consistency import (
    crossed_consistency,
    error_consistency,
    human_consistency,
    model_consistency,
    model_pairs,
    sparse_consistency,
)
from scoring.alignment.estimate import Estimate
from scoring.alignment.mixed_model import fit_mixed
from scoring.alignment.observations import HUMAN, MODEL, Matrix, Observations
from scoring.alignment.probes import Probe, probe
from scoring.alignment.psychometric import Fitted, fitted, participant_curves, shifts, threshold_spread
from scoring.alignment.psychometric import table as table_of_curves
from scoring.alignment.rasch import rasch
from scoring.alignment.rater_agreement import pairwise_kappa
from scoring.alignment.similarity import centred_kernel_alignment, representational_similarity
from scoring.alignment.split_half import attenuation, single_rater, split_half
from scoring.statistics import Floats

Say = Callable[[str], None]

#: reasons for which a part is not there at all
NO_MODELS, NO_LAYERS = "no_models", "no_layers"
NO_SEVERITY, NO_UNIT = "no_severity", "no_unit"
#: smaller consistencies of a pair are rounding
ROUNDING = 1e-12
#: most exchanges of scores that a probe's p is from, each of which is a regression
MOST_EXCHANGES = 200


#: what agreement is expected from: each one's accuracy on all pictures, or on those of a concept or condition
POOLED, PER_CONCEPT, PER_CONDITION = "pooled", "per concept", "per condition"
_SUFFIXES = {POOLED: "", PER_CONCEPT: "_per_concept", PER_CONDITION: "_per_condition"}

#: an end below which the interval of a reliability says nothing
_LOWEST = -1.0


@dataclass(frozen=True)
class Layer:
    """A layer's activations (S, U) of the data's stimuli, sorted, and which weights made them."""

    name: str
    weights: str
    activation: Floats = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """How often is drawn, and from which seed."""

    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """What a model did instead of people's task: the reason why thresholds differ, and its alternatives."""

    reason: str
    alternatives: int


@dataclass(frozen=True)
class Refused:
    """What is not printed: the measure, of what, and the reason in one word.

    ``about`` is all of ``parts`` in one, which are columns of the table and their values.
    """

    measure: str
    about: str
    reason: str
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Alignment:
    """What was estimated, from what, and what was not.

    ``estimates`` are single numbers by their key in ``summary.json``; ``tables`` by the name of their file,
    without its ending; ``curves`` those of the psychometric table; ``refused`` is what is in neither.
    ``tasks`` are of models that had another task than people; ``unit`` is the activation of the unit labelled
    with a stimulus's own concept, by stimulus.
    """

    observations: Observations
    settings: Settings
    layers: Sequence[Layer] = ()
    tasks: Mapping[str, Task] = field(default_factory=dict)
    unit: pd.Series[float] | None = field(default=None, repr=False)
    directions: Mapping[str, int] = field(default_factory=dict)
    curves: list[Fitted] = field(default_factory=list, repr=False)
    estimates: dict[str, Estimate] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        """The models, sorted."""
        return sorted(str(name) for name in self.observations.of_kind(MODEL)["observer"].unique())

    @property
    def consistency(self) -> tuple[str, Estimate]:
        """What people's error consistency is told by first, and that: per condition if there are several."""
        expectation = expectations(self.observations)[-1]
        expectation = POOLED if expectation == PER_CONCEPT else expectation
        own = self.estimates[f"error_consistency{_SUFFIXES[expectation]}"]
        together = self.estimates.get(f"error_consistency{_SUFFIXES[expectation]}_all_pairs")
        return expectation, together if together is not None else own

    def estimate(self, name: str, found: Estimate) -> None:
        """Keep an estimate; one without a value is refused."""
        self.estimates[name] = found
        if math.isnan(found.value):
            self.refuse(name, "", found.reason)

    def table(
        self,
        name: str,
        found: pd.DataFrame,
        value: str = "",
        about: Sequence[str] = (),
        beside: Sequence[str] = (),
    ) -> None:
        """Keep a table; its rows without a ``value`` and with a reason are refused, named by ``about``.

        The columns ``beside`` are told of them as well, without being part of their name.
        """
        self.tables[name] = found
        if value:
            for row in found[found[value].isna() & found["reason"].ne("")].to_dict("records"):
                told = {key: str(row[key]) for key in (*about, *beside) if pd.notna(row[key]) and row[key]}
                named = ", ".join(told[key] for key in about if key in told)
                self.refuse(name, named, str(row["reason"]), told)

    def refuse(self, measure: str, about: str, reason: str, parts: Mapping[str, str] | None = None) -> None:
        """Note what is not printed."""
        self.refused.append(Refused(measure, about, reason, parts or {}))


def align(
    observations: Observations,
    layers: Sequence[Layer] = (),
    settings: Settings | None = None,
    *,
    tasks: Mapping[str, Task] | None = None,
    unit: pd.Series[float] | None = None,
    directions: Mapping[str, int] | None = None,
    say: Say = lambda what: None,
) -> Alignment:
    """Estimate everything that the data allow; ``say`` is told what is begun.

    ``directions`` (1 a larger severity is harder, -1 a smaller one) are for perturbations that the registry
    does not have.
    """
    found = Alignment(observations, settings or Settings(), layers, tasks or {}, unit, directions or {})
    for what, part in PARTS.items():
        say(what)
        part(found)
    return found


def _accuracy(found: Alignment) -> None:
    found.estimate("human_accuracy", human_accuracy(found.observations))
    alternatives = {name: task.alternatives for name, task in found.tasks.items()}
    found.table("accuracy", accuracy_table(found.observations, alternatives))


def _reliability(found: Alignment) -> None:
    """How reliable the pictures' scores are, and whether people say the same of them."""
    scores = found.observations.matrix(HUMAN, "score")
    draws, seed = found.settings.resamples, found.settings.seed
    for suffix, within in (("", False), ("_within_cell", True)):
        found.estimate(f"split_half{suffix}", _told(split_half(scores, within_cell=within, seed=seed)))
    found.estimate("reliability", _told(attenuation(scores)))
    found.estimate("reliability_single_rater", _told(single_rater(scores)))
    people = found.observations.of_kind(HUMAN)
    found.estimate("rater_kappa", pairwise_kappa(people, draws=draws, seed=seed))


def _told(reliability: Estimate) -> Estimate:
    if reliability.low < _LOWEST:
        return replace(reliability, low=math.nan, high=math.nan, reason="interval_below_minus_1")
    return reliability


def _consistency(found: Alignment) -> None:
    """Error consistency of people; where pairs share too few pictures for one each, that of all together."""
    people = found.observations.matrix(HUMAN)
    draws: dict[str, Any] = {"draws": found.settings.resamples, "seed": found.settings.seed}
    for name in expectations(found.observations):
        suffix, matrix = _SUFFIXES[name], _expecting(people, name)
        grouped = name != POOLED
        alone = human_consistency(matrix, per_concept=grouped, **draws)
        found.estimate(f"error_consistency{suffix}", _of_conditions(found, name, alone))
        if math.isnan(alone.value):
            together = sparse_consistency(matrix, per_concept=grouped, **draws)
            found.estimate(f"error_consistency{suffix}_all_pairs", _of_conditions(found, name, together))
        elif name != PER_CONDITION:
            crossed = crossed_consistency(matrix, per_concept=grouped, **draws)
            found.estimate(f"error_consistency{suffix}_crossed", _of_conditions(found, name, crossed))
        if name == PER_CONCEPT and not math.isnan(alone.value):
            unbiased = human_consistency(matrix, per_concept=True, unbiased=True, **draws)
            found.estimate(f"error_consistency{suffix}_unbiased", _of_conditions(found, name, unbiased))
    found.tables["error_consistency"] = pairs_table(found.observations)
    _models(found, people)


def expectations(observations: Observations) -> tuple[str, ...]:
    """What agreement is expected from: all accuracies; conditions count where there are several."""
    several = observations.frame["condition"].nunique() > 1
    return (POOLED, PER_CONCEPT, PER_CONDITION) if several else (POOLED, PER_CONCEPT)


def _expecting(matrix: Matrix, expectation: str) -> Matrix:
    """The matrix whose ``concept`` numbers what accuracies are taken within."""
    return matrix._replace(concept=matrix.condition) if expectation == PER_CONDITION else matrix


def _of_conditions(found: Alignment, expectation: str, estimate: Estimate) -> Estimate:
    """Where conditions differ, agreement beyond pooled accuracies is no error consistency: it has no null."""
    if expectation == PER_CONDITION or PER_CONDITION not in expectations(found.observations):
        return estimate
    return replace(estimate, null=math.nan)


def _models(found: Alignment, people: Matrix) -> None:
    if not found.models:
        found.refuse("models", "", NO_MODELS)
        return
    draws, seed = found.settings.resamples, found.settings.seed
    models = found.observations.matrix(MODEL)
    parts = [
        model_consistency(
            *(_expecting(matrix, name) for matrix in (people, models)),
            per_concept=name != POOLED,
            draws=draws,
            seed=seed,
        ).assign(expectation=name)
        for name in expectations(found.observations)
    ]
    found.table("models", pd.concat(parts, ignore_index=True), "consistency", ("model", "expectation"))
    if len(found.models) > 1:
        pairs = model_pairs(models, draws=draws, seed=seed)
        found.table("model_pairs", pairs, "consistency", ("one", "other"))


def pairs_table(observations: Observations) -> pd.DataFrame:
    """Error consistency of every pair of observers by each expectation, and the stimuli they share."""
    matrix = observations.matrix()
    kinds = observations.frame.drop_duplicates("observer").set_index("observer")["kind"]
    seen = (~np.isnan(matrix.values)).astype(np.float64)
    shared = seen @ seen.T
    found = [
        _without_rounding(error_consistency(matrix.values, group))
        for group in (None, matrix.concept, matrix.condition)
    ]
    rows = [
        (
            *(str(matrix.observers[at]) for at in (one, other)),
            " and ".join(sorted(str(kinds[matrix.observers[at]]) for at in (one, other))),
            int(shared[one, other]),
            *(values[one, other] for values in found),
        )
        for one, other in combinations(range(len(matrix.observers)), 2)
    ]
    named = [f"error_consistency{_SUFFIXES[name]}" for name in (POOLED, PER_CONCEPT, PER_CONDITION)]
    return pd.DataFrame(rows, columns=["one", "other", "kinds", "shared", *named])


def _without_rounding(values: Floats) -> Floats:
    """Values with those that are 0 but for rounding made 0."""
    return np.where(np.abs(values) < ROUNDING, 0.0, values)


def _confusions(found: Alignment) -> None:
    """What is taken for what."""
    frame, concepts = found.observations.frame, found.observations.concepts
    parts = [confusion_table(frame, concepts, kind) for kind in (HUMAN, MODEL)]
    found.table("confusions", pd.concat([part for part in parts if len(part)], ignore_index=True))


def _psychometric(found: Alignment) -> None:
    """Curves of people and models over severities, and how far apart their thresholds are."""
    observations = found.observations
    if observations.frame["severity"].isna().all():
        found.refuse("psychometric", "", NO_SEVERITY)
        return
    if observations.mixed_alternatives:
        found.refuse("psychometric", "", "alternatives_differ_between_trials")
        return
    same = ~observations.frame["observer"].isin(list(found.tasks))
    options: dict[str, Any] = {"directions": found.directions, "seed": found.settings.seed}
    found.curves = fitted(replace(observations, frame=observations.frame[same]), **options)
    for name, task in found.tasks.items():
        own = observations.frame[observations.frame["observer"].eq(name)]
        found.curves += fitted(
            replace(observations, frame=own), MODEL, guess=1 / task.alternatives, **options
        )
    curves = table_of_curves(found.curves).rename(columns={"p": "p_fit"})
    found.table("psychometric", curves, "alpha", ("group", "perturbation"), ("n_severities",))
    spread = threshold_spread(participant_curves(observations, **options))
    for name, one in spread.items():
        if math.isnan(one.value):
            found.refuse("threshold_spread", name, one.reason, {"perturbation": name})
    rows = [{"perturbation": name, **asdict(one)} for name, one in spread.items() if one.value >= 0]
    if rows:
        found.tables["threshold_spread"] = pd.DataFrame(rows)
    if found.models:
        found.table("shifts", _shifts(found), "shift", ("model", "perturbation"))


def _shifts(found: Alignment) -> pd.DataFrame:
    """Differences of thresholds, without those to models that had another task."""
    table = shifts(found.curves)
    other = table["model"].isin(list(found.tasks))
    reasons = table["model"].map({name: task.reason for name, task in found.tasks.items()})
    table.loc[other, ["shift", "low", "high"]] = math.nan
    return table.assign(reason=table["reason"].mask(other, reasons))


def _mixed(found: Alignment) -> None:
    """What answers depend on; and, with the unit of each picture's concept, whether it tells recognition."""
    people = found.observations.of_kind(HUMAN)
    fits = {"answers": fit_mixed(people)}
    if found.unit is None:
        found.refuse("mixed_model", "unit", NO_UNIT)
    else:
        fits["unit"] = fit_mixed(people, found.unit)
        found.estimate("unit_slope", fits["unit"].slope)
    tables = []
    for name, fit in fits.items():
        if fit.reason:
            found.refuse("mixed_model", name, fit.reason, {"model": name})
        parts = [fit.fixed.assign(part="fixed"), fit.spread.assign(part="spread")]
        tables += [
            part.assign(model=name, converged=fit.converged, notes="; ".join(fit.notes)) for part in parts
        ]
    table = pd.concat(tables, ignore_index=True)
    head = ["model", "part", "term", "effect", "concept", "condition"]
    table = table[[*head, *(name for name in table.columns if name not in head)]]
    found.table("mixed_model", table, "value", ("model", "term", "effect", "concept", "condition"))


def _rasch(found: Alignment) -> None:
    """How able each participant is, and how hard each picture, on one scale."""
    fit = rasch(found.observations.matrix(HUMAN))
    if fit.reason:
        found.refuse("rasch", "", fit.reason)
    if not fit.converged:
        return
    for name in ("ability_sd", "difficulty_sd", "mean_difficulty", "person_separation", "image_separation"):
        found.estimate(name, getattr(fit, name))
    found.table("rasch_participants", fit.persons)
    found.table("rasch_images", fit.images)


def _probes(found: Alignment) -> None:
    """Whether layers foretell which pictures people recognise."""
    if not found.layers:
        found.refuse("probes", "", NO_LAYERS)
        return
    scores = found.observations.matrix(HUMAN, "score")
    n = (~np.isnan(scores.values)).sum(axis=0)
    mean = np.divide(np.nansum(scores.values, axis=0), n, out=np.full(n.size, np.nan), where=n > 0)
    reliability = found.estimates["reliability"]
    rows = []
    for layer in found.layers:
        one = probe(
            layer.activation,
            mean,
            n,
            *(scores.source, scores.concept, scores.condition),
            reliability,
            draws=min(found.settings.resamples, MOST_EXCHANGES),
            seed=found.settings.seed,
        )
        rows.append(_probe_row(layer, one))
    found.table("probes", pd.DataFrame(rows), "within", ("layer",))


def _probe_row(layer: Layer, one: Probe) -> dict[str, object]:
    parts = {name: getattr(one, name) for name in ("within", "share", "overall", "baseline")}
    ends = {
        f"{name}{end}": getattr(part, at)
        for name, part in parts.items()
        for end, at in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    counts = {"n_sources": one.within.n, "n_stimuli": one.n_stimuli, "n_units": one.n_units}
    about = {"resampled": one.within.unit, "null": 0.0, "p": one.within.p, "method": one.within.method}
    return {"layer": layer.name, **ends, **counts, **about, "weights": layer.weights, "reason": one.reason}


def _geometry(found: Alignment) -> None:
    """RSA and CKA of people's confusions against every layer."""
    if not found.layers:
        found.refuse("layers", "", NO_LAYERS)
        return
    choices, layers = choice_counts(found.observations), concept_means(found)
    draws, seed = found.settings.resamples, found.settings.seed
    tables = [
        measure(choices, layers, draws=draws, seed=seed)
        for measure in (representational_similarity, centred_kernel_alignment)
    ]
    weights = {layer.name: layer.weights for layer in found.layers}
    table = pd.concat(tables, ignore_index=True)
    table = table.assign(weights=table["layer"].map(weights))
    found.table("layers", table, "value", ("measure", "layer"))


def choice_counts(observations: Observations) -> Floats:
    """How often each person (O,) who was shown a concept (C,) chose each, or none of them: (O, C, C + 1)."""
    people = observations.of_kind(HUMAN)
    concepts = list(observations.concepts)
    names = sorted(people["observer"].unique())
    counts = np.zeros((len(names), len(concepts), len(concepts) + 1))
    who = people["observer"].map({name: at for at, name in enumerate(names)}).to_numpy(dtype=np.intp)
    place = {name: at for at, name in enumerate(concepts)}
    shown = people["concept"].map(place).to_numpy(dtype=np.intp)
    chosen = people["chosen"].map(place).fillna(len(concepts)).to_numpy(dtype=np.intp)
    np.add.at(counts, (who, shown, chosen), 1)
    return counts


def concept_means(found: Alignment) -> dict[str, Floats]:
    """Each layer's activations averaged over the stimuli of each concept, (C, U)."""
    concept = found.observations.matrix(HUMAN).concept
    members = [concept == number for number in range(len(found.observations.concepts))]
    return {
        layer.name: np.stack([layer.activation[own].mean(axis=0) for own in members])
        for layer in found.layers
    }


#: what is done, in order, as it is told while it runs
PARTS: Mapping[str, Callable[[Alignment], None]] = {
    "accuracy": _accuracy,
    "reliability": _reliability,
    "consistency of errors": _consistency,
    "confusions": _confusions,
    "psychometric curves": _psychometric,
    "mixed model": _mixed,
    "ability and difficulty": _rasch,
    "geometry of layers": _geometry,
    "probes of layers": _probes,
}
