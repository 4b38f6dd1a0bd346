"""What is simulated: the designs, the units that are scored, and what is true of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from scoring.effects import Scoring
from scoring.reliability import reliability
from scoring.statistics import Floats
from tests.reference.simulated_study import Design, Unit, simulate, true_accuracy

#: what is scored for concept 0
UNITS: Mapping[str, Unit] = {
    "strong": Unit(0, gain=12, missed=0.05, human=0.6),
    "moderate": Unit(0, gain=4, missed=0.15, kept=(1.0, 0.35, 0.45, 0.25), human=0.4),
    "noise": Unit(),
}

#: each unit's specific effect on the concept's logit; those of its controls are normal quantiles, and one
#: image's effect is normal about its unit's, with a standard deviation of 1
SPECIFIC: Mapping[str, float] = {"strong": 1.0, "moderate": 0.5, "noise": 0.0}
CONTROLS = 100
CONTROLS_SD = 0.5

DESIGNS: Mapping[str, Design] = {
    "27 sources": Design(sources=27),
    "8 sources": Design(sources=8),
}

#: noise is tested on this design, as the best of this many units, and on its own
NULL_DESIGN = Design(sources=12, concepts=5)
NULL_UNITS = 20


@dataclass(frozen=True)
class Truth:
    """What estimates are estimates of: by unit and estimate, and of accuracy by estimate."""

    effects: Mapping[tuple[str, str], float]
    accuracy: Mapping[str, float]


def control_effects() -> Floats:
    """The specific effects of the control channels."""
    return np.asarray(CONTROLS_SD * norm.ppf((np.arange(CONTROLS) + 0.5) / CONTROLS))


def truth(seed: int, sources: int = 20_000, repeats: int = 6) -> Truth:
    """Find what is true: accuracies by quadrature, causality by counting, else from huge studies."""
    found = [_limits(np.random.default_rng([seed, repeat]), sources) for repeat in range(repeats)]
    effects = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
    controls = control_effects()
    effects |= {("noise", f"e_{symbol}"): 0.0 for symbol in "SRH"}
    for name, specific in SPECIFIC.items():
        effects[name, "e_C"] = float(np.sign(specific - controls).mean())
        without = [effects[name, f"e_{symbol}"] for symbol in "SRH"]
        effects[name, "E without C"] = float(np.mean(without))
        effects[name, "E of S and R"] = float(np.mean(without[:2]))
        effects[name, "E of S, R and C"] = float(np.mean([*without[:2], effects[name, "e_C"]]))
        effects[name, "E"] = float(np.mean([*without, effects[name, "e_C"]]))
        effects[name, "InterpScore"] = (1 + effects[name, "E"]) / 2
        with np.errstate(invalid="ignore"):
            effects[name, "retention"] = float(np.divide(effects[name, "e_R"], effects[name, "e_S"]))
    del effects["noise", "retention"]
    return Truth(effects, _accuracies())


#: the units that have something to do with the concept
LABELLED = tuple(name for name in UNITS if name != "noise")


def _limits(rng: np.random.Generator, sources: int) -> dict[tuple[str, str], float]:
    study = simulate(rng, Design(sources, participants=None), [UNITS[name] for name in LABELLED])
    found = Scoring(study.cells, given_reliability=reliability(study.cells)).observed.value
    return {
        (name, f"e_{symbol}"): float(found[symbol][0, place])
        for place, name in enumerate(LABELLED)
        for symbol in "SRH"
    }


def _accuracies() -> dict[str, float]:
    every = np.array([[true_accuracy(concept, k) for k in range(4)] for concept in range(10)])
    return {
        "accuracy, a concept": float(every[0].mean()),
        "accuracy, a condition": float(every[:, 0].mean()),
        "accuracy, a concept in a condition": float(every[0, 0]),
        "accuracy, two conditions' difference": float((every[:, 0] - every[:, 1]).mean()),
    }
