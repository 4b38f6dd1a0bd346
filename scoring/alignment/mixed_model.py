"""Who recognises what: a logit mixed model of single answers, people and pictures both being samples.

With activations it asks whether people name the pictures more often that a unit responds to more strongly,
among pictures of one concept in one condition:

    correct ~ cell + a + (0 + a | concept) + (1 | participant) + (1 | image)

where a cell is a concept in a condition and a the normal score of the activation within its cell. Without,
it describes what answers depend on: correct ~ condition + (1 | concept) + (1 | participant) + (1 | image).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.special import expit, ndtri
from scipy.stats import chi2
from scipy.stats import t as student

from scoring.alignment.estimate import Estimate, missing
from scoring.alignment.mixed_laplace import Laplace, Term
from scoring.alignment.mixed_profile import Optimum, Profile, maximise, regular_inverse
from scoring.statistics import CONFIDENCE, Floats, Integers, midranks
from stimuli.errors import UserError

#: columns of the frame that is fitted
NEEDED = ("correct", "concept", "condition", "observer", "stimulus")
CONCEPT, PARTICIPANT, IMAGE = "concept", "participant", "image"
INTERCEPT, SLOPE, CORRELATION = "intercept", "slope", "correlation"

#: how concepts differ in their answers: an effect of each cell, or normal around the condition's
FIXED, RANDOM = "fixed", "random"

#: concepts below which their spread is not estimated
FEWEST_CONCEPTS = 3
#: an entry of a Cholesky factor below which a slope or a correlation has no Wald interval
_EDGE = 0.01
#: variance of a standard logistic variable: a single answer's, on the scale of log odds
_RESIDUAL = math.pi**2 / 3
_NODES, _WEIGHTS = hermegauss(40)

#: mean answers of each participant or image below which their spread comes out too small to be told
FEWEST_FOR_A_SPREAD = 3

FIXED_COLUMNS = (
    "term",
    "concept",
    "condition",
    "value",
    "se",
    "low",
    "high",
    "p",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "n",
    "reason",
)
SPREAD_COLUMNS = (
    "term",
    "effect",
    "value",
    "low",
    "high",
    "levels",
    "share",
    "share_low",
    "share_high",
    "reason",
)
LEVEL_COLUMNS = ("term", "effect", "level", "value", "se")


@dataclass(frozen=True)
class MixedFit:
    """A fitted model, in log odds.

    ``slope`` is what one SD more of within-cell activation adds, its interval and p from the profile of the
    likelihood; missing without activations. ``fixed`` has a row for each cell (or condition) and for the
    slope, ``accuracy`` being that of the population of participants and images there; a cell whose answers
    are all alike is left out of the model and its row says so. ``spread`` has the SD of each random effect,
    with its profile interval and, for intercepts, its ``share`` of the variance on the latent scale, where a
    single answer's is pi²/3. ``levels`` are the effects of single concepts, participants and images, shrunk
    towards 0. ``log_likelihood`` is Laplace's; ``restricted`` says that the cells are integrated out of it,
    so that it is comparable only between models of the same cells. Where there is no model, or the search for
    it did not converge, the tables are empty and ``reason`` says why.
    """

    slope: Estimate
    fixed: pd.DataFrame
    spread: pd.DataFrame
    levels: pd.DataFrame
    log_likelihood: float = math.nan
    restricted: bool = True
    converged: bool = False
    #: log likelihood that one more step of the search would gain
    gain: float = math.nan
    n_answers: int = 0
    n_participants: int = 0
    n_images: int = 0
    n_concepts: int = 0
    n_cells: int = 0
    reason: str = ""
    notes: tuple[str, ...] = ()


class _Data(NamedTuple):
    """Answers as numbers, and the names that these index. ``cell`` is the condition's in a random model."""

    right: Floats
    cell: Integers
    concept: Integers
    participant: Integers
    image: Integers
    a: Floats
    cells: pd.DataFrame
    names: dict[str, NDArray[np.str_]]


@dataclass
class _Design:
    """The model that is fitted, and the reasons of the terms that cannot be."""

    data: _Data
    terms: list[Term] = field(default_factory=list)
    dropped: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def varies(self) -> bool:
        """Whether there is a regressor."""
        return bool((self.data.a != 0).any())

    @property
    def telling(self) -> int:
        """Number of concepts that the estimate rests on: those within whose cells the regressor varies."""
        concepts = self.data.concept[self.data.a != 0] if self.varies else self.data.concept
        return int(np.unique(concepts).size)

    @property
    def freedom(self) -> float:
        """Degrees of freedom: concepts less one where they are a sample, to generalise from."""
        return self.telling - 1.0 if any(term.name == CONCEPT for term in self.terms) else math.inf


def fit_mixed(
    frame: pd.DataFrame,
    activation: pd.Series[float] | None = None,
    *,
    concepts: str = FIXED,
    restricted: bool = True,
) -> MixedFit:
    """Fit the model to answers, one row each, of one kind of observer.

    ``frame`` has the columns ``NEEDED`` as ``Observations.frame`` has; rows that were not judged are left
    out. ``activation`` is indexed by stimulus; images without one are left out. ``concepts`` "fixed" has an
    effect for each concept in each condition, "random" one for each condition and (1 + a | concept), for
    when concepts × conditions are too many. ``restricted`` integrates the cells out (as REML does), without
    which the spread of few images in many cells comes out too small; False gives the plain likelihood, which
    other programs maximise. Raises UserError for a missing column and for a value that is not named above.
    """
    _refuse(frame, concepts)
    rows = frame.loc[frame["correct"].notna(), list(NEEDED)]
    notes: tuple[str, ...] = ()
    if activation is not None:
        a = rows["stimulus"].map(activation).astype("Float64")
        without = int(rows.loc[a.isna(), "stimulus"].nunique())
        notes = (f"{without} images without an activation are left out",) if without else ()
        rows = rows.assign(activation=a).loc[a.notna()]
    cells = ["condition"] if activation is None or concepts == RANDOM else ["concept", "condition"]
    reason = _impossible(rows, activation is not None)
    if reason:
        return _nothing(reason, notes)
    scored = rows.assign(a=_normal_scores(rows) if activation is not None else 0.0)
    kept, separated = _without_separated(scored, cells)
    if kept.empty:
        return _nothing("all_answers_of_every_cell_alike", notes)
    design = _design(kept, cells, slope=activation is not None)
    if isinstance(design, str):
        return _nothing(design, notes)
    return _fitted(design, separated, notes, cells, restricted=restricted)


def _refuse(frame: pd.DataFrame, concepts: str) -> None:
    absent = [name for name in NEEDED if name not in frame]
    if absent:
        raise UserError(
            f"the answers have no column {absent[0]}: name it, or rename the column that holds it"
        )
    if concepts not in {FIXED, RANDOM}:
        raise UserError(f"concepts must be fixed or random, not {concepts}")


def _impossible(rows: pd.DataFrame, with_activation: bool) -> str:
    if not len(rows):
        return "no_answers"
    if rows["correct"].nunique() < 2:
        return "all_answers_alike"
    if with_activation and not (_normal_scores(rows) != 0).any():
        return "activation_does_not_vary_within_cells"
    return ""


def _normal_scores(rows: pd.DataFrame) -> Floats:
    """The normal score (n,) of each answer's image among the images of its cell: 0 where all are equal."""
    images = rows.drop_duplicates("stimulus").set_index("stimulus")
    score = pd.Series(0.0, images.index)
    for _, cell in images.groupby(["concept", "condition"], sort=True):
        ranks = midranks(cell["activation"].to_numpy(np.float64)[:, None], np.ones((len(cell), 1)))[:, 0]
        score[cell.index] = ndtri(ranks / len(cell))
    return np.asarray(rows["stimulus"].map(score), dtype=np.float64)


def _without_separated(rows: pd.DataFrame, cells: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Take out cells whose answers are all alike: their effect is infinite and takes no part in the rest."""
    by = rows.groupby(list(cells), sort=True)["correct"]
    alike = by.transform("nunique").eq(1)
    table = by.agg(["first", "size"]).reset_index()[by.nunique().eq(1).to_numpy()]
    return rows[~alike], table


def _numbered(names: pd.Series[str]) -> tuple[Integers, NDArray[np.str_]]:
    found, index = np.unique(names.to_numpy(dtype=str), return_inverse=True)
    return index.reshape(-1).astype(np.intp), found


def _data(rows: pd.DataFrame, cells: Sequence[str]) -> _Data:
    cell = np.asarray(rows.groupby(list(cells), sort=True).ngroup(), dtype=np.intp)
    table = rows.groupby(list(cells), sort=True).size().rename("n").reset_index()
    concept, concepts = _numbered(rows["concept"])
    participant, participants = _numbered(rows["observer"])
    image, images = _numbered(rows["stimulus"])
    names = {CONCEPT: concepts, PARTICIPANT: participants, IMAGE: images}
    right, a = rows["correct"].to_numpy(np.float64), rows["a"].to_numpy(np.float64)
    return _Data(right, cell, concept, participant, image, a, table, names)


def _design(rows: pd.DataFrame, cells: Sequence[str], *, slope: bool) -> _Design | str:
    """Choose the random terms that the data can tell apart; a reason where there is no model."""
    design = _Design(_data(rows, cells))
    data, one = design.data, np.ones((len(rows), 1))
    if slope and not (data.a != 0).any():
        return "activation_does_not_vary_in_cells_that_are_sometimes_right"
    columns, effects = one, [INTERCEPT]
    if slope:
        by_cell = "concept" in cells
        columns = data.a[:, None] if by_cell else np.column_stack([one, data.a])
        effects = [SLOPE] if by_cell else [INTERCEPT, SLOPE]
    if design.telling >= FEWEST_CONCEPTS:
        design.terms.append(Term(CONCEPT, data.concept, columns, data.names[CONCEPT].size))
    else:
        design.dropped |= {(CONCEPT, effect): f"fewer_than_{FEWEST_CONCEPTS}_concepts" for effect in effects}
    _add_intercept(design, PARTICIPANT, data.participant, 1)
    _add_intercept(design, IMAGE, data.image, len(data.cells))
    if not any(term.width == 1 for term in design.terms):
        return "neither_participants_nor_images_repeat"
    return design


def _add_intercept(design: _Design, name: str, group: Integers, fewest: int) -> None:
    """Add (1 | name) where there are more levels than ``fewest`` and some have several answers."""
    levels = design.data.names[name].size
    if levels <= fewest:
        design.dropped[name, INTERCEPT] = f"one_{name}_a_cell" if fewest > 1 else f"one_{name}"
    elif levels == group.size:
        design.dropped[name, INTERCEPT] = f"one_answer_of_each_{name}"
    else:
        design.terms.append(Term(name, group, np.ones((group.size, 1)), levels))


def _model(design: _Design, *, restricted: bool) -> Laplace:
    """The likelihood, the slope and (unless restricted) the cells as parameters."""
    data = design.data
    cells = np.asarray(np.eye(len(data.cells))[data.cell])
    slope = data.a[:, None][:, : int(design.varies)]
    if restricted:
        return Laplace(data.right, tuple(design.terms), cells, slope)
    return Laplace(data.right, tuple(design.terms), cells[:, :0], np.column_stack([slope, cells]))


def _fitted(
    design: _Design,
    separated: pd.DataFrame,
    notes: tuple[str, ...],
    cells: Sequence[str],
    *,
    restricted: bool,
) -> MixedFit:
    data, model = design.data, _model(design, restricted=restricted)
    optimum = maximise(model)
    if not optimum.converged:
        return _nothing(optimum.reason, notes)
    spread = _spread(design, model, optimum)
    slope = _slope(design, model, optimum)
    return MixedFit(
        slope=slope,
        fixed=_fixed(design, model, optimum, slope, spread, separated),
        spread=_told(spread, design.data.right.size),
        levels=_levels(design, model, optimum),
        log_likelihood=-optimum.value,
        restricted=restricted,
        converged=True,
        gain=optimum.gain,
        n_answers=data.right.size,
        n_participants=data.names[PARTICIPANT].size,
        n_images=data.names[IMAGE].size,
        n_concepts=data.names[CONCEPT].size,
        n_cells=len(data.cells),
        notes=notes + _notes(separated, cells),
    )


def _notes(separated: pd.DataFrame, cells: Sequence[str]) -> tuple[str, ...]:
    if separated.empty:
        return ()
    what = "concepts × conditions" if len(cells) == 2 else "conditions"
    return (f"{len(separated)} {what} are left out: their {separated['size'].sum()} answers are all alike",)


def _slope(design: _Design, model: Laplace, optimum: Optimum) -> Estimate:
    """The slope, with the ends of its profile; p from the likelihood ratio against t²."""
    if not design.varies:
        return missing("no_activations")
    freedom, unit, n = design.freedom, "concepts, participants and images", design.telling
    if math.isinf(freedom):
        unit, n = "participants and images", design.data.names[IMAGE].size
    profile = Profile(model, optimum, model.starts[-1])
    limit = float(student.ppf((1 + CONFIDENCE) / 2, freedom)) ** 2
    ends = profile.ends(limit, positive=False)
    root = math.sqrt(max(profile.deviance(0.0), 0.0))
    scale = f"t with {freedom:.0f} degrees of freedom" if math.isfinite(freedom) else "chi²"
    return Estimate(
        profile.at_best,
        ends.low,
        ends.high,
        n,
        unit,
        null=0.0,
        p=float(2 * student.sf(root, freedom)),
        method=f"profile of Laplace's likelihood, root against {scale}",
        reason=ends.reason,
    )


def _spread(design: _Design, model: Laplace, optimum: Optimum) -> pd.DataFrame:
    """The SD of each random effect, its profile interval, and its share of the variance."""
    rows: list[dict[str, object]] = []
    for at, term in enumerate(design.terms):
        if term.width == 1:
            effect = SLOPE if term.name == CONCEPT and design.varies else INTERCEPT
            rows.append({"term": term.name, "effect": effect} | _deviation(model, optimum, model.starts[at]))
        else:
            rows += _pair(term.name, model, optimum, model.starts[at])
        for row in rows:
            row.setdefault("levels", term.groups)
    for (name, effect), reason in design.dropped.items():
        rows.append(
            {"term": name, "effect": effect, "reason": reason, "levels": design.data.names[name].size}
        )
    return _shared(pd.DataFrame(rows, columns=list(SPREAD_COLUMNS)))


def _told(spread: pd.DataFrame, answers: int) -> pd.DataFrame:
    """Refuse the spread of participants or images of which each has too few answers."""
    few = spread["effect"].eq(INTERCEPT) & spread["value"].notna()
    few &= answers < FEWEST_FOR_A_SPREAD * spread["levels"].astype(np.float64)
    numbers = ["value", "low", "high", "share", "share_low", "share_high"]
    told = spread.astype(dict.fromkeys(numbers, np.float64))
    told.loc[few, numbers] = math.nan
    told.loc[few, "reason"] = "too_few_answers_of_each"
    return told


def _deviation(model: Laplace, optimum: Optimum, index: int) -> dict[str, object]:
    value = float(optimum.parameters[index])
    ends = Profile(model, optimum, index).ends(float(chi2.ppf(CONFIDENCE, 1)), positive=True)
    reason = ends.reason or ("no_spread_beyond_chance_in_the_answers" if value == 0 else "")
    return {"value": value, "low": ends.low, "high": ends.high, "reason": reason}


def _pair(name: str, model: Laplace, optimum: Optimum, start: int) -> list[dict[str, object]]:
    """The intercept's SD, and the slope's and the correlation by Wald's interval of logarithm and atanh."""
    first: dict[str, object] = {"term": name, "effect": INTERCEPT}
    _, across, own = optimum.parameters[start : start + 3]
    deviation = math.hypot(across, own)
    values = (deviation, across / deviation if deviation else math.nan)
    rest: list[dict[str, object]] = [
        {"term": name, "effect": effect, "value": value, "reason": "at_the_edge_of_what_is_possible"}
        for effect, value in zip((SLOPE, CORRELATION), values, strict=True)
    ]
    if own >= _EDGE:
        covariance = regular_inverse(optimum.hessian)[start + 1 : start + 3, start + 1 : start + 3]
        # derivatives of log SD, and of atanh of the correlation, which is asinh of their quotient
        slopes = np.array([[across, own], [deviation, -across * deviation / own]]) / deviation**2
        errors = np.sqrt(np.diagonal(slopes @ covariance @ slopes.T)) * float(ndtri((1 + CONFIDENCE) / 2))
        middle = np.array([math.log(deviation), math.asinh(across / own)])
        for row, to, centre, error in zip(rest, (np.exp, np.tanh), middle, errors, strict=True):
            row |= {"low": float(to(centre - error)), "high": float(to(centre + error)), "reason": ""}
    return [first | _deviation(model, optimum, start), *rest]


def _shared(table: pd.DataFrame) -> pd.DataFrame:
    """Add each intercept's share of the latent variance; its ends are those of its SD, the others staying."""
    numbers = table[["value", "low", "high"]].astype(np.float64) ** 2
    there = table["effect"].eq(INTERCEPT) & numbers["value"].notna()
    others = numbers["value"].where(there, 0).sum() + _RESIDUAL - numbers["value"]
    for column, end in (("share", "value"), ("share_low", "low"), ("share_high", "high")):
        table[column] = (numbers[end] / (numbers[end] + others)).where(there)
    return table.assign(reason=table["reason"].fillna(""))


def _fixed(
    design: _Design,
    model: Laplace,
    optimum: Optimum,
    slope: Estimate,
    spread: pd.DataFrame,
    separated: pd.DataFrame,
) -> pd.DataFrame:
    """The slope and each cell's log odds at a = 0, by Wald's interval with t of ``freedom``."""
    value, variance = _cell_effects(design, model, optimum)
    # where cells are concepts × conditions, theirs are effects of those concepts and no sample
    own = math.inf if "concept" in design.data.cells else design.freedom
    error = np.sqrt(variance)
    reach = float(student.ppf((1 + CONFIDENCE) / 2, own)) * error
    cells = design.data.cells.assign(
        term="cell", value=value, se=error, low=value - reach, high=value + reach, reason=""
    )
    total = float((spread["value"].where(spread["effect"].eq(INTERCEPT)).astype(np.float64) ** 2).sum())
    for column, end in (("accuracy", "value"), ("accuracy_low", "low"), ("accuracy_high", "high")):
        cells[column] = population_accuracy(cells[end].to_numpy(np.float64), total)
    parts = [cells, _separated_rows(separated)]
    if design.varies:
        index = model.starts[-1]
        se = math.sqrt(regular_inverse(optimum.hessian)[index, index])
        row = {"term": "activation", "value": slope.value, "se": se, "low": slope.low, "high": slope.high}
        extra = {"p": slope.p, "n": design.data.right.size, "reason": slope.reason}
        parts.insert(0, pd.DataFrame([row | extra]))
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return table.reindex(columns=list(FIXED_COLUMNS))


def _cell_effects(design: _Design, model: Laplace, optimum: Optimum) -> tuple[Floats, Floats]:
    """Each cell's log odds and its variance, given the variances of the random effects."""
    if model.inner.shape[1]:
        value, covariance = model.fixed_effects(optimum.parameters)
        return value, np.diagonal(covariance)
    part = slice(model.starts[-1] + int(design.varies), None)
    return optimum.parameters[part], np.diagonal(regular_inverse(optimum.hessian))[part]


def _separated_rows(separated: pd.DataFrame) -> pd.DataFrame:
    right = separated["first"].astype(bool)
    reason = np.where(right, "all_answers_right", "all_answers_wrong")
    kept = separated.drop(columns=["first", "size"])
    return kept.assign(term="cell", n=separated["size"], reason=reason)


def population_accuracy(log_odds: Floats, variance: Floats | float) -> Floats:
    """The mean chance of being right over normal effects; log odds (m,) of their mean, variance (m,) or one.

    Gauss-Hermite quadrature of 40 nodes.
    """
    spread = np.sqrt(np.asarray(variance))[..., None]
    points = expit(log_odds[:, None] + spread * _NODES)
    return np.asarray(points @ _WEIGHTS / _WEIGHTS.sum())


def _levels(design: _Design, model: Laplace, optimum: Optimum) -> pd.DataFrame:
    """Every random effect at the mode, with its standard deviation given the variances."""
    parts = []
    for term, (value, se) in zip(design.terms, model.random_effects(optimum.parameters), strict=True):
        only = [SLOPE] if term.name == CONCEPT and design.varies else [INTERCEPT]
        for at, effect in enumerate([INTERCEPT, SLOPE] if term.width == 2 else only):
            columns = {"level": design.data.names[term.name], "value": value[:, at], "se": se[:, at]}
            parts.append(pd.DataFrame({"term": term.name, "effect": effect} | columns))
    return pd.concat(parts, ignore_index=True)[list(LEVEL_COLUMNS)]


def _nothing(reason: str, notes: tuple[str, ...]) -> MixedFit:
    return MixedFit(
        missing(reason),
        pd.DataFrame(columns=list(FIXED_COLUMNS)),
        pd.DataFrame(columns=list(SPREAD_COLUMNS)),
        pd.DataFrame(columns=list(LEVEL_COLUMNS)),
        reason=reason,
        notes=notes,
    )
