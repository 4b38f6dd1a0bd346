"""Reaching the study database from a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from experiment_server.migrations.schema import require_newest
from experiment_server.models.database import connect, explaining
from experiment_server.settings import Settings


@contextmanager
def study_database(settings: Settings) -> Iterator[Engine]:
    """An engine for a database that is there and set up for this version.

    Raises UserError if it is not, or if it stops answering while the block runs.
    """
    with explaining(settings):
        engine = connect(settings)
        require_newest(engine)
        yield engine
