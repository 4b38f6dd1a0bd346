"""The trial table: one row per answered trial, the one table that everything downstream reads.

Its first columns are those of the published data set, so that it reads anywhere the original does;
then come the study's own, then one column ``activation_<channel>`` per unit. ``docs/trial-table.md``
describes it for users; the codebook of an export is made from ``COLUMNS``.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from pandas.api.types import is_numeric_dtype, pandas_dtype

from scoring import published_names
from stimuli.errors import UserError
from stimuli.files import replacing

FORMAT_VERSION = 1

#: the value of ``trial_category`` for a trial that counts
EXPERIMENT = "experiment"

#: how the name of a unit's column begins; the rest is the channel's number
ACTIVATION = "activation_"

#: what the published data set calls its participants: accepted on input, never written
PROLIFIC_PID = "PROLIFIC_PID"

#: pandas dtypes of the table; each can hold a missing value
TEXT: Final = "string"
INTEGER: Final = "Int64"
NUMBER: Final = "Float64"
BOOLEAN: Final = "boolean"

#: beyond it a number that was read is no longer exact to one
LARGEST_WHOLE = 2**53


@dataclass(frozen=True)
class Column:
    """One column of the trial table: its name, pandas dtype, meaning, and what a missing value means."""

    name: str
    dtype: str
    description: str
    missing: str


_NEVER = "Never missing."
_ASKED = "The study does not record it."

COLUMNS: tuple[Column, ...] = (
    Column("level", INTEGER, "The integer that the study gives to the stimulus's condition.", _NEVER),
    Column("batch", TEXT, "First 8 hexadecimal digits of the study definition's SHA-256.", _ASKED),
    Column("participant", TEXT, "Pseudonym of the participant; the same in all rows of a study.", _ASKED),
    Column("image_filename", TEXT, "File name of the image that was shown.", _ASKED),
    Column(
        "image_basename",
        TEXT,
        "File name without folders; the same image has the same name.",
        _NEVER,
    ),
    Column(
        "response_clean",
        TEXT,
        "The words that were typed, normalised, joined by a comma.",
        "Nothing was typed: “don't know”, or a response of another form.",
    ),
    Column("ground_truth", TEXT, "The concept that the image shows.", _NEVER),
    Column(
        "trial_category",
        TEXT,
        "`experiment` for a trial that counts, `practice` or `catch` for the others.",
        _NEVER,
    ),
    Column("hard_correct", BOOLEAN, "The response names the concept itself.", "The response was not judged."),
    Column(
        "soft_correct",
        NUMBER,
        "Credit for the response, from 0 (wrong) to 1 (names the concept or a synonym).",
        "The response was not judged.",
    ),
    Column("study", TEXT, "Name of the study.", _ASKED),
    Column("session", TEXT, "The sitting in which the trial was done.", _ASKED),
    Column("trial_index", INTEGER, "Place of the trial in its session, from 0.", _ASKED),
    Column("stimulus", TEXT, "Id of the stimulus in the manifest.", "There is no manifest."),
    Column(
        "source",
        TEXT,
        "Id of the picture (of a dream: the unit) that the image was made from; the same in all conditions.",
        "Never missing after reading: an image without a source is its own.",
    ),
    Column("concept", TEXT, "The concept that the source shows; equals `ground_truth`.", _ASKED),
    Column("perturbation", TEXT, "Name of the operator that degraded the source, or `clean`.", _ASKED),
    Column("severity", NUMBER, "Physical parameter of the operator, in `severity_unit`; 0 if clean.", _ASKED),
    Column("severity_unit", TEXT, "Unit of `severity`.", "The perturbation has no unit (clean)."),
    Column("response", TEXT, "What was typed or chosen, as it came.", "“Don't know”, or not recorded."),
    Column("rt_ms", NUMBER, "Time from stimulus onset to the response, in milliseconds.", "Not measured."),
    Column("exposure_requested_ms", NUMBER, "Exposure asked for, in ms; 0 = until the response.", _ASKED),
    Column("exposure_measured_ms", NUMBER, "Exposure measured by the browser, in ms.", "Not measured."),
    Column("excluded", BOOLEAN, "A rule excludes the trial or its participant.", "No rule was applied."),
    Column("exclusion_rule", TEXT, "The rule that excludes it, and its version.", "Not excluded."),
)

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)

_UNMEASURED = "The browser did not measure it."

#: what a study measures besides; a table that lacks one of them is none the worse
OPTIONAL: tuple[Column, ...] = (
    Column(
        "rt_first_key_ms",
        NUMBER,
        "Time from stimulus onset to the first key of the answer, in milliseconds.",
        "No key was pressed (a choice, or “don't know”), or it was not measured.",
    ),
    Column(
        "confidence",
        INTEGER,
        "How sure the participant was, from 1, a guess, to the study's number of levels.",
        "The study does not ask it, or the answer was “don't know”.",
    ),
    Column(
        "alternatives",
        TEXT,
        "The words that the trial offered, in the order in which they stood, as a JSON list.",
        "The answer was typed.",
    ),
    Column(
        "presented_again",
        BOOLEAN,
        "The picture had been shown before: the page was loaded again in the middle of the trial.",
        _ASKED,
    ),
    Column(
        "onset_ms",
        NUMBER,
        "When the picture's first frame was due, in milliseconds since the page was loaded.",
        _UNMEASURED,
    ),
    Column(
        "offset_ms",
        NUMBER,
        "When the first frame without the picture was due, in milliseconds since the page was loaded.",
        "Not measured, or the picture stayed until the response.",
    ),
    Column(
        "exposure_frames",
        INTEGER,
        "Frames of the display for which the picture was shown.",
        "Not counted, or the picture stayed until the response.",
    ),
    Column("refresh_hz", NUMBER, "Refresh rate of the display in this trial, in Hz.", _UNMEASURED),
    Column(
        "dropped_frames",
        INTEGER,
        "Frames that came late while the picture was shown.",
        "They were not counted.",
    ),
    Column(
        "timing_flags",
        TEXT,
        "What was wrong with the presentation, words joined by blanks, or `none`. `dropped`: frames came "
        "late; `long`, `short`: shown half a frame or more too long or too short; `late_onset`, "
        "`late_offset`: the frame that should have shown or removed the picture was late, or could not be "
        "verified; `hidden`: the page was out of sight.",
        _UNMEASURED,
    ),
    Column(
        "concept_repetition",
        INTEGER,
        "1 for the participant's first answered trial of this concept in the session, 2 for the second, and "
        "so on; practice apart.",
        "A practice trial.",
    ),
    Column(
        "adaptive",
        BOOLEAN,
        "The severity was chosen by the participant's own earlier answers: who sees better was shown harder "
        "pictures, so leave such trials out of means by condition.",
        _ASKED,
    ),
)

#: the columns without which a table cannot be scored (``soft_correct``, or the column asked for instead, too)
REQUIRED: tuple[str, ...] = ("level", "image_basename", "ground_truth", "trial_category")

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_SHAPE = "a trial table has a header and one row per answered trial"
_NO_NUMBER = ("", "NaN", "nan", "NA")


def activation_column(channel: int) -> str:
    """Name the column that holds a channel's activations."""
    return f"{ACTIVATION}{channel}"


def channels(names: Sequence[str]) -> list[int]:
    """List the channels that have a column among some column names, ascending."""
    ids = (name.removeprefix(ACTIVATION) for name in names if name.startswith(ACTIVATION))
    return sorted(int(channel) for channel in ids if channel.isdecimal())


def read_trials(
    path: Path,
    *,
    key: bytes | None = None,
    score_column: str = "soft_correct",
    units: Sequence[int] | None = None,
) -> pd.DataFrame:
    """Read and check a trial table, CSV or Parquet, in our form or the published one.

    The result has every column of ``COLUMNS`` in order with its dtype (what the file lacks is missing),
    then those of ``OPTIONAL`` that the file has, and its other columns; one that is called like an optional
    column and has other values is an other column, unless the file has all columns of a study's export;
    then ``activation_<channel>`` as float64: all of them, or those of ``units`` that the file has.
    ``PROLIFIC_PID`` is replaced by a pseudonym, HMAC-SHA256 under ``key`` (a random one if None).
    ``score_column`` is the human score that the file must have. ``attrs`` holds ``form`` ("published", "own"
    or "other"), ``notes`` (sentences to tell the user) and, where only ``units`` are read, ``channels`` (all
    those of the file). Rows are counted from 1, the first below the header.

    Raises UserError for a file that cannot be read, lacks a column or rows, or has a value out of range
    or a row twice.
    """
    raw, activations, header = _read_file(path, units)
    notes: list[str] = []
    raw = _pseudonymise(_name_images(raw), key, notes)
    _check_columns(path, raw, score_column)
    frame = _conform(path, raw, notes)
    _check_values(path, frame, score_column)
    form = _identify_sources(frame, notes)
    _refuse_duplicates(path, frame)
    names = [activation_column(channel) for channel in channels([str(name) for name in activations])]
    frame = pd.concat([frame, _as_numbers(path, activations)[names]], axis=1)
    frame.attrs = {"form": form, "notes": notes}
    if units is not None:
        frame.attrs["channels"] = channels(header)
    return frame


def write_trials(frame: pd.DataFrame, path: Path, *, force: bool = False) -> None:
    """Write a trial table as CSV or Parquet (by the path's suffix), whole or not at all.

    Columns are put in the contract's order; one that is lacking is written as missing. A missing value is
    an empty field in CSV. A Parquet file carries ``interpscore.format_version`` in its metadata. Raises
    UserError for another suffix, for a table that still holds Prolific IDs, or if ``path`` exists.
    """
    _check_suffix(path)
    if PROLIFIC_PID in frame.columns:
        raise UserError(
            f"{path} is not written, since it has a {PROLIFIC_PID} column; replace it by pseudonyms"
        )
    table = conform(frame)
    with replacing(path, force=force) as temporary:
        if path.suffix == ".csv":
            table.to_csv(temporary, index=False, lineterminator="\n")
        else:
            pq.write_table(_with_version(pa.Table.from_pandas(table, preserve_index=False)), temporary)


def conform(frame: pd.DataFrame) -> pd.DataFrame:
    """Put a table's columns in the contract's order and dtypes, adding what it lacks as missing.

    Those of ``OPTIONAL`` that are there follow, then others in their own order, those of activations last
    and ascending. A column that is text where the optional one is not (see ``read_trials``) is another.
    """
    there = [column for column in OPTIONAL if column.name in frame.columns and _fits(frame, column)]
    ours = {column.name: _typed(frame, column) for column in (*COLUMNS, *there)}
    others = {
        str(name): frame[name]
        for name in frame.columns
        if name not in ours and not str(name).startswith(ACTIVATION)
    }
    names = [activation_column(channel) for channel in channels([str(name) for name in frame.columns])]
    table = pd.DataFrame(ours | others, index=frame.index)
    return pd.concat([table, frame[names]], axis=1) if names else table


def pseudonym(prolific_pid: str, key: bytes) -> str:
    """Give the pseudonym of a participant: 16 hexadecimal digits of HMAC-SHA256 under a key."""
    return hmac.new(key, prolific_pid.encode(), hashlib.sha256).hexdigest()[:16]


def _fits(frame: pd.DataFrame, column: Column) -> bool:
    return column.dtype == TEXT or not isinstance(frame[column.name].dtype, pd.StringDtype)


def _typed(frame: pd.DataFrame, column: Column) -> pd.Series:
    if column.name not in frame.columns:
        return pd.Series(pd.NA, index=frame.index, dtype=column.dtype)
    return frame[column.name].astype(pandas_dtype(column.dtype))


def _with_version(table: pa.Table) -> pa.Table:
    metadata = dict(table.schema.metadata or {})
    return table.replace_schema_metadata(metadata | {"interpscore.format_version": str(FORMAT_VERSION)})


def _check_suffix(path: Path) -> None:
    if path.suffix not in {".csv", ".parquet"}:
        raise UserError(f"{path} is neither .csv nor .parquet; a trial table is one of the two")


def _read_file(path: Path, units: Sequence[int] | None) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Read a file's columns, all but activations as text, and apart from them; and name all it has."""
    _check_suffix(path)
    try:
        frame, header = _read_csv(path, units) if path.suffix == ".csv" else _read_parquet(path, units)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path of the trial table") from None
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty; {_SHAPE}") from None
    except (pd.errors.ParserError, UnicodeDecodeError, pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} cannot be read as a trial table ({type(error).__name__}); export it again"
        ) from None
    if frame.empty:
        raise UserError(f"{path} has no rows; {_SHAPE}")
    is_activation = frame.columns.str.startswith(ACTIVATION)
    return frame.loc[:, ~is_activation].copy(), frame.loc[:, is_activation], header


def _wanted(names: Sequence[str], units: Sequence[int] | None) -> list[str]:
    if units is None:
        return list(names)
    wanted = {activation_column(unit) for unit in units}
    return [name for name in names if not name.startswith(ACTIVATION) or name in wanted]


def _read_csv(path: Path, units: Sequence[int] | None) -> tuple[pd.DataFrame, list[str]]:
    header = pd.read_csv(path, nrows=0).columns.astype(str).tolist()
    text = {name: TEXT for name in header if not name.startswith(ACTIVATION)}
    empty = {name: [""] if name in text else list(_NO_NUMBER) for name in header}
    frame = pd.read_csv(
        path,
        dtype=text,
        usecols=_wanted(header, units),
        na_values=empty,
        keep_default_na=False,
    )
    return frame, header


def _read_parquet(path: Path, units: Sequence[int] | None) -> tuple[pd.DataFrame, list[str]]:
    header = pq.read_schema(path).names
    table = pq.read_table(path, columns=_wanted(header, units)).to_pandas(ignore_metadata=True)
    frame: pd.DataFrame = table.astype({name: TEXT for name in table if not name.startswith(ACTIVATION)})
    return frame, header


def _name_images(raw: pd.DataFrame) -> pd.DataFrame:
    """Take the base name from the file name where the table has only the latter."""
    if "image_basename" not in raw.columns and "image_filename" in raw.columns:
        raw["image_basename"] = raw["image_filename"].str.rsplit("/", n=1).str[-1]
    return raw


def _pseudonymise(raw: pd.DataFrame, key: bytes | None, notes: list[str]) -> pd.DataFrame:
    if PROLIFIC_PID not in raw.columns:
        return raw
    made = secrets.token_bytes(32) if key is None else key
    pids = raw.pop(PROLIFIC_PID)
    if "participant" not in raw.columns:
        names = {pid: pseudonym(pid, made) for pid in pids.dropna().unique()}
        raw["participant"] = pids.map(names).astype(TEXT)
    origin = "a random key, so they differ next time" if key is None else "the key file"
    notes.append(f"{PROLIFIC_PID} was replaced by pseudonyms under {origin}.")
    return raw


def _check_columns(path: Path, raw: pd.DataFrame, score_column: str) -> None:
    needed = [*REQUIRED, score_column]
    lacking = [name for name in needed if name not in raw.columns]
    if lacking:
        raise UserError(
            f"{path} lacks the column {', '.join(lacking)}; a trial table needs {', '.join(needed)} "
            "(see docs/trial-table.md)"
        )


def _bad(path: Path, wrong: pd.Series, column: str, value: object, rule: str) -> UserError:
    """Describe the first wrong value: ``wrong`` is a mask over the rows."""
    row = int(np.flatnonzero(wrong.to_numpy(dtype=bool))[0]) + 1
    return UserError(f"{path}, row {row}, column {column}: {value!r} {rule}")


def _first(values: pd.Series, wrong: pd.Series) -> object:
    return values[wrong.to_numpy(dtype=bool)].iloc[0]


def _number(path: Path, text: pd.Series, column: str) -> pd.Series:
    """Read numbers; True and False are 1 and 0."""
    as_number = text.str.strip().str.lower().replace({"true": "1", "false": "0"})
    numbers = pd.to_numeric(as_number, errors="coerce")
    wrong = numbers.isna() & text.notna() & ~as_number.isin(["nan", "na"]).fillna(False)
    if wrong.any():
        raise _bad(path, wrong, column, _first(text, wrong), "is not a number; correct it or leave it empty")
    return numbers.astype(NUMBER)


def _integer(path: Path, text: pd.Series, column: str) -> pd.Series:
    numbers = _number(path, text, column)
    wrong = ((numbers % 1 != 0) | (numbers.abs() > LARGEST_WHOLE)).fillna(False)
    if wrong.any():
        raise _bad(path, wrong, column, _first(text, wrong), "is not a whole number; correct it")
    return numbers.astype(INTEGER)


def _boolean(path: Path, text: pd.Series, column: str) -> pd.Series:
    values = text.str.strip().str.lower().map(_BOOLEANS)
    wrong = values.isna() & text.notna()
    if wrong.any():
        raise _bad(path, wrong, column, _first(text, wrong), "is neither True nor False; correct it")
    return values.astype(BOOLEAN)


_READERS = {INTEGER: _integer, NUMBER: _number, BOOLEAN: _boolean}


def _conform(path: Path, raw: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Give every column of a file its dtype, and check each value's form."""
    is_published = "source" not in raw.columns and "annotation" in raw.columns
    if is_published and "response" in raw.columns:
        raw = raw.rename(columns={"response": "published_response"})
    for column in COLUMNS:
        if column.name in raw.columns and column.dtype != TEXT:
            raw[column.name] = _READERS[column.dtype](path, raw[column.name], column.name)
    _read_optional(path, raw, notes)
    return conform(raw)


def _read_optional(path: Path, raw: pd.DataFrame, notes: list[str]) -> None:
    """Give the optional columns their dtypes, but leave as text what is another table's own column.

    A table with all columns of a study's export is one; in another, ``confidence`` may be anything.
    """
    is_export = {column.name for column in (*COLUMNS, *OPTIONAL)} <= set(raw.columns)
    for column in OPTIONAL:
        if column.name not in raw.columns or column.dtype == TEXT:
            continue
        try:
            raw[column.name] = _READERS[column.dtype](path, raw[column.name], column.name)
        except UserError:
            if is_export:
                raise
            notes.append(
                f"The column {column.name} does not hold what a study's export has under this name, so it "
                "is kept as text."
            )


def _as_numbers(path: Path, activations: pd.DataFrame) -> pd.DataFrame:
    """Activations as float64; UserError for one that is no number."""
    text = [str(name) for name in activations if not is_numeric_dtype(activations[name])]
    read = {name: _number(path, activations[name].astype(TEXT), name) for name in text}
    return activations.assign(**read).astype(np.float64)


def _check_values(path: Path, frame: pd.DataFrame, score_column: str) -> None:
    for name in REQUIRED:
        counts = frame["trial_category"].eq(EXPERIMENT).fillna(True) if name != "trial_category" else True
        wrong = frame[name].isna() & counts
        if wrong.any():
            raise _bad(path, wrong, name, "", "is missing; fill it in or leave the row out")
    if score_column not in NAMES or frame[score_column].dtype == TEXT:
        frame[score_column] = _number(path, frame[score_column].astype(TEXT), score_column)
    for name in dict.fromkeys(("soft_correct", score_column)):
        score = frame[name].astype(NUMBER)
        wrong = ((score < 0) | (score > 1)).fillna(False)
        if wrong.any():
            rule = "is not between 0 and 1; a score of correctness lies there"
            raise _bad(path, wrong, name, float(score[wrong].iloc[0]), rule)


def _identify_sources(frame: pd.DataFrame, notes: list[str]) -> str:
    """Fill in the source of every row, and say which form the table has."""
    if frame["source"].notna().any():
        _own_source(frame, notes)
        return "own"
    basenames = frame["image_basename"]
    parsed = {name: published_names.parse(name) for name in basenames.dropna().unique()}
    counted = basenames[frame["trial_category"].eq(EXPERIMENT).fillna(False)]
    is_published = len(counted) > 0 and all(parsed[name] is not None for name in counted.dropna().unique())
    if is_published:
        sources = {name: found.source for name, found in parsed.items() if found}
        frame["source"] = basenames.map(sources).astype(TEXT)
    _own_source(frame, notes)
    return "published" if is_published else "other"


def _own_source(frame: pd.DataFrame, notes: list[str]) -> None:
    """Take each image that has no source as its own, and say so."""
    without = frame["source"].isna()
    counted = without & frame["trial_category"].eq(EXPERIMENT).fillna(False)
    if counted.any():
        images = frame.loc[counted, "image_basename"].nunique()
        notes.append(f"{images} images have no source in the table, so each is taken as its own source.")
    frame["source"] = frame["source"].where(~without, frame["image_basename"])


def _refuse_duplicates(path: Path, frame: pd.DataFrame) -> None:
    """Refuse a response that is there twice.

    A trial is known by its session and index; without those, two rows of one participant that are equal
    in every column are one response. Rows without a participant cannot be told apart, and pass.
    """
    counted = frame["trial_category"].eq(EXPERIMENT).fillna(False)
    known = counted & frame["session"].notna() & frame["trial_index"].notna()
    unknown = counted & ~known & frame["participant"].notna()
    everything = [name for name in frame.columns if not name.startswith(ACTIVATION)]
    for mask, names in ((known, ["study", "session", "trial_index"]), (unknown, everything)):
        rows = frame.loc[mask.to_numpy(dtype=bool), names]
        again = rows.duplicated()
        if again.any():
            raise _twice(path, rows, int(np.flatnonzero(again)[0]))


def _twice(path: Path, rows: pd.DataFrame, second: int) -> UserError:
    groups = rows.groupby(list(rows.columns), dropna=False).ngroup().to_numpy()
    first = np.flatnonzero(groups == groups[second])[0]
    one, other = (int(rows.index[place]) + 1 for place in (first, second))
    return UserError(f"{path}, rows {one} and {other} hold the same response twice; leave one of them out")
