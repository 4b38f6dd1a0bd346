"""Adaptive trials: which severity each one shows, and what a participant's answers say of their threshold.

A trial is dealt at consent, with its source and place. Its severity is chosen when it can first be handed
out: by ``design.adaptive``, from the answers to the session's adaptive trials but the ``LAG`` just before it,
and the session's seed. Whoever asks again, in whatever way, finds it chosen: it never changes after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select, update

from experiment_server.design.adaptive import Estimate, Posterior
from experiment_server.design.definition import Definition
from experiment_server.models import Participant, Response, Session, Stimulus, StudyCondition, Trial
from experiment_server.services import studies
from experiment_server.services.exclude import excluded
from experiment_server.services.sessions import SessionRow
from stimuli.errors import UserError
from stimuli.perturbations import PERTURBATIONS

#: adaptive trials just before one whose answers it does not wait for, so that the page can load ahead
LAG = 2


class _Dealt(NamedTuple):
    """An adaptive trial, with its answer if it has one."""

    session: str
    trial: int
    place: int
    state: str
    stimulus: int
    chosen_at: datetime | None
    source: str
    concept: str
    severity: float
    #: these three are None if there is none yet
    response: str | None
    dont_know: bool | None
    client: dict[str, Any] | None

    @property
    def is_answered(self) -> bool:
        return self.response is not None


@dataclass(frozen=True)
class SessionThreshold:
    """What a session's adaptive answers say."""

    pseudonym: str
    answers: int
    #: a rule, or a person on record, keeps the participant out of the analysis
    excluded: bool
    #: what the client of the last answer says that it is, a program if it is one; None if it says nothing
    agent: str | None
    threshold: Estimate
    #: where the study's target proportion of answers is right
    at_target: Estimate


@dataclass(frozen=True)
class Thresholds:
    """Those of a study, in the order of arrival; ``ends``: the smallest and the largest severity."""

    name: str
    perturbation: str
    unit: str
    ends: tuple[float, float]
    #: proportion of right answers, in (0, 1)
    target: float
    rehearsal: bool
    sessions: list[SessionThreshold]


def _dealt(definition: Definition) -> Any:
    """A statement for the adaptive trials of some sessions, in their order."""
    columns = (
        *(Trial.session_id, Trial.id, Trial.trial_index, Trial.state, Trial.stimulus_id, Trial.chosen_at),
        *(Stimulus.source, Stimulus.concept, StudyCondition.severity),
        *(Response.response, Response.dont_know, Response.client),
    )
    adaptive = definition.design.adaptive
    return (
        select(*columns)
        .join_from(Trial, Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .outerjoin(Response, Response.trial_id == Trial.id)
        .where(Trial.kind == "test", StudyCondition.perturbation == (adaptive and adaptive.perturbation))
        .order_by(Trial.session_id, Trial.trial_index)
    )


def choose(connection: Connection, definition: Definition, session: SessionRow, now: datetime) -> int | None:
    """Choose the severities that the session's answers can choose by now; what was chosen stays.

    Returns the index of the first trial that has to wait for an answer, None if none has. The session is
    locked.
    """
    if definition.design.adaptive is None:
        return None
    statement = _dealt(definition).where(Trial.session_id == session.id)
    trials = [_Dealt._make(row) for row in connection.execute(statement)]
    chosen: list[tuple[_Dealt, int]] = []
    waits: int | None = None
    for number, trial in enumerate(trials):
        if trial.chosen_at is not None or trial.state != "assigned":
            continue
        known = trials[: max(0, number - LAG)]
        if not all(one.is_answered for one in known):
            waits = trial.place
            break
        severity = severity_of(definition, session.seed, number, known)
        chosen.append((trial, _stimulus_at(connection, definition, session, trial, severity)))
    _settle(connection, chosen, now)
    return waits


def severity_of(definition: Definition, seed: int, number: int, known: Sequence[_Dealt]) -> float:
    """The severity of an adaptive trial: a function of the study, the session's seed, and earlier answers."""
    adaptive = definition.design.adaptive
    assert adaptive is not None
    posterior = Posterior.of(definition.grid, _judged(definition, known))
    return posterior.next_severity(f"severity:{seed}:{number}", adaptive.aim)


def _judged(definition: Definition, trials: Sequence[_Dealt]) -> Iterator[tuple[float, bool]]:
    """Severity and whether the concept was named, of the trials that have an answer."""
    for one in trials:
        if one.response is not None:
            yield one.severity, definition.judge(one.concept, "" if one.dont_know else one.response).hard


_OF_SOURCE = (
    select(Stimulus.id)
    .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
    .where(
        Stimulus.study_id == bindparam("study"),
        Stimulus.source == bindparam("source"),
        Stimulus.kind == "test",
        StudyCondition.perturbation == bindparam("perturbation"),
    )
    .order_by(Stimulus.stimulus)
)
_AT_SEVERITY = _OF_SOURCE.where(StudyCondition.severity == bindparam("severity"))
_FIRST = _OF_SOURCE.limit(1)


def _stimulus_at(
    connection: Connection, definition: Definition, session: SessionRow, trial: _Dealt, severity: float
) -> int:
    """The stimulus of a trial's source at a severity; chance, of the seed's, chooses among replicates."""
    adaptive = definition.design.adaptive
    where = {"study": session.study_id, "source": trial.source, "severity": severity}
    found = connection.execute(_AT_SEVERITY, {**where, "perturbation": adaptive and adaptive.perturbation})
    rng = Random(f"replicate:{session.seed}:{trial.place}")  # noqa: S311 - reproducible, not secret
    return rng.choice(list(found.scalars()))


def _settle(connection: Connection, chosen: Sequence[tuple[_Dealt, int]], now: datetime) -> None:
    """Give trials their stimuli for good, and count these instead of those that they stood in for."""
    more: Counter[int] = Counter()
    for trial, stimulus in chosen:
        changes = {"stimulus_id": stimulus, "chosen_at": now}
        connection.execute(update(Trial).where(Trial.id == trial.trial).values(changes))
        more[trial.stimulus] -= 1
        more[stimulus] += 1
    changed = {key: n for key, n in more.items() if n}
    if not changed:
        return
    studies.lock_stimuli(connection, changed)
    for key, n in changed.items():
        counted = update(Stimulus).where(Stimulus.id == key)
        connection.execute(counted.values(assigned_count=Stimulus.assigned_count + n))


def forget(connection: Connection, session_id: str) -> None:
    """Let a session's severities say nothing of its answers any more, which were deleted.

    Its trials are all abandoned, and count for nothing. Those that were chosen get a stimulus of their source
    that no answer has a part in.
    """
    chosen = (
        select(*(Trial.id, Stimulus.study_id, Stimulus.source, StudyCondition.perturbation))
        .join_from(Trial, Stimulus, Stimulus.id == Trial.stimulus_id)
        .join(StudyCondition, StudyCondition.id == Stimulus.condition_id)
        .where(Trial.session_id == session_id, Trial.chosen_at.is_not(None))
    )
    for trial, *where in connection.execute(chosen).all():
        first = connection.execute(_FIRST, dict(zip(("study", "source", "perturbation"), where, strict=True)))
        changes = {"stimulus_id": first.scalar_one(), "chosen_at": None}
        connection.execute(update(Trial).where(Trial.id == trial).values(changes))


def thresholds(connection: Connection, name: str) -> Thresholds:
    """Estimates for every session with an answer to an adaptive trial.

    Raises UserError if there is no such study, or if it is not adaptive.
    """
    study = studies.known(connection, name)
    definition = Definition.parse(study.definition)
    adaptive = definition.design.adaptive
    if adaptive is None:
        raise UserError(f"the study {name} has no [adaptive] trials, and so no thresholds")
    severities = definition.grid.severities
    return Thresholds(
        *(name, adaptive.perturbation, PERTURBATIONS[adaptive.perturbation].unit),
        *((min(severities), max(severities)), adaptive.target, study.rehearsal),
        list(_session_thresholds(connection, definition, study.id, adaptive.target)),
    )


def _session_thresholds(
    connection: Connection, definition: Definition, study_id: int, target: float
) -> Iterator[SessionThreshold]:
    by_session: dict[str, list[_Dealt]] = {}
    of_study = _dealt(definition).where(Stimulus.study_id == study_id, Response.id.is_not(None))
    for row in connection.execute(of_study):
        one = _Dealt._make(row)
        by_session.setdefault(one.session, []).append(one)
    out = excluded(connection, study_id)
    for session in _sessions(connection, study_id):
        if trials := by_session.get(session.id):
            posterior = Posterior.of(definition.grid, _judged(definition, trials))
            yield SessionThreshold(
                *(session.pseudonym, posterior.trials, session.participant_id in out),
                *((trials[-1].client or {}).get("agent"), posterior.threshold, posterior.at(target)),
            )


def _sessions(connection: Connection, study_id: int) -> list[Row[Any]]:
    statement = (
        select(*(Session.id, Session.participant_id, Participant.pseudonym))
        .join(Participant, Participant.id == Session.participant_id)
        .where(Session.study_id == study_id)
        .order_by(Session.participant_id, Session.id)
    )
    return list(connection.execute(statement))
