"""Ending trials before they are answered, or taking their answers back, and giving back their stimuli."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, func, select, update

from experiment_server.models import Stimulus, Trial
from experiment_server.services import studies
from experiment_server.trials.state import State, TrialEvent, transition


def end_trials(connection: Connection, which: ColumnElement[bool], ending: Mapping[State, TrialEvent]) -> int:
    """End the trials that are in the states of ``ending``, and take their stimuli off the counts.

    Returns how many they were.
    """
    statement = select(Trial.stimulus_id, func.count()).where(which, Trial.state.in_(ending))
    counts = connection.execute(statement.group_by(Trial.stimulus_id)).all()
    studies.lock_stimuli(connection, (stimulus_id for stimulus_id, _ in counts))
    for stimulus_id, n in counts:
        counted = update(Stimulus).where(Stimulus.id == stimulus_id)
        connection.execute(counted.values(assigned_count=Stimulus.assigned_count - n))
    for state in ending:
        ended = update(Trial).where(which, Trial.state == state)
        connection.execute(ended.values(state=transition(state, ending[state])))
    return sum(n for _, n in counts)
