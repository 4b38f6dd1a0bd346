"""What a model decides: its units as a forced choice among their concepts, or decisions read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scoring.alignment.observations import COLUMNS, MODEL, PEOPLE, Observations
from scoring.counted_rows import listed
from scoring.neuron_map import Pair, concept_key
from scoring.statistics import Floats
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN

#: the columns of a file of decisions
CHOICES = ("observer", "stimulus", "chosen")
#: the observer that the labelled units are together
UNITS = "labelled units"


def choose_by_units(activation: Floats, concepts: Sequence[str], clean: NDArray[np.bool_]) -> list[str]:
    """Give the concept whose unit is most active on each stimulus, after standardising each unit.

    ``activation`` (S, U), ``concepts`` (U,) what each unit stands for, ``clean`` (S,) the clean stimuli: a
    unit's mean and standard deviation (ddof 0) over these are taken off and divided by, so that no unit wins
    for its scale. A unit that is the same on all of them is never chosen. Of equal ones the first wins.
    Raises UserError with fewer than 2 clean stimuli, or if no unit varies over them.
    """
    if clean.sum() < 2:
        raise UserError(
            f"units are standardised on clean stimuli, of which there are {int(clean.sum())}; show at least 2"
        )
    mean, spread = activation[clean].mean(axis=0), activation[clean].std(axis=0)
    varies = spread > 0
    if not varies.any():
        raise UserError("no labelled unit varies over the clean stimuli; name other units")
    z = np.full(activation.shape, -np.inf)
    z[:, varies] = (activation[:, varies] - mean[varies]) / spread[varies]
    return [concepts[unit] for unit in z.argmax(axis=1)]


def unit_observations(observations: Observations, activation: Floats, pairs: Sequence[Pair]) -> pd.DataFrame:
    """Let a map's units decide on every stimulus of the data; rows as in ``Observations.frame``.

    ``activation`` (S, U) of the stimuli in sorted order and of the pairs' units in theirs. Stimuli of
    concepts that no unit stands for are left out, since no choice among the units could be right. Raises
    UserError for a unit that lacks an activation, or that is the same on all clean stimuli and so would
    never decide.
    """
    about = stimuli_of(observations)
    clean = about["condition"].eq(CLEAN).to_numpy(dtype=bool)
    for unit, pair in enumerate(pairs):
        lacking = ~np.isfinite(activation[:, unit])
        if lacking.any():
            raise UserError(
                f"unit {pair.channel}, labelled {pair.concept}, has no activation on the picture "
                f"{about.index[int(lacking.argmax())]}; extract it again, or leave the unit out"
            )
        if clean.sum() > 1 and np.ptp(activation[clean, unit]) == 0:
            raise UserError(
                f"unit {pair.channel}, labelled {pair.concept}, has the same activation on all clean "
                "pictures, so that it can never decide; name another unit in the neuron map"
            )
    names = [pair.key for pair in pairs]
    chosen = pd.Series(choose_by_units(activation, names, clean), index=about.index, dtype="string")
    return _rows(about, UNITS, chosen)[about["concept"].isin(names).to_numpy(dtype=bool)]


def stimuli_of(observations: Observations) -> pd.DataFrame:
    """What each stimulus of the data is, by its sorted name."""
    columns = ["source", "concept", "condition", "perturbation", "severity"]
    first = observations.frame.drop_duplicates("stimulus").set_index("stimulus").sort_index()
    return first[columns]


def read_choices(path: Path | str, observations: Observations) -> pd.DataFrame:
    """Read models' decisions, a CSV with the columns observer, stimulus and chosen; rows as in the frame.

    A concept is matched without regard to case; an empty ``chosen`` names none and is wrong. Raises UserError
    for a file that cannot be read or lacks a column, a stimulus that is not in the data, a word that is none
    of the data's concepts, a decision that is there twice, or an observer that has no name, one of the data
    or one that tables use.
    """
    path = Path(path)
    table = _read(path)
    about = stimuli_of(observations)
    taken = set(observations.frame["observer"])
    _refuse(path, ~table["stimulus"].isin(about.index), table["stimulus"], "is no stimulus of the data")
    _refuse(path, table["observer"].eq(""), table["observer"], "is no observer's name")
    reserved = table["observer"].isin([PEOPLE, UNITS])
    _refuse(path, reserved, table["observer"], "is a name that tables use")
    _refuse(path, table["observer"].isin(taken), table["observer"], "is an observer of the data already")
    known = {concept_key(word): word for word in _known(observations)}
    words = table["chosen"].map(concept_key).map(known).astype("string")
    strange = words.isna() & table["chosen"].ne("")
    _refuse(path, strange, table["chosen"], f"is none of the concepts {listed(list(known.values()))}")
    again = table.duplicated(["observer", "stimulus"])
    _refuse(path, again, table["stimulus"], "has two decisions of one observer")
    decided = table.assign(chosen=words).groupby("observer", sort=True)
    parts = [
        _rows(about.loc[rows["stimulus"]], str(name), rows.set_index("stimulus")["chosen"])
        for name, rows in decided
    ]
    return pd.concat(parts, ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    shape = f"decisions are a CSV with the columns {', '.join(CHOICES)}"
    try:
        table = pd.read_csv(path, dtype="string", keep_default_na=False)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; check the path of the decisions") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV ({type(error).__name__}); {shape}") from None
    lacking = [name for name in CHOICES if name not in table.columns]
    if lacking:
        raise UserError(f"{path} lacks the column {', '.join(lacking)}; {shape}")
    if table.empty:
        raise UserError(f"{path} has no rows; {shape}")
    return pd.DataFrame({name: table[name].str.strip() for name in CHOICES})


def _refuse(path: Path, wrong: pd.Series, values: pd.Series, why: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy(dtype=bool).argmax())
        value = values.iloc[row]
        raise UserError(f"{path}, row {row + 1}: {value!r} {why}; correct it or leave the row out")


def _known(observations: Observations) -> list[str]:
    chosen = observations.frame["chosen"].dropna().unique()
    return sorted({*observations.concepts, *(str(word) for word in chosen)})


def _rows(about: pd.DataFrame, observer: str, chosen: pd.Series) -> pd.DataFrame:
    """The rows of one model: ``about`` and ``chosen`` are by stimulus, in one order."""
    correct = chosen.eq(about["concept"]).fillna(False).astype(bool)
    rows = about.assign(
        observer=observer,
        kind=MODEL,
        chosen=chosen,
        correct=correct,
        score=correct.astype(float),
    ).rename_axis("stimulus")
    return rows.reset_index()[list(COLUMNS)].astype(COLUMNS)
