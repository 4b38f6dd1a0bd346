"""The rows of a trial table that count, and what must be right about them before anything is scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import pandas as pd

from scoring.neuron_map import Pair, concept_key
from scoring.statistics import Floats
from scoring.trial_table import EXPERIMENT, NUMBER, activation_column, channels
from stimuli.errors import UserError

#: names listed in an error before "and n more"
LISTED = 20


def counted_rows(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Keep the rows that count: experiment trials that are not excluded, their index as it was."""
    experiment = frame["trial_category"].eq(EXPERIMENT).fillna(False)
    kept = experiment & ~frame["excluded"].fillna(False)
    if not kept.any():
        raise UserError(
            f"{origin} has no row that counts; "
            f"such a row has the trial_category {EXPERIMENT} and is not excluded"
        )
    return frame[kept.to_numpy(dtype=bool)]


def check_units(frame: pd.DataFrame, pairs: Sequence[Pair], origin: str) -> None:
    """Raise UserError, listing the units that are there, if one of the pairs' units is not."""
    absent = [pair for pair in pairs if activation_column(pair.channel) not in frame.columns]
    if absent:
        known = [str(channel) for channel in frame.attrs.get("channels") or channels(list(frame.columns))]
        raise UserError(
            f"{origin} has no column {activation_column(absent[0].channel)}, which the neuron map needs for "
            f"{absent[0].concept}; its units are {listed(known)}"
        )


def listed(names: Sequence[str]) -> str:
    """List names in a sentence, the first twenty of them."""
    more = len(names) - LISTED
    text = ", ".join(islice(names, LISTED))
    return f"{text} and {more} more" if more > 0 else text or "none"


def check_concepts(rows: pd.DataFrame, pairs: Sequence[Pair], origin: str) -> None:
    """Raise UserError, listing the concepts that are there, if one of the pairs' is not."""
    there = sorted(set(concept_keys(rows)))
    absent = [pair for pair in pairs if pair.key not in there]
    if absent:
        raise UserError(
            f"{origin} does not show the concept {absent[0].concept}, which the neuron map names for unit "
            f"{absent[0].channel}; its concepts are {listed(there)}: leave others out of the map "
            "(activations choose --concept)"
        )


def concept_keys(rows: pd.DataFrame) -> Iterator[str]:
    """Give the concept of each row as it is matched."""
    return (concept_key(str(name)) for name in rows["ground_truth"])


def finite_column(rows: pd.DataFrame, column: str, origin: str, remedy: str) -> Floats:
    """Read a column of numbers; UserError, naming the first row, if one is missing or infinite."""
    numbers = rows[column].astype(NUMBER).to_numpy(dtype=np.float64, na_value=np.nan)
    values: Floats = np.asarray(numbers, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        row = int(rows.index[wrong[0]]) + 1
        what = "is infinite" if np.isinf(values[wrong[0]]) else "is missing"
        raise UserError(f"{origin}, row {row}, column {column} {what}; {remedy}, or leave the row out")
    return values
