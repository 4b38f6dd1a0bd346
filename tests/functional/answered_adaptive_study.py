"""An adaptive study that a few participants have been through, two of them seeing better than the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from experiment_server.models import Stimulus, StudyCondition, Trial
from experiment_server.models.database import connect, reading
from experiment_server.settings import Settings
from tests.functional.adaptive_study import make_adaptive_study
from tests.functional.answering import unlimited
from tests.functional.server_fixture import Clock, Here, Participant, create_from, served_here

#: the least contrast that each participant recognises
LIMITS = (0.03, 0.03, 0.2, 0.2)


@dataclass
class AnsweredStudy:
    """Where it all is."""

    settings: Settings
    engine: Engine
    manifest: Path
    name: str = "adaptive"


def answered_adaptive_study(folder: Path, text: str | None = None) -> AnsweredStudy:
    """The study of ``adaptive_study`` (or of another file), answered to its end."""
    settings = unlimited(folder / "data", f"sqlite:///{folder / 'test.sqlite3'}")
    path = make_adaptive_study(folder / "study", text)
    create_from(settings, path)
    with served_here(settings, Clock()) as here:
        for number, limit in enumerate(LIMITS):
            person = here.participant(f"person {number}", "adaptive")
            person.consent()
            _go_through(here, person, limit)
    return AnsweredStudy(settings, connect(settings), path.parent / "stimuli")


def _go_through(here: Here, person: Participant, limit: float) -> None:
    while trials := person.trials():
        for trial in trials:
            shown = _shown(here.engine, trial["trial"])
            seen = shown.perturbation != "contrast" or shown.severity >= limit
            wrong = next(word for word in trial["alternatives"] if word != shown.concept)
            assert person.post(f"/trials/{trial['trial']}/presented").status_code == 204
            assert person.answer(trial, shown.concept if seen else wrong).status_code == 200


def _shown(engine: Engine, public_id: str) -> Any:
    columns = Stimulus.concept, StudyCondition.perturbation, StudyCondition.severity
    statement = select(*columns).join_from(Trial, Stimulus, Stimulus.id == Trial.stimulus_id)
    statement = statement.join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
    with reading(engine) as connection:
        return connection.execute(statement.where(Trial.public_id == public_id)).one()
