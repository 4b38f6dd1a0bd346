"""The published S, R and H once more, row by row in plain Python, straight from their definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Row = dict[str, object]


@dataclass(frozen=True)
class Scores:
    s: float
    r: float
    h: float


def scores(
    rows: Sequence[Row],
    unit: int,
    concept: str,
    *,
    clean_level: int = 5,
    recognizable: Sequence[int] = (1, 2),
    adversarial: Sequence[int] = (3,),
    percentile: float = 0.95,
    human: str = "soft_correct",
) -> Scores:
    """Score one pair from rows with level, ground_truth, trial_category, the score and activation_<unit>."""
    counted = [row for row in rows if row["trial_category"] == "experiment"]
    ours: list[tuple[int, float, float]] = []
    others: list[tuple[int, float, float]] = []
    for row in counted:
        shows_it = str(row["ground_truth"]).lower() == concept.lower()
        entry = (int(str(row["level"])), number(row[f"activation_{unit}"]), number(row[human]))
        (ours if shows_it else others).append(entry)
    clean_ours = [activation for level, activation, _ in ours if level == clean_level]
    clean_others = [activation for level, activation, _ in others if level == clean_level]
    return Scores(
        selectivity(clean_ours, clean_others),
        robustness(ours, clean_ours, recognizable, adversarial),
        consistency(ours, clean_others, percentile),
    )


def number(value: object) -> float:
    return float(value) if isinstance(value, bool | int | float) else float(str(value))


def selectivity(x: Sequence[float], y: Sequence[float]) -> float:
    if len(x) < 2 or len(y) < 2:
        return 0.5
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    squares = 0.0
    for value in x:
        squares += (value - mean_x) ** 2
    for value in y:
        squares += (value - mean_y) ** 2
    pooled = math.sqrt(squares / (len(x) + len(y) - 2))
    if pooled <= 1e-12:
        if math.isclose(mean_x, mean_y, rel_tol=1e-5, abs_tol=1e-8):
            return 0.5
        return 1.0 if mean_x > mean_y else 0.0
    correction = 1 - 3 / (4 * (len(x) + len(y)) - 9)
    g = correction * (mean_x - mean_y) / pooled
    return 0.5 * (1 + math.erf(g / math.sqrt(2) / math.sqrt(2)))


def robustness(
    ours: Sequence[tuple[int, float, float]],
    clean: Sequence[float],
    recognizable: Sequence[int],
    adversarial: Sequence[int],
) -> float:
    if not clean:
        return 0.0
    mean_clean = sum(abs(value) for value in clean) / len(clean)
    parts = []
    for levels in (recognizable, adversarial):
        seen = [abs(value) for level, value, soft in ours if level in levels and soft == 1]
        if seen:
            ratio = (sum(seen) / len(seen) + 1e-8) / (mean_clean + 1e-8)
            parts.append(min(ratio, 1 / ratio))
    return sum(parts) / len(parts) if parts else 0.0


def consistency(
    ours: Sequence[tuple[int, float, float]], others: Sequence[float], percentile: float
) -> float:
    if not others:
        return 0.0
    threshold = linear_quantile(sorted(others), percentile)
    softs = [soft for _, value, soft in ours if value > threshold]
    return sum(softs) / len(softs) if softs else 0.0


def linear_quantile(ordered: Sequence[float], quantile: float) -> float:
    """The quantile that interpolates between neighbouring order statistics (pandas's default)."""
    place = (len(ordered) - 1) * quantile
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
