"""The token bucket: never more than it holds, never faster than its rate, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment_server.services.allowance import DISORDER, Allowance, exhausted, spend

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def granted(times: list[datetime], per_minute: int) -> list[datetime]:
    """Those of the requests at these times that are granted, refused ones changing nothing."""
    allowance, granted_at = None, []
    for time in times:
        spent = spend(allowance, time, per_minute)
        if isinstance(spent, Allowance):
            allowance = spent
            granted_at.append(time)
    return granted_at


def test_the_first_request_finds_it_full() -> None:
    assert spend(None, NOW, 60) == Allowance(59, NOW)


def test_it_fills_again_at_its_rate_and_no_further() -> None:
    assert spend(Allowance(3, NOW), after(5), 60) == Allowance(7, after(5))
    assert spend(Allowance(3, NOW), after(5000), 60) == Allowance(59, after(5000))


def test_an_empty_one_says_how_long_to_wait() -> None:
    assert spend(Allowance(0.25, NOW), NOW, 30) == 1.5
    assert spend(Allowance(0.25, NOW), after(1.5), 30) == Allowance(0, after(1.5))


def test_a_lower_limit_takes_effect_at_once() -> None:
    assert spend(Allowance(500, NOW), NOW, 10) == Allowance(9, NOW)


def test_requests_out_of_order_count_no_second_twice() -> None:
    assert spend(Allowance(3, NOW), after(-1), 60) == Allowance(2, NOW)
    assert spend(Allowance(0, NOW), after(-1), 60) == 2.0


def test_a_clock_that_was_set_back_locks_nobody_out() -> None:
    assert spend(Allowance(0, NOW), after(-3600), 60) == Allowance(59, after(-3600))


def test_the_refusal_tells_a_whole_number_of_seconds() -> None:
    error = exhausted("too_many_requests", "Please wait.", 2.001)
    assert (error.status, error.code, error.retryable, error.retry_after) == (
        429,
        "too_many_requests",
        True,
        3,
    )


#: steps of a clock in seconds: mostly forward, sometimes back by anything
steps = st.one_of(st.floats(0, 5), st.floats(0, 200), st.floats(-10_000, 0))


@given(
    left=st.floats(0, 1000),
    behind=st.floats(-100_000, 100_000),
    per_minute=st.integers(min_value=1, max_value=1000),
)
def test_it_never_holds_more_than_a_minutes_worth(left: float, behind: float, per_minute: int) -> None:
    spent = spend(Allowance(left, after(behind)), NOW, per_minute)
    if isinstance(spent, Allowance):
        assert 0 <= spent.left <= per_minute - 1
    else:
        assert left < 1


@given(
    left=st.floats(0, 1000),
    behind=st.floats(-100_000, 100_000),
    per_minute=st.integers(min_value=1, max_value=1000),
)
def test_whoever_waits_as_long_as_told_is_let_through(left: float, behind: float, per_minute: int) -> None:
    before = Allowance(left, after(behind))
    wait = spend(before, NOW, per_minute)
    if isinstance(wait, Allowance):
        return
    assert 0 < wait <= 60 / per_minute + DISORDER.total_seconds()
    assert isinstance(spend(before, after(wait + 1e-5), per_minute), Allowance)


@given(st.lists(st.floats(0, 30), min_size=1, max_size=300), st.integers(min_value=1, max_value=60))
def test_no_stretch_of_time_grants_more_than_the_rate_and_one_burst(
    pauses: list[float], per_minute: int
) -> None:
    times = granted([after(seconds) for seconds in accumulate(pauses)], per_minute)
    for number, end in enumerate(times):
        for earlier, begin in enumerate(times[: number + 1]):
            seconds = (end - begin).total_seconds()
            assert number - earlier + 1 <= per_minute + seconds * per_minute / 60 + 1e-6


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=200),
    st.lists(st.floats(0, DISORDER.total_seconds()), min_size=200, max_size=200),
    st.integers(min_value=1, max_value=60),
)
def test_requests_that_overtake_each_other_gain_nothing(
    pauses: list[float], late: list[float], per_minute: int
) -> None:
    asked = [after(seconds) for seconds in accumulate(pauses)]
    seen = [max(NOW, time - timedelta(seconds=delay)) for time, delay in zip(asked, late, strict=False)]
    seconds = (max(seen) - NOW).total_seconds()
    assert len(granted(seen, per_minute)) <= per_minute + seconds * per_minute / 60 + 1e-6


@given(st.lists(steps, min_size=1, max_size=200), st.integers(min_value=1, max_value=60))
def test_a_clock_that_jumps_grants_at_most_one_burst_for_each_jump_back(
    jumps: list[float], per_minute: int
) -> None:
    times = [after(seconds) for seconds in accumulate(jumps)]
    forward = sum(jump for jump in jumps if jump > 0)
    back = [jump for jump in jumps if jump < 0]
    most = (len(back) + 1) * per_minute + (forward - sum(back)) * per_minute / 60
    assert len(granted(times, per_minute)) <= most + 1e-6


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600])
def test_in_the_long_run_it_is_exactly_the_rate(per_minute: int) -> None:
    """Times are whole microseconds, so that the last one may fall just short."""
    minutes = 50
    step = 60 / per_minute / 4
    times = [after(number * step) for number in range(4 * per_minute * minutes + 1)]
    assert len(granted(times, per_minute)) - per_minute * minutes in (per_minute - 1, per_minute)
