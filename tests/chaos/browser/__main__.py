"""``python -m tests.chaos.browser``: real browsers in trouble. Exits with 1 if anything is amiss."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.browser.run import Plan, run
from tests.chaos.browser.table import table
from tests.chaos.kills import raise_on_term


def main() -> None:
    """Do what the arguments say; the table is the last lines."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.browser", description=__doc__)
    parser.add_argument("--sessions", type=int, default=Plan.sessions)
    parser.add_argument("--at-a-time", type=int, default=Plan.at_a_time)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    options = parser.parse_args()
    raise_on_term()
    folder = Path(tempfile.mkdtemp(prefix="interpscore-chaos-"))
    result = run(Plan(options.sessions, options.at_a_time, seed=options.seed), folder, _say)
    for fault in result.faults:
        _say(fault)
    print(table(result))
    if result.faults:
        sys.exit(f"the log of the server is in {folder}")
    shutil.rmtree(folder)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
