"""What holds of the database at every moment, whatever was killed, retried or waited for.

``check_invariants`` reads one consistent picture of it, so that it may be called while servers run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from experiment_server.design.definition import Definition
from experiment_server.models import (
    Base,
    Event,
    Participant,
    Response,
    Session,
    Stimulus,
    Study,
    StudyCondition,
    Trial,
)

#: trials that hold a stimulus, or used it
COUNTED = ("assigned", "presented", "responded")
OPEN = ("assigned", "presented")
#: events that happen once at most to a session
ONCE = ("arrived", "consented", "refused", "debriefed", "completed", "withdrew", "abandoned")
#: outcome -> the event that ended the session
ENDINGS = {
    "completed": "completed",
    "no_consent": "refused",
    "withdrawn": "withdrew",
    "abandoned": "abandoned",
}

AnyRow = Row[Any]


@dataclass(frozen=True)
class Sitting:
    """One session with all that hangs on it, each list in its order."""

    session: AnyRow
    trials: Sequence[AnyRow]
    responses: Sequence[AnyRow]
    events: Sequence[AnyRow]

    def of(self, *states: str) -> list[AnyRow]:
        """The trials in some states."""
        return [trial for trial in self.trials if trial.state in states]

    @property
    def needed(self) -> list[AnyRow]:
        """The trials but those of practice rounds that were dropped: the last of the practice."""
        practice = [trial for trial in self.trials if trial.kind == "practice"]
        dropped = practice[len(practice) - self.session.skipped :]
        return [trial for trial in self.trials if trial not in dropped]

    def happened(self, kind: str) -> list[AnyRow]:
        """The events of one kind."""
        return [event for event in self.events if event.kind == kind]


def check_invariants(engine: Engine) -> None:
    """Fail, naming every session and what is wrong with it, unless everything holds."""
    with snapshot(engine) as connection:
        broken = [
            *broken_counts(connection),
            *broken_sessions(connection),
            *broken_choices(connection),
        ]
    assert broken == [], "\n".join(broken)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database as it was at one moment."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


def broken_counts(connection: Connection) -> Iterator[str]:
    """Places over their number, counts of stimuli that are wrong, participants with two sessions."""
    taken = Counter(row.study_id for row in rows(connection, Session) if row.outcome in (None, "completed"))
    for study in rows(connection, Study):
        if taken[study.id] > study.places:
            yield f"study {study.name}: {taken[study.id]} of {study.places} places are taken"
    used = Counter(trial.stimulus_id for trial in rows(connection, Trial) if trial.state in COUNTED)
    for one in rows(connection, Stimulus):
        if one.assigned_count != used[one.id]:
            yield f"stimulus {one.id}: assigned_count {one.assigned_count}, but {used[one.id]} trials"
    sittings = Counter(row.participant_id for row in rows(connection, Session))
    for participant in rows(connection, Participant):
        if sittings[participant.id] != 1:
            yield f"participant {participant.id}: {sittings[participant.id]} sessions"


def broken_sessions(connection: Connection) -> Iterator[str]:
    """What is wrong with each session."""
    for sitting in sittings(connection):
        checks = (broken_trials, broken_responses, broken_phase, broken_events)
        for sentence in (sentence for check in checks for sentence in check(sitting)):
            yield f"session {sitting.session.id} ({sitting.session.outcome}): {sentence}"


def sittings(connection: Connection) -> Iterator[Sitting]:
    """Every session with its trials by index, its responses and events by id."""
    trials, responses, events = (by_session(connection, table) for table in (Trial, Response, Event))
    for session in rows(connection, Session):
        in_order = sorted(trials[session.id], key=lambda trial: trial.trial_index)
        yield Sitting(session, in_order, responses[session.id], events[session.id])


def rows(connection: Connection, table: type[Base]) -> Sequence[AnyRow]:
    """A whole table, in the order of its primary key."""
    columns = table.__table__
    return connection.execute(select(columns).order_by(*columns.primary_key)).all()


def by_session(connection: Connection, table: type[Base]) -> dict[str, list[AnyRow]]:
    """A table's rows by the session that they belong to."""
    found: dict[str, list[AnyRow]] = defaultdict(list)
    for row in rows(connection, table):
        found[row.session_id].append(row)
    return found


def broken_trials(sitting: Sitting) -> Iterator[str]:
    """Trials without gaps, answered from the first on, each stimulus once, states that fit the end."""
    trials = sitting.trials
    if [trial.trial_index for trial in trials] != list(range(len(trials))):
        yield "the trials' indices have gaps"
    shown_once = [trial.stimulus_id for trial in trials if trial.kind != "practice"]
    if len(set(shown_once)) != len(shown_once):
        yield "a stimulus stands twice in it"
    answered = [trial.trial_index for trial in sitting.of("responded")]
    needed = [trial.trial_index for trial in sitting.needed]
    if answered != needed[: len(answered)]:
        yield f"the answered trials {answered} are not the first ones"
    for trial in trials:
        if trial in sitting.needed and not state_fits(trial, sitting):
            yield f"trial {trial.trial_index} is {trial.state}, presented at {trial.presented_at}"


def broken_choices(connection: Connection) -> Iterator[str]:
    """Adaptive trials that were presented or answered before their severity was chosen."""
    adaptive = {}
    for study in rows(connection, Study):
        table = Definition.parse(study.definition).design.adaptive
        adaptive[study.id] = table and table.perturbation
    columns = (Trial.session_id, Trial.trial_index, Stimulus.study_id, StudyCondition.perturbation)
    seen = (
        select(*columns)
        .join_from(Trial, Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .where(Trial.kind == "test", Trial.state.in_(("presented", "responded", "timed_out")))
        .where(Trial.chosen_at.is_(None))
    )
    for one in connection.execute(seen):
        if one.perturbation == adaptive[one.study_id]:
            yield f"session {one.session_id}: trial {one.trial_index} was shown, and its severity not chosen"


def state_fits(trial: AnyRow, sitting: Sitting) -> bool:
    """True if a trial's state goes with having been presented, and with its session's end."""
    shown, outcome = trial.presented_at is not None, sitting.session.outcome
    return {
        "assigned": outcome is None and not shown,
        "presented": outcome is None and shown,
        "responded": outcome != "no_consent" and not sitting.happened("erased"),
        "timed_out": outcome == "abandoned" and shown,
        "abandoned": outcome == "withdrawn" or (outcome == "abandoned" and not shown),
    }[trial.state]


def broken_responses(sitting: Sitting) -> Iterator[str]:
    """One response for each answered trial and for no other, stored in the order of the trials."""
    answered = [trial.id for trial in sitting.of("responded")]
    if [response.trial_id for response in sitting.responses] != answered:
        yield f"responses to {[one.trial_id for one in sitting.responses]}, but answered are {answered}"


def broken_phase(sitting: Sitting) -> Iterator[str]:
    """Phase, outcome, times and trials that tell the same story."""
    session, trials = sitting.session, sitting.trials
    waiting, agreed = bool(sitting.of(*OPEN)), session.consented_at is not None
    ended = session.phase == "finished"
    if (session.outcome is not None) != ended or (session.finished_at is not None) != ended:
        yield f"phase {session.phase}, finished at {session.finished_at}"
    if bool(trials) != agreed:
        yield f"{len(trials)} trials, consented at {session.consented_at}"
    fits = {
        "consent": not agreed,
        "trials": agreed and waiting,
        "debrief": agreed and not waiting,
        "finished": not waiting,
    }
    if not fits[session.phase]:
        yield f"phase {session.phase} with {len(sitting.of(*OPEN))} of {len(trials)} trials waiting"
    all_answered = bool(trials) and len(sitting.responses) == len(sitting.needed)
    if session.outcome == "completed" and not all_answered:
        yield f"completed with {len(sitting.responses)} of {len(trials)} answers"
    if session.outcome == "abandoned" and all_answered:
        yield "abandoned although all is answered"


def broken_events(sitting: Sitting) -> Iterator[str]:
    """A history with one line for each thing that the other tables say, in an order that can be."""
    session, kinds = sitting.session, [event.kind for event in sitting.events]
    for kind in ONCE:
        if kinds.count(kind) > 1:
            yield f"{kinds.count(kind)} events {kind}"
    if kinds[:1] != ["arrived"]:
        yield f"its history begins with {kinds[:1]}"
    if ("consented" in kinds) != (session.consented_at is not None):
        yield f"consented at {session.consented_at}, history {kinds}"
    answered = [] if "erased" in kinds else [one.trial_id for one in sitting.happened("responded")]
    if answered != [one.trial_id for one in sitting.responses]:
        yield "the events responded are not its responses"
    shown = sorted(trial.id for trial in sitting.trials if trial.presented_at is not None)
    if sorted(event.trial_id for event in sitting.happened("presented")) != shown:
        yield "the events presented are not the trials that were presented"
    yield from broken_ending(sitting, [kind for kind in kinds if kind not in ("resumed", "erased")])


def broken_ending(sitting: Sitting, kinds: Sequence[str]) -> Iterator[str]:
    """The one event that ended a session is its last, and is there if and only if it ended."""
    all_answered = bool(sitting.trials) and len(sitting.responses) == len(sitting.needed)
    if ("debriefed" in kinds) != all_answered and "erased" not in kinds:
        yield f"{len(sitting.responses)} of {len(sitting.trials)} answers, history {kinds}"
    endings = [kind for kind in kinds if kind in ENDINGS.values()]
    outcome = sitting.session.outcome
    expected = [] if outcome is None else [ENDINGS[outcome]]
    if endings != expected or kinds[len(kinds) - len(expected) :] != expected:
        yield f"outcome {outcome}, history {kinds}"
