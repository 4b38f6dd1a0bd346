"""The table of ``causality``: one row for each unit and concept, from what was measured of channels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.channel_study import ABLATIONS, DOSE, ChannelStudy, scale_name
from scoring.metrics.causality import specific
from scoring.statistics import Floats, bootstrap_counts

FORMAT_VERSION = 1
#: images that a side needs, so that its mean can vary
FEWEST = 2
#: units whose draws are kept in memory at a time
PART = 256

#: (images,): which of them are of the concept
Marks = NDArray[np.bool_]

NO_CONCEPTS = "no_concepts"
SILENT = "silent_on_every_clean_image"
FEW_IMAGES = "fewer_than_2_clean_images_on_a_side"
NO_CONTROLS = "no_control_channels"


@dataclass(frozen=True)
class Draws:
    """How the intervals are made: sources drawn again within their concepts."""

    count: int = 1000
    seed: int = 0
    confidence: float = 0.95


def channel_table(study: ChannelStudy, draws: Draws = Draws(), concepts: Iterable[str] = ()) -> pd.DataFrame:
    """Make the table; ``concepts`` limits its rows to some of the study's (default all).

    Means over images of one side are differences in logits: ``effect_concept`` is the mean z_c(1) - z_c(0)
    over the concept's images, ``specific`` that minus the same over the others. See docs/causality.md.
    """
    wanted = list(concepts) or list(study.concepts)
    parts = [_of_concept(study, study.concepts.index(concept), draws) for concept in wanted]
    table = pd.concat(parts, ignore_index=True) if parts else _without_concepts(study)
    table = table.sort_values("unit", kind="stable", ignore_index=True)
    for scale, change in study.changes.items():
        by_unit = pd.Series(change.mean(axis=0, dtype=np.float64), index=study.units)
        table[f"change_{scale:g}"] = by_unit.loc[table["unit"]].to_numpy()
    return table.assign(
        mean_activation=study.mean_activation[table["unit"]],
        reason=table.pop("reason"),
        draws=draws.count,
        seed=draws.seed,
        resampled="sources",
        weights=study.weights,
        layer=study.layer,
        preprocess=study.preprocess,
        method=study.method,
        format_version=FORMAT_VERSION,
    )


def _without_concepts(study: ChannelStudy) -> pd.DataFrame:
    silent = study.mean_activation[study.units] == 0
    reason = np.where(silent, f"{NO_CONCEPTS}; {SILENT}", NO_CONCEPTS)
    concept = pd.Series([None] * len(study.units), dtype="string")
    return pd.DataFrame({"unit": study.units, "concept": concept, "reason": reason})


def _of_concept(study: ChannelStudy, concept: int, draws: Draws) -> pd.DataFrame:
    name = study.concepts[concept]
    own = np.array([image.concept == name for image in study.images])
    columns: dict[str, Any] = {
        "unit": study.units,
        "concept": name,
        "n_images_concept": int(own.sum()),
        "n_images_others": int((~own).sum()),
        **_effect(study, concept, own, draws),
        **_dose(study, concept, own),
        **_ablations(study, concept, own),
        **_patch(study, concept),
    }
    reason = _reasons(study, own)
    table = pd.DataFrame({**columns, "reason": reason})
    table.loc[reason != "", _estimates(table)] = np.nan
    return table


def _estimates(table: pd.DataFrame) -> list[str]:
    kept = {"unit", "concept", "n_images_concept", "n_images_others", "n_controls", "n_degraded", "reason"}
    return [name for name in table.columns if name not in kept]


def _reasons(study: ChannelStudy, own: Marks) -> NDArray[np.object_]:
    few = min(int(own.sum()), int((~own).sum())) < FEWEST
    silent = study.mean_activation[study.units] == 0
    reason = np.where(silent, SILENT, NO_CONTROLS if not study.controls.shape[1] else "")
    return np.full(len(study.units), FEW_IMAGES) if few else reason.astype(object)


def _effect(study: ChannelStudy, concept: int, own: Marks, draws: Draws) -> dict[str, Any]:
    silenced = study.silenced[:, :, concept].astype(np.float64)
    every = _specific(silenced, own)
    low, high = _interval(silenced[:, study.units], own, study, draws)
    control = every[study.controls]
    ours = every[study.units]
    above = np.sign(ours[:, None] - control)
    e_c = above.mean(axis=1) if control.shape[1] else np.full(len(ours), np.nan)
    return {
        "effect_concept": _mean(silenced[own][:, study.units]),
        "effect_others": _mean(silenced[~own][:, study.units]),
        "specific": ours,
        "specific_low": low,
        "specific_high": high,
        "n_controls": control.shape[1],
        "control_mean": _mean(control.T),
        "percentile": (e_c + 1) / 2,
        "e_C": e_c,
    }


def _specific(effect: NDArray[np.floating], own: Marks) -> Floats:
    """Mean over the concept's images minus that over the others; ``effect`` (images, units)."""
    return _mean(effect[own]) - _mean(effect[~own])


def _mean(values: NDArray[np.floating]) -> Floats:
    """Mean over the rows; NaN without one."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.mean(axis=0, dtype=np.float64))


def _interval(effect: Floats, own: Marks, study: ChannelStudy, draws: Draws) -> tuple[Floats, Floats]:
    """Central interval of the specific effect of each unit, from sources drawn again within concepts."""
    low, high = np.full((2, effect.shape[1]), np.nan)
    if draws.count == 0 or min(own.sum(), (~own).sum()) < FEWEST:
        return low, high
    times = _times(study, draws)
    tails = [(1 - draws.confidence) / 2, (1 + draws.confidence) / 2]
    for start in range(0, effect.shape[1], PART):
        part = slice(start, start + PART)
        drawn = specific(effect[:, part], own.astype(np.float64), times)
        low[part], high[part] = np.quantile(drawn, tails, axis=1)
    return low, high


def _times(study: ChannelStudy, draws: Draws) -> Floats:
    """How often each image is drawn (images, draws): images of one source go together."""
    names, first, source = np.unique(
        [image.source for image in study.images], return_index=True, return_inverse=True
    )
    concept = np.array([study.concepts.index(study.images[at].concept) for at in first], np.intp)
    counts = bootstrap_counts(concept, draws.count, np.random.default_rng(draws.seed))
    assert counts.shape[1] == len(names)
    return np.ascontiguousarray(counts[:, source].T, dtype=np.float64)


def _dose(study: ChannelStudy, concept: int, own: Marks) -> dict[str, Any]:
    """Least-squares slope of the specific z over the scales, 1 among them (where it is 0)."""
    rise = [-_specific(study.falls[scale_name(scale)][:, :, concept], own) for scale in DOSE]
    steps = np.array(DOSE) - 1
    return {"dose_slope": steps @ np.stack(rise) / (steps**2).sum()}


def _ablations(study: ChannelStudy, concept: int, own: Marks) -> dict[str, Any]:
    """Specific falls of z by the two ablations; NaN where one was not asked for."""
    nothing = np.full(len(study.units), np.nan)
    return {
        f"{name}_ablation": _specific(study.falls[name][:, :, concept], own)
        if name in study.falls
        else nothing
        for name in ABLATIONS
    }


def _patch(study: ChannelStudy, concept: int) -> dict[str, Any]:
    """What the unit's clean map gives back to z: specifically, and as a share of what degrading took."""
    name = study.concepts[concept]
    own = np.array([study.images[image.clean].concept == name for image in study.degraded], bool)
    restored, lost = study.restored[:, :, concept], _mean(study.lost[own][:, concept])
    back = _mean(restored[own])
    return {
        "n_degraded": int(own.sum()),
        "patch": back - _mean(restored[~own]),
        "patch_recovery": back / lost if lost > 0 else np.full(len(study.units), np.nan),
    }
