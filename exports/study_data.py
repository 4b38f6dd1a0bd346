"""All of a study that its dataset and its report are made from, as it was at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine

from experiment_server.services.identities import NO_KEY, Vault
from exports.attendance import Attendance, attendance
from exports.exclusion_tables import exclusion_table
from exports.pseudonyms import Redactor, secrets_of
from exports.quality import Quality, study_quality
from exports.session_tables import session_table
from exports.snapshot import study_snapshot
from exports.stimulus_tables import study_stimuli
from exports.studies import StudyRecord
from exports.trial_tables import trial_table


@dataclass(frozen=True)
class StudyData:
    """A study's tables, without identifiers, and what is counted of it.

    ``secrets`` are the identifiers that must not leave; ``redact`` takes them out of a text.
    """

    study: StudyRecord
    trials: pd.DataFrame
    sessions: pd.DataFrame
    stimuli: pd.DataFrame
    exclusions: pd.DataFrame
    quality: Quality
    who: Attendance
    secrets: list[str]
    redact: Redactor


def read_study(
    engine: Engine,
    name: str,
    vault: Vault = NO_KEY,
    *,
    manifest: Path | None = None,
    now: datetime | None = None,
) -> StudyData:
    """Read a study at one moment, while others may go on answering.

    What its frozen rules exclude is recorded first, as of ``now`` (the machine's clock if None). ``manifest``
    adds the stimuli's measures. Raises UserError if there is no such study, if ``vault`` cannot open
    Prolific's IDs, or if the manifest is of other stimuli.
    """
    with study_snapshot(engine, name, now) as (connection, study):
        secrets = secrets_of(connection, study.id, vault)
        redact = Redactor(secrets)
        trials = trial_table(connection, study, redact)
        quality = study_quality(connection, study.id)
        return StudyData(
            study=study,
            trials=trials,
            sessions=session_table(connection, study, trials, quality.assessed, redact),
            stimuli=study_stimuli(connection, study, manifest),
            exclusions=exclusion_table(connection, study.id, quality.exclusions, redact),
            quality=quality,
            who=attendance(connection, study.id),
            secrets=secrets,
            redact=redact,
        )
