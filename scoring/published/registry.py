"""The registry of metrics: what each is called, its range, and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scoring.published.causality import causality
from scoring.published.human_consistency import human_consistency
from scoring.published.robustness import robustness
from scoring.published.sample import Result, Sample
from scoring.published.selectivity import selectivity

_HEDGES = (
    "Hedges (1981), Distribution theory for Glass's estimator of effect size and related estimators, "
    "Journal of Educational Statistics 6(2), 107-128"
)
_INTERPSCORE = "InterpScore, the published implementation (ernestoBocini/Interpretability-Score)"


@dataclass(frozen=True)
class Metric:
    """One component of InterpScore.

    ``symbol`` is its column; every value lies in ``bounds``; ``higher_is_better`` is its direction;
    ``unit_of_analysis`` is what its formula averages over; ``from_trials`` tells whether sources can be
    resampled for it (C needs the model instead).
    """

    symbol: str
    name: str
    compute: Callable[[Sample], Result]
    bounds: tuple[float, float]
    higher_is_better: bool
    unit_of_analysis: str
    from_trials: bool
    citation: str


#: symbol -> metric, in the order of the results file
METRICS: dict[str, Metric] = {
    metric.symbol: metric
    for metric in (
        Metric("S", "selectivity", selectivity, (0, 1), True, "response to a clean image", True, _HEDGES),
        Metric("C", "causality", causality, (0, 1), True, "clean image", False, _INTERPSCORE),
        Metric("R", "robustness", robustness, (0, 1), True, "response to the concept", True, _INTERPSCORE),
        Metric(
            "H",
            "human consistency",
            human_consistency,
            (0, 1),
            True,
            "response to the concept",
            True,
            _INTERPSCORE,
        ),
    )
}
