"""The codebook of an export: what each column means, and what its values are in this very table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from exports.exclusion_tables import COLUMNS as EXCLUSION_COLUMNS
from exports.session_tables import EVIDENCE, QUESTION, describe_column
from scoring.trial_table import ACTIVATION, BOOLEAN, COLUMNS, INTEGER, NUMBER, OPTIONAL, TEXT, Column

#: dtype of the contract -> word for readers
TYPES = {TEXT: "text", INTEGER: "integer", NUMBER: "number", BOOLEAN: "true or false"}

#: columns that carry a unit
UNITS = {
    "soft_correct": "credit, 0 to 1",
    "severity": "see severity_unit",
    "rt_ms": "ms",
    "exposure_requested_ms": "ms",
    "exposure_measured_ms": "ms",
    "rt_first_key_ms": "ms",
    "onset_ms": "ms",
    "offset_ms": "ms",
    "exposure_frames": "frames",
    "refresh_hz": "Hz",
    "dropped_frames": "frames",
    "minutes": "min",
    "device_px_per_mm": "px/mm",
    "distance_mm": "mm",
    "picture_degrees": "degrees",
    "timing_flagged": "share",
    "clipped_fraction": "fraction of channel values",
    "rms_contrast": "fraction of full scale",
    "mean_luminance": "fraction of full scale",
    "psnr_db": "dB",
    "width": "px",
    "height": "px",
}

#: a text column with more different values than this is counted and not listed
MOST_LEVELS = 40

#: columns of names and free text, whose values are counted and never listed
NAMES_AND_TEXT = frozenset(
    {"participant", "session", "stimulus", "source", "image_filename", "image_basename"}
    | {"image_sha256", "source_sha256", "response", "response_clean", "evidence"}
)

#: columns of ``stimuli.csv``, in order -> what they mean; a manifest's other columns stay with the researcher
STIMULUS_COLUMNS: dict[str, str] = {
    "stimulus": "Id of the stimulus; joins `stimulus` in the trials.",
    "kind": "What the study uses it for: `test`, `practice` or `catch`.",
    "concept": "The concept that it shows; of a dream, that of its unit.",
    "source": "Id of the clean picture that it was made from; of a dream, that of its unit.",
    "cluster": "Sources of one cluster are not independent (one artist's hand, for instance).",
    "condition": "Perturbation and severity, as one word; `clean` if nothing was done.",
    "level": "The integer that the study gives to the condition.",
    "role": "Role of the level in the published R: clean, invariant, adversarial or dream.",
    "perturbation": "Name of the operator.",
    "severity": "Its physical parameter, in `severity_unit`; 0 if clean.",
    "severity_unit": "Unit of `severity`; empty if clean.",
    "image_sha256": "SHA-256 of the image file that was shown.",
    "width": "Width.",
    "height": "Height.",
    "shown": "Trials that hold or used this stimulus.",
    "replicate": "Number of the rendering, from 0; of a dream, that of its start.",
    "seed": "Seed of the random generator that made it; it makes the same bytes again.",
    "source_sha256": "SHA-256 of the clean picture's file; of a dream, of weights, layer and channel.",
    "clipped_fraction": "Share of channel values at an end of the range (0 or 255).",
    "rms_contrast": "Standard deviation of luma.",
    "mean_luminance": "Mean luma.",
    "psnr_db": "Peak signal-to-noise ratio to the clean stimulus; empty if nothing differs or none is there.",
    "ssim": "Structural similarity to the clean stimulus, of lumas; empty if none is there (dreams).",
    "parameters": "How it was made, a JSON object.",
    "versions": "Versions of the libraries that made it, a JSON object.",
    "licence": "Licence of the picture.",
    "credit": "Whom to credit for the picture.",
    "credit_url": "Where the picture comes from.",
}

#: columns of a manifest that do not leave: where the researcher's files lie, and the file's own version
NOT_EXPORTED = ("image", "source_path", "format_version")


def describe_trials(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe every column of a trial table, in its order; JSON-ready."""
    known = {column.name: column for column in (*COLUMNS, *OPTIONAL)}
    return [
        _described(str(name), trials[name], known.get(str(name)) or _activation(str(name)))
        for name in trials.columns
    ]


def describe_sessions(sessions: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe every column of a table of sessions, in its order; JSON-ready."""
    return [_described(str(name), sessions[name], describe_column(str(name))) for name in sessions.columns]


def describe_exclusions(exclusions: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe every column of a table of exclusions, in its order; JSON-ready."""
    known = {column.name: column for column in EXCLUSION_COLUMNS}
    return [_described(str(name), exclusions[name], known[str(name)]) for name in exclusions.columns]


def describe_stimuli(stimuli: pd.DataFrame) -> list[dict[str, Any]]:
    """Describe every column of an exported stimulus table, in its order; JSON-ready."""
    return [
        _described(
            str(name),
            stimuli[name],
            Column(str(name), _dtype(stimuli[name]), STIMULUS_COLUMNS[str(name)], "Not known."),
        )
        for name in stimuli.columns
    ]


def codebook_markdown(title: str, tables: Mapping[str, Sequence[Mapping[str, Any]]], notes: str) -> str:
    """Write the codebook for people: a heading, notes, and for each file a table of its columns."""
    parts = [f"# Codebook: {title}", notes]
    for file, columns in tables.items():
        parts.append(f"## {file}\n\n" + _table(columns))
    return "\n\n".join(parts) + "\n"


def _table(columns: Sequence[Mapping[str, Any]]) -> str:
    head = "| column | type | unit | meaning | in this file | missing |\n|---|---|---|---|---|---|\n"
    return head + "\n".join(
        f"| `{column['name']}` | {column['type']} | {_cell(column['unit'])} | {_cell(column['description'])} "
        f"| {_cell(_seen(column))} | {_cell(_missing(column))} |"
        for column in columns
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _seen(column: Mapping[str, Any]) -> str:
    if column["levels"] is not None:
        return ", ".join(f"`{level}`" for level in column["levels"]) or "no value"
    if column["range"] is not None:
        return "{:g} to {:g}".format(*column["range"])
    return f"{column['n_distinct']} different values"


def _missing(column: Mapping[str, Any]) -> str:
    return f"{column['n_missing']}: {column['missing']}" if column["n_missing"] else "none"


def _described(name: str, values: pd.Series, column: Column) -> dict[str, Any]:
    there = values.dropna()
    number = column.dtype in {NUMBER, INTEGER} and name != "seed"
    distinct = sorted(there.unique().tolist())
    named = name in NAMES_AND_TEXT or name.startswith((EVIDENCE, QUESTION))
    listed = len(distinct) <= MOST_LEVELS and not named
    return {
        "name": name,
        "type": TYPES[column.dtype],
        "unit": UNITS.get(name, ""),
        "description": column.description,
        "n_missing": int(values.isna().sum()),
        "missing": column.missing,
        "range": [_plain(there.min()), _plain(there.max())] if number and len(there) else None,
        "levels": [_plain(value) for value in distinct] if listed and column.dtype != NUMBER else None,
        "n_distinct": len(distinct),
    }


def _plain(value: Any) -> Any:
    """A value that JSON has."""
    if isinstance(value, bool | str | int):
        return value
    number = float(value)
    return int(number) if math.isfinite(number) and number.is_integer() else number


def _dtype(values: pd.Series) -> str:
    if pd.api.types.is_integer_dtype(values):
        return INTEGER
    return NUMBER if pd.api.types.is_float_dtype(values) else TEXT


def _activation(name: str) -> Column:
    channel = name.removeprefix(ACTIVATION)
    return Column(
        name,
        NUMBER,
        f"Activation of channel {channel} to the image: its map's spatial mean. Model, layer and weights "
        "stand in `export.json`.",
        "The image has no activation.",
    )
