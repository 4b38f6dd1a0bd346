"""The flags of a study's sessions, computed from what is stored; nothing is stored here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, select

from experiment_server.design.definition import Definition
from experiment_server.design.quality import MAIN, RIGHT, Flag, SessionSignals, TrialSignals, assess
from experiment_server.models import Event, Exclusion, Participant, Record, Response, Session, Stimulus, Trial
from experiment_server.services.studies import Catalogue

#: concept and answer -> credit in [0, 1]
Credit = Callable[[str, str], float]


@dataclass(frozen=True)
class Assessed:
    """One session with its flags, raised or not. ``excluded_by``: rules that are on record."""

    participant_id: int
    pseudonym: str
    session_id: str
    #: None while it goes on
    outcome: str | None
    #: whether it ended, or has answered its last trial: what it answered will not change any more
    is_over: bool
    flags: tuple[Flag, ...]
    excluded_by: tuple[str, ...]

    @property
    def raised(self) -> tuple[Flag, ...]:
        """The flags that are raised."""
        return tuple(flag for flag in self.flags if flag.raised)


@dataclass(frozen=True)
class CatchPicture:
    """How many of those who saw a catch picture, and are not otherwise flagged, named it."""

    stimulus: str
    concept: str
    named: int
    seen: int


def assess_study(connection: Connection, catalogue: Catalogue, study_id: int) -> list[Assessed]:
    """Every session with at least one answer to a test or catch trial, in the order of arrival."""
    definition = catalogue.definition(connection, study_id)
    trials = _trials(connection, definition, study_id)
    records = _records(connection, study_id)
    passed = _practice_passed(connection, study_id)
    excluded = _excluded_by(connection, study_id)
    return [
        Assessed(
            *(row.participant_id, row.pseudonym, row.id, row.outcome),
            row.phase in ("debrief", "finished"),
            assess(
                definition.design, _signals(definition, trials[row.id], records[row.id], row.id in passed)
            ),
            tuple(excluded[row.participant_id]),
        )
        for row in _sessions(connection, study_id)
        if any(trial.kind in MAIN for trial in trials[row.id])
    ]


def catch_pictures(
    connection: Connection, catalogue: Catalogue, study_id: int, assessed: Sequence[Assessed]
) -> list[CatchPicture]:
    """How often each catch picture was named by those with no flag but perhaps that one; the worst first.

    A picture that few of them name says nothing about attention.
    """
    others = {one.session_id for one in assessed if any(flag.name != "catch" for flag in one.raised)}
    credit = _credit(catalogue.definition(connection, study_id))
    statement = _answers(study_id, Trial.session_id, Stimulus.stimulus, Stimulus.concept, Response.response)
    seen: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for session, stimulus, concept, response in connection.execute(statement.where(Trial.kind == "catch")):
        if session not in others:
            seen[stimulus, concept].append(credit(concept, response) >= RIGHT)
    pictures = [CatchPicture(*which, sum(named), len(named)) for which, named in seen.items()]
    return sorted(pictures, key=lambda one: (one.named / one.seen, one.concept, one.stimulus))


def _answers(study_id: int, *columns: Any) -> Any:
    """A statement for a study's answers, in the order in which each session gave them."""
    return (
        select(*columns)
        .join_from(Response, Trial, Trial.id == Response.trial_id)
        .join(Stimulus, Stimulus.id == Trial.stimulus_id)
        .where(Stimulus.study_id == study_id)
        .order_by(Trial.session_id, Trial.trial_index)
    )


def _trials(
    connection: Connection, definition: Definition, study_id: int
) -> Mapping[str, list[TrialSignals]]:
    """The answered trials of each session."""
    columns = (
        *(Trial.session_id, Trial.kind, Stimulus.concept, Response.response, Response.dont_know),
        *(Response.rt_ms, Response.rt_first_key_ms, Response.client, Response.timing_flags),
    )
    credit, chosen = _credit(definition), bool(definition.design.alternatives)
    found: dict[str, list[TrialSignals]] = defaultdict(list)
    for row in connection.execute(_answers(study_id, *columns)):
        found[row.session_id].append(_trial(row, credit, chosen))
    return found


def _trial(row: Row[Any], credit: Credit, chosen: bool) -> TrialSignals:
    response = "" if row.dont_know else row.response
    return TrialSignals(
        kind=row.kind,
        concept=row.concept,
        response=response,
        dont_know=row.dont_know,
        correct=credit(row.concept, response),
        rt_ms=row.rt_ms,
        rt_first_key_ms=row.rt_first_key_ms,
        chosen=chosen,
        client=row.client,
        timing_flags=tuple((row.timing_flags or "").split()),
    )


def _credit(definition: Definition) -> Credit:
    """The judge of the practice feedback and the export, which remembers what it was asked."""

    @cache
    def credit(concept: str, response: str) -> float:
        return definition.judge(concept, response).soft

    return credit


def _signals(
    definition: Definition, trials: Sequence[TrialSignals], records: Sequence[Row[Any]], passed: bool
) -> SessionSignals:
    design = definition.design
    attempts = [one.data.get("passed") is True for one in records if one.kind == "comprehension"]
    return SessionSignals(
        tuple(trials),
        {one.name: _text(one.data.get("response")) for one in records if one.kind == "instructed"},
        any(attempts) if design.comprehension.question else None,
        passed if design.practice.criterion else None,
    )


def _text(value: object) -> str:
    """What was typed; empty for anything else that a browser may have sent."""
    return value if isinstance(value, str) else ""


def _sessions(connection: Connection, study_id: int) -> list[Row[Any]]:
    statement = (
        select(*(Session.id, Session.participant_id, Participant.pseudonym, Session.outcome, Session.phase))
        .join(Participant, Participant.id == Session.participant_id)
        .where(Session.study_id == study_id)
        .order_by(Session.participant_id, Session.id)
    )
    return list(connection.execute(statement))


def _records(connection: Connection, study_id: int) -> Mapping[str, list[Row[Any]]]:
    """Each session's answers to instructed items, and attempts at the comprehension check."""
    statement = (
        select(Record.session_id, Record.kind, Record.name, Record.data)
        .join(Session, Session.id == Record.session_id)
        .where(Session.study_id == study_id, Record.kind.in_(("instructed", "comprehension")))
        .order_by(Record.id)
    )
    found: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row.session_id].append(row)
    return found


def _practice_passed(connection: Connection, study_id: int) -> set[str]:
    """Sessions that met the practice's criterion in one of its rounds."""
    statement = (
        select(Event.session_id, Event.detail)
        .join(Session, Session.id == Event.session_id)
        .where(Session.study_id == study_id, Event.kind == "practised")
    )
    return {session for session, detail in connection.execute(statement) if detail.get("passed") is True}


def _excluded_by(connection: Connection, study_id: int) -> Mapping[int, list[str]]:
    """The rules on record against each participant, in the order in which they were recorded."""
    statement = (
        select(Exclusion.participant_id, Exclusion.rule)
        .join(Participant, Participant.id == Exclusion.participant_id)
        .where(Participant.study_id == study_id)
        .order_by(Exclusion.id)
    )
    found: dict[int, list[str]] = defaultdict(list)
    for participant, rule in connection.execute(statement):
        found[participant].append(rule)
    return found
