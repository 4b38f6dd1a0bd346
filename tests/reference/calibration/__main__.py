"""``python -m tests.reference.calibration``: simulate studies with known truth, and count what is covered."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd

from tests.reference.calibration.designs import DESIGNS, truth
from tests.reference.calibration.studies import intervals, null_p_values
from tests.reference.calibration.tables import coverage_table, markdown, null_table, presented

Done = TypeVar("Done")

#: studies between two lines of progress
CHUNK = 20


def main() -> None:
    """Do what the arguments say; the tables are the last lines."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference.calibration", description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="of each design")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resamples", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="also write the tables there")
    parser.add_argument("--raw", type=Path, help="write every interval there, as CSV")
    options = parser.parse_args()
    started = time.monotonic()
    known, found = truth(options.seed), []
    for design in DESIGNS:
        work = partial(intervals, design, options.seed, resamples=options.resamples)
        found += [one for study in _each(work, options.studies, options.jobs, design) for one in study]
    if options.raw:
        pd.DataFrame(found).to_csv(options.raw, index=False)
    test = partial(null_p_values, options.seed, resamples=options.resamples)
    noise = list(_each(test, options.studies, options.jobs, "noise"))
    report = "\n\n".join([markdown(presented(coverage_table(found, known))), markdown(null_table(noise))])
    spent = f"{options.studies} studies a design, seed {options.seed}, {options.resamples} resamples"
    text = f"{report}\n\n{spent}, {(time.monotonic() - started) / 60:.0f} minutes.\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _each(work: Callable[[int], Done], studies: int, jobs: int, what: str) -> Iterator[Done]:
    with ProcessPoolExecutor(jobs) as pool:
        done = pool.map(_numbered, [work] * studies, range(studies), chunksize=CHUNK)
        for number, found in enumerate(done, 1):
            if not number % (10 * CHUNK):
                sys.stderr.write(f"{what}: {number} of {studies}\n")
            yield found


def _numbered(work: Callable[..., Done], study: int) -> Done:
    return work(study=study)


if __name__ == "__main__":
    main()
