"""S: how far a unit's activations on the concept's clean images lie above those on other clean images."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from scoring.published.sample import Floats, Result, Sample, counted_mean, result

#: a pooled standard deviation at or below this is taken as none
NO_SPREAD = 1e-12


def selectivity(sample: Sample) -> Result:
    """Map Hedges' g of clean responses, concept against the rest, to [0, 1] by the normal distribution.

    g = J·(x̄ − ȳ)/s_p with the pooled sample SD and J = 1 − 3/(4(n_x + n_y) − 9) (Hedges 1981);
    S = Φ(g/√2), the chance that a random target row exceeds a random other one if both are normal.
    Undefined with fewer than two rows on a side (published: 0.5) or without spread (published: 0.5, or
    1 or 0 where the means differ).
    """
    x, n_x = sample.of(sample.clean & sample.target)
    y, n_y = sample.of(sample.clean & ~sample.target)
    mean_x, mean_y = counted_mean(x, n_x), counted_mean(y, n_y)
    size_x, size_y = n_x.sum(axis=1), n_y.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        inner = _squares(x, n_x, mean_x) + _squares(y, n_y, mean_y)
        spread = np.sqrt(inner / (size_x + size_y - 2))
        correction = 1 - 3 / (4 * (size_x + size_y) - 9)
        value = np.asarray(ndtr(correction * (mean_x - mean_y) / spread / np.sqrt(2)))
        few = np.minimum(size_x, size_y) < 2
        flat = spread <= NO_SPREAD
    same = np.isclose(mean_x, mean_y)
    return result(
        value,
        [
            (few, 0.5, "fewer than 2 clean rows on a side"),
            (flat & same, 0.5, "clean activations without spread"),
            (flat & ~same, (mean_x > mean_y).astype(float), "clean activations without spread"),
        ],
    )


def _squares(values: Floats, counts: Floats, mean: Floats) -> Floats:
    total: Floats = (counts * (values - mean[:, None]) ** 2).sum(axis=1)
    return total
