"""A study's dataset: a folder that says by itself what it holds, and that names nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from experiment_server.services.identities import NO_KEY, Vault
from exports.activations import Activations, add_activations
from exports.attendance import Attendance, attendance
from exports.codebook import codebook_markdown, describe_sessions, describe_stimuli, describe_trials
from exports.exclusions import exclusion_counts
from exports.folders import refuse_to_replace, replacing_folder
from exports.pseudonyms import contents, refuse_leak, secrets_of
from exports.readme import readme
from exports.session_tables import study_sessions
from exports.spreadsheets import safe_for_spreadsheets
from exports.stimulus_tables import study_stimuli
from exports.studies import WITHHELD, StudyRecord, load_study
from exports.trial_tables import image_hashes, study_trials
from exports.versions import utc, versions
from scoring.trial_table import write_trials
from stimuli.errors import UserError
from stimuli.files import sha256_of_file

FORMAT_VERSION = 1
FORMATS = ("csv", "parquet")
#: the file by which a folder is known to be an export
SUMMARY = "export.json"


@dataclass(frozen=True)
class Tables:
    """What a dataset holds: its trials, sessions and stimuli."""

    trials: pd.DataFrame
    sessions: pd.DataFrame
    stimuli: pd.DataFrame


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
    study = load_study(engine, name)
    refuse_to_replace(out, SUMMARY, force)
    trials = _trials(engine, name, activations, vault, now)
    tables = Tables(
        trials, study_sessions(engine, study, trials, vault), study_stimuli(engine, study, manifest)
    )
    who = attendance(engine, study.id)
    secrets = secrets_of(engine, study.id, vault)
    refuse_leak([("the trial table", trials.to_csv().encode())], secrets)
    with replacing_folder(out) as folder:
        _write_tables(folder, tables, formats)
        summary = _summary(study, who, trials, activations, now)
        _write_texts(folder, study, tables, summary)
        summary["files"] = {path.name: _fingerprint(path) for path in sorted(folder.iterdir())}
        _write_json(folder / SUMMARY, summary)
        refuse_leak(contents(folder), secrets)
    return summary


def _trials(
    engine: Engine, name: str, activations: Activations | None, vault: Vault, now: datetime
) -> pd.DataFrame:
    trials = study_trials(engine, name, vault, now=now)
    if trials.empty:
        raise UserError(f"the study {name!r} has no responses yet, so there is nothing to export")
    if activations is None:
        return trials
    of_image = (activations.layer, activations.preprocess, activations.units)
    hashes = image_hashes(engine, name)
    return add_activations(trials, activations.store, *of_image, hashes, activations.weights_hash)


def _write_tables(folder: Path, tables: Tables, formats: Sequence[str]) -> None:
    if "csv" in formats:
        write_trials(safe_for_spreadsheets(tables.trials), folder / "trials.csv")
    if "parquet" in formats:
        write_trials(tables.trials, folder / "trials.parquet")
    for name, table in (("sessions.csv", tables.sessions), ("stimuli.csv", tables.stimuli)):
        safe_for_spreadsheets(table).to_csv(folder / name, index=False, lineterminator="\n")


def _write_texts(
    folder: Path,
    study: StudyRecord,
    tables: Tables,
    summary: Mapping[str, Any],
) -> None:
    described = {
        "trials": describe_trials(tables.trials),
        "sessions.csv": describe_sessions(tables.sessions),
        "stimuli.csv": describe_stimuli(tables.stimuli),
    }
    _write_json(folder / "codebook.json", {"format_version": FORMAT_VERSION, "tables": described})
    (folder / "codebook.md").write_text(codebook_markdown(study.title, described, NOTES), encoding="utf-8")
    _write_json(folder / "study.json", _public_study(study))
    names = [*(path.name for path in folder.iterdir()), SUMMARY]
    (folder / "README.md").write_text(
        readme(study.title, summary, names, study.definition["credits"]), encoding="utf-8"
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
