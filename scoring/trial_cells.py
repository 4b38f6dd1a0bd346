"""From a trial table to the cells of a study: one image for each source and level, dreams left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scoring.cells import Cells, cells_of
from scoring.counted_rows import concept_keys, counted_rows, finite_column, listed
from scoring.statistics import Floats, mean_by
from scoring.trial_table import activation_column
from stimuli.errors import UserError

#: decimals of an image's mean score, so that equal ones tie, in whatever order they were added up
_DIGITS = 12
#: what tells images apart
_IMAGE = ["concept", "source", "level", "name"]


@dataclass(frozen=True)
class Levels:
    """Which levels are what: the clean one, those of dreams, and the degraded ones (None: all others)."""

    clean: int
    dreams: tuple[int, ...] = ()
    degraded: tuple[int, ...] | None = None

    def counts(self, level: pd.Series) -> pd.Series:
        """Mark the levels that are scored."""
        kept = ~level.isin(self.dreams)
        return kept if self.degraded is None else kept & level.isin((self.clean, *self.degraded))


@dataclass(frozen=True)
class Gathered:
    """The cells of a table, and what its reader must know of how they were made."""

    cells: Cells
    notes: tuple[str, ...]


def cells_of_trials(
    frame: pd.DataFrame, units: Sequence[int], levels: Levels, score_column: str, origin: str
) -> Gathered:
    """Arrange the rows of a trial table that count, with the activations they bring, in cells.

    ``origin`` names the table in errors. Raises UserError if no row counts, none is clean, or one lacks its
    human score or a finite activation.
    """
    rows = counted_rows(frame, origin)
    scored = _scored(rows, levels, origin)
    images = _summary(scored, finite_column(scored, score_column, origin, "judge the answer"))
    activation = _activation(scored, units, origin)
    number = images.pop("number").to_numpy()
    first = np.unique(number, return_index=True)[1]
    differ = bool((activation != activation[first][number]).any())
    values = mean_by(number, activation) if differ else activation[first]
    notes = _notes(rows, scored, levels, images)
    if differ:
        notes = (*notes, "Rows of one image differ in activation; their mean is taken.")
    return Gathered(cells_of(images.iloc[first], values, units, str(levels.clean)), notes)


def cells_of_stimuli(
    stimuli: pd.DataFrame,
    activation: Floats,
    units: Sequence[int],
    frame: pd.DataFrame,
    levels: Levels,
    score_column: str,
    origin: str,
) -> Gathered:
    """Arrange all stimuli of a study in cells, answered or not, with the answers of its trial table.

    ``stimuli`` has a row for each image: ``stimulus``, ``concept``, ``source``, ``level``; ``activation`` is
    (stimuli, units). Selectivity and robustness need no answers, so that pictures nobody saw count in them.
    """
    rows = counted_rows(frame, origin)
    scored = _scored(rows, levels, origin)
    answers = _summary(scored, finite_column(scored, score_column, origin, "judge the answer"))
    known = answers.assign(stimulus=scored["stimulus"].to_numpy(str)).drop_duplicates("stimulus")
    kept = levels.counts(stimuli["level"]).to_numpy(bool)
    images = stimuli.loc[kept, ["stimulus", "concept", "source", "level"]].reset_index(drop=True)
    images["condition"] = images.pop("level").astype(int).astype(str)
    images = images.merge(known[["stimulus", "score", "responses", "variance"]], "left", "stimulus")
    images["responses"] = images["responses"].fillna(0.0)
    return Gathered(
        cells_of(images, activation[kept], units, str(levels.clean)), _notes(rows, scored, levels, answers)
    )


def _scored(rows: pd.DataFrame, levels: Levels, origin: str) -> pd.DataFrame:
    """Keep the rows of levels that are scored; UserError if there is none that is clean."""
    if not rows["level"].eq(levels.clean).any():
        there = listed([str(level) for level in np.unique(rows["level"].to_numpy(int))])
        raise UserError(
            f"{origin} has no row at the clean level {levels.clean}; its levels are {there}: "
            "name the clean one with --clean-level"
        )
    return rows[levels.counts(rows["level"]).to_numpy(bool)]


def _summary(rows: pd.DataFrame, score: Floats) -> pd.DataFrame:
    """Say for each row what is known of its image: mean score, responses, variance, and its number."""
    keys = pd.DataFrame(
        {
            "concept": list(concept_keys(rows)),
            "source": rows["source"].to_numpy(str),
            "level": rows["level"].to_numpy(np.int64),
            "name": rows["image_basename"].to_numpy(str),
        }
    )
    number = keys.groupby(_IMAGE).ngroup().to_numpy().astype(np.intp)
    count = np.bincount(number).astype(np.float64)
    order = np.lexsort((score, number))
    within = number[order]
    mean = np.round(np.bincount(within, score[order]) / count, _DIGITS)
    squares = np.bincount(within, (score[order] - mean[within]) ** 2)
    variance = np.divide(squares, count - 1, out=np.full(count.size, np.nan), where=count > 1)
    keys["condition"] = keys["level"].astype(str)
    return keys.assign(score=mean[number], responses=count[number], variance=variance[number], number=number)


def _activation(rows: pd.DataFrame, units: Sequence[int], origin: str) -> Floats:
    names = [activation_column(unit) for unit in units]
    values = rows[names].to_numpy(np.float64)
    if not np.isfinite(values).all():
        column = names[int(np.flatnonzero(~np.isfinite(values).all(axis=0))[0])]
        finite_column(rows, column, origin, "extract the activation of its image")
    return values


def _notes(rows: pd.DataFrame, scored: pd.DataFrame, levels: Levels, images: pd.DataFrame) -> tuple[str, ...]:
    """What was left out, and which sources are not known."""
    notes = []
    dreams = rows[rows["level"].isin(levels.dreams)]
    if len(dreams):
        shown = dreams["image_basename"].nunique()
        notes.append(f"{shown} dreams ({len(dreams)} rows) are left out of every component.")
    others = sorted(set(rows["level"].astype(int)) - set(scored["level"].astype(int)) - set(levels.dreams))
    if others:
        notes.append(f"Levels {listed([str(level) for level in others])} are left out, as asked.")
    sourceless = images.loc[images["source"] == images["name"], "name"].nunique()
    if sourceless:
        notes.append(f"{sourceless} images have no source in the table and count as their own.")
    return tuple(notes)
