"""The stimuli of a study as a table that may leave: what was shown, how it was made, whom to credit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from experiment_server.models.stimulus import Stimulus
from experiment_server.models.study_condition import StudyCondition
from experiment_server.models.trial import Trial
from exports.codebook import STIMULUS_COLUMNS
from exports.studies import StudyRecord, condition_key
from stimuli.errors import UserError
from stimuli.manifest import read_manifest


def study_stimuli(connection: Connection, study: StudyRecord, manifest: Path | None = None) -> pd.DataFrame:
    """Table of a study's stimuli: the columns of ``STIMULUS_COLUMNS`` that are known, in that order.

    What the database has is always there; the measures of ``manifest`` (a folder or file that
    ``stimuli build`` made) are added if it is given. Raises UserError if it is the manifest of others.
    """
    rows = connection.execute(
        select(Stimulus.__table__, *(getattr(StudyCondition, name) for name in _OF_CONDITION))
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .where(Stimulus.study_id == study.id)
        .order_by(Stimulus.concept, Stimulus.source, StudyCondition.level, Stimulus.stimulus)
    ).mappings()
    standing_in = _standing_in(connection, study)
    table = pd.DataFrame([_stored(row, standing_in[row["id"]]) for row in rows])
    if manifest is not None:
        table = _with_manifest(table, manifest, study.name)
    return table[[name for name in STIMULUS_COLUMNS if name in table.columns]]


_OF_CONDITION = ("perturbation", "severity", "severity_unit", "level", "role")
_OF_STIMULUS = ("stimulus", "kind", "concept", "source", "cluster", "image_sha256", "width", "height")


def _standing_in(connection: Connection, study: StudyRecord) -> Counter[int]:
    """Stimulus id -> adaptive trials that hold it before their severity is chosen: it was not shown."""
    adaptive = study.frozen.design.adaptive
    if adaptive is None:
        return Counter()
    held = (
        select(Trial.stimulus_id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .where(Stimulus.study_id == study.id, StudyCondition.perturbation == adaptive.perturbation)
        .where(Trial.kind == "test", Trial.state == "assigned", Trial.chosen_at.is_(None))
    )
    return Counter(connection.scalars(held))


def _stored(row: Any, standing_in: int) -> dict[str, Any]:
    stored = {name: row[name] for name in (*_OF_STIMULUS, *_OF_CONDITION)}
    condition = condition_key(row["perturbation"], row["severity"])
    return stored | {"condition": condition, "shown": row["assigned_count"] - standing_in}


def _with_manifest(table: pd.DataFrame, manifest: Path, study: str) -> pd.DataFrame:
    rows = {row.stimulus: row for row in read_manifest(manifest)}
    known = table["stimulus"].isin(list(rows))
    if not known.all():
        raise UserError(
            f"{manifest} lacks the stimulus {table['stimulus'][~known].iloc[0]} of the study {study!r}; "
            "give the manifest that the study was created from"
        )
    for name in STIMULUS_COLUMNS:
        if name not in table.columns:
            table[name] = [getattr(rows[stimulus], name) for stimulus in table["stimulus"]]
    return table
