"""Opening and closing a study: what must be there before somebody takes part."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from math import comb
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from experiment_server.design.definition import Definition
from experiment_server.design.study_file import StudyDesign
from experiment_server.models import Session, Study
from experiment_server.services import studies
from stimuli.errors import UserError

#: catch pictures, by which those who do not look are told from those who do
FEWEST_CATCH_TRIALS = 4
#: of sessions that only guess, as many may pass the catch rule
MOST_GUESSED = 0.1


def launch(connection: Connection, name: str, now: datetime, *, rehearsal: bool = False) -> bool:
    """Open a study to participants, or again; False if it is open already.

    A rehearsal opens it to be tried out: nothing is asked of it, and its responses are no data. A study that
    was rehearsed is not launched any more, since its data would be mixed. Raises UserError, naming all that
    is missing, and if there is no such study.
    """
    studies.lock(connection, studies.known(connection, name).id)
    study = studies.known(connection, name)
    if study.status == "open" and study.rehearsal == rehearsal:
        return False
    if study.rehearsal != rehearsal:
        _require_no_other_use(connection, study)
    is_reopened = study.launched_at is not None and study.rehearsal == rehearsal
    missing = [] if rehearsal or is_reopened else list(lacks(Definition.parse(study.definition).design))
    if missing:
        raise UserError(
            f"the study {name} cannot be launched: it lacks {'; '.join(missing)}; complete the study file, "
            f"create it under another name, or try this one out with: study rehearse {name}"
        )
    values = {"status": "open", "rehearsal": rehearsal, "launched_at": study.launched_at or now}
    connection.execute(update(Study).where(Study.id == study.id).values(values))
    return True


def _require_no_other_use(connection: Connection, study: Row[Any]) -> None:
    """Raise UserError if a study was launched, or if somebody took part in its rehearsal."""
    was, wanted = ("rehearsed", "launch") if study.rehearsal else ("launched", "rehearse")
    taken = " and has participants" if _sessions(connection, study.id) else ""
    if study.launched_at is not None and (taken or not study.rehearsal):
        raise UserError(
            f"the study {study.name} was {was}{taken}; to {wanted} it, create it under another name"
        )


def lacks(design: StudyDesign) -> Iterator[str]:
    """What a study needs before it is launched, and does not have."""
    if design.governance is None:
        yield "[governance] with ethics_reference, data_controller, contact, retention and withdrawal"
    for key, text in design.governance or ():
        if not text.strip():
            yield f"a text for governance.{key}"
    if not design.texts.debrief.strip():
        yield "texts.debrief"
    if design.catch.trials < FEWEST_CATCH_TRIALS:
        yield f"{FEWEST_CATCH_TRIALS} catch trials (catch.trials is {design.catch.trials})"
    if "catch" not in design.exclusion.flags:
        yield 'the rule for those who fail them (exclusion.flags = ["catch"])'
    if (guessed := passed_by_guessing(design)) > MOST_GUESSED:
        yield (
            f"catch trials that guessing fails: it passes in {guessed:.0%} of sessions; raise "
            "quality.catch_right, catch.trials or response.choices"
        )


def passed_by_guessing(design: StudyDesign) -> float:
    """Probability, in [0, 1], of getting enough catch trials right by choosing at random."""
    n = design.catch.trials
    choices = design.offered
    if not choices or not n:
        return 0.0
    needed = design.quality.catch_right or -(-n // 2)
    ways = sum(comb(n, k) * (choices - 1) ** (n - k) for k in range(needed, n + 1))
    return float(ways / choices**n)


def close(connection: Connection, name: str) -> bool:
    """Let nobody else begin; those who did go on. False if it is closed already.

    Raises UserError if there is no such study.
    """
    study = studies.known(connection, name)
    connection.execute(update(Study).where(Study.id == study.id).values(status="closed"))
    return bool(study.status == "open")


def _sessions(connection: Connection, study_id: int) -> int:
    statement = select(func.count()).select_from(Session).where(Session.study_id == study_id)
    return connection.execute(statement).scalar_one()
