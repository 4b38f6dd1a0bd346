"""Fixtures for tests of the database's history."""

from __future__ import annotations

from tests.functional.server_fixture import database_url, postgres_server, settings, small_study

__all__ = ["database_url", "postgres_server", "settings", "small_study"]
