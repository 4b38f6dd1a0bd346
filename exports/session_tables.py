"""The sessions of a study as a table that may leave: what was measured and asked beside the trials.

When somebody took part does not leave: whoever knows the time of a submission would know the answers.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.api.types import pandas_dtype
from sqlalchemy import Connection, Row, select

from experiment_server.api.flow import present_calibration
from experiment_server.design.quality import RIGHT
from experiment_server.models.record import Record
from experiment_server.models.response import Response
from experiment_server.models.session import Session
from experiment_server.services.quality import Assessed
from exports.attendance import GOING_ON, SIMULATED
from exports.pseudonyms import Redactor
from exports.quality import FLAGS, flags_in_use
from exports.studies import StudyRecord
from exports.trial_tables import NOTHING_WRONG, session_labels
from scoring.answers import judge
from scoring.trial_table import BOOLEAN, INTEGER, NUMBER, TEXT, Column

_NEVER = "Never missing."

#: columns of ``sessions.csv`` that every study has, in order
COLUMNS: tuple[Column, ...] = (
    Column("participant", TEXT, "Pseudonym of the participant; joins `participant` in the trials.", _NEVER),
    Column("session", TEXT, "The sitting; joins `session` in the trials.", _NEVER),
    Column(
        "outcome",
        TEXT,
        "How it ended: `completed`, `withdrawn`, `abandoned` (left without a word), or `going_on`.",
        _NEVER,
    ),
    Column("simulated", BOOLEAN, "The client said that it is a program: these are no human data.", _NEVER),
    Column("language", TEXT, "Language of the study's texts, as BCP 47 writes it.", _NEVER),
    Column("minutes", NUMBER, "From consent to the end, in minutes.", "The session was not completed."),
    Column("answered", INTEGER, "Answered trials, practice and catch trials too.", _NEVER),
    Column(
        "practice_rounds", INTEGER, "Practice rounds answered to their end.", "The study has no practice."
    ),
    Column(
        "comprehension_passed",
        BOOLEAN,
        "All questions about the instructions were right in one attempt.",
        "The study asks none, or no attempt was recorded.",
    ),
    Column(
        "comprehension_attempts",
        INTEGER,
        "Attempts at the questions about the instructions.",
        "The study asks none.",
    ),
    Column(
        "device_px_per_mm",
        NUMBER,
        "Device pixels in a millimetre of the screen, measured with a bank card.",
        "Not measured.",
    ),
    Column(
        "distance_mm",
        NUMBER,
        "Distance from eye to screen, measured by the blind spot.",
        "Not measured; the distance that is assumed then stands in `study.json`.",
    ),
    Column(
        "picture_degrees",
        NUMBER,
        "Width of the pictures as they were shown, in degrees of visual angle: the median over trials. It "
        "rests on `distance_mm`, or on the assumed distance.",
        "The screen was not measured.",
    ),
    Column(
        "refresh_hz",
        NUMBER,
        "Refresh rate of the display: the median over trials.",
        "The browser did not measure it.",
    ),
    Column(
        "timing_flagged",
        NUMBER,
        "Share of test and catch trials with something in `timing_flags`.",
        "The browser did not measure it in any of them.",
    ),
    Column(
        "questionnaire",
        BOOLEAN,
        "The questionnaire was sent; an empty `q_…` then means “rather not say”.",
        "The study has none.",
    ),
    Column(
        "excluded",
        BOOLEAN,
        "A rule excludes the participant from the analysis. It has nothing to do with pay.",
        _NEVER,
    ),
    Column("exclusion_rule", TEXT, "The rules that do, each with its version.", "Not excluded."),
)

#: how the columns begin that depend on the study
FLAG, EVIDENCE, INSTRUCTED, QUESTION = "flag_", "evidence_", "instructed_", "q_"


def session_table(
    connection: Connection,
    study: StudyRecord,
    trials: pd.DataFrame,
    assessments: Sequence[Assessed],
    redact: Redactor,
) -> pd.DataFrame:
    """One row for each session with an answer, in the order in which they began.

    ``trials`` and ``assessments`` are those of the same moment (``snapshot``). The columns are ``COLUMNS``;
    then for each flag that applies ``flag_…`` and its numbers as JSON, ``evidence_…``; ``instructed_…`` for
    each instructed item; ``q_…`` for each question of the questionnaire. Identifiers that
    somebody typed are removed.
    """
    assessed = {one.session_id: one for one in assessments}
    labels = session_labels(connection, study.id)
    sittings = {row.id: row for row in _sittings(connection, study.id)}
    records = _records(connection, study.id)
    clients = _clients(connection, study.id)
    flags = flags_in_use(list(assessments))
    of_session = dict(list(trials.groupby("session")))
    rows = [
        {"session": label}
        | _of_clients(clients[session])
        | _of_trials(study, of_session[label])
        | _of_sitting(study, sittings[session])
        | _of_records(study, records[session], redact)
        | _of_flags(assessed.get(session), flags, redact)
        for session, label in labels.items()
    ]
    return _conform(pd.DataFrame(rows))


def describe_column(name: str) -> Column:
    """What a column means. Raises KeyError if it is none of ``sessions.csv``."""
    known = {column.name: column for column in COLUMNS}
    if name in known:
        return known[name]
    if name.startswith(FLAG):
        return _flag_column(name)
    if name.startswith(EVIDENCE):
        flag = name.removeprefix(EVIDENCE)
        return Column(name, TEXT, f"The numbers behind `{FLAG}{flag}`, a JSON object.", _NO_FLAG)
    if name.startswith(INSTRUCTED):
        item = name.removeprefix(INSTRUCTED)
        missing = "The session ended before it, or it was not answered."
        return Column(name, BOOLEAN, f"The answer to instructed item {item} was the one asked for.", missing)
    if name.startswith(QUESTION):
        question = name.removeprefix(QUESTION)
        missing = "“Rather not say” where `questionnaire` is true; else the session ended before it."
        return Column(name, TEXT, f"Answer to the question `{question}` of the questionnaire.", missing)
    raise KeyError(name)


_NO_FLAG = "The rule had nothing to judge in this session: no answered test or catch trial, for instance."


def _flag_column(name: str) -> Column:
    flag = name.removeprefix(FLAG)
    text = f"{FLAGS[flag]}. A flag decides nothing by itself."
    return Column(name, BOOLEAN, text, _NO_FLAG)


def _conform(table: pd.DataFrame) -> pd.DataFrame:
    """Put the columns in order, with their types; ``COLUMNS`` first."""
    own = [column.name for column in COLUMNS]
    table = table.reindex(columns=own) if table.empty else table
    names = [*own, *(str(name) for name in table.columns if name not in own)]
    return table[names].astype({name: pandas_dtype(describe_column(name).dtype) for name in names})


def _sittings(connection: Connection, study_id: int) -> list[Row[Any]]:
    columns = (Session.id, Session.outcome, Session.consented_at, Session.finished_at)
    return list(connection.execute(select(*columns).where(Session.study_id == study_id)))


def _records(connection: Connection, study_id: int) -> Mapping[str, list[Row[Any]]]:
    """Each session's records, in the order in which they came."""
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    statement = (
        select(Record.session_id, Record.kind, Record.name, Record.data)
        .join(Session, Session.id == Record.session_id)
        .where(Session.study_id == study_id)
        .order_by(Record.id)
    )
    for row in connection.execute(statement):
        found[row.session_id].append(row)
    return found


def _clients(connection: Connection, study_id: int) -> Mapping[str, list[dict[str, Any]]]:
    """What the browser said beside each answer of a session."""
    answers = (
        select(Response.session_id, Response.client)
        .join(Session, Session.id == Response.session_id)
        .where(Session.study_id == study_id)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for session, client in connection.execute(answers):
        found[session].append(client)
    return found


def _of_clients(clients: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A program that says so, and the size of the pictures; whatever else a browser sent stays here."""
    sizes = [size for one in clients if (size := _size(one.get("picture_degrees"))) is not None]
    return {
        "simulated": any(one.get("agent") == SIMULATED for one in clients),
        "picture_degrees": round(statistics.median(sizes), 2) if sizes else None,
    }


def _size(value: object) -> float | None:
    """A width in degrees; None for anything else that a browser may have sent."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value < 180 else None


def _of_trials(study: StudyRecord, trials: pd.DataFrame) -> dict[str, Any]:
    practice = trials["trial_category"].eq("practice")
    measured = trials["timing_flags"][~practice].dropna()
    in_round = study.frozen.design.practice.trials
    first = trials.iloc[0]
    return {
        "participant": first["participant"],
        "answered": len(trials),
        "practice_rounds": int(practice.sum()) // in_round if in_round else None,
        "refresh_hz": _rounded(trials["refresh_hz"].median()),
        "timing_flagged": _rounded(measured.ne(NOTHING_WRONG).mean()) if len(measured) else None,
        "excluded": first["excluded"],
        "exclusion_rule": first["exclusion_rule"],
    }


def _rounded(value: Any) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)


def _of_sitting(study: StudyRecord, sitting: Row[Any]) -> dict[str, Any]:
    whole = sitting.outcome == "completed" and sitting.consented_at and sitting.finished_at
    return {
        "outcome": sitting.outcome or GOING_ON,
        "language": study.frozen.design.language,
        "minutes": round((sitting.finished_at - sitting.consented_at).total_seconds() / 60, 2)
        if whole
        else None,
    }


def _of_records(study: StudyRecord, records: Sequence[Row[Any]], redact: Redactor) -> dict[str, Any]:
    design = study.frozen.design
    by_item = {(one.kind, one.name): one.data for one in records}
    attempts = [one.data.get("passed") is True for one in records if one.kind == "comprehension"]
    asked = bool(design.comprehension.question)
    return {
        "comprehension_passed": any(attempts) if attempts else None,
        "comprehension_attempts": len(attempts) if asked else None,
        **_calibration(by_item.get(("calibration", ""))),
        **_instructed(study, by_item),
        **_questionnaire(study, by_item.get(("questionnaire", "")), redact),
    }


def _calibration(data: dict[str, Any] | None) -> dict[str, float | None]:
    measured = present_calibration(data)
    if measured is None:
        return {"device_px_per_mm": None, "distance_mm": None}
    return {
        "device_px_per_mm": round(measured.device_px_per_mm, 3),
        "distance_mm": None if measured.distance_mm is None else round(measured.distance_mm, 1),
    }


def _instructed(
    study: StudyRecord, by_item: Mapping[tuple[str, str], dict[str, Any]]
) -> dict[str, bool | None]:
    right: dict[str, bool | None] = {}
    for number, item in enumerate(study.frozen.design.instructed, start=1):
        given = by_item.get(("instructed", str(number)), {}).get("response")
        is_right = judge(item.answer, given).soft >= RIGHT if isinstance(given, str) else None
        right[f"{INSTRUCTED}{number}"] = is_right
    return right


def _questionnaire(study: StudyRecord, data: dict[str, Any] | None, redact: Redactor) -> dict[str, Any]:
    names = study.frozen.design.questionnaire.names
    if not names:
        return {"questionnaire": None}
    answers = (data or {}).get("answers")
    given = answers if isinstance(answers, dict) else {}
    found = {f"{QUESTION}{name}": _text(given.get(name), redact) for name in names}
    return {"questionnaire": data is not None, **found}


def _text(value: object, redact: Redactor) -> str | None:
    """An answer as it may leave; None for "rather not say" and for what is no text."""
    return redact(value).strip() or None if isinstance(value, str) else None


def _of_flags(assessed: Assessed | None, names: Sequence[str], redact: Redactor) -> dict[str, Any]:
    flags = {flag.name: flag for flag in assessed.flags} if assessed else {}
    found: dict[str, Any] = {}
    for name in names:
        flag = flags.get(name)
        found[f"{FLAG}{name}"] = flag and flag.raised
        found[f"{EVIDENCE}{name}"] = flag and redact.json(flag.evidence)
    return found
