"""Human accuracy and the unit's AUROC, side by side, in every condition, concept by concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from exports.activations import Activations, read_units
from exports.figures.curves import Point, Tick, curve
from exports.figures.style import PEOPLE, UNIT, data_uri
from exports.report.sections import DREAM, Missing, comparable, keyed
from exports.report.wording import REASONS, family, in_order, severity, share, span
from exports.studies import ConditionRecord
from scoring.accuracy import accuracy_table
from scoring.neuron_map import concept_key
from scoring.unit_curves import auroc_by_condition

NOTHING = Point(float("nan"), float("nan"), float("nan"))


def curves(
    trials: pd.DataFrame,
    conditions: Sequence[ConditionRecord],
    images: pd.DataFrame | Missing,
    units: Mapping[str, int],
    chance: float | None,
) -> list[dict[str, Any]] | Missing:
    """Two small figures for each concept: people, and its unit or the reason why there is none.

    ``images`` are the study's test images with one activation column for each unit (see ``unit_images``);
    ``units`` maps a concept's key (``wording.concept_key``) to its unit;
    ``chance`` is the accuracy of guessing, None for free text. People have no point at adaptive conditions.
    """
    counting = comparable(trials)
    if isinstance(counting, Missing):
        return counting
    kept = keyed(counting)
    table = accuracy_table(kept, ["concept", "condition"]).rename(columns={"mean": "value"})
    shown = in_order(conditions)
    return [
        {
            "concept": concept,
            "people": _figure(concept, "people", table[table["concept"] == concept], shown, chance),
            "unit": units.get(concept_key(concept)),
            "unit_figure": _of_unit(concept, images, units, shown),
        }
        for concept in sorted(kept["concept"].unique())
    ]


def unit_images(stimuli: pd.DataFrame, activations: Activations, clusters: Sequence[str]) -> pd.DataFrame:
    """The study's test images with an activation column for each unit, named by its number.

    Dreams are left out: they were made to raise or to lower a unit. With ``clusters``, only sources of these.
    """
    test = stimuli[(stimuli["kind"] == "test") & (stimuli["role"] != DREAM)]
    if clusters:
        test = test[test["cluster"].isin(list(clusters))]
    hashes = test["image_sha256"].tolist()
    series = (activations.layer, activations.preprocess, activations.units, activations.weights_hash)
    values = read_units(activations.store, hashes, *series)
    return test.assign(**{str(unit): values[:, at] for at, unit in enumerate(activations.units)})


def _of_unit(
    concept: str,
    images: pd.DataFrame | Missing,
    units: Mapping[str, int],
    conditions: Sequence[ConditionRecord],
) -> dict[str, str] | Missing:
    if isinstance(images, Missing):
        return images
    unit = units.get(concept_key(concept))
    if unit is None:
        return Missing("no unit was named for this concept")
    table = auroc_by_condition(images.assign(activation=images[str(unit)]), concept)
    if table["auroc"].isna().all():
        reason = table["reason"].iloc[0]
        return Missing(f"unit {unit}: {REASONS.get(reason, reason)}")
    return _figure(concept, f"unit {unit}", table.rename(columns={"auroc": "value"}), conditions, 0.5)


def _figure(
    concept: str,
    who: str,
    table: pd.DataFrame,
    conditions: Sequence[ConditionRecord],
    chance: float | None,
) -> dict[str, str]:
    rows = {row["condition"]: row for row in table.to_dict("records")}
    points = [_point(rows.get(condition.key)) for condition in conditions]
    ticks = [Tick(family(one, conditions), severity(one).split(" ")[0]) for one in conditions]
    colour, marker = (PEOPLE, "o") if who == "people" else (UNIT, "s")
    drawn = curve(ticks, points, colour=colour, marker=marker, chance=chance)
    values = "; ".join(
        f"{tick.family} {tick.severity} {share(point.value)} {span(point.low, point.high)}".replace("  ", " ")
        for tick, point in zip(ticks, points, strict=True)
    )
    return {"uri": data_uri(drawn.encode(), "svg+xml"), "alt": f"{concept}, {who}: {values}"}


def _point(row: Mapping[Any, Any] | None) -> Point:
    return NOTHING if row is None else Point(row["value"], row["low"], row["high"])
