"""Practice to criterion: the rounds that are not needed any more are dropped."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from experiment_server.design.definition import Definition
from experiment_server.models import Response, Session, Stimulus, Trial
from experiment_server.services import events
from experiment_server.services.end_trials import end_trials
from experiment_server.trials.state import SKIPPED


def end_round(
    connection: Connection, definition: Definition, session: str, trial_index: int, now: datetime
) -> int:
    """After the last trial of a round that went well, drop the rounds that are left.

    ``trial_index``: of the practice trial that was just answered. Returns how many trials were dropped. The
    response is stored, and the session locked.
    """
    design = definition.design.practice
    done = trial_index + 1
    if not design.criterion or done % design.trials:
        return 0
    right = _right(connection, definition, session, done - design.trials, done)
    passed = right >= design.criterion
    events.append(
        connection,
        *(session, "practised", now),
        round=done // design.trials,
        right=right,
        of=design.trials,
        passed=passed,
    )
    return _drop(connection, session) if passed else 0


def _right(connection: Connection, definition: Definition, session: str, begin: int, end: int) -> int:
    """Answers of a round that name what was shown."""
    answers = (
        select(Stimulus.concept, Response.response, Response.dont_know)
        .join_from(Response, Trial, Trial.id == Response.trial_id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .where(Trial.session_id == session, Trial.trial_index >= begin, Trial.trial_index < end)
    )
    return sum(
        is_right(definition, concept, "" if dont_know else response)
        for concept, response, dont_know in connection.execute(answers)
    )


def is_right(definition: Definition, concept: str, response: str) -> bool:
    """Whether an answer, empty for "don't know", names the concept or a synonym in the lexicon."""
    return definition.judge(concept, response).soft >= 1.0


def _drop(connection: Connection, session: str) -> int:
    """End the practice trials that are left, take them off the counts, and note how many they were."""
    practice = (Trial.session_id == session) & (Trial.kind == "practice")
    dropped = end_trials(connection, practice, SKIPPED)
    connection.execute(update(Session).where(Session.id == session).values(skipped=dropped))
    return dropped
