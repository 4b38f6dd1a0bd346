"""A clock that is set back or forward in the middle of sessions: nobody is abandoned, or kept out, by it."""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import select

from experiment_server.models import Response, Session, Trial
from experiment_server.models.database import connect, reading
from experiment_server.settings import Settings
from tests.functional.answering import ROOMY_STUDY, answering, require_all, unlimited
from tests.functional.invariants import check_invariants
from tests.functional.server_fixture import (
    ROOT,
    Clock,
    Here,
    Participant,
    Reply,
    create_from,
    running_server,
    served_here,
)
from tests.functional.study_files import make_study

HOUR = 60
DAY = 24 * HOUR
TRIALS = 8
#: requests or arrivals per minute that are soon used up
FEW = 12
#: minutes; after each of them an allowance is full
JUMPS = (-HOUR, DAY, -DAY, -DAY, 1)

#: manage.py with a clock that is as many seconds off as a file says
MANAGE_WITH_A_CLOCK = """
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, {root!r})
import manage
from experiment_server import app, serving

def clock():
    return datetime.now(UTC) + timedelta(seconds=float(Path({offset!r}).read_text()))

serving.create_app = partial(app.create_app, clock=clock)
manage.main()
"""


def answer_some(someone: Participant, count: int) -> None:
    """Look at and answer the next trials."""
    for _ in range(count):
        trial = someone.trials(1)[0]
        assert someone.post(f"/trials/{trial['trial']}/presented").status_code == 204
        assert someone.answer(trial).status_code == 200


def outcomes(here: Here) -> list[str | None]:
    with reading(here.engine) as connection:
        return list(connection.execute(select(Session.outcome).order_by(Session.created_at)).scalars())


@pytest.mark.parametrize("jumps", [(-HOUR,), (DAY, -DAY), (-DAY, DAY, -HOUR)])
def test_a_session_goes_on_whatever_the_clock_does(here: Here, jumps: tuple[int, ...]) -> None:
    someone = here.participant()
    someone.consent()
    for jump in jumps:
        answer_some(someone, 2)
        here.clock.forward(jump)
    answer_some(someone, TRIALS - 2 * len(jumps))
    assert someone.post("/session/finish").json["outcome"] == "completed"
    with reading(here.engine) as connection:
        order = connection.execute(select(Trial.trial_index).join(Response).order_by(Response.id)).scalars()
        assert list(order) == list(range(TRIALS))
    check_invariants(here.engine)


def test_after_a_clock_was_set_back_others_abandon_nobody(here: Here) -> None:
    someone = here.participant()
    someone.consent()
    answer_some(someone, 1)
    here.clock.forward(-HOUR)
    here.participant("first").consent()
    here.clock.forward(20)
    here.participant("second").consent()
    assert outcomes(here) == [None] * 3
    answer_some(someone, TRIALS - 1)
    check_invariants(here.engine)


def test_a_sessions_allowance_neither_grows_nor_runs_dry_when_the_clock_changes(
    settings: Settings, small_study: Path, clock: Clock
) -> None:
    create_from(settings, small_study)
    few = settings.model_copy(update={"requests_per_minute": FEW})
    with served_here(few, clock) as here:
        someone = here.participant()
        someone.consent()
        assert 0 < requests_left(someone) < FEW
        for jump in JUMPS:
            clock.forward(jump)
            assert requests_left(someone) == FEW


def test_an_addresss_allowance_neither_grows_nor_runs_dry_when_the_clock_changes(
    settings: Settings, tmp_path: Path, clock: Clock
) -> None:
    create_from(settings, make_study(tmp_path / "study", ROOMY_STUDY))
    few = settings.model_copy(update={"arrivals_per_minute": FEW})
    with served_here(few, clock) as here:
        assert arrivals_left(here) == FEW
        for jump in JUMPS:
            clock.forward(jump)
            assert arrivals_left(here) == FEW


def requests_left(someone: Participant) -> int:
    """How many requests a session may make at this moment; it makes them."""
    count = 0
    while (reply := someone.get("/session/trials?limit=1")).status_code == 200:
        count += 1
        assert count < 10 * FEW
    assert (reply.status_code, reply.json["error"]["code"]) == (429, "too_many_requests")
    return count


def arrivals_left(here: Here) -> int:
    """How many may arrive from one address at this moment; they do."""
    count = 0
    while (reply := arrive(here)).status_code == 201:
        count += 1
        assert count < 10 * FEW
    assert (reply.status_code, reply.json["error"]["code"]) == (429, "too_many_arrivals")
    return count


def arrive(here: Here) -> Reply:
    """Somebody new."""
    return here.post("/studies/small/sessions", {"visitor": str(uuid.uuid4())})


def test_a_real_server_goes_on_whatever_the_clock_does(database_url: str, tmp_path: Path) -> None:
    settings = unlimited(tmp_path / "data", database_url)
    create_from(settings, make_study(tmp_path / "study", ROOMY_STUDY))
    offset, program = tmp_path / "offset", tmp_path / "manage_with_a_clock.py"
    offset.write_text("0")
    program.write_text(MANAGE_WITH_A_CLOCK.format(root=str(ROOT), offset=str(offset)))
    with (
        running_server(settings, program=(sys.executable, str(program))) as server,
        answering(server.url, participants=1) as group,
    ):
        group.go_on(10)
        for seconds in (-3600, 86_400, 0):
            change(offset, seconds)
            group.go_on(10)
    require_all(settings, group)
    assert hours_off(settings) == [-1, -2, 23, -1]


def change(offset: Path, seconds: int) -> None:
    """Change the servers' clock; they never see half a number."""
    new = offset.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(offset)


def hours_off(settings: Settings) -> list[int]:
    """How many hours from now the responses came by the server's clock, as they were stored; runs once."""
    engine = connect(settings)
    with reading(engine) as connection:
        times = connection.execute(select(Response.received_at).order_by(Response.id)).scalars().all()
    engine.dispose()
    now = datetime.now(UTC)
    return [hours for hours, _ in groupby(int((at - now).total_seconds() // 3600) for at in times)]
