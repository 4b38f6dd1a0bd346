"""Fixtures for tests of a whole server."""

from __future__ import annotations

from tests.functional.server_fixture import (
    clock,
    database_url,
    here,
    live,
    postgres_server,
    settings,
    small_study,
)

__all__ = ["clock", "database_url", "here", "live", "postgres_server", "settings", "small_study"]
