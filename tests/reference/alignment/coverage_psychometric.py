"""``python -m tests.reference.alignment.coverage_psychometric``: how often intervals of curves hold.

An end that is left open counts as reaching to infinity. Studies without a threshold (refused, or outside the
severities shown) are counted apart.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from scoring.alignment.psychometric import shift
from scoring.alignment.psychometric_clusters import Clusters
from scoring.alignment.psychometric_curve import Answers, Curve, Model, fit_curve, fit_curves
from scoring.statistics import Floats

CHUNK = 50


@dataclass(frozen=True)
class Case:
    """A design and its truth; ``participants`` 0: binomial; ``step``: the model's threshold less people's.

    Severities go from 1 to 32; SDs are in ln severity, ``of_slopes`` that of people's ln slopes. ``sure``:
    the model makes no lapses and answers right up to each source's own threshold.
    """

    name: str
    participants: int = 0
    severities: int = 6
    trials: int = 10
    spread: float = 0.3
    of_sources: float = 0.0
    guess: float = 0.0
    lapse: float = 0.03
    slope: float = 2.5
    clean: int = 0
    step: float | None = None
    of_slopes: float = 0.0
    threshold: float = 6.0
    sure: bool = False


CASES = (
    Case("binomial, 6 severities × 20, typed", trials=20),
    Case("binomial, 6 severities × 40, 1 in 12, clean", trials=40, guess=1 / 12, clean=40),
    Case("binomial, 8 severities × 40, 1 in 4", severities=8, trials=40, guess=0.25),
    Case("20 people, 5 severities × 4, typed", 20, 5, 4),
    Case("20 people, 8 severities × 10, 1 in 16, clean", 20, 8, 10, guess=1 / 16, clean=10),
    Case("40 people, 6 severities × 6, 1 in 12, clean", 40, 6, 6, guess=1 / 12, clean=6),
    Case("60 people, 8 severities × 10, typed", 60, 8, 10),
    Case("40 people, 6 × 6, sources differ by .4, clean", 40, 6, 6, of_sources=0.4, clean=6),
    Case("a step of 0, 40 people, 6 × 6, sources .4, 1 in 12", 40, 6, 6, 0.3, 0.4, 1 / 12, clean=6, step=0.0),
    Case(
        "a step of .5, 20 people, 8 × 6, sources .4, 1 in 12", 20, 8, 6, 0.3, 0.4, 1 / 12, clean=6, step=0.5
    ),
    Case("a step of .5, a sure model, 30 people, 8 × 5, sources .5", 30, 8, 5, 0.3, 0.5, step=0.5, sure=True),
    Case("one person, 8 severities × 6, typed", severities=8, trials=6),
    Case("5 people, 6 severities × 8, typed", 5, 6, 8),
    Case("30 people whose slopes differ too (.5), 6 × 6, typed", 30, 6, 6, of_slopes=0.5),
    Case("30 people, 6 × 6, threshold 26 of 32, typed", 30, 6, 6, threshold=26.0),
)


def proportion(case: Case, x: Floats, threshold: Floats, slope: Floats | None = None) -> Floats:
    """Proportion right at ln severities for observers and pictures of some thresholds and slopes."""
    seen = expit(-(case.slope if slope is None else slope) * (x - threshold))
    return np.asarray(case.guess + (1 - case.guess - case.lapse) * seen)


def design(case: Case) -> Floats:
    """ln severities, mildest first; -inf where there are clean pictures."""
    shown = np.linspace(0, np.log(32), case.severities)
    return np.concatenate([[-np.inf], shown]) if case.clean else shown


def counts(case: Case, rng: np.random.Generator) -> Answers:
    """Binomial answers of one observer."""
    x = design(case)
    n = np.full(x.size, float(case.trials))
    n[~np.isfinite(x)] = case.clean
    right = rng.binomial(n.astype(int), proportion(case, x, np.array(math.log(case.threshold))))
    return Answers(np.exp(x), right.astype(float), n, Clusters())


def people(case: Case, sources: Floats, rng: np.random.Generator) -> Answers:
    """Each participant sees every source once, at a severity by chance; the number at each is fixed."""
    x = np.repeat(design(case), case.trials)
    picture = np.stack([rng.permutation(sources.size)[: x.size] for _ in range(case.participants)])
    own = rng.normal(0, case.spread, case.participants)
    slope = case.slope * np.exp(rng.normal(0, case.of_slopes, case.participants))
    p = proportion(case, x, math.log(case.threshold) + own[:, None] + sources[picture], slope[:, None])
    right = rng.random(p.shape) < p
    severity = np.broadcast_to(np.exp(x), p.shape).reshape(-1)
    person = np.repeat(np.arange(case.participants), x.size)
    source = picture.reshape(-1)
    clusters = Clusters(person, source, source % 6)
    return Answers(severity, right.reshape(-1).astype(float), np.ones(severity.size), clusters)


def model(case: Case, sources: Floats, rng: np.random.Generator) -> Answers:
    """A model sees every source at every severity."""
    x = design(case)
    at = math.log(case.threshold) + (case.step or 0.0) + sources[:, None]
    p = (x < at).astype(float) if case.sure else proportion(case, x, at)
    right = (rng.random(p.shape) < p).reshape(-1).astype(float)
    source = np.repeat(np.arange(sources.size), x.size)
    severity = np.broadcast_to(np.exp(x), p.shape).reshape(-1)
    return Answers(severity, right, np.ones(right.size), Clusters(None, source, source % 6))


def truth(case: Case) -> Curve:
    """The curve of a population without end: thresholds spread evenly, so α is the typical one."""
    at, weight = np.polynomial.hermite_e.hermegauss(61)
    weight /= weight.sum()
    spread = math.hypot(case.spread, case.of_sources) if case.participants else 0.0
    x = design(case)
    slopes = case.slope * np.exp(case.of_slopes * at)
    each = proportion(case, x[:, None, None], math.log(case.threshold) + spread * at, slopes[:, None])
    p = each @ weight @ weight
    n = np.full(x.size, 1e6 * case.trials)
    n[~np.isfinite(x)] = 1e6 * case.clean
    return fit_curve(np.exp(x), p * n, n, guess=case.guess, draws=0)


def studies(case: Case, number: int, seed: int) -> pd.DataFrame:
    """One row for each simulated study: whether intervals hold the truth, NaN without a threshold."""
    rng = np.random.default_rng([seed, *case.name.encode()])
    known, rows = truth(case), []
    for first in range(0, number, CHUNK):
        size = min(CHUNK, number - first)
        sources = rng.normal(0, case.of_sources, (size, design(case).size * case.trials))
        shown = [people(case, one, rng) if case.participants else counts(case, rng) for one in sources]
        found = fit_curves(shown, [Model(case.guess)] * size, draws=0)
        others: list[Curve | None] = [None] * size
        if case.step is not None:
            seen = [model(case, one, rng) for one in sources]
            others = [*fit_curves(seen, [Model(case.guess)] * size, draws=0)]
        rows += [_row(case, known, *pair) for pair in zip(found, others, strict=True)]
    return pd.DataFrame(rows)


def _row(case: Case, known: Curve, found: Curve, other: Curve | None) -> dict[str, float]:
    row = {
        "alpha": _holds(found.alpha, found.alpha_low, found.alpha_high, case.threshold),
        "beta": _holds(found.alpha, found.beta_low, found.beta_high, known.beta),
        "lapse": _holds(found.alpha, found.lapse_low, found.lapse_high, known.lapse),
        "half": _holds(found.half, found.half_low, found.half_high, known.half),
        "ln alpha": math.log(found.alpha / case.threshold),
        "width": math.log(found.alpha_high / found.alpha_low),
    }
    if other is not None and case.step is not None:
        step = shift(found, other)
        row |= {"shift": _holds(step.value, step.low, step.high, case.step)}
        row |= {
            "model alpha": _holds(
                other.alpha, other.alpha_low, other.alpha_high, case.threshold * math.exp(case.step)
            )
        }
    return row


def _holds(value: float, low: float, high: float, true: float) -> float:
    if math.isnan(value):
        return math.nan
    return float(not (low > true or high < true))


def summary(case: Case, rows: pd.DataFrame) -> dict[str, object]:
    """Shares covered in percent, the bias and SD of ln α, its mean width, and the share with a threshold."""
    covered = {
        name: round(100 * float(rows[name].mean()), 1) if name in rows else math.nan
        for name in ("alpha", "beta", "lapse", "half", "model alpha", "shift")
    }
    return {
        "case": case.name,
        **covered,
        "bias": round(float(rows["ln alpha"].mean()), 3),
        "sd": round(float(rows["ln alpha"].std()), 3),
        "width": round(float(rows["width"].mean()), 2),
        "told": round(100 * float(rows["alpha"].notna().mean()), 1),
        "n": len(rows),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="part of a case's name")
    options = parser.parse_args()
    rows = [
        summary(case, studies(case, options.studies, options.seed))
        for case in CASES
        if options.only in case.name
    ]
    sys.stdout.write(pd.DataFrame(rows).to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
