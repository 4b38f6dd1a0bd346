"""A whole study without a database: everybody does anything, in any order, over the pure parts alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from experiment_server.design.allocation import Candidate, Kind, design_session
from experiment_server.trials.state import (
    CLOSED,
    ERASED,
    OPEN,
    VANISHED,
    WITHDREW,
    ForbiddenTransitionError,
    State,
    TrialEvent,
    transition,
)
from tests.properties.diagrams import arrows
from tests.properties.quota import over_quota
from tests.properties.test_allocation import spans, uneven_candidates

#: of the diagram of a session in docs/allocation.md
ARROWS = arrows("A session")
#: a session that is idle for longer gives its place back
IDLE = 30
TRIALS: dict[Kind, int] = {"practice": 1, "test": 5, "catch": 1}


@dataclass
class Trial:
    """One trial, and every state that it was in."""

    candidate: Candidate
    kind: str
    states: list[State] = field(default_factory=lambda: ["assigned"])

    @property
    def state(self) -> State:
        return self.states[-1]

    def take(self, event: TrialEvent) -> bool:
        """Whether the trial takes the event; it stays as it is otherwise."""
        try:
            self.states.append(transition(self.state, event))
        except ForbiddenTransitionError:
            return False
        return True


@dataclass
class Session:
    """One participant's session, as the services keep it."""

    seen: int
    phase: str = "consent"
    outcome: str | None = None
    trials: list[Trial] = field(default_factory=list)

    @property
    def waiting(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.state in OPEN]

    @property
    def answered(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.state == "responded"]

    @property
    def place(self) -> str:
        """Where it is in the documentation's diagram."""
        return self.outcome or self.phase

    def move(self, event: str, place: str) -> None:
        """Go along an arrow of the diagram."""
        assert (self.place, event, place) in ARROWS
        ended = place not in ("trials", "debrief")
        self.phase, self.outcome = ("finished", place) if ended else (place, None)


class Study(RuleBasedStateMachine):
    """Arrivals, consents, answers, reloads, disappearances, withdrawals, and time."""

    sessions = Bundle[Session]("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.everybody: list[Session] = []
        self.counts: Counter[int] = Counter()

    @initialize(
        sources=st.lists(st.integers(3, 6), min_size=2, max_size=4),
        conditions=st.integers(1, 4),
        places=st.integers(1, 16),
        seed=st.integers(0, 2**32),
    )
    def create(self, sources: list[int], conditions: int, places: int, seed: int) -> None:
        self.test = uneven_candidates(sources, conditions)
        self.extra = {
            kind: [Candidate(first + n, f"{kind} {n % 2}", "clean", f"{kind} {n}", 0) for n in range(4)]
            for kind, first in (("practice", 1000), ("catch", 2000))
        }
        self.places, self.rng = places, Random(seed)

    def taken(self) -> int:
        return sum(one.outcome in (None, "completed") for one in self.everybody)

    @rule(target=sessions)
    def arrive(self) -> Session | MultipleResults[Session]:
        self.give_back_idle()
        if self.taken() >= self.places:
            return multiple()
        self.everybody.append(Session(self.now))
        return self.everybody[-1]

    @rule()
    def all_places_are_taken(self) -> None:
        """By people of whom nothing more is heard."""
        while self.taken() < self.places:
            self.everybody.append(Session(self.now))
            self.agree(self.everybody[-1])

    @rule(session=sessions)
    def reload(self, session: Session) -> None:
        session.seen = self.now

    @rule(session=sessions)
    def agree(self, session: Session) -> None:
        if session.phase != "consent":
            return
        self.give_back_idle(but=session)
        plan = design_session(
            self.counted(self.extra["practice"]),
            self.counted(self.test),
            self.counted(self.extra["catch"]),
            TRIALS,
            self.rng,
        )
        session.trials = [Trial(one.candidate, one.kind) for one in plan]
        self.counts.update(one.candidate.id for one in plan)
        session.move("consented", "trials")
        session.seen = self.now

    def counted(self, pool: list[Candidate]) -> list[Candidate]:
        return [replace(one, count=self.counts[one.id]) for one in pool]

    @rule(session=sessions)
    def refuse(self, session: Session) -> None:
        if session.phase == "consent":
            session.move("refused", "no_consent")

    @rule(session=sessions, number=st.integers(0, 6))
    def present(self, session: Session, number: int) -> None:
        """The notice of any trial, which may come late, twice or never."""
        if number < len(session.trials):
            assert session.trials[number].take("present")

    @rule(session=sessions, number=st.integers(0, 6))
    def respond(self, session: Session, number: int) -> None:
        """An answer to the trial whose turn it is; to any other it is refused."""
        if number >= len(session.trials):
            return
        trial = session.trials[number]
        if session.phase != "trials" or trial is not session.waiting[0]:
            assert trial.state in OPEN or not trial.take("respond")
            return
        assert trial.take("respond")
        session.seen = self.now
        if not session.waiting:
            session.move("debriefed", "debrief")

    @rule(session=sessions)
    def answer_the_rest(self, session: Session) -> None:
        for number in range(len(session.trials)):
            self.respond(session, number)

    @rule(session=sessions)
    def finish(self, session: Session) -> None:
        if session.phase == "debrief":
            session.move("completed", "completed")

    @rule(session=sessions)
    def withdraw(self, session: Session) -> None:
        if session.outcome is None:
            self.close(session, WITHDREW, ("withdrew", "withdrawn"))

    @rule(session=sessions)
    def withdraw_and_delete(self, session: Session) -> None:
        """As withdrawing; then no trial has an answer."""
        if session.outcome is not None:
            return
        answered = session.answered
        self.close(session, WITHDREW, ("withdrew", "withdrawn"))
        for trial in answered:
            assert trial.take(ERASED["responded"])
            self.counts[trial.candidate.id] -= 1

    @rule(minutes=st.sampled_from([1, 10, IDLE + 1]))
    def wait(self, minutes: int) -> None:
        self.now += minutes

    @rule()
    def give_back(self) -> None:
        """What the worker does from time to time."""
        self.give_back_idle()

    def give_back_idle(self, but: Session | None = None) -> None:
        for session in self.everybody:
            idle = session.outcome is None and session.phase != "debrief" and session.seen < self.now - IDLE
            if idle and session is not but:
                self.close(session, VANISHED, ("abandoned", "abandoned"))

    def close(self, session: Session, events: dict[State, TrialEvent], ending: tuple[str, str]) -> None:
        for trial in session.waiting:
            assert trial.take(events[trial.state])
            self.counts[trial.candidate.id] -= 1
        session.move(*ending)

    @invariant()
    def no_trial_leaves_a_closed_state(self) -> None:
        for trial in (trial for session in self.everybody for trial in session.trials):
            closed = [state for state in trial.states if state in CLOSED]
            assert len(set(closed)) <= 1 or closed == [*closed[:-1], "abandoned"]
            assert set(closed[:-1]) <= {"responded"} or len(set(closed)) == 1
            assert trial.states[-len(closed) :] == closed or not closed

    @invariant()
    def no_more_places_are_taken_than_there_are(self) -> None:
        assert not self.everybody or self.taken() <= self.places

    @invariant()
    def counts_are_the_trials_that_hold_or_used_a_stimulus(self) -> None:
        held = Counter(
            trial.candidate.id
            for session in self.everybody
            for trial in session.trials
            if trial.state in (*OPEN, "responded")
        )
        assert +self.counts == held

    @invariant()
    def trials_end_with_their_session(self) -> None:
        for session in self.everybody:
            assert bool(session.waiting) == (session.phase == "trials")
            assert session.answered == session.trials[: len(session.answered)]
            if session.outcome == "completed":
                assert len(session.answered) == len(session.trials) == 7

    @invariant()
    def everybody_has_a_full_and_balanced_set(self) -> None:
        for session in (one for one in self.everybody if one.trials):
            shown = [trial.candidate for trial in session.trials]
            assert Counter(trial.kind for trial in session.trials) == TRIALS
            assert len({one.source for one in shown}) == len(shown)
            test = [trial.candidate for trial in session.trials if trial.kind == "test"]
            assert spans((one.concept for one in test), len({one.concept for one in self.test})) <= 1
            assert spans((one.condition for one in test), len({one.condition for one in self.test})) <= 1

    @precondition(lambda self: self.everybody)
    @invariant()
    def no_stimulus_is_over_its_quota(self) -> None:
        """As long as nobody who left had answered; see docs/allocation.md for when some had."""
        left = [one for one in self.everybody if one.outcome in ("withdrawn", "abandoned")]
        if any("responded" in trial.states for one in left for trial in one.trials):
            return
        cells = {one.id: (one.concept, one.condition) for one in self.test}
        assert over_quota(cells, self.counts, self.places * TRIALS["test"]) == {}


Study.TestCase.settings = settings(
    max_examples=settings().max_examples // 2, stateful_step_count=40, deadline=None
)
TestStudy = Study.TestCase
