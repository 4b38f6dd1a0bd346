"""One estimate with all that has to travel with it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A number, how sure it is, and why it is missing where it is.

    ``value``, ``low`` and ``high`` (95%) are NaN where there is none, and ``reason`` then says why in one
    word or short phrase of the form ``too_few_severities``; a value whose interval cannot be had keeps its
    value and gives the interval's reason. ``n`` counts the ``unit`` that was resampled or that the interval
    generalises to (such as ``observers`` or ``sources``). ``null`` is the value under no relation, NaN where
    none is defined; ``p`` that of a permutation test, NaN without one. ``method`` names the interval, such
    as ``bootstrap of observers, 1,000 draws, seed 0``.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0
    unit: str = ""
    null: float = math.nan
    p: float = math.nan
    method: str = ""
    reason: str = ""

    def keys(self, name: str) -> dict[str, Any]:
        """The entries of ``summary.json``: ``name``, ``name_low``, …; what is missing is None.

        >>> Estimate(0.5, 0.4, 0.6, 10, "observers", null=0.0).keys("consistency")["consistency_n"]
        10
        """
        entries = {
            name: self.value,
            f"{name}_low": self.low,
            f"{name}_high": self.high,
            f"{name}_n": self.n,
            f"{name}_unit": self.unit,
            f"{name}_null": self.null,
            f"{name}_p": self.p,
            f"{name}_method": self.method,
            f"{name}_reason": self.reason,
        }
        return {key: _or_none(value) for key, value in entries.items()}


def missing(reason: str, n: int = 0, unit: str = "") -> Estimate:
    """An estimate that there is not, and why."""
    return Estimate(n=n, unit=unit, reason=reason)


def _or_none(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
