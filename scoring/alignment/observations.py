"""Who answered what to which picture: the one table that every measure of alignment starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.statistics import Floats, Integers, numbered

#: the two kinds of observer
HUMAN, MODEL = "human", "model"
#: what tables call all people together: no observer may be called so
PEOPLE = "people"

#: columns of ``Observations.frame`` -> dtype
COLUMNS: dict[str, str] = {
    #: a participant or a model, by a name that is unique among all observers
    "observer": "string",
    #: HUMAN or MODEL
    "kind": "string",
    #: one picture in one condition: the same for every observer who was shown it
    "stimulus": "string",
    #: the picture before it was degraded: the same in all conditions
    "source": "string",
    #: what the picture shows
    "concept": "string",
    #: name of the condition, such as "gaussian_noise 0.2"; two conditions never share one
    "condition": "string",
    "perturbation": "string",
    #: missing where the data name no number
    "severity": "Float64",
    #: the concept that the answer names; missing where it names none of them
    "chosen": "string",
    #: whether the answer is right; missing where it was not judged
    "correct": "boolean",
    #: credit from 0 to 1; equals ``correct`` in a forced choice; missing where it was not judged
    "score": "Float64",
}


class Matrix(NamedTuple):
    """Observers by stimuli: ``values`` (O, S) with NaN where an observer was not shown a stimulus.

    ``observers`` (O,) and ``stimuli`` (S,) are names; ``source``, ``concept`` and ``condition`` (S,) number
    what each stimulus is, into the sorted distinct names.
    """

    values: Floats
    observers: NDArray[np.str_]
    stimuli: NDArray[np.str_]
    source: Integers
    concept: Integers
    condition: Integers


@dataclass(frozen=True)
class Observations:
    """The rows that count, one for each observer and stimulus (an observer's first answer to it).

    ``alternatives`` is the number of words that a forced choice offered: chance is its inverse. It is None
    where answers were typed, and chance 0; and where ``mixed_alternatives``, since trials offered different
    numbers of words or some were typed, so that there is no one chance. ``notes`` are sentences that a reader
    must know.
    """

    frame: pd.DataFrame
    origin: str
    alternatives: int | None = None
    notes: tuple[str, ...] = ()
    mixed_alternatives: bool = False

    @property
    def concepts(self) -> tuple[str, ...]:
        """The concepts shown, sorted."""
        return tuple(sorted(self.frame["concept"].unique()))

    def of_kind(self, kind: str) -> pd.DataFrame:
        """The rows of people, or those of models."""
        return self.frame[self.frame["kind"].eq(kind)]

    def matrix(self, kind: str | None = None, column: str = "correct") -> Matrix:
        """Arrange a column by observer and stimulus, of one kind of observers or of all, sorted by name.

        Stimuli are all that anybody was shown, so that matrices of two kinds have the same columns.
        """
        rows = self.frame if kind is None else self.of_kind(kind)
        about = self.frame.drop_duplicates("stimulus").set_index("stimulus").sort_index()
        wide = rows.pivot(index="observer", columns="stimulus", values=column)
        wide = wide.sort_index().reindex(columns=about.index)
        return Matrix(
            wide.to_numpy(dtype=np.float64, na_value=np.nan),
            wide.index.to_numpy(dtype=str),
            about.index.to_numpy(dtype=str),
            *(_numbers(about[name]) for name in ("source", "concept", "condition")),
        )


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by observer and stimulus, so that the order of a file's rows makes no difference."""
    return frame.sort_values(["observer", "stimulus"], kind="stable", ignore_index=True)


def of_rows(count: int, one: str, several: str) -> str:
    """Count in a sentence: ``1 row shows …``, ``2 rows show …``."""
    return f"{count} {one if count == 1 else several}"


def _numbers(names: pd.Series[str]) -> Integers:
    return numbered(names.to_numpy(dtype=str))
