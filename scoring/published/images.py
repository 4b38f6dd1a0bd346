"""The images of a trial table: what every metric needs of the rows, gathered once for all units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.counted_rows import check_concepts, check_units, concept_keys, counted_rows, finite_column
from scoring.neuron_map import Pair
from scoring.statistics import Floats, Integers
from scoring.trial_table import activation_column


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
    check_concepts(rows, pairs, origin)
    score = finite_column(rows, score_column, origin, "judge the answer")
    names = [activation_column(channel) for channel in units]
    columns = [finite_column(rows, name, origin, "extract the activation of its image") for name in names]
    return _by_image(rows, score, np.column_stack(columns), units)


def _by_image(rows: pd.DataFrame, score: Floats, activation: Floats, units: tuple[int, ...]) -> Images:
    keys = pd.DataFrame(
        {
            "concept": list(concept_keys(rows)),
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
