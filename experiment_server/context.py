"""What a running server holds, handed to the views through the Flask application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import flask
from sqlalchemy import Engine

from experiment_server.pictures import Pictures
from experiment_server.services.studies import Catalogue
from experiment_server.settings import Settings

EXTENSION = "interpscore"
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time by the machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Server:
    """Settings, database, clock and the definitions read so far. ``key``: the installation's secret."""

    settings: Settings
    engine: Engine
    clock: Clock
    key: bytes
    pictures: Pictures
    catalogue: Catalogue = field(default_factory=Catalogue)


def server() -> Server:
    """The server that handles the current request."""
    found: Server = flask.current_app.extensions[EXTENSION]
    return found
