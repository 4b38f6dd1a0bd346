"""The README of an export: what lies in the folder and how to read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from exports.exclusions import exclusions_in_words

#: file -> what it is
FILES = {
    "trials.csv": "one row for each answered trial, for any program",
    "trials.parquet": "the same with types, and with `response` exactly as it was typed",
    "sessions.csv": "one row for each session with an answer: measurements, flags, questionnaire, exclusions",
    "exclusions.csv": "one row for each exclusion on record: by which rule, why, who decided and when",
    "stimuli.csv": "what was shown, how it was made, licences and credits",
    "codebook.md": "what each column means, its unit, range and levels, and what a missing value means",
    "codebook.json": "the same for programs",
    "study.json": "the definition of the study as it was frozen when it was created",
    "export.json": "versions, counts, and the SHA-256 of every other file",
}

_MEAN = """
    accuracy = {0}[{0}.trial_category == "experiment"].groupby("perturbation").soft_correct.mean()
"""

_ADAPTIVE = """

Where `adaptive` is true, the severity of `{0}` was chosen by the participant's own earlier answers: who sees
better was shown harder pictures, so that everybody is right about as often. Leave these trials out of every
mean, and never compare accuracy between their severities: use thresholds, or a model of the trials."""

_NOT_IN_IT = """## What is not in it

Who took part, and when. `participant` is a pseudonym drawn at random; Prolific's identifiers never leave the
server, and where one was typed, `[removed]` stands instead. `exclusions.csv` does name who decided on an
exclusion, a researcher, and has the reasons that they wrote. Answers to the questionnaire (`q_…` in
`sessions.csv`) may still tell who somebody is, several together more than each alone: look at them before
you publish this folder. The completion codes are left out of
`study.json`. In the CSV files, a text that a spreadsheet would run as a formula (it begins with `=`, `+`,
`-`, `@`, a tab or a line break) has an apostrophe put before it; the Parquet file has the text itself.

An answer “don't know” is a row: `response` and `response_clean` are empty, `hard_correct` is false and
`soft_correct` 0. Trials without a response are not rows. Their number, by what became of them, stands in
`export.json` under `counts.unanswered`.

"""


def readme(
    title: str,
    summary: Mapping[str, Any],
    files: Sequence[str],
    credits: Sequence[Mapping[str, str]],
    adaptive: str = "",
) -> str:
    """Write the README for an export with these files; ``summary`` is the content of ``export.json``.

    ``adaptive`` is the perturbation whose severities answers chose, empty if none.
    """
    listed = "\n".join(f"- `{name}` {FILES[name]}" for name in FILES if name in files)
    counts = summary["counts"]
    return f"""# {title}

Dataset of the study `{summary["study"]}` (definition SHA-256 `{summary["study_sha256"]}`), written by
InterpScore {summary["versions"]["interpscore"]} on {summary["exported_at"]}.
It holds {counts["trials"]} answered trials of {counts["participants_with_trials"]} participants.{
        _simulated(counts)
    }{_rehearsal(summary)}

{listed}

## Reading it

    import pandas as pd
    trials = pd.read_parquet("trials.parquet")
    trials = pd.read_csv("trials.csv", keep_default_na=False, na_values=[""]){_example(adaptive)}
`keep_default_na=False` matters: somebody may have typed "NA" or "null". In R:
`readr::read_csv("trials.csv", na = "")`. An empty field is a missing value; the codebook says what that
means in each column.

Rows with `trial_category` `practice` or `catch` are not data: leave them out of every mean, and rows
with `excluded` too. Rows are not independent: one participant answers many pictures, and one picture is
answered by many participants, so resample both. Who has named a concept before names its next picture more
easily: `concept_repetition` tells first pictures from later ones.{_of_adaptive(adaptive)}

`excluded` participants are those that a rule of `study.json` (`exclusion.flags`), or a person on record,
keeps out of the analysis; `exclusions.csv` says why. A rule judges a session when it ended or answered its
last trial. Here {exclusions_in_words(counts)}.
Their rows are in the files all the same, and no exclusion touched anybody's pay.

{_NOT_IN_IT}## Pictures: credits and licences

{_credits(credits)}
"""


def _example(adaptive: str) -> str:
    if not adaptive:
        return _MEAN.format("trials")
    return f"\n    constant = trials[~trials.adaptive]{_MEAN.format('constant')}"


def _of_adaptive(adaptive: str) -> str:
    return _ADAPTIVE.format(adaptive) if adaptive else ""


def _credits(credits: Sequence[Mapping[str, str]]) -> str:
    lines = (" · ".join(filter(None, line.values())) for line in credits)
    return "\n".join(f"- {line}" for line in lines) or "The manifest named none."


def _rehearsal(summary: Mapping[str, Any]) -> str:
    return "\n**The study was open as a rehearsal: these are no data.**" if summary["rehearsal"] else ""


def _simulated(counts: Mapping[str, Any]) -> str:
    if not counts["simulated_participants"]:
        return ""
    return f"\n**{counts['simulated_participants']} of the participants were simulated and are no people.**"
