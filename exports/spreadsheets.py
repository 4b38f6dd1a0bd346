"""Typed text that a spreadsheet would run as a formula, made harmless and, where wanted, back again."""

from __future__ import annotations

import re

import pandas as pd

from scoring.answers.sheets import FORMULA_SIGNS

#: how a cell begins that a spreadsheet would run (full-width signs too), after any number of apostrophes
_SIGNS = rf"'*[{re.escape(FORMULA_SIGNS)}]"


def escape_formulas(text: pd.Series) -> pd.Series:
    """Put an apostrophe before each text that a spreadsheet would run as a formula.

    >>> escape_formulas(pd.Series(["=1+1", "'=1", "dog"], dtype="string")).tolist()
    ["'=1+1", "''=1", 'dog']
    """
    return text.str.replace(f"^({_SIGNS})", r"'\1", regex=True)


def unescape_formulas(text: pd.Series) -> pd.Series:
    """Undo ``escape_formulas``, exactly."""
    return text.str.replace(f"^'({_SIGNS})", r"\1", regex=True)


def safe_for_spreadsheets(frame: pd.DataFrame) -> pd.DataFrame:
    """Escape every text column of a table; the table itself is left alone."""
    text = [name for name in frame.columns if pd.api.types.is_string_dtype(frame[name])]
    return frame.assign(**{name: escape_formulas(frame[name].astype("string")) for name in text})
