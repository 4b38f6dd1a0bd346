"""What the participants remember, held against what the database has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Engine, select

from experiment_server.design.adaptive import Posterior
from experiment_server.design.definition import Definition
from experiment_server.models import Response, Session, Stimulus, Study, StudyCondition, Trial
from experiment_server.services.adapt import LAG
from tests.chaos.journal import Given, Visit
from tests.functional.invariants import snapshot


@dataclass(frozen=True)
class Stored:
    """One row of the table response, with its trial."""

    response_uuid: str
    session: str
    trial: str
    trial_index: int
    response: str
    dont_know: bool
    rt_ms: float
    received_at: datetime


@dataclass(frozen=True)
class Sitting:
    """One row of the table session, and the trials of it that were presented."""

    outcome: str | None
    consented: bool
    presented: frozenset[str]


@dataclass
class Verdict:
    """What is wrong, one sentence each; all empty if nothing is."""

    #: acknowledged, but not in the database
    lost: list[str] = field(default_factory=list)
    #: there more than once
    doubled: list[str] = field(default_factory=list)
    #: there, but not as it was given, or given by nobody
    altered: list[str] = field(default_factory=list)
    #: a session's answers stand in another order than they were given in
    out_of_order: list[str] = field(default_factory=list)


def read_stored(engine: Engine) -> list[Stored]:
    """All responses, in the order in which they were stored."""
    columns = (
        Response.response_uuid,
        Response.session_id,
        Trial.public_id,
        Trial.trial_index,
        Response.response,
        Response.dont_know,
        Response.rt_ms,
        Response.received_at,
    )
    with snapshot(engine) as connection:
        found = connection.execute(select(*columns).join(Trial).order_by(Response.id))
        return [Stored(*row) for row in found]


def broken_severities(engine: Engine) -> list[str]:
    """Adaptive trials that show another severity than the answers before them choose, by the rows alone."""
    columns = (
        *(Trial.session_id, Session.seed, Trial.trial_index, Trial.chosen_at, Stimulus.concept),
        *(StudyCondition.severity, Response.response, Response.dont_know),
    )
    with snapshot(engine) as connection:
        definition = Definition.parse(connection.execute(select(Study.definition)).scalar_one())
        assert definition.design.adaptive is not None
        found: Sequence[Any] = connection.execute(
            select(*columns)
            .join_from(Trial, Session, Session.id == Trial.session_id)
            .join(Stimulus, Stimulus.id == Trial.stimulus_id)
            .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
            .outerjoin(Response, Response.trial_id == Trial.id)
            .where(Trial.kind == "test")
            .where(StudyCondition.perturbation == definition.design.adaptive.perturbation)
            .order_by(Trial.session_id, Trial.trial_index)
        ).all()
    return [
        f"session {session}: trial {one.trial_index} has the severity {one.severity}, chosen by no answers"
        for session, rows in groupby(found, lambda row: str(row.session_id))
        for one in _not_chosen(definition, list(rows))
    ]


def _not_chosen(definition: Definition, trials: Sequence[Any]) -> Iterator[Any]:
    answers = [
        (one.severity, definition.judge(one.concept, "" if one.dont_know else one.response or "").hard)
        for one in trials
    ]
    for number, one in enumerate(trials):
        posterior = Posterior.of(definition.grid, answers[: max(0, number - LAG)])
        seed = f"severity:{one.seed}:{number}"
        if one.chosen_at is not None and posterior.next_severity(seed) != one.severity:
            yield one


def read_sittings(engine: Engine) -> dict[str, Sitting]:
    """All sessions by id."""
    shown: dict[str, set[str]] = defaultdict(set)
    with snapshot(engine) as connection:
        trials = select(Trial.session_id, Trial.public_id).where(Trial.presented_at.is_not(None))
        for session, trial in connection.execute(trials):
            shown[session].add(trial)
        rows = connection.execute(select(Session.id, Session.outcome, Session.consented_at)).all()
    return {key: Sitting(outcome, at is not None, frozenset(shown[key])) for key, outcome, at in rows}


def judge(visits: Sequence[Visit], stored: Sequence[Stored], sittings: dict[str, Sitting]) -> Verdict:
    """Hold all that was acknowledged against all that is stored."""
    by_uuid = {row.response_uuid: row for row in stored}
    return Verdict(
        lost=[*_lost_answers(visits, by_uuid), *_lost_steps(visits, sittings)],
        doubled=list(_doubled(stored)),
        altered=list(_altered(visits, by_uuid)),
        out_of_order=list(_out_of_order(stored)),
    )


def _lost_answers(visits: Sequence[Visit], by_uuid: dict[str, Stored]) -> Iterator[str]:
    for visit in visits:
        for one in visit.acknowledged:
            if one.response_uuid not in by_uuid:
                yield f"session {visit.session}: the answer {one.response_uuid} to trial {one.trial_index}"


def _lost_steps(visits: Sequence[Visit], sittings: dict[str, Sitting]) -> Iterator[str]:
    """Arrivals, consents, presentations and endings that were acknowledged."""
    for visit in (visit for visit in visits if visit.session is not None):
        row = sittings.get(visit.session or "")
        if row is None:
            yield f"session {visit.session} itself"
            continue
        if visit.consented and not row.consented:
            yield f"session {visit.session}: the consent"
        if unseen := visit.presented - row.presented:
            yield f"session {visit.session}: that {len(unseen)} trials were presented"
        if visit.outcome != row.outcome and visit.outcome is not None:
            yield f"session {visit.session}: that it was {visit.outcome}; it is {row.outcome}"


def _doubled(stored: Sequence[Stored]) -> Iterator[str]:
    for what, keys in (
        ("response_uuid", [row.response_uuid for row in stored]),
        ("trial", [row.trial for row in stored]),
        ("session and index", [(row.session, row.trial_index) for row in stored]),
    ):
        for key, count in Counter(keys).items():
            if count > 1:
                yield f"{what} {key}: {count} rows"


def _altered(visits: Sequence[Visit], by_uuid: dict[str, Stored]) -> Iterator[str]:
    given = {one.response_uuid: (visit, one) for visit in visits for one in visit.given}
    for uuid, row in by_uuid.items():
        if uuid not in given:
            yield f"session {row.session}: nobody gave the answer {uuid}"
        elif not _as_given(*given[uuid], row):
            yield f"session {row.session}: the answer {uuid} is not as it was given"


def _as_given(visit: Visit, one: Given, row: Stored) -> bool:
    remembered = (visit.session, one.trial, one.trial_index, one.response, one.dont_know, one.rt_ms)
    return remembered == (row.session, row.trial, row.trial_index, row.response, row.dont_know, row.rt_ms)


def _out_of_order(stored: Sequence[Stored]) -> Iterator[str]:
    """Sessions whose answers, as they were stored or received, are not those to trials 0, 1, 2, …"""
    sessions: dict[str, list[Stored]] = defaultdict(list)
    for row in stored:
        sessions[row.session].append(row)
    for session, rows in sessions.items():
        by_time = sorted(rows, key=lambda row: row.received_at)
        for order in (rows, by_time):
            indices = [row.trial_index for row in order]
            if indices != list(range(len(rows))):
                yield f"session {session}: {indices}"
                break
