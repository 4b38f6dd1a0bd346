"""The images of a trial table: what every metric needs of the rows, gathered once for all units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.neuron_map import Pair, concept_key
from scoring.statistics import Floats, Integers
from scoring.trial_table import EXPERIMENT, NUMBER, activation_column, channels
from stimuli.errors import UserError

#: names listed in an error before "and n more"
LISTED = 20


@dataclass(frozen=True)
class Images:
    """Images (n) with their responses and the activations of some units.

    ``concept`` and ``source`` number into ``concepts`` (sorted, lower case) and the sources; ``name``
    numbers the image's base name. ``rows`` counts responses, ``credit`` sums their human scores,
    ``recognised`` counts those of exactly 1. ``activation`` is (n, units) in the order of ``channels``.
    Where the rows of one image differ in activation, each row is an image here (``by_row``).
    ``sourceless`` counts the images whose source is not known, so that each is its own.
    """

    concepts: tuple[str, ...]
    channels: tuple[int, ...]
    concept: Integers
    source: Integers
    level: Integers
    name: Integers
    rows: Floats
    credit: Floats
    recognised: Floats
    activation: Floats
    by_row: bool
    sourceless: int

    def target(self, pair: Pair) -> NDArray[np.bool_]:
        """Mark the images of a pair's concept."""
        marks: NDArray[np.bool_] = self.concept == self.concepts.index(pair.key)
        return marks

    def of_unit(self, channel: int) -> Floats:
        """Give the activations (n,) of a channel."""
        values: Floats = self.activation[:, self.channels.index(channel)]
        return values

    @property
    def concept_of_source(self) -> Integers:
        """The concept of each source."""
        found = np.empty(self.source.max() + 1, dtype=np.intp)
        found[self.source] = self.concept
        return found


def gather(frame: pd.DataFrame, pairs: Sequence[Pair], score_column: str, origin: str) -> Images:
    """Gather the images of a trial table's experiment rows that are not excluded.

    ``origin`` names the table in errors. Raises UserError if no row counts, a unit or concept of
    ``pairs`` is not there, or a row lacks its human score or a finite activation.
    """
    rows = counted_rows(frame, origin)
    units = tuple(dict.fromkeys(pair.channel for pair in pairs))
    check_units(frame, pairs, origin)
    _check_concepts(rows, pairs, origin)
    score = _finite(rows, score_column, origin, "judge the answer")
    names = [activation_column(channel) for channel in units]
    columns = [_finite(rows, name, origin, "extract the activation of its image") for name in names]
    return _by_image(rows, score, np.column_stack(columns), units)


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


def _check_concepts(rows: pd.DataFrame, pairs: Sequence[Pair], origin: str) -> None:
    there = sorted(set(_concepts(rows)))
    absent = [pair for pair in pairs if pair.key not in there]
    if absent:
        raise UserError(
            f"{origin} does not show the concept {absent[0].concept}, which the neuron map names for unit "
            f"{absent[0].channel}; its concepts are {listed(there)}: leave others out of the map "
            "(activations choose --concept)"
        )


def _concepts(rows: pd.DataFrame) -> Iterator[str]:
    return (concept_key(str(name)) for name in rows["ground_truth"])


def _finite(rows: pd.DataFrame, column: str, origin: str, remedy: str) -> Floats:
    numbers = rows[column].astype(NUMBER).to_numpy(dtype=np.float64, na_value=np.nan)
    values: Floats = np.asarray(numbers, dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        row = int(rows.index[wrong[0]]) + 1
        what = "is infinite" if np.isinf(values[wrong[0]]) else "is missing"
        raise UserError(f"{origin}, row {row}, column {column} {what}; {remedy}, or leave the row out")
    return values


def _by_image(rows: pd.DataFrame, score: Floats, activation: Floats, units: tuple[int, ...]) -> Images:
    keys = pd.DataFrame(
        {
            "concept": list(_concepts(rows)),
            "source": rows["source"].to_numpy(dtype=str),
            "level": rows["level"].to_numpy(dtype=np.int64),
            "name": rows["image_basename"].to_numpy(dtype=str),
        }
    )
    image = keys.groupby(list(keys.columns)).ngroup().to_numpy().astype(np.intp)
    first = np.unique(image, return_index=True)[1]
    by_row = bool((activation != activation[first][image]).any())
    if by_row:
        order = np.argsort(image, kind="stable")
        image = np.argsort(order).astype(np.intp)
        first = order
    return _assemble(keys, image, first, score, activation[first], units, by_row)


def _assemble(
    keys: pd.DataFrame,
    image: Integers,
    first: Integers,
    score: Floats,
    activation: Floats,
    units: tuple[int, ...],
    by_row: bool,
) -> Images:
    one = keys.iloc[first]
    concepts, concept = np.unique(one["concept"].to_numpy(dtype=str), return_inverse=True)
    return Images(
        concepts=tuple(str(name) for name in concepts),
        channels=units,
        concept=concept,
        source=one.groupby(["concept", "source"]).ngroup().to_numpy().astype(np.intp),
        level=one["level"].to_numpy(dtype=np.intp),
        name=np.unique(one["name"].to_numpy(dtype=str), return_inverse=True)[1],
        rows=np.bincount(image).astype(np.float64),
        credit=np.bincount(image, weights=score).astype(np.float64),
        recognised=np.bincount(image, weights=score == 1).astype(np.float64),
        activation=activation,
        by_row=by_row,
        sourceless=one.loc[one["source"] == one["name"], "name"].nunique(),
    )
