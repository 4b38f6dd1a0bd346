"""``python -m tests.chaos``: the long kill test. Exits with 1 if anything was lost or is wrong."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.kills import KINDS, raise_on_term
from tests.chaos.run import Plan, Result, run
from tests.chaos.table import table


def main() -> None:
    """Do what the arguments say; the tables are the last lines."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--backend", choices=[*KINDS, "both"], default="both")
    parser.add_argument("--kills", type=int, default=100, help="on each backend")
    parser.add_argument("--participants", type=int, default=Plan.participants, help="at a time")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    options = parser.parse_args()
    raise_on_term()
    backends = list(KINDS) if options.backend == "both" else [options.backend]
    plans = [
        Plan(backend, options.kills, options.participants, seed=options.seed, jobs=True)
        for backend in backends
    ]
    results: list[Result] = []
    try:
        for plan in plans:
            results.append(_run(plan))
    finally:
        _tell(results)
    sys.exit(1 if any(result.faults for result in results) else 0)


def _tell(results: Sequence[Result]) -> None:
    for result in results:
        for fault in result.faults:
            _say(fault)
    print("\n\n".join(table(result) for result in results))


def _run(plan: Plan) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="interpscore-chaos-"))
    whole = False
    try:
        result = run(plan, folder, _say)
        whole = not result.faults
    finally:
        if whole:
            shutil.rmtree(folder)
        else:
            _say(f"the logs are in {folder}")
    return result


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
