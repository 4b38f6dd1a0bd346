"""The tables of the page: head and cells as plain values for the template."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exports.alignment.wording import (
    MEASURES,
    UNITS,
    decimal,
    ends,
    ends_within,
    in_words,
    natural,
    plain,
    probability,
    thin_thousands,
)
from exports.report.wording import counted, number
from scoring.alignment.align import Alignment
from scoring.alignment.confusions import ALL
from scoring.alignment.estimate import Estimate
from scoring.alignment.observations import HUMAN, PEOPLE

#: models that a table has a column for, confusions that are listed, and files that are named
MOST_MODELS, MOST_CONFUSIONS, MOST_FILES = 4, 10, 12
#: answers that a confusion has at least to be listed, and columns that a phone has room for
LEAST_CONFUSED, MOST_BESIDE = 3, 4

PER_CONCEPT = "error_consistency_per_concept"

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Cell:
    """What a cell shows: its text, an interval or aside below it, and a remark below that.

    ``words`` stand at the left, numbers at the right.
    """

    text: str
    span: str = ""
    small: str = ""
    words: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its title, the heads of its columns, the first of which names the rows, and its cells."""

    title: str
    head: Sequence[str]
    rows: Sequence[tuple[Cell, Sequence[Cell]]]
    note: str = ""

    @property
    def words(self) -> list[bool]:
        """Which columns, without the first, hold words."""
        return [cell.words for cell in self.rows[0][1]] if self.rows else []

    @property
    def stacked(self) -> bool:
        """Whether a row is too wide for a phone, where its cells then stand one below the other."""
        return len(self.head) > MOST_BESIDE


def all_tables(found: Alignment) -> dict[str, list[Table]]:
    """The tables of each part of the page; a part without any is not there."""
    made = {
        part: [table for table in (one(found) for one in makers) if table.rows]
        for part, makers in _PARTS.items()
    }
    return {part: given for part, given in made.items() if given}


def value_cell(row: Row, name: str, ends_of: str | None = None, digits: int = 3) -> Cell:
    """A value of a row with its interval; a dash where there is none."""
    prefix = f"{name}_" if ends_of is None else ends_of
    value, low, high = (float(row.get(key, math.nan)) for key in (name, f"{prefix}low", f"{prefix}high"))
    return Cell(decimal(value, digits), ends(low, high, digits))


def _number_cell(row: Row, name: str, digits: int = 0) -> Cell:
    value = float(row[name])
    if math.isnan(value):
        return Cell("–")
    return Cell(number(value) if digits == 0 else decimal(value, digits))


def _p_cell(row: Row, name: str = "p") -> Cell:
    return Cell(probability(float(row[name])) or "–")


def _records(found: Alignment, name: str, value: str) -> list[Row]:
    """The rows of a table that have a value."""
    table = found.tables.get(name)
    return [] if table is None else [*table[table[value].notna()].to_dict("records")]


def _estimates(found: Alignment) -> Table:
    """Every estimate that there is, with n, interval, what was resampled, and its null."""
    there = {name: one for name, one in found.estimates.items() if math.isfinite(one.value)}
    rows = [(_name_cell(found, name), _estimate_cells(one)) for name, one in there.items()]
    head = ("measure", "value", "null", "p", "n", "how the interval is made")
    return Table("", head, rows)


def _name_cell(found: Alignment, name: str) -> Cell:
    measure = MEASURES.get(name)
    if measure is None:
        return Cell(plain(name))
    title = "Mean score of people" if name == "human_accuracy" and graded(found) else measure.title
    return Cell(title, small=measure.meaning + _of_few_pictures(found, name))


def graded(found: Alignment) -> bool:
    """Whether some answer of a person has a score between 0 and 1, so that means are no shares right."""
    scores = found.observations.of_kind(HUMAN)["score"].dropna().astype(float)
    return bool(((scores > 0) & (scores < 1)).any())


def _of_few_pictures(found: Alignment, name: str) -> str:
    """By how much consistency per concept is too low, if that is known."""
    unbiased = found.estimates.get(f"{PER_CONCEPT}_unbiased")
    if unbiased is None or math.isnan(unbiased.value) or name not in (PER_CONCEPT, f"{PER_CONCEPT}_crossed"):
        return ""
    off = unbiased.value - found.estimates[name].value
    return (
        f"; {pictures_a_concept(found):.0f} pictures a concept are few, which makes κ too "
        f"{'low' if off >= 0 else 'high'}, here by {decimal(abs(off))}"
    )


def pictures_a_concept(found: Alignment) -> float:
    """Pictures of a concept that pairs of people share, the median of pairs that have a consistency."""
    pairs = found.tables["error_consistency"]
    own = pairs[pairs["kinds"].eq(f"{HUMAN} and {HUMAN}") & pairs[PER_CONCEPT].notna()]
    return float(own["shared"].median()) / len(found.observations.concepts)


def _estimate_cells(one: Estimate) -> list[Cell]:
    why = in_words(one.reason) if one.reason else ""
    why = f"no interval: {why}" if why and math.isnan(one.low) else why
    counted_as, speaks_of = UNITS.get(one.unit, (one.unit, ""))
    return [
        Cell(decimal(one.value), ends(one.low, one.high), why),
        Cell(decimal(one.null)),
        Cell(probability(one.p) or "–"),
        Cell(number(one.n), counted_as, speaks_of),
        Cell("", small=thin_thousands(one.method), words=True),
    ]


def _accuracy(found: Alignment) -> Table:
    """Mean scores by condition, of people and of some models."""
    table = found.tables["accuracy"]
    who = [PEOPLE, *found.models[:MOST_MODELS]]
    rows = []
    for by, key in (("all", ""), *_keys(table, "condition"), *_keys(table, "concept")):
        at = table["by"].eq(by) & (table[by].eq(key) if by != "all" else True)
        own = {str(row["observer"]): row for row in table[at].to_dict("records")}
        cells = [_accuracy_cell(own.get(name, {})) for name in who]
        rows.append((Cell("all" if by == "all" else plain(key), small="" if by == "all" else by), cells))
    mean = found.estimates["human_accuracy"].value
    note = (
        "Means over answers, where who answered more counts more; the mean over people's own means, each "
        f"counting once, is {decimal(mean)}. Intervals of people speak of other people and other sources, "
        f"those of a model of other sources.{_guessing(table, who)}"
    )
    return Table("", ("", *who), rows, note)


def _guessing(table: pd.DataFrame, who: Sequence[str]) -> str:
    """What guessing would give those who chose among alternatives; nothing where nobody did."""
    own = table[table["by"].eq("all") & table["observer"].isin(who) & table["chance"].notna()]
    chances = {
        str(name): decimal(chance) for name, chance in zip(own["observer"], own["chance"], strict=True)
    }
    if len(chances) == len(who) and len(set(chances.values())) == 1:
        return f" Guessing would give {chances[who[0]]}."
    told = ", ".join(f"{name} {chances[name]}" for name in who if name in chances)
    return f" Guessing would give {told}." if told else ""


def _keys(table: pd.DataFrame, by: str) -> list[tuple[str, str]]:
    own = table[table["by"].eq(by) & table["observer"].eq(PEOPLE)]
    return [(by, key) for key in sorted(map(str, own[by]), key=natural)] if len(own) > 1 else []


def _accuracy_cell(row: Row) -> Cell:
    if not row:
        return Cell("–")
    cell = value_cell(row, "mean", "")
    why = in_words(str(row["reason"]))
    return Cell(cell.text, cell.span or why, counted(int(row["n"]), "answer"))


def _models(found: Alignment) -> Table:
    """Each model's consistency with people, beside people's with each other."""
    rows = [
        (
            Cell(str(row["model"]), small=f"expectation {row['expectation']}"),
            [
                *(value_cell(row, name) for name in ("consistency", "ceiling", "gap")),
                *(_number_cell(row, name) for name in ("n", "shared")),
            ],
        )
        for row in _records(found, "models", "consistency")
    ]
    note = (
        "κ of each model with people, averaged over people, and of people with each other, which is missing "
        "where pairs share too few pictures; the gap is people's less the model's in the same draws of "
        "people. 0 is what accuracies alone would give."
    )
    head = ("model", "with people", "people with each other", "gap", "people", "pictures shared")
    return Table("Models and people", head, rows, note)


def _model_pairs(found: Alignment) -> Table:
    """Error consistency of models with each other."""
    rows = [
        (
            Cell(f"{row['one']} and {row['other']}"),
            [value_cell(row, "consistency", ""), _number_cell(row, "n")],
        )
        for row in _records(found, "model_pairs", "consistency")[: 2 * MOST_CONFUSIONS]
    ]
    head = ("pair", "error consistency", "sources")
    return Table("Models with each other", head, rows, "Intervals speak of other sources.")


def _confusions(found: Alignment) -> Table:
    """The most frequent confusions of people over all conditions."""
    table = found.tables["confusions"]
    wrong = table[
        table["group"].eq(PEOPLE)
        & table["condition"].eq(ALL)
        & table["shown"].ne(table["chosen"])
        & table["chosen"].ne("")
        & table["count"].ge(LEAST_CONFUSED)
    ]
    most = wrong.sort_values(["share", "shown", "chosen"], ascending=[False, True, True]).head(
        MOST_CONFUSIONS
    )
    rows = [
        (
            Cell(str(row["shown"])),
            [
                Cell(str(row["chosen"]), words=True),
                value_cell(row, "share", ""),
                Cell(f"{number(row['count'])} of {number(row['n'])}"),
            ],
        )
        for row in most.to_dict("records")
    ]
    head = ("shown", "taken for", "share of its answers", "answers")
    note = (
        f"Over all conditions, of {LEAST_CONFUSED} answers or more. All concepts, conditions and models are "
        "in confusions.csv."
    )
    return Table("What people confuse most", head, rows, note)


def _curves(found: Alignment) -> Table:
    """Fitted curves."""
    rows = [
        (
            Cell(str(row["group"]), small=plain(row["perturbation"])),
            [
                _threshold_cell(found, row),
                *(value_cell(row, name, digits=2) for name in ("beta", "lapse")),
                *(_number_cell(row, name) for name in ("n_severities", "n_trials")),
                _p_cell(row, "p_fit"),
            ],
        )
        for row in _records(found, "psychometric", "alpha")
    ]
    note = (
        "α: the severity at which half of what guessing and lapses leave is recognised; β: the slope there, "
        "per unit of ln severity or of severity; lapse: the share missed however mild. Maximum likelihood "
        "with profile intervals, widened for clusters of participants and sources. p: how often simulated "
        "data fit as badly."
    )
    head = ("group", "threshold α", "slope β", "lapse", "severities", "trials", "p of fit")
    return Table("Fitted curves", head, rows, note)


def _threshold_cell(found: Alignment, row: Row) -> Cell:
    """A threshold; an end of its interval that is open lies beyond the severities shown."""
    frame = found.observations.of_kind(str(row["kind"]))
    mine = frame[frame["perturbation"].eq(row["perturbation"])]
    mine = mine if row["kind"] == HUMAN else mine[mine["observer"].eq(row["group"])]
    severities = mine["severity"].dropna().astype(float)
    severities = severities[severities > 0] if row["scale"] == "log" else severities
    shown = float(severities.min()), float(severities.max())
    low, high = float(row["alpha_low"]), float(row["alpha_high"])
    return Cell(decimal(float(row["alpha"])), ends_within(low, high, shown))


def _shifts(found: Alignment) -> Table:
    """How far apart the thresholds of models and people are."""
    rows = [
        (
            Cell(str(row["model"]), small=plain(row["perturbation"])),
            [value_cell(row, "shift", ""), Cell(decimal(float(row["null"]))), _number_cell(row, "n")],
        )
        for row in _records(found, "shifts", "shift")
    ]
    note = "In ln severity, or severity where the scale is linear."
    head = ("model", "Δα", "null", "participants")
    return Table("Δα: a model's threshold less people's", head, rows, note)


def _threshold_spread(found: Alignment) -> Table:
    """How thresholds differ between participants."""
    rows = [
        (Cell(plain(row["perturbation"])), [value_cell(row, "value", ""), _number_cell(row, "n")])
        for row in _records(found, "threshold_spread", "value")
    ]
    note = "Of true thresholds: the variance of fitted ones less their errors."
    head = ("perturbation", "standard deviation", "participants")
    return Table("How thresholds differ between participants", head, rows, note)


def _mixed_conditions(found: Alignment) -> Table:
    """Conditions in the mixed model without activations."""
    there = sorted(_records(found, "mixed_model", "value"), key=lambda row: natural(str(row["condition"])))
    rows = [
        (
            Cell(plain(row["condition"])),
            [value_cell(row, "accuracy"), value_cell(row, "value", "", 2), _number_cell(row, "n")],
        )
        for row in there
        if row["part"] == "fixed" and row["model"] == "answers"
    ]
    note = (
        "correct ~ condition + (1 | concept) + (1 | participant) + (1 | picture), logit, by a sparse Laplace "
        "approximation. Accuracy is that of the population of concepts, participants and pictures."
    )
    head = ("condition", "accuracy", "log odds", "answers")
    return Table("By condition, over people and pictures", head, rows, note)


def _mixed_spread(found: Alignment) -> Table:
    """The spread of each random effect of both mixed models."""
    rows = [
        (
            Cell(spread_between(str(row["term"]), str(row["effect"]))),
            [
                Cell(FITS[str(row["model"])], words=True),
                value_cell(row, "value", "", 2),
                value_cell(row, "share", digits=2),
                _number_cell(row, "levels"),
            ],
        )
        for row in _records(found, "mixed_model", "value")
        if row["part"] == "spread"
    ]
    title = "How much answers differ between concepts, participants and pictures"
    note = "Profile intervals. The share is of the latent variance, where a single answer's is π²/3."
    head = ("standard deviation between", "model", "in log odds", "share of variance", "levels")
    return Table(title, head, rows, note)


def spread_between(term: str, effect: str) -> str:
    """What a random effect is between: ``images``, or ``concepts, slope``."""
    return f"{term}s" if effect == "intercept" else f"{term}s, {effect}"


#: the two mixed models
FITS = {"answers": "answers alone", "unit": "answers and unit"}


def _layers(found: Alignment) -> Table:
    """RSA and CKA of each layer."""
    rows = [
        (
            Cell(str(row["layer"]), small=str(row["measure"]).upper()),
            [
                value_cell(row, "value", ""),
                Cell(ends(float(row["ceiling_low"]), float(row["ceiling_high"]))),
                Cell(decimal(float(row["null"]))),
                *(_p_cell(row, name) for name in ("p", "q")),
                *(_number_cell(row, name) for name in ("n_concepts", "n_confusions")),
            ],
        )
        for row in _records(found, "layers", "value")
    ]
    note = (
        "RSA: Spearman's correlation, over pairs of concepts, of what people confuse (Shepard's similarity) "
        "with the distance of activations; CKA: the debiased linear one. Intervals take pairs as clustered "
        "by concept; p permutes the concepts' labels, q is adjusted over layers (Benjamini and Hochberg). "
        "The ceiling runs from what another group of as many people reaches to what people in general would."
    )
    head = ("layer", "value", "ceiling", "null", "p", "q", "concepts", "confusions")
    return Table("Confusions and activations", head, rows, note)


def _probes(found: Alignment) -> Table:
    """What each layer foretells of recognition."""
    rows = [
        (
            Cell(str(row["layer"]), small=str(row["weights"])),
            [
                *(value_cell(row, name) for name in ("within", "share")),
                _p_cell(row),
                *(value_cell(row, name) for name in ("overall", "baseline")),
                _number_cell(row, "n_sources"),
            ],
        )
        for row in _records(found, "probes", "within")
    ]
    note = (
        "Ridge regression of the mean score of pictures on activations, trained on some sources and asked "
        "about others; null 0. Within cells: the correlation among pictures of a concept in a condition; its "
        "share is of √rel, what a perfect probe would reach. Overall: over all pictures, activations alone; "
        "the baseline knows concept and condition and no activations."
    )
    head = ("layer", "within cells", "share of ceiling", "p", "overall", "baseline", "sources")
    return Table("Probes from activations to recognition", head, rows, note)


_PARTS: Mapping[str, Sequence[Callable[[Alignment], Table]]] = {
    "estimates": (_estimates,),
    "accuracy": (_accuracy,),
    "consistency": (_models, _model_pairs),
    "confusions": (_confusions,),
    "curves": (_curves, _shifts, _threshold_spread),
    "mixed": (_mixed_conditions, _mixed_spread),
    "layers": (_layers, _probes),
}
