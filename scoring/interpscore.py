"""InterpScore of any units: the default score, from arrays or from the cells of a study.

Every effect size e lies in [-1, 1] and is 0 for a unit that has nothing to do with the concept. E is their
weighted mean, InterpScore = (1 + E)/2. ``docs/statistics.md`` says what each estimates, and how surely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scoring.cells import Cells, cells_of
from scoring.controls import COLUMNS as CONTROL_COLUMNS
from scoring.controls import controls
from scoring.draws import measured
from scoring.effects import Drawn, Scoring, Settings, in_threads
from scoring.labels import Labels
from scoring.metrics.registry import METRICS
from scoring.metrics.sample import Metric
from scoring.neuron_map import Pair
from scoring.results import Table
from scoring.statistics import Floats
from stimuli.errors import UserError

if TYPE_CHECKING:
    from scoring.causal_effects import CausalEffects

#: units up to which each has a null of its own permutations, and the best of all units is drawn
MOST_NULLS = 200

Thing = TypeVar("Thing")


class Track(Protocol):
    """Hands on things as they come, and may show how many there have been."""

    def __call__(self, things: Iterable[Thing], what: str, total: int) -> Iterable[Thing]:
        """Take things, what they are called, and how many there will be."""


def _untracked(things: Iterable[Thing], what: str, total: int) -> Iterable[Thing]:
    return things


@dataclass(frozen=True)
class Scores:
    """What a scoring found: a row for each pair (``RESULT_COLUMNS``), its controls, what to know of it."""

    table: pd.DataFrame
    controls: pd.DataFrame
    notes: tuple[str, ...] = ()


def score(
    activations: ArrayLike,
    recognition: ArrayLike,
    labels: ArrayLike,
    *,
    sources: ArrayLike | None = None,
    conditions: ArrayLike | None = None,
    clean: str = "clean",
    responses: ArrayLike | None = None,
    reliability: float | None = None,
    units: Sequence[int] | None = None,
    pairs: Mapping[int, str] | None = None,
    effects: CausalEffects | None = None,
    weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0),
    resamples: int = 1000,
    seed: int = 0,
    metrics: Mapping[str, Metric] = METRICS,
) -> Scores:
    """Score any units for concepts: a ViT's neurons, a sparse autoencoder's features, another layer.

    ``activations`` is (images, units), finite; ``recognition`` (images,) the mean human score in [0, 1], NaN
    where nobody answered; ``labels`` (images,) each image's concept. ``sources`` (images,) names the picture
    that an image was made from (default: each its own) and ``conditions`` (images,) what was done to it
    (default: all are ``clean``). ``responses`` (images,) counts the answers of an image, from which the
    reliability of recognition follows if answers are right or wrong; or give ``reliability`` in (0, 1].
    Without either, e_H is not corrected for the raters' noise and so too near to 0. ``pairs`` maps units
    (their names in ``units``, default 0, 1, …) to concepts; without it every unit is scored for every
    concept. ``effects`` is what e_C needs. ``weights`` are of S, C, R, H. ``metrics`` are added to those.

    Raises UserError for arrays of other shapes, text for numbers, values out of range, missing names, unknown
    pairs, and weights without a mean.

    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat(["cat", "dog"], 20)
    >>> activations = np.column_stack([labels == "cat", rng.random(40)]) + 0.5 * rng.random((40, 2))
    >>> scores = score(activations, rng.random(40), labels, pairs={0: "cat"}, resamples=0)
    >>> scores.table[["Neuron", "Concept", "e_S"]].to_dict("records")
    [{'Neuron': 0, 'Concept': 'cat', 'e_S': 1.0}]
    """
    settings = _settings(weights, resamples, seed)
    reliability = _reliability(reliability)
    values = _activations(activations)
    images = _images(len(values), recognition, labels, sources, conditions, clean, responses)
    names = tuple(range(values.shape[1])) if units is None else tuple(units)
    if len(names) != values.shape[1] or len(set(names)) != len(names):
        raise UserError(f"{len(names)} names are given for {values.shape[1]} units; name each unit once")
    cells = cells_of(images, values, names, clean)
    notes: tuple[str, ...] = ()
    if reliability is None and responses is None:
        reliability = 1.0
        notes = ("H is not corrected for the raters' noise: neither responses nor reliability were given.",)
    wanted = None if pairs is None else [Pair(unit, concept) for unit, concept in pairs.items()]
    found = score_cells(cells, wanted, settings, effects=effects, reliability=reliability, metrics=metrics)
    return replace(found, notes=(*notes, *found.notes))


def score_cells(
    cells: Cells,
    pairs: Sequence[Pair] | None = None,
    settings: Settings | None = None,
    *,
    effects: CausalEffects | None = None,
    reliability: float | None = None,
    labels: Labels | None = None,
    metrics: Mapping[str, Metric] = METRICS,
    track: Track = _untracked,
) -> Scores:
    """Score pairs of unit and concept, or every unit for every concept; see ``score``.

    With every unit, and more than 200 of them, there is no permutation null and no best of all units: a
    thousand permutations cannot tell among so many pairs, which ``p_S`` and ``q_S`` can.
    """
    laid = None if effects is None else measured(cells, effects)
    scoring = Scoring(cells, settings or Settings(), laid, reliability, {**METRICS, **metrics})
    chosen = _every_pair(cells) if pairs is None else list(pairs)
    units, concepts = _places(cells, chosen)
    different = np.unique(units)
    with_null = pairs is not None or different.size <= MOST_NULLS
    keep = different.size <= MOST_NULLS

    def draw(unit: int) -> Drawn:
        found = scoring.draw(unit, with_null)
        return found if keep else replace(found, draws={})

    scoring.prepare()
    drawn = dict(
        zip(
            different.tolist(),
            track(in_threads(draw, different.tolist()), "units", different.size),
            strict=True,
        )
    )
    best = np.empty((0, len(cells.concepts)))
    if with_null and scoring.best_of_draws:
        found = track(scoring.best_of(), "draws of the best of all units", scoring.best_of_draws)
        best = np.stack(list(found))
    table = Table(scoring, units, concepts, chosen, drawn, best, labels or Labels()).frame()
    beside = pd.DataFrame(columns=list(CONTROL_COLUMNS))
    if pairs is not None:
        beside = controls(scoring, units, concepts, chosen, drawn, best)
    notes = () if with_null else (f"No null is drawn for more than {MOST_NULLS} units: read p_S and q_S.",)
    return Scores(table, beside, notes)


def _every_pair(cells: Cells) -> list[Pair]:
    return [Pair(unit, concept) for unit in cells.units for concept in cells.concepts]


def _places(cells: Cells, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Where the pairs' units and concepts stand; UserError for one that the cells lack."""
    unit_of = {unit: place for place, unit in enumerate(cells.units)}
    concept_of = {concept: place for place, concept in enumerate(cells.concepts)}
    for pair in pairs:
        if pair.channel not in unit_of:
            raise UserError(f"there is no unit {pair.channel}, which is to be scored for {pair.concept}")
        if pair.key not in concept_of:
            raise UserError(
                f"no image shows {pair.concept}, which unit {pair.channel} is to be scored for; "
                f"the concepts are {', '.join(cells.concepts)}"
            )
    units = np.array([unit_of[pair.channel] for pair in pairs], dtype=np.intp)
    return units, np.array([concept_of[pair.key] for pair in pairs], dtype=np.intp)


def _activations(given: ArrayLike) -> Floats:
    values = _numbers("activations", given)
    if values.ndim != 2 or not values.size:
        raise UserError(
            f"activations have the shape {values.shape}; give images x units, at least one of each"
        )
    if not np.isfinite(values).all():
        image, unit = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raise UserError(
            f"the activation of image {image}, unit {unit} is not a finite number; leave the image out"
        )
    return values


def _numbers(name: str, given: ArrayLike) -> Floats:
    """An argument as numbers; text is refused even where it spells them."""
    refusal = UserError(f"{name} must be numbers only, in rows of one length; convert text to numbers first")
    try:
        values = np.asarray(given)
        if values.dtype.kind not in "biufO" or any(isinstance(value, str) for value in _objects(values)):
            raise refusal
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise refusal from None


def _objects(values: np.ndarray) -> Iterable[object]:
    return values.flat if values.dtype.kind == "O" else ()


def _images(
    n: int,
    recognition: ArrayLike,
    labels: ArrayLike,
    sources: ArrayLike | None,
    conditions: ArrayLike | None,
    clean: str,
    responses: ArrayLike | None,
) -> pd.DataFrame:
    """One row for each image, as ``cells_of`` takes them."""
    score = _recognition(n, recognition)
    number = np.ones(n) if responses is None else _responses(n, responses, score)
    number = np.where(np.isnan(score), 0.0, number)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(number > 1, score * (1 - score) * number / (number - 1), np.nan)
    return pd.DataFrame(
        {
            "concept": _names("labels", n, labels),
            "source": np.arange(n).astype(str) if sources is None else _names("sources", n, sources),
            "condition": np.full(n, clean) if conditions is None else _names("conditions", n, conditions),
            "score": score,
            "responses": number,
            "variance": variance,
        }
    )


def _recognition(n: int, given: ArrayLike) -> Floats:
    values = _numbers("recognition", given)
    _refuse_shape("recognition", n, values)
    wrong = (values < 0) | (values > 1)
    if wrong.any():
        raise UserError(f"a recognition of {values[wrong][0]:g} is not between 0 and 1")
    return values


def _responses(n: int, given: ArrayLike, recognition: Floats) -> Floats:
    """Counts of answers: whole numbers, at least 1 where there is a recognition."""
    values = _numbers("responses", given)
    _refuse_shape("responses", n, values)
    wrong = ~(np.isfinite(values) & (values >= 0) & (values == np.floor(values)))
    if wrong.any():
        image = int(wrong.argmax())
        raise UserError(
            f"the responses of image {image} are {values[image]:g}; give a whole number of at least 0"
        )
    lacking = ~np.isnan(recognition) & (values < 1)
    if lacking.any():
        raise UserError(
            f"image {int(lacking.argmax())} has a recognition but no responses; "
            "give at least 1 response, or a recognition of NaN"
        )
    return values


def _names(name: str, n: int, given: ArrayLike) -> NDArray[np.str_]:
    """An argument as names, none of them missing."""
    try:
        values, found = np.asarray(given, dtype=object), np.asarray(given, dtype=str)
    except ValueError:
        raise UserError(f"{name} has lists in it; give one name for each image") from None
    _refuse_shape(name, n, values)
    missing = np.asarray(pd.isna(values), dtype=bool) | (np.char.strip(found) == "")
    if missing.any():
        raise UserError(
            f"image {int(missing.argmax())} has nothing in {name}; name it, or leave the image out"
        )
    return found


def _refuse_shape(name: str, n: int, values: np.ndarray) -> None:
    if values.shape != (n,):
        raise UserError(f"the shape of {name} is {values.shape}, not ({n},); give one value for each image")


def _settings(weights: Sequence[float], resamples: int, seed: int) -> Settings:
    """Settings of checked numbers."""
    given = tuple(np.asarray(weights, dtype=object).ravel().tolist())
    if len(given) != 4 or not all(isinstance(weight, Real) for weight in given):
        told = " ".join(map(str, given))
        raise UserError(f"the weights {told} are not four numbers; give those of S, C, R and H")
    for name, value in (("resamples", resamples), ("seed", seed)):
        if not isinstance(value, Integral) or value < 0:
            raise UserError(f"{name} is {value!r}; give a whole number of at least 0")
    s, c, r, h = map(float, given)
    return Settings((s, c, r, h), int(resamples), int(seed))


def _reliability(given: float | None) -> float | None:
    if given is None:
        return None
    if not (isinstance(given, Real) and 0 < given <= 1):
        raise UserError(
            f"the reliability {given!r} is not above 0 and at most 1; give another, or the responses"
        )
    return float(given)
