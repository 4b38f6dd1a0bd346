"""The registry of metrics: every module of this package that has a METRIC, the four of InterpScore first."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import scoring.metrics as package
from scoring.metrics.sample import Metric

#: the components of InterpScore, in the order of its weights and of the results file
COMPONENTS = ("S", "C", "R", "H")


def _found() -> Iterator[Metric]:
    names = sorted(module.name for module in iter_modules(package.__path__))
    modules = [import_module(f"scoring.metrics.{name}") for name in names if name != "registry"]
    return (module.METRIC for module in modules if hasattr(module, "METRIC"))


def _registry() -> dict[str, Metric]:
    found = {metric.symbol: metric for metric in _found()}
    others = [symbol for symbol in found if symbol not in COMPONENTS]
    return {symbol: found[symbol] for symbol in (*COMPONENTS, *others)}


#: symbol -> metric: the components first, then those that were added, by the names of their files
METRICS: dict[str, Metric] = _registry()
