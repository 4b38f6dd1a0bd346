"""Who came to a study, how each sitting ended, and which trials nobody answered."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, not_, select

from experiment_server.models.participant import Participant
from experiment_server.models.response import Response
from experiment_server.models.session import Session
from experiment_server.models.trial import Trial

#: how a session that has no outcome is counted
GOING_ON = "going_on"
#: what `manage.py simulate` says that it is, in each response's ``client``
SIMULATED = "interpscore simulate"


@dataclass(frozen=True)
class Attendance:
    """Counts of one study. Times are None where nobody got that far."""

    participants: int
    #: participants who gave a response
    answering: int
    #: those of them whose client said that it is a program (see SIMULATED)
    simulated: int
    by_kind: dict[str, int]
    sessions: int
    by_outcome: dict[str, int]
    responses: int
    dont_know: int
    #: responses to a picture that had been shown before (a reload in the middle of the trial)
    presented_again: int
    #: state of a trial (assigned, presented, timed_out, abandoned) -> how many have no response; practice
    #: that was not needed any more (``Session.skipped``) is left out
    unanswered: dict[str, int]
    first_response: datetime | None
    last_response: datetime | None
    #: from consent to the end, of completed sessions, ascending
    minutes: tuple[float, ...]
    #: for each session with consent that did not complete: responses given, ascending
    answered_before_leaving: tuple[int, ...]

    @property
    def median_minutes(self) -> float | None:
        """Median duration of a completed session."""
        return statistics.median(self.minutes) if self.minutes else None


def attendance(connection: Connection, study_id: int) -> Attendance:
    """Count participants, sessions, responses and unanswered trials of a study."""
    kinds = connection.scalars(select(Participant.kind).where(Participant.study_id == study_id)).all()
    sessions = connection.execute(select(Session.__table__).where(Session.study_id == study_id)).all()
    answers = _answers(connection, study_id)
    unanswered = _unanswered(connection, study_id)
    moments = sorted(answer.received_at for answer in answers)
    return Attendance(
        participants=len(kinds),
        answering=len({row.participant_id for row in answers}),
        simulated=len({row.participant_id for row in answers if row.client.get("agent") == SIMULATED}),
        by_kind=dict(sorted(Counter(kinds).items())),
        sessions=len(sessions),
        by_outcome=dict(sorted(Counter(row.outcome or GOING_ON for row in sessions).items())),
        responses=len(answers),
        dont_know=sum(answer.dont_know for answer in answers),
        presented_again=sum(answer.presented_again for answer in answers),
        unanswered=unanswered,
        first_response=moments[0] if moments else None,
        last_response=moments[-1] if moments else None,
        minutes=_minutes(sessions),
        answered_before_leaving=_answered_before_leaving(sessions, answers),
    )


def _answers(connection: Connection, study_id: int) -> Sequence[Row[Any]]:
    columns = (Response.received_at, Response.dont_know, Response.presented_again, Response.client)
    return connection.execute(
        select(Response.session_id, Session.participant_id, *columns)
        .join(Session, Session.id == Response.session_id)
        .where(Session.study_id == study_id)
    ).all()


def _unanswered(connection: Connection, study_id: int) -> dict[str, int]:
    practice = (
        select(Trial.session_id, func.count().label("trials"))
        .where(Trial.kind == "practice")
        .group_by(Trial.session_id)
        .subquery()
    )
    # practice comes first, and its last trials are those that were dropped
    dropped = and_(Trial.kind == "practice", Trial.trial_index >= practice.c.trials - Session.skipped)
    found = connection.execute(
        select(Trial.state, func.count())
        .join(Session, Session.id == Trial.session_id)
        .outerjoin(Response, Response.trial_id == Trial.id)
        .outerjoin(practice, practice.c.session_id == Trial.session_id)
        .where(Session.study_id == study_id, Response.id.is_(None), not_(dropped))
        .group_by(Trial.state)
        .order_by(Trial.state)
    )
    return {row[0]: row[1] for row in found}


def _minutes(sessions: Sequence[Row[Any]]) -> tuple[float, ...]:
    return tuple(
        sorted(
            (row.finished_at - row.consented_at).total_seconds() / 60
            for row in sessions
            if row.outcome == "completed" and row.finished_at and row.consented_at
        )
    )


def _answered_before_leaving(sessions: Sequence[Row[Any]], answers: Sequence[Row[Any]]) -> tuple[int, ...]:
    given = Counter(answer.session_id for answer in answers)
    left = (row for row in sessions if row.consented_at and row.outcome in {"withdrawn", "abandoned"})
    return tuple(sorted(given[row.id] for row in left))
