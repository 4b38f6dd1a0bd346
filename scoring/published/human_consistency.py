"""H: how often people recognise the concept in those of its images that excite the unit most."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from scoring.published.sample import Result, Sample, counted_mean, result
from scoring.statistics import counted_quantile


def human_consistency(sample: Sample) -> Result:
    """Average the human score over the concept's rows, at all levels, whose activation exceeds a threshold.

    The threshold is the ``percentile`` quantile (linear) of the clean rows of the other concepts.
    Undefined without clean rows of others, or where no row of the concept exceeds it (published: 0).
    """
    others, counts = sample.of(sample.clean & ~sample.target)
    threshold = counted_quantile(others, counts, sample.percentile)
    activation, rows = sample.of(sample.target)
    credit = np.divide(sample.credit, sample.rows, out=np.zeros_like(sample.credit), where=sample.rows > 0)
    with np.errstate(invalid="ignore"):
        above = activation > threshold[:, None]
    value = counted_mean(np.broadcast_to(credit[sample.target], above.shape), rows * above)
    return result(
        value,
        [
            (np.isnan(threshold), 0.0, "no clean rows of other concepts"),
            (np.isnan(value), 0.0, "no row of the concept above the threshold"),
        ],
    )


def recognition_p_value(sample: Sample) -> float:
    """Test whether people recognise the concept more often than the others: one-sided binomial test.

    Successes are the concept's rows, at all levels, whose human score is exactly 1; the chance is the same
    share among the other concepts' rows. NaN where one of the two has no rows.
    """
    rows, recognised = sample.rows, sample.recognised
    n, others = int(rows[sample.target].sum()), rows[~sample.target].sum()
    if n == 0 or others == 0:
        return float("nan")
    chance = float(recognised[~sample.target].sum() / others)
    successes = int(recognised[sample.target].sum())
    return float(binomtest(successes, n, chance, alternative="greater").pvalue)
