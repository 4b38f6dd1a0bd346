"""Versions of what made a number, and moments as files write them."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import version

from scoring.answers import JUDGE_VERSION


def versions() -> dict[str, str]:
    """Versions of InterpScore, of its judge, of Python, and of the libraries that touch the numbers."""
    libraries = {name: version(name) for name in ("interpscore", "numpy", "pandas", "pyarrow", "scipy")}
    return {**libraries, "judge": JUDGE_VERSION, "python": platform.python_version()}


def utc(moment: datetime) -> str:
    """Write a moment in UTC, to the second: ``2026-03-01T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
