"""Reading the model-vs-human benchmark's CSV files: one file for each observer and session.

The form is that of Geirhos et al. (2021, "Partial success in closing the gap between human and machine
vision", NeurIPS 34): columns ``subj, session, trial, rt, object_response, category, condition,
imagename``, a forced choice among the data set's categories. By the benchmark's convention a person is
called ``subject-01`` and so on, and every other ``subj`` is a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scoring.alignment.observations import COLUMNS, HUMAN, MODEL, Observations
from scoring.counted_rows import listed
from stimuli.errors import UserError
from stimuli.perturbations import PERTURBATIONS

#: the columns that a file must have; ``session``, ``trial`` and ``rt`` may be there
REQUIRED = ("subj", "object_response", "category", "condition", "imagename")
#: how the benchmark names its people
PERSON = re.compile(r"subject[-_]?\d+")
#: how a missing answer is written, in lower case
NO_ANSWER = ("", "na", "nan")
#: a condition that is a number with at most a letter or two before it ("0.35", "c05")
_SEVERITY = re.compile(r"[a-z]{0,3}[-_ ]?(\d+(?:\.\d+)?)")
_SHAPE = f"a model-vs-human file has the columns {', '.join(REQUIRED)}"


def read_model_vs_human(folder: Path, models: Sequence[str] = ()) -> Observations:
    """Read all CSV files of a folder as the observations of one data set, named after the folder.

    ``models`` names observers (values of ``subj``) that are models although they are called like people.
    A stimulus is the last token of ``imagename`` between underscores (before it stand the trial's number,
    the experiment, the session, the condition and the category), with the condition where there are
    several; a source is that token. Of several answers to one stimulus the first counts, by session and
    trial. The perturbation is named after the folder, and never like one of ours, whose severities differ.
    No answer (empty, ``na``, ``NaN``) is wrong and names no category.

    Raises UserError for a folder without CSV files, a file that cannot be read or lacks a column, an answer
    that is no category, a picture of two categories, an unknown name in ``models``, or if nobody is a person.
    """
    rows = _in_order(pd.concat([_read(path) for path in _files(folder)], ignore_index=True))
    _refuse_strange_answers(folder, rows)
    model = _is_model(folder, rows["subj"], models)
    frame = _frame(folder, rows, model)
    again = frame.duplicated(["observer", "stimulus"])
    notes = _notes(rows, int(again.sum()))
    alternatives = rows["category"].nunique()
    return Observations(frame[~again].reset_index(drop=True), folder.resolve().name, alternatives, notes)


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.csv"))
    if not found:
        raise UserError(f"{folder} holds no CSV file; {_SHAPE}, one file for each observer and session")
    return found


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype="string", keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV ({type(error).__name__}); {_SHAPE}") from None
    lacking = [name for name in REQUIRED if name not in frame.columns]
    if lacking:
        raise UserError(f"{path} lacks the column {', '.join(lacking)}; {_SHAPE}")
    for name in ("subj", "category", "imagename"):
        empty = frame[name].str.strip().eq("")
        if empty.any():
            row = int(empty.to_numpy().argmax()) + 1
            raise UserError(f"{path}, row {row}, column {name} is empty; fill it in or leave the row out")
    return frame


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort each observer's rows by session and trial, as far as these are there, and tidy the words."""
    for name in ("session", "trial"):
        given = rows[name] if name in rows else pd.Series(pd.NA, index=rows.index, dtype="string")
        rows[name] = pd.to_numeric(given, errors="coerce")
    tidy = {name: rows[name].str.strip() for name in ("subj", "category", "condition", "imagename")}
    answer = rows["object_response"].str.strip()
    tidy["object_response"] = answer.mask(answer.str.lower().isin(NO_ANSWER))
    return rows.assign(**tidy).sort_values(["subj", "session", "trial"], kind="stable", ignore_index=True)


def _refuse_strange_answers(folder: Path, rows: pd.DataFrame) -> None:
    categories = sorted(rows["category"].unique())
    strange = rows[rows["object_response"].notna() & ~rows["object_response"].isin(categories)]
    if not strange.empty:
        first = strange.iloc[0]
        raise UserError(
            f"{folder}: {first['subj']} answered {first['object_response']!r} to {first['imagename']}, which "
            f"is none of the {len(categories)} categories {listed(categories)}; a data set has the same "
            "alternatives in all its trials"
        )


def _is_model(folder: Path, names: pd.Series, models: Sequence[str]) -> pd.Series:
    there = sorted(names.unique())
    for name in models:
        if name not in there:
            raise UserError(f"{folder} has no observer {name}; its observers are {listed(there)}")
    model = names.isin(list(models)) | ~names.str.fullmatch(PERSON.pattern).astype(bool)
    if model.all():
        raise UserError(
            f"{folder} has no answers of people, whose subj is such as subject-01; "
            f"its observers are {listed(there)}"
        )
    return model


def _frame(folder: Path, rows: pd.DataFrame, model: pd.Series) -> pd.DataFrame:
    token = rows["imagename"].str.rsplit("/", n=1).str[-1].str.rsplit("_", n=1).str[-1]
    several = rows["condition"].nunique() > 1
    name = folder.resolve().name
    perturbation = f"{name} (benchmark)" if name in PERTURBATIONS else name
    condition = rows["condition"] if several else pd.Series(name, index=rows.index)
    correct = rows["object_response"].eq(rows["category"]).fillna(False)
    columns = {
        "observer": rows["subj"],
        "kind": pd.Series(HUMAN, index=rows.index).mask(model, MODEL),
        "stimulus": condition + "/" + token if several else token,
        "source": token,
        "concept": rows["category"],
        "condition": condition,
        "perturbation": pd.Series(perturbation, index=rows.index),
        "severity": _severity(condition),
        "chosen": rows["object_response"],
        "correct": correct,
        "score": correct.astype(float),
    }
    frame = pd.DataFrame(columns).astype(COLUMNS)
    _refuse_two_categories(folder, frame)
    return frame


def _severity(condition: pd.Series) -> pd.Series:
    """The numbers that the conditions are, or are written with; missing where one of them is none."""
    found = condition.str.lower().str.extract(f"^{_SEVERITY.pattern}$", expand=False)
    if found.isna().any():
        return pd.Series(pd.NA, index=condition.index, dtype="Float64")
    return found.astype("Float64")


def _refuse_two_categories(folder: Path, frame: pd.DataFrame) -> None:
    counts = frame.groupby("stimulus")["concept"].nunique()
    if (counts > 1).any():
        name = str(counts.index[counts > 1][0])
        shown = sorted(frame.loc[frame["stimulus"].eq(name), "concept"].unique())
        raise UserError(
            f"{folder}: the picture {name} is of the categories {listed(shown)}; "
            "give pictures of different categories different names after the last underscore"
        )


def _notes(rows: pd.DataFrame, again: int) -> tuple[str, ...]:
    notes = []
    if again:
        notes.append(f"{again} answers to a picture that the observer had seen before are left out.")
    if missing := int(rows["object_response"].isna().sum()):
        notes.append(f"{missing} trials have no answer; they count as wrong, naming no category.")
    return tuple(notes)
