"""How well a unit tells a concept from the others, condition by condition.

The unit of analysis is the image. AUROC = P(a+ > a-) + P(a+ = a-)/2 over images of the concept against
images of the other concepts in the same condition: .5 says nothing, 1 is perfect. It is the area under the
receiver operating characteristic, and the Mann-Whitney statistic over n+ n-.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: columns of the table that ``auroc_by_condition`` returns
COLUMNS = ("condition", "auroc", "low", "high", "n_concept", "n_others", "method", "reason")

TOO_FEW = "fewer_than_2_sources_on_a_side"
CONSTANT = "constant_activation"


def auroc_by_condition(
    images: pd.DataFrame, concept: str, *, draws: int = 1000, seed: int = 0, confidence: float = 0.95
) -> pd.DataFrame:
    """AUROC of a unit for a concept in each condition, with intervals.

    ``images`` has one row for each image: ``concept``, ``condition``, ``source``, ``activation``. The
    interval is a percentile bootstrap of sources, drawn jointly over conditions and within the concept
    and within the others; at AUROC 1 or 0 it is the one-sided bound (1-confidence)^(1/n), n the smaller
    number of sources (``method`` ``bound``). NaN, with a reason, below two sources on a side and where all
    activations are equal. Conditions come in the order in which they first occur.
    """
    sources = images[["source", "concept"]].drop_duplicates("source")
    weights = _draw(sources["concept"].to_numpy() == concept, draws, np.random.default_rng(seed))
    place = {source: at for at, source in enumerate(sources["source"])}
    rows = [
        {"condition": condition, **_one(group, concept, place, weights, confidence)}
        for condition, group in images.groupby("condition", sort=False)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _draw(is_concept: NDArray[np.bool_], draws: int, rng: np.random.Generator) -> Floats:
    """How often each source is drawn, shape (draws, sources), within each of the two groups."""
    weights = np.zeros((draws, is_concept.size))
    for group in (is_concept, ~is_concept):
        size = int(group.sum())
        if size:
            weights[:, group] = rng.multinomial(size, np.full(size, 1 / size), draws)
    return weights


def _one(
    group: pd.DataFrame, concept: str, place: dict[str, int], weights: Floats, confidence: float
) -> dict[str, object]:
    activation = group["activation"].to_numpy(dtype=np.float64)
    own = group["concept"].to_numpy() == concept
    at = group["source"].map(place).to_numpy(dtype=np.intp)
    counts = {"n_concept": np.unique(at[own]).size, "n_others": np.unique(at[~own]).size}
    reason = _reason(activation, min(counts.values()))
    if reason:
        nothing = dict.fromkeys(("auroc", "low", "high"), float("nan"))
        return {**nothing, **counts, "method": "", "reason": reason}
    wins = _wins(activation[own], activation[~own])
    area = float(wins.mean())
    if area in {0.0, 1.0}:
        bound = (1 - confidence) ** (1 / min(counts.values()))
        ends = (bound, 1.0) if area else (0.0, 1 - bound)
        return {"auroc": area, "low": ends[0], "high": ends[1], **counts, "method": "bound", "reason": ""}
    areas = _weighted(wins, weights[:, at[own]], weights[:, at[~own]])
    low, high = np.quantile(areas, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"auroc": area, "low": low, "high": high, **counts, "method": "bootstrap", "reason": ""}


def _reason(activation: Floats, fewest: int) -> str:
    if fewest < 2:
        return TOO_FEW
    return CONSTANT if np.ptp(activation) == 0 else ""


def _wins(own: Floats, others: Floats) -> Floats:
    """1 where the concept's image has the larger activation, 1/2 for a tie; shape (own, others)."""
    difference = own[:, None] - others[None, :]
    return 0.5 * (np.sign(difference) + 1)


def _weighted(wins: Floats, own: Floats, others: Floats) -> Floats:
    """AUROC of each draw; draws in which a side is empty in this condition are left out."""
    total = own.sum(axis=1) * others.sum(axis=1)
    drawn = total > 0
    areas: Floats = np.einsum("di,ij,dj->d", own[drawn], wins, others[drawn], optimize=True) / total[drawn]
    return areas
