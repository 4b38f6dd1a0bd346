"""From the database to the trial table: one row for each answered trial, judged now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from exports.pseudonyms import Redactor, secrets_of, session_label
from exports.studies import StudyRecord, load_study
from scoring.answers import normalise
from scoring.trial_table import EXPERIMENT, conform

#: kind of a trial in the database -> ``trial_category`` in the table
CATEGORIES = {"test": EXPERIMENT, "practice": "practice", "catch": "catch"}


def study_trials(engine: Engine, study_name: str, vault: Vault = NO_KEY) -> pd.DataFrame:
    """Trial table of a study: the contract's columns, one row for each answered trial.

    Practice and catch trials are there too (see ``trial_category``); trials without a response are
    not. Responses are judged as the server judges them for feedback (``Definition.judge``). After "don't
    know" there is no ``response``, whatever had been typed before. Identifiers that someone typed are
    removed from ``response``. Rows are in the order in which sessions began, then of their trials. Raises
    UserError if there is no such study, or if Prolific's IDs are encrypted and ``vault`` cannot open them.
    """
    study = load_study(engine, study_name)
    redact = Redactor(secrets_of(engine, study.id, vault))
    with engine.connect() as connection:
        answered = _answered(connection, study.id)
    labels = _session_labels(answered)
    rows = [_row(study, found, labels[found["session_id"]], redact) for found in answered]
    return conform(pd.DataFrame(rows))


def study_roles(engine: Engine, study_name: str) -> dict[int, str]:
    """Role of each level of a study: clean, invariant, adversarial or dream."""
    return {condition.level: condition.role for condition in load_study(engine, study_name).conditions}


def image_hashes(engine: Engine, study_name: str) -> dict[str, str]:
    """SHA-256 of the image of each of a study's stimuli, by the stimulus's id."""
    study = load_study(engine, study_name)
    rows = select(Stimulus.stimulus, Stimulus.image_sha256).where(Stimulus.study_id == study.id)
    with engine.connect() as connection:
        return {row[0]: row[1] for row in connection.execute(rows.order_by(Stimulus.id))}


def _answered(connection: Connection, study_id: int) -> Sequence[Mapping[Any, Any]]:
    answered = (
        select(
            *(Trial.trial_index, Trial.kind, Session.id.label("session_id"), Participant.pseudonym),
            *(Stimulus.stimulus, Stimulus.source, Stimulus.concept),
            *(StudyCondition.level, StudyCondition.perturbation),
            *(StudyCondition.severity, StudyCondition.severity_unit),
            *(Response.response, Response.dont_know, Response.rt_ms, Response.exposure_measured_ms),
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


def _session_labels(answered: Iterable[Mapping[Any, Any]]) -> dict[str, str]:
    """Label each session by its participant and its number among that participant's sessions."""
    numbers: dict[str, dict[str, int]] = {}
    labels = {}
    for row in answered:
        of_one = numbers.setdefault(row["pseudonym"], {})
        number = of_one.setdefault(row["session_id"], len(of_one) + 1)
        labels[row["session_id"]] = session_label(row["pseudonym"], number)
    return labels


def _row(study: StudyRecord, found: Mapping[Any, Any], session: str, redact: Redactor) -> dict[str, Any]:
    given = "" if found["dont_know"] else found["response"]
    judgement = study.frozen.judge(found["concept"], given)
    response = redact(given)
    return {
        "level": found["level"],
        "batch": study.sha256[:8],
        "participant": found["pseudonym"],
        "image_filename": f"{found['stimulus']}.png",
        "image_basename": f"{found['stimulus']}.png",
        "response_clean": ",".join(normalise(response)) or None,
        "ground_truth": found["concept"],
        "trial_category": CATEGORIES[found["kind"]],
        "hard_correct": judgement.hard,
        "soft_correct": judgement.soft,
        "study": study.name,
        "session": session,
        "response": response or None,
        "exposure_requested_ms": study.file["presentation"]["exposure_ms"],
        "severity_unit": found["severity_unit"] or None,
        "excluded": False,
        "exclusion_rule": None,
    } | _as_stored(found)


def _as_stored(found: Mapping[Any, Any]) -> dict[str, Any]:
    names = ("trial_index", "stimulus", "source", "concept", "perturbation", "severity")
    return {name: found[name] for name in (*names, "rt_ms", "exposure_measured_ms")}
