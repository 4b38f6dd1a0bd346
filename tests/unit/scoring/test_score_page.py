"""The documentation of the default score names every column, component and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring import controls
from scoring.metrics import causality, human_consistency, robustness, sample
from scoring.metrics.registry import METRICS
from scoring.results import RESULT_COLUMNS

DOCS = Path(__file__).parents[3] / "docs"
REASONS = (
    *(sample.CONSTANT, sample.FEW_SOURCES, robustness.NO_CONDITION, causality.NOT_MEASURED),
    *(human_consistency.FEW, human_consistency.NO_VARIANCE, human_consistency.UNRELIABLE),
    *(human_consistency.UNREPEATED, causality.SILENT),
    *(causality.FEW_IMAGES, causality.NO_CONTROLS, causality.NOT_THIS_UNIT),
)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("column", RESULT_COLUMNS)
def test_each_column_of_the_results(column: str) -> None:
    assert f"`{column}`" in page("score.md")


def test_the_columns_of_the_controls() -> None:
    assert f"`{', '.join(controls.COLUMNS)}`" in page("score.md")


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason(reason: str) -> None:
    assert f"`{reason}`" in page("statistics.md")


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_each_metric(metric: sample.Metric) -> None:
    assert f"**e_{metric.symbol}** {metric.name}" in page("statistics.md")
