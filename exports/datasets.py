"""A study's dataset: a folder that says by itself what it holds, and that names nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from experiment_server.services.identities import NO_KEY, Vault
from exports.activations import Activations, add_activations
from exports.attendance import Attendance
from exports.codebook import (
    codebook_markdown,
    describe_exclusions,
    describe_sessions,
    describe_stimuli,
    describe_trials,
)
from exports.exclusions import exclusion_counts
from exports.folders import refuse_to_replace, replacing_folder
from exports.pseudonyms import contents, refuse_leak
from exports.readme import readme
from exports.spreadsheets import safe_for_spreadsheets
from exports.studies import WITHHELD, StudyRecord
from exports.study_data import StudyData, read_study
from exports.versions import utc, versions
from scoring.trial_table import write_trials
from stimuli.errors import UserError
from stimuli.files import sha256_of_file

FORMAT_VERSION = 1
FORMATS = ("csv", "parquet")
#: the file by which a folder is known to be an export
SUMMARY = "export.json"


_DESCRIBERS = {
    "sessions.csv": describe_sessions,
    "stimuli.csv": describe_stimuli,
    "exclusions.csv": describe_exclusions,
}

NOTES = """An empty field is a missing value; the last column says how many there are and what they mean.
Times are UTC. Ranges and levels are those of this very file.
An answer “don't know” is a row: `response` and `response_clean` are empty, `hard_correct` is false and
`soft_correct` 0."""


def export_study(
    engine: Engine,
    name: str,
    out: Path,
    *,
    now: datetime,
    formats: Sequence[str] = FORMATS,
    activations: Activations | None = None,
    manifest: Path | None = None,
    vault: Vault = NO_KEY,
    force: bool = False,
) -> dict[str, Any]:
    """Write a study's dataset into a folder, whole or not at all, and return what ``export.json`` holds.

    ``manifest`` adds the stimuli's measures. Raises UserError if there is no such study or no response, if
    ``out`` has something in it (and, with ``force``, if that is not an export), or if a participant's
    identifier would leave.
    """
    refuse_to_replace(out, SUMMARY, force)
    data = read_study(engine, name, vault, manifest=manifest, now=now)
    if data.trials.empty:
        raise UserError(f"the study {name!r} has no responses yet, so there is nothing to export")
    trials = _with_activations(data, activations)
    refuse_leak([("the trial table", trials.to_csv().encode())], data.secrets)
    tables = {
        "sessions.csv": data.sessions,
        "stimuli.csv": data.stimuli,
        "exclusions.csv": data.exclusions,
    }
    with replacing_folder(out) as folder:
        _write_tables(folder, trials, tables, formats)
        summary = _summary(data.study, data.who, trials, activations, now)
        _write_texts(folder, data.study, trials, tables, summary)
        summary["files"] = {path.name: _fingerprint(path) for path in sorted(folder.iterdir())}
        _write_json(folder / SUMMARY, summary)
        refuse_leak(contents(folder), data.secrets)
    return summary


def _with_activations(data: StudyData, activations: Activations | None) -> pd.DataFrame:
    if activations is None:
        return data.trials
    of_image = (activations.layer, activations.preprocess, activations.units)
    hashes = dict(zip(data.stimuli["stimulus"], data.stimuli["image_sha256"], strict=True))
    return add_activations(data.trials, activations.store, *of_image, hashes, activations.weights_hash)


def _write_tables(
    folder: Path, trials: pd.DataFrame, tables: Mapping[str, pd.DataFrame], formats: Sequence[str]
) -> None:
    if "csv" in formats:
        write_trials(safe_for_spreadsheets(trials), folder / "trials.csv")
    if "parquet" in formats:
        write_trials(trials, folder / "trials.parquet")
    for name, table in tables.items():
        safe_for_spreadsheets(table).to_csv(folder / name, index=False, lineterminator="\n")


def _write_texts(
    folder: Path,
    study: StudyRecord,
    trials: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    summary: Mapping[str, Any],
) -> None:
    described = {
        "trials": describe_trials(trials),
        **{name: _DESCRIBERS[name](table) for name, table in tables.items()},
    }
    _write_json(folder / "codebook.json", {"format_version": FORMAT_VERSION, "tables": described})
    (folder / "codebook.md").write_text(codebook_markdown(study.title, described, NOTES), encoding="utf-8")
    _write_json(folder / "study.json", _public_study(study))
    names = [*(path.name for path in folder.iterdir()), SUMMARY]
    (folder / "README.md").write_text(
        readme(study.title, summary, names, study.definition["credits"], study.adaptive), encoding="utf-8"
    )


def _public_study(study: StudyRecord) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "sha256": study.sha256,
        "withheld": [f"study.{key}" for key in WITHHELD],
        "created_at": utc(study.created_at),
        "definition": study.public_definition,
    }


def _summary(
    study: StudyRecord,
    who: Attendance,
    trials: pd.DataFrame,
    activations: Activations | None,
    now: datetime,
) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "study": study.name,
        "study_sha256": study.sha256,
        "rehearsal": study.rehearsal,
        "exported_at": utc(now),
        "versions": versions(),
        "counts": _counts(who, trials),
        "activations": activations and _of_activations(activations),
        "activations_reason": None if activations else "no activation store was given",
    }


def _of_activations(activations: Activations) -> dict[str, Any]:
    return {
        "weights": activations.weights,
        "weights_hash": activations.weights_hash,
        "layer": activations.layer,
        "preprocess": activations.preprocess,
        "units": list(activations.units),
    }


def _counts(who: Attendance, trials: pd.DataFrame) -> dict[str, Any]:
    return {
        "participants": who.participants,
        "participants_with_trials": int(trials["participant"].nunique()),
        "simulated_participants": who.simulated,
        "sessions_by_outcome": who.by_outcome,
        "sessions_with_trials": int(trials["session"].nunique()),
        **exclusion_counts(trials),
        "trials": len(trials),
        "trials_by_category": trials["trial_category"].value_counts().sort_index().to_dict(),
        "unanswered": who.unanswered,
    }


def _fingerprint(path: Path) -> dict[str, Any]:
    return {"sha256": sha256_of_file(path), "bytes": path.stat().st_size}


def _write_json(path: Path, content: Any) -> None:
    path.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )
