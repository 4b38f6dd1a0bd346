"""What holds of a trial's states, whatever happens in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_server.trials.state import (
    CLOSED,
    ERASED,
    EVENTS,
    OPEN,
    SKIPPED,
    STATES,
    VANISHED,
    WITHDREW,
    ForbiddenTransitionError,
    State,
    TrialEvent,
    transition,
)
from tests.properties.diagrams import arrows

#: deleting answers has tests of its own
GOING_ON = [event for event in EVENTS if event != "erase"]
events = st.lists(st.sampled_from(GOING_ON), max_size=12)
ORDER = {"assigned": 0, "presented": 1, "responded": 2, "timed_out": 2, "abandoned": 2}


def follow(happenings: list[TrialEvent]) -> list[State]:
    """The states of a trial; an event that is refused leaves it where it is."""
    states: list[State] = ["assigned"]
    for event in happenings:
        try:
            states.append(transition(states[-1], event))
        except ForbiddenTransitionError:
            states.append(states[-1])
    return states


@given(events)
def test_a_trial_never_goes_back(happenings: list[TrialEvent]) -> None:
    ranks = [ORDER[state] for state in follow(happenings)]
    assert ranks == sorted(ranks)


@given(events)
def test_a_closed_trial_stays_as_it_is(happenings: list[TrialEvent]) -> None:
    states = follow(happenings)
    closed = [state for state in states if state in CLOSED]
    assert len(set(closed)) <= 1


@given(events)
def test_a_response_is_taken_at_most_once(happenings: list[TrialEvent]) -> None:
    state: State = "assigned"
    taken = 0
    for event in happenings:
        try:
            state = transition(state, event)
        except ForbiddenTransitionError:
            continue
        taken += event == "respond"
    assert taken <= 1
    assert (state == "responded") == (taken == 1)


@given(events)
def test_presenting_again_changes_nothing(happenings: list[TrialEvent]) -> None:
    state = follow(happenings)[-1]
    once = transition(state, "present")
    assert transition(once, "present") == once


@pytest.mark.parametrize("state", OPEN)
def test_every_open_trial_can_be_answered_and_abandoned(state: State) -> None:
    assert transition(state, "respond") == "responded"
    assert transition(state, "abandon") == "abandoned"


def test_a_forbidden_event_is_said() -> None:
    with pytest.raises(ForbiddenTransitionError) as caught:
        transition("responded", "respond")
    assert str(caught.value) == "a trial that is responded does not take the event respond"


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    taken = {("[*]", "", "assigned")}
    for state in STATES:
        for event in EVENTS:
            try:
                taken.add((state, event, transition(state, event)))
            except ForbiddenTransitionError:
                continue
    assert arrows("A trial") == taken


@pytest.mark.parametrize("state", STATES)
def test_only_an_answer_can_be_deleted_and_nothing_of_it_comes_back(state: State) -> None:
    if state not in ERASED:
        with pytest.raises(ForbiddenTransitionError):
            transition(state, "erase")
        return
    erased = transition(state, ERASED[state])
    assert erased == "abandoned"
    assert [event for event in EVENTS if may(erased, event)] == ["present"]


def may(state: State, event: TrialEvent) -> bool:
    try:
        return transition(state, event) == state
    except ForbiddenTransitionError:
        return False


@pytest.mark.parametrize("state", OPEN)
def test_whoever_leaves_closes_every_open_trial(state: State) -> None:
    assert transition(state, VANISHED[state]) in ("timed_out", "abandoned")
    assert transition(state, WITHDREW[state]) == "abandoned"
    assert transition(state, SKIPPED[state]) == "abandoned"
