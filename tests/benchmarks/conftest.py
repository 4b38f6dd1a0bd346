"""Servers to measure, and the table of what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.large_study import make_large_study
from tests.benchmarks.numbers_table import Numbers
from tests.functional.server_fixture import database_url, postgres_server

__all__ = ["database_url", "large_study", "numbers", "postgres_server"]

NUMBERS = pytest.StashKey[Numbers]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[NUMBERS] = Numbers()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Print the table, if there is anything in it."""
    del exitstatus
    if config.stash[NUMBERS].rows:
        terminalreporter.section("numbers beside their targets; load: the machine's load average after it")
        terminalreporter.write("\n".join(config.stash[NUMBERS].lines()) + "\n")


@pytest.fixture
def numbers(request: pytest.FixtureRequest) -> Numbers:
    """The table of this run."""
    return request.config.stash[NUMBERS]


@pytest.fixture(scope="session")
def large_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a study of a real size, its stimuli beside it; for reading only."""
    return make_large_study(tmp_path_factory.mktemp("large"))
