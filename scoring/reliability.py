"""How reliable the human scores of a study's images are."""

from __future__ import annotations

import numpy as np

from scoring.cells import Cells
from scoring.statistics import Floats


def reliability(cells: Cells) -> float:
    """Give the share of the variance of p between images of a cell that is not the raters' noise.

    1 - mean(s_i²/n_i) / pooled variance of p within concept and condition, over the images with at least two
    responses; at most 1, and 0 or less where noise explains all. One number for a study: with few images
    a concept's own is too noisy to divide by. NaN without a cell that has two such images, or where p does
    not vary in any cell.
    """
    rated = ~np.isnan(cells.variance) & ~np.isnan(cells.recognition)
    condition, source = np.nonzero(rated)
    if not condition.size:
        return float("nan")
    noise = cells.variance[rated] / cells.responses[rated]
    group = condition * len(cells.concepts) + cells.concept[source]
    between = _pooled_variance(cells.recognition[rated], group)
    return float(1 - noise.mean() / between) if between > 0 else float("nan")


def _pooled_variance(values: Floats, group: np.ndarray) -> float:
    """Variance within groups, each about its own mean; NaN without freedom."""
    _, member = np.unique(group, return_inverse=True)
    count = np.bincount(member)
    residual = values - (np.bincount(member, values) / count)[member]
    freedom = values.size - count.size
    return float(residual @ residual / freedom) if freedom else float("nan")
