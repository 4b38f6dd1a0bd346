"""All pairs of 2,560 units and 10 concepts on 7,290 responses, beside the published way.

Ours runs in a process of its own, reading included; the published way copies the frame and filters it for
each pair, and is extrapolated from a sample.

    python -m tests.benchmarks.test_score TABLE.parquet default 1000
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from tests.benchmarks.numbers_table import Numbers
from tests.reference.published_data import CONCEPTS, published

ROOT = Path(__file__).parents[2]
UNITS, RESPONSES = 2560, 7290
MORE = ("droplets", "raised hand", "mushrooms", "fashion model")
#: pairs that the published way is run on
SAMPLE = 12


def large_table(path: Path) -> pd.DataFrame:
    """Write a trial table of the published shape with 2,560 units; a third of their values are 0."""
    rng = np.random.default_rng(0)
    frame = published(0, concepts=[*CONCEPTS, *MORE], units=(), sources=27, raters=7)
    frame = frame[frame["trial_category"] == "experiment"].iloc[:RESPONSES].reset_index(drop=True)
    image, first = pd.factorize(frame["image_basename"])
    values = rng.exponential(size=(len(first), UNITS)) * (rng.random((len(first), UNITS)) > 0.3)
    names = [f"activation_{unit}" for unit in range(UNITS)]
    activations = pd.DataFrame(values.astype(np.float32)[image], columns=names)
    whole = pd.concat([frame, activations], axis=1)
    whole.to_parquet(path)
    return whole


def published_way(frame: pd.DataFrame, unit: int, concept: str) -> tuple[float, float, float]:
    """S, R and H of one pair from a copy of the frame, as the published script goes about it."""
    rows = frame.copy()
    rows["value"], rows["own"] = rows[f"activation_{unit}"], rows["ground_truth"].str.lower() == concept
    own, others = rows[rows["own"]], rows[~rows["own"]]
    x, y = own.loc[own["level"] == 5, "value"], others.loc[others["level"] == 5, "value"]
    pooled = np.sqrt((x.var() * (len(x) - 1) + y.var() * (len(y) - 1)) / (len(x) + len(y) - 2))
    g = (1 - 3 / (4 * (len(x) + len(y)) - 9)) * (x.mean() - y.mean()) / pooled
    known = own[own["soft_correct"].astype(float) == 1]
    ratios = [
        (known.loc[known["level"].isin(levels), "value"].abs().mean() + 1e-8) / (x.abs().mean() + 1e-8)
        for levels in ((1, 2), (3,))
    ]
    above = own[own["value"] > y.quantile(0.95)]
    consistency = above["soft_correct"].astype(float).mean() if len(above) else 0.0
    return float(ndtr(g / np.sqrt(2))), float(np.mean([min(r, 1 / r) for r in ratios])), float(consistency)


def in_a_process(table: Path, method: str, resamples: int) -> dict[str, Any]:
    """Score every pair in a new process; seconds with reading, and its largest memory."""
    command = [sys.executable, "-m", "tests.benchmarks.test_score", str(table), method, str(resamples)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_every_pair(tmp_path: Path, numbers: Numbers) -> None:
    table = tmp_path / "trials.parquet"
    frame = large_table(table)
    began = time.perf_counter()
    concepts = [*CONCEPTS, *MORE]
    for pair in range(SAMPLE):
        published_way(frame, 200 * pair, concepts[pair % len(concepts)])
    slow = (time.perf_counter() - began) / SAMPLE * UNITS * len(concepts)
    what = f"S, R, H of {UNITS} units x {len(concepts)} concepts, {len(frame)} responses, with reading"
    for method, where in (("published", "published formulas"), ("default", "effect sizes")):
        fast = in_a_process(table, method, 0)
        numbers.add(what, where, f"{fast['seconds']:.2f} s ({fast['reading']:.2f} s of it reading)", "< 3 s")
        numbers.add("  times faster than the published way", where, f"{slow / fast['seconds']:.0f}", ">= 500")
    numbers.add("  the published way, extrapolated", f"from {SAMPLE} pairs", f"{slow / 60:.0f} min")
    whole = in_a_process(table, "default", 1000)
    numbers.add(
        "  with intervals from 1,000 draws of sources", "effect sizes", f"{whole['seconds']:.0f} s", "< 90 s"
    )
    numbers.add("  its largest memory", "", f"{whole['megabytes']:.0f} MB", "< 4096 MB")


def main(table: str, method: str, resamples: str) -> None:
    """Score every pair of a table and print what it took."""
    from scoring.effects import Settings
    from scoring.interpscore import score_cells
    from scoring.published.every_pair import every_pair
    from scoring.published.interpscore import Settings as Published
    from scoring.trial_cells import Levels, cells_of_trials
    from scoring.trial_table import channels, read_trials

    began = time.perf_counter()
    frame = read_trials(Path(table))
    reading = time.perf_counter() - began
    units = channels(list(frame.columns))
    if method == "published":
        every_pair(frame, units, Published(resamples=0))
    else:
        cells = cells_of_trials(frame, units, Levels(5, (4,)), "soft_correct", table).cells
        score_cells(cells, None, Settings(resamples=int(resamples)))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "reading": reading,
                "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
