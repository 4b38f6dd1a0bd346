"""Reading what ``score`` wrote: text and numbers of a CSV, with errors that name the file and column."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stimuli.errors import UserError


def read_table(path: Path, columns: Sequence[str], numeric: Sequence[str], option: str) -> pd.DataFrame:
    """Read a CSV as text, and some columns as numbers; an empty field or NaN is missing.

    ``option`` is the one that named the file. Raises UserError if there is no such file, it lacks one of
    ``columns`` or has no rows, or a number is none.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist; write it with `manage.py score`, or leave {option} out"
        ) from None
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as a file of `score` ({type(error).__name__}); score the study again"
        ) from error
    require(path, table, columns)
    if table.empty:
        raise UserError(f"{path} has no rows; score the study again")
    return table.assign(**{name: _numbers(path, table[name]) for name in numeric if name in table.columns})


def require(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise UserError if a table lacks a column."""
    lacking = [name for name in columns if name not in table.columns]
    if lacking:
        raise UserError(f"{path} lacks the column {lacking[0]}; give a file that `manage.py score` wrote")


def _numbers(path: Path, text: pd.Series) -> pd.Series:
    values = pd.to_numeric(text, errors="coerce").astype(float)
    wrong = (values.isna() & ~text.str.lower().isin(["", "nan"])) | values.abs().eq(math.inf)
    if wrong.any():
        value = text[wrong].iloc[0]
        raise UserError(f"{path}: {value!r} in the column {text.name} is not a number; score the study again")
    return values


def number_of(row: Mapping[Any, Any], name: str) -> float:
    """A number of a row; NaN where there is none."""
    return float(row.get(name, math.nan))


def distinct(table: pd.DataFrame, name: str) -> str:
    """The different values of a column of text; empty where there is none."""
    if name not in table.columns:
        return ""
    return "; ".join(str(value) for value in table[name].dropna().unique() if str(value))


def resampling(table: pd.DataFrame) -> str:
    """What was resampled, how often, and with which seed; empty where nothing was."""
    if not {"resampled", "resamples", "seed"} <= set(table.columns) or not table["resamples"].max() > 0:
        return ""
    first = table.iloc[0]
    return f"{first['resamples']:,.0f} draws of whole {first['resampled']}s, seed {float(first['seed']):.0f}"
