"""Whether every session went along the arrows of the diagram in docs/allocation.md."""

from __future__ import annotations

from sqlalchemy import Engine

from tests.functional.invariants import sittings, snapshot
from tests.properties.diagrams import START, arrows

#: events that leave a session where it is
STAYING = ("resumed", "presented", "responded", "recorded", "practised", "erased")


def check_histories(engine: Engine) -> None:
    """Fail unless each session's events, followed on the diagram, lead to where it is."""
    ways = {(place, event): after for place, event, after in arrows("A session")}
    with snapshot(engine) as connection:
        for sitting in sittings(connection):
            place = START
            for event in (event.kind for event in sitting.events if event.kind not in STAYING):
                place = ways[place, event]
            assert place == (sitting.session.outcome or sitting.session.phase)
