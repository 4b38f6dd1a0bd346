"""Leases on SQLite, by a clock of the test's own. Both backends: tests/functional/test_worker.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from experiment_server.models import Base, Lease
from experiment_server.models.database import connect, reading, writing
from experiment_server.services import leases
from experiment_server.services.leases import Claim, LostLeaseError
from experiment_server.settings import Settings

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LENGTH = 15.0


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(Settings.model_validate({"data_dir": tmp_path}))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(clock: Clock) -> Claim:
    return Claim("work", LENGTH, clock)


@pytest.fixture
def other(clock: Clock) -> Claim:
    return Claim("work", LENGTH, clock)


def take(engine: Engine, claim: Claim) -> bool:
    with writing(engine) as connection:
        return leases.take(connection, claim)


def renew(engine: Engine, claim: Claim) -> None:
    with writing(engine) as connection:
        leases.renew(connection, claim)


def stored(engine: Engine) -> tuple[str, datetime, int]:
    with reading(engine) as connection:
        row = connection.execute(select(Lease.holder, Lease.until, Lease.generation)).one()
    return row[0], row[1], row[2]


def test_only_one_has_it(engine: Engine, one: Claim, other: Claim) -> None:
    assert one.holder != other.holder
    assert take(engine, one)
    assert not take(engine, other)
    assert stored(engine) == (one.holder, START + timedelta(seconds=LENGTH), 1)


def test_leases_of_other_names_are_others(engine: Engine, one: Claim, clock: Clock) -> None:
    assert take(engine, one)
    assert take(engine, Claim("other", LENGTH, clock))


def test_it_runs_out_unless_it_is_renewed(engine: Engine, one: Claim, other: Claim, clock: Clock) -> None:
    take(engine, one)
    clock.forward(10)
    renew(engine, one)
    clock.forward(14.9)
    assert not take(engine, other)
    clock.forward(0.1)
    assert take(engine, other)
    assert stored(engine)[2] == 2


def test_who_lost_it_is_told_and_changes_nothing(
    engine: Engine, one: Claim, other: Claim, clock: Clock
) -> None:
    take(engine, one)
    clock.forward(15)
    take(engine, other)
    before = stored(engine)
    with pytest.raises(LostLeaseError):
        renew(engine, one)
    with writing(engine) as connection:
        leases.give_up(connection, one)
    assert stored(engine) == before


def test_one_that_ran_out_and_nobody_took_is_still_ours(engine: Engine, one: Claim, clock: Clock) -> None:
    take(engine, one)
    clock.forward(1000)
    renew(engine, one)
    assert stored(engine) == (one.holder, clock.now + timedelta(seconds=LENGTH), 1)


def test_given_up_it_is_free_at_once_whatever_the_clock(
    engine: Engine, one: Claim, other: Claim, clock: Clock
) -> None:
    take(engine, one)
    with writing(engine) as connection:
        leases.give_up(connection, one)
    with pytest.raises(LostLeaseError):
        renew(engine, one)
    clock.forward(-5)
    assert take(engine, other)


@pytest.mark.parametrize(("back", "locked_out"), [(5, LENGTH), (10, LENGTH), (10.1, 0.0), (3600, 0.0)])
def test_a_clock_set_back_locks_nobody_out_for_longer_than_a_lease(
    engine: Engine, one: Claim, other: Claim, clock: Clock, back: float, locked_out: float
) -> None:
    take(engine, one)
    clock.forward(10)
    assert not take(engine, other)
    clock.forward(-back)
    if locked_out:
        assert not take(engine, other)
    clock.forward(locked_out)
    assert take(engine, other)
