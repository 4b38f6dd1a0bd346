"""Which figures an alignment has, each drawn wide and for a phone, with words for who does not see it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from exports.alignment import figures
from exports.alignment.figures import Mark, Row
from exports.alignment.wording import decimal, natural, plain
from scoring.alignment.align import PER_CONDITION, Alignment
from scoring.alignment.confusions import ALL
from scoring.alignment.observations import HUMAN, MODEL, PEOPLE
from scoring.alignment.psychometric import Fitted

#: models whose confusions are drawn
MOST_MODELS = 2
#: points of a curve
POINTS = 120


@dataclass(frozen=True)
class Picture:
    """A figure as SVG, wide and narrow (the same where it is small), its title and what it shows in words.

    ``section`` is the part of the page where it stands.
    """

    name: str
    section: str
    title: str
    words: str
    wide: str
    narrow: str


def pictures(found: Alignment) -> list[Picture]:
    """All figures that the tables allow."""
    return [
        *_accuracy(found),
        *_consistency(found),
        *_confusions(found),
        *_curves(found),
        *_layers(found),
    ]


def _accuracy(found: Alignment) -> Iterator[Picture]:
    table = found.tables["accuracy"]
    table = table[table["by"].eq("condition")]
    if table["condition"].nunique() < 2:
        table = found.tables["accuracy"][found.tables["accuracy"]["by"].eq("concept")]
    name = "condition" if (table["by"] == "condition").any() else "concept"
    who = [PEOPLE, *found.models[: figures.MOST_MARKED]]
    table = table[table["observer"].isin(who)]
    rows = [
        Row(
            plain(key),
            [_mark(row, who.index(str(row["observer"])), "mean") for row in own.to_dict("records")],
        )
        for key, own in _in_order(table, name)
    ]
    guess = 1 / found.observations.alternatives if found.observations.alternatives else None
    told = "; ".join(f"{row.name} {decimal(row.marks[0].value, 2)}" for row in rows)
    options: dict[str, Any] = {"zero": guess, "limits": (0.0, 1.0), "key": who if found.models else ()}
    yield Picture(
        f"accuracy_by_{name}",
        "accuracy",
        f"Mean score by {name}",
        f"Mean score of people by {name}: {told}",
        figures.rows(rows, "mean score", **options),
        figures.rows(rows, "mean score", narrow=True, **options),
    )


def _in_order(table: pd.DataFrame, name: str) -> list[tuple[str, pd.DataFrame]]:
    """The table's rows by condition or concept, by name, numbers by size; people before models."""
    ordered = table.assign(first=table["observer"].ne(PEOPLE)).sort_values(["first", "observer"])
    groups = {str(key): own for key, own in ordered.groupby(name, sort=True)}
    return [(key, groups[key]) for key in sorted(groups, key=natural)]


def _mark(row: Mapping[Any, Any], who: int, value: str, low: str = "low", high: str = "high") -> Mark:
    return Mark(float(row[value]), float(row[low]), float(row[high]), who)


def _consistency(found: Alignment) -> Iterator[Picture]:
    """Each pair of people as a dot, then each model's pairs with people."""
    pairs = found.tables["error_consistency"]
    expectation, own = found.consistency
    column = "error_consistency" + ("_per_condition" if expectation == PER_CONDITION else "")
    if pairs.loc[pairs["kinds"].eq(f"{HUMAN} and {HUMAN}"), column].isna().all():
        return
    rows = [
        Row(
            "people",
            [Mark(own.value, own.low, own.high)],
            _values(pairs[pairs["kinds"].eq(f"{HUMAN} and {HUMAN}")], column),
            (own.low, own.high),
        )
    ]
    for model in _told_models(found):
        name = str(model["model"])
        mine = pairs["kinds"].eq(f"{HUMAN} and {MODEL}") & (pairs["one"].eq(name) | pairs["other"].eq(name))
        mark = _mark(model, 1, *(f"consistency{end}" for end in ("", "_low", "_high")))
        rows.append(Row(name, [mark], _values(pairs[mine], column), (own.low, own.high)))
    told = "; ".join(f"{row.name} {decimal(row.marks[0].value, 2)}" for row in rows)
    title = f"error consistency with people, {expectation}"
    yield Picture(
        "error_consistency",
        "consistency",
        "Error consistency, pair by pair",
        f"Mean error consistency with people: {told}",
        figures.rows(rows, title, zero=0.0),
        figures.rows(rows, title, zero=0.0, narrow=True),
    )


def _told_models(found: Alignment) -> list[dict[str, object]]:
    table = found.tables.get("models")
    if table is None:
        return []
    kept = table[table["expectation"].eq(found.consistency[0]) & table["consistency"].notna()]
    return [{str(key): value for key, value in row.items()} for row in kept.to_dict("records")]


def _values(pairs: pd.DataFrame, column: str) -> list[float]:
    return [float(value) for value in pairs[column].dropna()]


def _confusions(found: Alignment) -> Iterator[Picture]:
    table = found.tables["confusions"]
    concepts = list(found.observations.concepts)
    if len(concepts) < 2:
        return
    for group in [PEOPLE, *found.models[:MOST_MODELS]]:
        rows = table[table["group"].eq(group) & table["condition"].eq(ALL)]
        shares = rows.pivot(index="shown", columns="chosen", values="share")
        matrix = shares.reindex(index=concepts, columns=[*concepts, ""]).to_numpy(dtype=np.float64)
        kind = "people" if group == PEOPLE else group
        yield Picture(
            f"confusions_{_file_name(kind)}",
            "confusions",
            "People" if group == PEOPLE else group,
            f"Heat map of what {kind} answered (columns) to each concept (rows); the numbers are in "
            "confusions.csv",
            figures.heat_map(matrix, concepts),
            figures.heat_map(matrix, concepts, narrow=True),
        )


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _curves(found: Alignment) -> Iterator[Picture]:
    """One figure for each perturbation of which there is a curve."""
    fitted = [one for one in found.curves if one.curve.fit is not None]
    for perturbation in dict.fromkeys(one.perturbation for one in fitted):
        mine = [one for one in fitted if one.perturbation == perturbation]
        who = [PEOPLE, *found.models]
        drawn = [_curve(found, one, who.index(one.group)) for one in mine]
        told = "; ".join(
            f"{one.group}: threshold {one.curve.alpha:.3g}" for one in mine if not math.isnan(one.curve.alpha)
        )
        svg = figures.curves(
            drawn,
            f"severity of {plain(perturbation)}",
            chance=chances(found)[perturbation],
            log=mine[0].curve.scale == "log",
        )
        words = f"Share right against the severity of {plain(perturbation)}. {told}".strip()
        name = f"psychometric_{_file_name(perturbation)}"
        yield Picture(name, "curves", plain(perturbation), words, svg, svg)


def chances(found: Alignment) -> dict[str, float]:
    """Chance in the figure of each perturbation, people's where they have a curve; 0 draws no line."""
    fitted = [one for one in found.curves if one.curve.fit is not None]
    return {one.perturbation: one.curve.model.guess for one in reversed(fitted)}


def _curve(found: Alignment, one: Fitted, who: int) -> figures.Curve:
    frame = found.observations.frame
    own = frame[frame["kind"].eq(one.kind) & frame["perturbation"].eq(one.perturbation)]
    own = own if one.kind == HUMAN else own[own["observer"].eq(one.group)]
    shown = own.dropna(subset=["severity", "correct"])
    shares = shown.astype({"correct": float}).groupby(shown["severity"].astype(float))["correct"].mean()
    severities = [float(value) for value in shares.index]
    low, high = min(severities), max(severities)
    x = (
        np.geomspace(low, high, POINTS)
        if one.curve.scale == "log" and low > 0
        else np.linspace(low, high, POINTS)
    )
    y, band_low, band_high = one.curve.at(x)
    threshold = Mark(one.curve.alpha, one.curve.alpha_low, one.curve.alpha_high)
    marks = [Mark(float(value)) for value in shares]
    return figures.Curve(one.group, who, x, y, band_low, band_high, severities, marks, threshold)


def _layers(found: Alignment) -> Iterator[Picture]:
    table = found.tables.get("layers")
    if table is None:
        return
    kept = table[table["measure"].eq("rsa") & table["value"].notna()]
    if kept.empty:
        return
    rows = [
        Row(
            str(row["layer"]),
            [Mark(float(row["value"]), float(row["low"]), float(row["high"]), 1)],
            band=(float(row["ceiling_low"]), float(row["ceiling_high"])),
        )
        for row in kept.to_dict("records")
    ]
    title = "correlation with people's confusions (RSA)"
    told = "; ".join(f"{row.name} {decimal(row.marks[0].value, 2)}" for row in rows)
    yield Picture(
        "layers_rsa",
        "layers",
        "Layers against people's confusions",
        f"RSA of each layer: {told}",
        figures.rows(rows, title, zero=0.0),
        figures.rows(rows, title, zero=0.0, narrow=True),
    )
