"""What the participants gave, held against what the database has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, select

from experiment_server.models import Record
from tests.chaos import verdict as of_server
from tests.chaos.browser.journal import Sitting as Sat
from tests.chaos.verdict import Sitting, Stored
from tests.functional.invariants import snapshot

#: what each session records, and how many answers it gives before
RECORDS = {"warning": 0, "break": 4}


@dataclass(frozen=True)
class Verdict:
    """What is wrong, one sentence each; all empty if nothing is."""

    #: the page showed it as taken, and it is not in the database
    lost: Sequence[str]
    #: there more than once
    doubled: Sequence[str]
    #: there with words that nobody gave to that trial
    altered: Sequence[str]
    #: a session's answers stand in another order than they were given in
    out_of_order: Sequence[str]
    #: what a completed session should have recorded between its answers, and has not there
    records: Sequence[str]
    #: a completion code without all answers, or all answers without one
    codes: Sequence[str]


class Recorded(NamedTuple):
    """One row of the table record."""

    session: str
    kind: str
    received_at: datetime


def read_records(engine: Engine) -> list[Recorded]:
    """All records."""
    with snapshot(engine) as connection:
        rows = connection.execute(select(Record.session_id, Record.kind, Record.received_at))
        return [Recorded._make(row) for row in rows]


def judge(
    sat: Sequence[Sat],
    stored: Sequence[Stored],
    records: Sequence[Recorded],
    sittings: dict[str, Sitting],
) -> Verdict:
    """Hold all that was given against all that is stored."""
    rows: dict[str, list[Stored]] = defaultdict(list)
    for row in stored:
        rows[row.response].append(row)
    plain = of_server.judge((), stored, {})
    return Verdict(
        lost=[f"{one.text!r}" for sitting in sat for one in sitting.given if one.text not in rows],
        doubled=[
            *plain.doubled,
            *(f"{text!r}: {len(found)} rows" for text, found in rows.items() if found[1:]),
        ],
        altered=list(_altered(sat, stored)),
        out_of_order=plain.out_of_order,
        records=list(_wrong_records(stored, records, sittings)),
        codes=list(_wrong_codes(sat, rows, sittings)),
    )


def _altered(sat: Sequence[Sat], stored: Sequence[Stored]) -> Iterator[str]:
    pressed = {(one.text, one.index) for sitting in sat for one in sitting.pressed}
    for row in stored:
        if (row.response, row.trial_index) not in pressed:
            yield f"session {row.session}: nobody gave {row.response!r} to trial {row.trial_index}"


def _wrong_codes(
    sat: Sequence[Sat], rows: dict[str, list[Stored]], sittings: dict[str, Sitting]
) -> Iterator[str]:
    for sitting in sat:
        answers = [row for one in sitting.pressed for row in rows.get(one.text, [])]
        outcomes = {sittings[row.session].outcome for row in answers}
        complete = len(answers) == sitting.trials and outcomes == {"completed"}
        if complete != (sitting.code is not None):
            known = f"{len(answers)} of {sitting.trials} answers, {outcomes}"
            yield f"{sitting.pid}: code {sitting.code}, {known}"


def _wrong_records(
    stored: Sequence[Stored], records: Sequence[Recorded], sittings: dict[str, Sitting]
) -> Iterator[str]:
    """Each is stored once, and between the answers that were given before and after it."""
    for session in (key for key, sitting in sittings.items() if sitting.outcome == "completed"):
        answers = sorted(row.received_at for row in stored if row.session == session)
        for kind, before in RECORDS.items():
            times = [row.received_at for row in records if (row.session, row.kind) == (session, kind)]
            if [sum(answer <= time for answer in answers) for time in times] != [before]:
                yield f"session {session}: {kind} recorded at {times}, answers at {answers}"
