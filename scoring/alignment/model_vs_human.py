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

from scoring.alignment.observations import (
    COLUMNS,
    HUMAN,
    MODEL,
    PEOPLE,
    Observations,
    in_order,
    of_rows,
)
from scoring.alignment.unit_choices import UNITS
from scoring.counted_rows import listed
from stimuli.errors import UserError
from stimuli.perturbations import PERTURBATIONS

#: the columns that a file must have; ``session``, ``trial`` and ``rt`` may be there
REQUIRED = ("subj", "object_response", "category", "condition", "imagename")
#: how the benchmark names its people
PERSON = re.compile(r"subject[-_]?\d+", re.IGNORECASE)
#: how a missing answer is written, in lower case
NO_ANSWER = ("", "na", "nan")
#: a condition that is a number, or letters and a number ("0.35", "-10", "c05", "c_5")
_NUMBERED = r"^(?:(?P<letters>[a-z]{1,3})[-_ ]?)?(?P<number>-?(?:\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?)$"
#: a picture of ImageNet: the number of its synset and its own, which is unique within the synset only
_IMAGENET = r"(?:^|_)(n\d{8}_[^_]+)$"
_SHAPE = f"a model-vs-human file has the columns {', '.join(REQUIRED)}"


def read_model_vs_human(
    folder: Path | str, models: Sequence[str] = (), alternatives: int | None = None
) -> Observations:
    """Read all CSV files of a folder as the observations of one data set, named after the folder.

    ``models`` names observers (values of ``subj``) that are models although they are called like people;
    ``alternatives`` is how many words the choice offered, where these are more than the categories shown.
    A stimulus is the last token of ``imagename`` between underscores (before it stand the trial's number,
    the experiment, the session, the condition and the category), the last two of a picture of ImageNet
    (``n02690373_9759.png``), with the condition where there are several; a source is the same without the
    condition. Of several answers to one stimulus the first counts, by session and trial. The perturbation is
    named after the folder, and never like one of ours, whose severities differ. Severities are the numbers
    that conditions are written with. No answer (empty, ``na``, ``NaN``) is wrong and names no category.

    Raises UserError for a folder without CSV files, a file that cannot be read or lacks a column, an answer
    that is no category, a picture of two categories, fewer than two alternatives or fewer than there are
    words, an unknown name in ``models``, a model called like something else, or if nobody is a person.
    """
    folder = Path(folder)
    rows = _in_order(pd.concat([_read(path) for path in _files(folder)], ignore_index=True))
    offered = _alternatives(folder, rows, alternatives)
    model = _is_model(folder, rows["subj"], models)
    rows["condition"], severity, notes = _severities(rows["condition"])
    frame = _frame(folder, rows, model, severity)
    again = frame.duplicated(["observer", "stimulus"])
    notes = (*_notes(rows, int(again.sum())), *notes, *_taken_as_models(rows["subj"][model], models))
    return Observations(in_order(frame[~again]), folder.resolve().name, offered, notes)


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.csv"))
    if not found:
        inside = sorted({path.parent.name for path in folder.glob("*/*.csv")})
        if inside:
            raise UserError(
                f"{folder} holds no CSV file, but folders in it do ({listed(inside)}); "
                "name one of them, since each is a data set"
            )
        raise UserError(f"{folder} holds no CSV file; {_SHAPE}, one file for each observer and session")
    return found


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, dtype="string", keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV ({type(error).__name__}); {_SHAPE}") from None
    frame.columns = frame.columns.str.strip().str.lower()
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise UserError(f"{path} has the column {twice[0]} twice, but for capitals; leave one of them out")
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
    none = answer.str.lower().isin(NO_ANSWER) & ~answer.isin(tidy["category"])
    tidy["object_response"] = answer.mask(none)
    return rows.assign(**tidy).sort_values(["subj", "session", "trial"], kind="stable", ignore_index=True)


def _alternatives(folder: Path, rows: pd.DataFrame, given: int | None) -> int:
    """How many words the choice offered: the categories, or the number ``given``."""
    categories = sorted(rows["category"].unique())
    words = {*categories, *rows["object_response"].dropna()}
    if given is None:
        _refuse_strange_answers(folder, rows, categories)
        if len(categories) < 2:
            raise UserError(
                f"{folder} shows the category {categories[0]} alone, which is no choice; "
                "say with --alternatives how many words there were to choose from"
            )
        return len(categories)
    if given < len(words):
        raise UserError(
            f"--alternatives {given} is fewer than the {len(words)} categories of {folder}: "
            f"{listed(sorted(words))}; give how many words there were to choose from"
        )
    return given


def _refuse_strange_answers(folder: Path, rows: pd.DataFrame, categories: Sequence[str]) -> None:
    strange = rows[rows["object_response"].notna() & ~rows["object_response"].isin(categories)]
    if not strange.empty:
        first = strange.iloc[0]
        raise UserError(
            f"{folder}: {first['subj']} answered {first['object_response']!r} to {first['imagename']}, which "
            f"is none of the {len(categories)} categories {listed(categories)}; correct it, or say with "
            "--alternatives how many words there were to choose from, if some were never shown"
        )


def _is_model(folder: Path, names: pd.Series, models: Sequence[str]) -> pd.Series:
    there = sorted(names.unique())
    for name in models:
        if name not in there:
            raise UserError(f"{folder} has no observer {name}; its observers are {listed(there)}")
    model = names.isin(list(models)) | ~names.str.fullmatch(PERSON.pattern, case=False).astype(bool)
    for name in (PEOPLE, UNITS):
        if name in there:
            raise UserError(
                f"{folder} has a model called {name!r}, a name that tables use; call it otherwise"
            )
    if model.all():
        raise UserError(
            f"{folder} has no answers of people, whose subj is such as subject-01; "
            f"its observers are {listed(there)}"
        )
    return model


def _picture(imagename: pd.Series) -> pd.Series:
    """The name of the picture alone, without its trial, session, condition and category."""
    name = imagename.str.rsplit("/", n=1).str[-1]
    return name.str.extract(_IMAGENET, expand=False).fillna(name.str.rsplit("_", n=1).str[-1])


def _frame(folder: Path, rows: pd.DataFrame, model: pd.Series, severity: pd.Series) -> pd.DataFrame:
    token = _picture(rows["imagename"])
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
        "severity": severity,
        "chosen": rows["object_response"],
        "correct": correct,
        "score": correct.astype(float),
    }
    frame = pd.DataFrame(columns).astype(COLUMNS)
    _refuse_two_categories(folder, frame)
    return frame


def _severities(condition: pd.Series) -> tuple[pd.Series, pd.Series, tuple[str, ...]]:
    """Each row's condition and severity, and what to know of them.

    Numbers, all with the same letters before them, are severities; conditions that are the same number are
    one, named like the first of them. Among two numbers or more, what is none has no severity.
    """
    names = pd.Series(sorted(condition.unique()), dtype="string")
    parts = names.str.lower().str.extract(_NUMBERED)
    number = parts["number"].astype("Float64").set_axis(names)
    letters = parts["letters"].fillna("")[number.notna().to_numpy(dtype=bool)]
    none = pd.Series(pd.NA, index=condition.index, dtype="Float64")
    if number.nunique() < 2:
        return condition, none, ()
    if letters.nunique() > 1:
        written = ", ".join(repr(one) for one in sorted(letters.unique()))
        note = f"Conditions are numbers after different letters ({written}), so none is taken as a severity."
        return condition, none, (note,)
    first = {value: name for name, value in reversed(list(number.dropna().items()))}
    same = {name: first[value] for name, value in number.dropna().items() if first[value] != name}
    notes = [
        f"The conditions {one} and {name} are the same number and are one." for name, one in same.items()
    ]
    if strange := [str(name) for name in number.index[number.isna()]]:
        notes.append(
            f"Conditions that are no numbers have no severity and are in no curve: {listed(strange)}."
        )
    return condition.replace(same), condition.map(number).astype("Float64"), tuple(notes)


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
        one, several = (
            "answer to a picture that the observer had seen before is",
            ("answers to a picture that the observer had seen before are"),
        )
        notes.append(f"{of_rows(again, one, several)} left out.")
    if missing := int(rows["object_response"].isna().sum()):
        has = of_rows(missing, "trial has no answer; it counts", "trials have no answer; they count")
        notes.append(f"{has} as wrong, naming no category.")
    return tuple(notes)


def _taken_as_models(names: pd.Series, given: Sequence[str]) -> tuple[str, ...]:
    """Say who is a model for not being called like a person."""
    found = sorted(set(names) - set(given))
    if not found:
        return ()
    return (f"Taken as models, since they are not called like subject-01: {listed(found)}.",)
