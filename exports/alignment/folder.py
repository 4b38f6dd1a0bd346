"""The folder that ``align`` writes: whole or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exports.alignment.origin import Origin
from exports.alignment.page import page
from exports.alignment.pictures import pictures
from exports.alignment.wording import sentence
from exports.folders import replacing_folder
from exports.spreadsheets import safe_for_spreadsheets
from exports.versions import versions
from scoring.alignment.align import Alignment
from scoring.alignment.observations import HUMAN, MODEL
from stimuli.errors import UserError
from stimuli.files import refuse_other_than_folder

FORMAT_VERSION = 1
#: the files by which a folder is known to be an alignment
SUMMARY, PAGE = "summary.json", "report.html"
#: columns that say of what something is missing, those of the tables; empty where they do not apply
REFUSED_PARTS = (
    *("group", "perturbation", "n_severities", "layer", "one", "other", "expectation"),
    *("model", "term", "effect", "concept", "condition"),
)


def refuse_existing(out: Path, force: bool) -> None:
    """Raise UserError if the folder has something in it: ``force`` replaces an alignment, nothing else."""
    refuse_other_than_folder(out)
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not force:
        raise UserError(f"{out} is not empty; name another folder, or add --force to replace an alignment")
    if not ((out / SUMMARY).is_file() and (out / PAGE).is_file()):
        raise UserError(
            f"{out} holds something other than an alignment, which --force spares; name another folder"
        )


def write_alignment(found: Alignment, origin: Origin, out: Path, *, force: bool = False) -> dict[str, Any]:
    """Write the summary, the tables, the figures and the page, and return the summary."""
    refuse_existing(out, force)
    summary = summarise(found, origin)
    with replacing_folder(out) as folder:
        _write_json(folder / SUMMARY, summary)
        for name, table in {**found.tables, "refused": refused_table(found)}.items():
            safe_for_spreadsheets(table).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
        drawn = pictures(found)
        (folder / "figures").mkdir()
        for picture in drawn:
            (folder / "figures" / f"{picture.name}.svg").write_text(picture.wide, encoding="utf-8")
        (folder / PAGE).write_text(page(found, origin, drawn, summary), encoding="utf-8")
    return summary


def summarise(found: Alignment, origin: Origin) -> dict[str, Any]:
    """What ``summary.json`` holds: the counts, then every estimate by its keys, then what made them."""
    frame = found.observations.frame
    kinds = frame.groupby("kind")["observer"].nunique()
    counts = {
        "format_version": FORMAT_VERSION,
        "origin": origin.title,
        "n_observers": int(kinds.get(HUMAN, 0)),
        "n_models": int(kinds.get(MODEL, 0)),
        "n_stimuli": int(frame["stimulus"].nunique()),
        "n_sources": int(frame["source"].nunique()),
        "n_concepts": int(frame["concept"].nunique()),
        "n_conditions": int(frame["condition"].nunique()),
        "n_answers": int(frame["kind"].eq(HUMAN).sum()),
        "alternatives": found.observations.alternatives,
    }
    estimates = {key: value for name, one in found.estimates.items() for key, value in one.keys(name).items()}
    return {
        **counts,
        **estimates,
        "models": _records(found.tables.get("models")),
        "weights": dict(origin.weights),
        "notes": [*origin.notes, *found.observations.notes],
        "resamples": found.settings.resamples,
        "seed": found.settings.seed,
        "refused": len(found.refused),
        "files": dict(origin.files),
        "command": origin.command,
        "versions": versions(),
    }


def refused_table(found: Alignment) -> pd.DataFrame:
    """What is not printed, of what, and why in a word and in a sentence."""
    rows = [
        dict(one.parts)
        | {"measure": one.measure, "about": one.about, "reason": one.reason, "sentence": sentence(one.reason)}
        for one in found.refused
    ]
    return pd.DataFrame(rows, columns=["measure", "about", *REFUSED_PARTS, "reason", "sentence"])


def _records(table: pd.DataFrame | None) -> list[dict[str, Any]]:
    if table is None:
        return []
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    """A value as JSON has it: no NaN, no NumPy."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
