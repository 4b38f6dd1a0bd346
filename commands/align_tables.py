"""Which table of a dataset ``align`` reads: the dataset's own, or one that was judged again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from commands.stimuli_norm import TABLES
from stimuli.errors import UserError

#: what an exported dataset says of itself
SUMMARY = "export.json"
#: columns that tell a trial from others
KEYS = ("participant", "session", "trial_index")
#: the columns that a judgement fills
JUDGED = ("hard_correct", "soft_correct")
#: what to know of a table whose dataset does not say what kind of data it holds
UNKNOWN_KIND = (
    "Whether the study was a rehearsal, or its participants were simulated, is not known: a trial table "
    "alone does not say it, export.json of its dataset does."
)


def own_table(folder: Path) -> Path | None:
    """The trial table of a dataset's folder, None where it holds none.

    Raises UserError where its CSV and its Parquet file hold different judgements, since one of them is old.
    """
    there = [folder / name for name in TABLES if (folder / name).is_file()]
    if len(there) > 1:
        _refuse_two_judgements(*there)
    return there[0] if there else None


def is_dataset(folder: Path) -> bool:
    """Tell an exported dataset's folder, by a trial table or what the export says of itself."""
    return any((folder / name).is_file() for name in (*TABLES, SUMMARY))


def check_table(folder: Path, table: Path) -> tuple[str, ...]:
    """Check that a table given in place of a dataset's own is of its trials, and say how many it lacks.

    Nothing is checked where one of the two is not there or does not say which trial each row is.
    """
    own = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if own is None or not table.is_file():
        return ()
    theirs, given = _columns(own, KEYS), _columns(table, KEYS)
    if not set(KEYS) <= set(theirs) & set(given):
        return ()
    known = set(theirs[list(KEYS)].itertuples(index=False, name=None))
    trials = list(given[list(KEYS)].itertuples(index=False, name=None))
    strange = next((row for row, trial in enumerate(trials, start=1) if trial not in known), None)
    if strange is not None:
        raise UserError(f"{table}, row {strange} is of no trial of {own}; give a table that was made from it")
    lacking = len(known) - len(set(trials))
    return (f"{table.name} lacks {lacking} of the {len(known)} rows of {own.name}.",) if lacking else ()


def _refuse_two_judgements(one: Path, other: Path) -> None:
    first, second = (_columns(path, (*KEYS, *JUDGED)) for path in (one, other))
    shared = [name for name in first.columns if name in set(second.columns)]
    if not shared or first[shared].equals(second[shared]):
        return
    first, second = (frame[shared].sort_values(shared, ignore_index=True) for frame in (first, second))
    if not first.equals(second):
        raise UserError(
            f"{one} and {other} hold different judgements, so that one of them is old; "
            f"say which one counts: --trials {one} or --trials {other}"
        )


def _columns(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    """Those of the columns that a table has, alike for CSV and Parquet; none if it cannot be read."""
    try:
        frame = _parquet(path, names) if path.suffix == ".parquet" else _csv(path, names)
    except (ValueError, OSError):
        return pd.DataFrame()
    return pd.DataFrame({name: _plain(frame[name], name) for name in names if name in frame})


def _csv(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    return pd.read_csv(path, usecols=lambda name: name in names, dtype="string", keep_default_na=False)


def _parquet(path: Path, names: tuple[str, ...]) -> pd.DataFrame:
    there = [name for name in names if name in pq.read_schema(path).names]
    frame: pd.DataFrame = pq.read_table(path, columns=there).to_pandas(ignore_metadata=True)
    return frame


def _plain(values: pd.Series, name: str) -> pd.Series:
    if name == "soft_correct":
        return pd.to_numeric(values, errors="coerce").astype("float64")
    if name == "trial_index":
        return pd.to_numeric(values, errors="coerce").astype("Float64")
    text = values.astype("string").fillna("").str.strip()
    return text.str.lower().replace({"1": "true", "0": "false"}) if name in JUDGED else text.str.lstrip("'")
