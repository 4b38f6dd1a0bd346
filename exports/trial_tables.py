"""From the database to the trial table: one row for each answered trial, judged now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, select

from experiment_server.models.participant import Participant
from experiment_server.models.response import Response
from experiment_server.models.session import Session
from experiment_server.models.stimulus import Stimulus
from experiment_server.models.study_condition import StudyCondition
from experiment_server.models.trial import Trial
from experiment_server.services.identities import NO_KEY, Vault
from exports.exclusions import exclusion_rules
from exports.pseudonyms import REMOVED, Redactor, secrets_of, session_label
from exports.snapshot import snapshot, study_snapshot
from exports.studies import StudyRecord, load_study
from scoring.answers import normalise
from scoring.trial_table import EXPERIMENT, NAMES, OPTIONAL, conform

#: kind of a trial in the database -> ``trial_category`` in the table
CATEGORIES = {"test": EXPERIMENT, "practice": "practice", "catch": "catch"}

#: columns of a study's trial table
EXPORTED = (*NAMES, *(column.name for column in OPTIONAL))

#: stands in ``timing_flags`` where nothing was wrong, since an empty field is a missing value
NOTHING_WRONG = "none"


def study_trials(
    engine: Engine, study_name: str, vault: Vault = NO_KEY, *, now: datetime | None = None
) -> pd.DataFrame:
    """Trial table of a study at one moment: what ``trial_table`` gives.

    What the study's frozen rules exclude is recorded first, as of ``now`` (the machine's clock if None).
    Raises UserError if there is no such study, or if Prolific's IDs are encrypted and ``vault`` cannot open
    them.
    """
    with study_snapshot(engine, study_name, now) as (connection, study):
        return trial_table(connection, study, Redactor(secrets_of(connection, study.id, vault)))


def trial_table(connection: Connection, study: StudyRecord, redact: Redactor) -> pd.DataFrame:
    """The contract's columns and the optional ones, one row for each answered trial of a study.

    Practice and catch trials are there too (see ``trial_category``); trials without a response are
    not. Responses are judged as the server judges them for feedback (``Definition.judge``). After "don't
    know" there is no ``response``, whatever had been typed before. Identifiers that someone typed are
    removed from ``response``. Rows are in the order in which sessions began, then of their trials.
    ``connection`` reads one moment (``snapshot``).
    """
    answered = _answered(connection, study.id)
    labels = session_labels(connection, study.id)
    rules = exclusion_rules(connection, study.id)
    rows = [
        _row(study, found, labels[found["session_id"]], redact)
        | {"concept_repetition": repetition}
        | _exclusion(rules.get(found["participant_id"], ()))
        for found, repetition in zip(answered, _repetitions(answered), strict=True)
    ]
    return conform(pd.DataFrame(rows, columns=EXPORTED))


def study_roles(engine: Engine, study_name: str) -> dict[int, str]:
    """Role of each level of a study: clean, invariant, adversarial or dream."""
    with snapshot(engine) as connection:
        return load_study(connection, study_name).roles


def image_hashes(engine: Engine, study_name: str) -> dict[str, str]:
    """SHA-256 of the image of each of a study's stimuli, by the stimulus's id."""
    with snapshot(engine) as connection:
        study = load_study(connection, study_name)
        rows = select(Stimulus.stimulus, Stimulus.image_sha256).where(Stimulus.study_id == study.id)
        return {row[0]: row[1] for row in connection.execute(rows.order_by(Stimulus.id))}


def _answered(connection: Connection, study_id: int) -> Sequence[Mapping[Any, Any]]:
    answered = (
        select(
            *(Trial.trial_index, Trial.kind, Session.id.label("session_id"), Session.seed),
            Trial.chosen_at.is_not(None).label("adaptive"),
            *(Session.participant_id, Participant.pseudonym),
            *(Stimulus.stimulus, Stimulus.source, Stimulus.concept),
            *(StudyCondition.level, StudyCondition.perturbation),
            *(StudyCondition.severity, StudyCondition.severity_unit),
            *(Response.response, Response.dont_know, Response.frame_interval_ms, Response.timing_flags),
            *(getattr(Response, name) for name in _OF_RESPONSE),
        )
        .select_from(Trial)
        .join(Response, Response.trial_id == Trial.id)
        .join(Session, Session.id == Trial.session_id)
        .join(Participant, Participant.id == Session.participant_id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .where(Session.study_id == study_id)
        .order_by(Session.created_at, Session.participant_id, Session.id, Trial.trial_index)
    )
    return connection.execute(answered).mappings().all()


def session_labels(connection: Connection, study_id: int) -> dict[str, str]:
    """Label each session with an answer by its participant and its number among that participant's.

    In the order in which sessions began.
    """
    answered = select(Response.id).where(Response.session_id == Session.id).exists()
    found = connection.execute(
        select(Session.id, Participant.pseudonym)
        .join(Participant, Participant.id == Session.participant_id)
        .where(Session.study_id == study_id, answered)
        .order_by(Session.created_at, Session.participant_id, Session.id)
    )
    number: Counter[str] = Counter()
    labels = {}
    for session, pseudonym in found:
        number[pseudonym] += 1
        labels[session] = session_label(pseudonym, number[pseudonym])
    return labels


def _repetitions(answered: Sequence[Mapping[Any, Any]]) -> Iterator[int | None]:
    """Count each session's answered pictures of a concept from 1; None for practice, which counts apart."""
    seen: Counter[tuple[str, str]] = Counter()
    for row in answered:
        if row["kind"] == "practice":
            yield None
            continue
        shown = row["session_id"], row["concept"]
        seen[shown] += 1
        yield seen[shown]


def _exclusion(rules: Sequence[str]) -> dict[str, Any]:
    return {"excluded": bool(rules), "exclusion_rule": "; ".join(rules) or None}


def _row(study: StudyRecord, found: Mapping[Any, Any], session: str, redact: Redactor) -> dict[str, Any]:
    given = "" if found["dont_know"] else found["response"]
    judgement = study.frozen.judge(found["concept"], given)
    response, words = _without_identifiers(given, redact)
    return {
        "level": found["level"],
        "batch": study.sha256[:8],
        "participant": found["pseudonym"],
        "image_filename": f"{found['stimulus']}.png",
        "image_basename": f"{found['stimulus']}.png",
        "response_clean": words or None,
        "ground_truth": found["concept"],
        "trial_category": CATEGORIES[found["kind"]],
        "hard_correct": judgement.hard,
        "soft_correct": judgement.soft,
        "study": study.name,
        "session": session,
        "response": response or None,
        "exposure_requested_ms": study.file["presentation"]["exposure_ms"],
        "severity_unit": found["severity_unit"] or None,
        "alternatives": _alternatives(study, found),
        "refresh_hz": _refresh_hz(found["frame_interval_ms"]),
        "timing_flags": NOTHING_WRONG if found["timing_flags"] == "" else found["timing_flags"],
    } | _as_stored(found)


def _without_identifiers(given: str, redact: Redactor) -> tuple[str, str]:
    """A response and its words, joined, as they may leave.

    Where only the words have an identifier, so that it was disguised, the whole response is removed.
    """
    response = redact(given)
    words = ",".join(normalise(response))
    if redact(words) == words:
        return response, words
    return REMOVED, ",".join(normalise(REMOVED))


def _alternatives(study: StudyRecord, found: Mapping[Any, Any]) -> str | None:
    words = study.frozen.alternatives(found["seed"], found["trial_index"], found["concept"])
    return None if words is None else json.dumps(words, ensure_ascii=False)


def _refresh_hz(interval_ms: float | None) -> float | None:
    return round(1000 / interval_ms, 3) if interval_ms else None


_OF_RESPONSE = (
    *("rt_ms", "exposure_measured_ms", "rt_first_key_ms", "confidence", "presented_again"),
    *("onset_ms", "offset_ms", "exposure_frames", "dropped_frames"),
)


def _as_stored(found: Mapping[Any, Any]) -> dict[str, Any]:
    names = ("trial_index", "stimulus", "source", "concept", "perturbation", "severity", "adaptive")
    return {name: found[name] for name in (*names, *_OF_RESPONSE)}
