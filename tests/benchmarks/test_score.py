"""The vectorised scorer beside the plain one, on data of the published shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from scoring.neuron_map import Pair
from scoring.published.interpscore import Settings, score
from scoring.trial_table import read_trials
from tests.reference import published_score_twin as twin
from tests.reference.published_data import of_published_shape, write

FRAME = of_published_shape(0)
EXPERIMENT = FRAME[FRAME["trial_category"] == "experiment"]
PAIRS = [
    Pair(int(column.removeprefix("activation_")), str(concept))
    for column in FRAME.columns
    if column.startswith("activation_")
    for concept in EXPERIMENT["ground_truth"].unique()
]


@pytest.mark.benchmark(group="score all pairs of ten units and ten concepts")
def test_vectorised(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    frame = read_trials(write(FRAME, tmp_path / "data.csv"))
    benchmark(score, frame, PAIRS, Settings(resamples=0))


@pytest.mark.benchmark(group="score all pairs of ten units and ten concepts")
def test_row_by_row(benchmark: BenchmarkFixture) -> None:
    rows = FRAME.to_dict("records")
    benchmark(lambda: [twin.scores(rows, pair.channel, pair.concept) for pair in PAIRS])  # type: ignore[arg-type]
