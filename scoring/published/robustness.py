"""R: how little a unit's mean activation on the concept changes when recognised images are degraded."""

from __future__ import annotations

import numpy as np

from scoring.published.sample import Flags, Floats, Result, Sample, counted_mean, result

#: added to both means of a ratio, as published
EPSILON = 1e-8


def robustness(sample: Sample) -> Result:
    """Average the two ratios, σ(r) = min(r, 1/r), of degraded to clean mean |activation| of the concept.

    Degraded rows count where the human score is exactly 1; clean rows all count. One ratio pools the
    invariant levels, the other the adversarial ones; the mean is over those that exist. Undefined
    without clean rows of the concept or without any recognised degraded row (published: 0).
    """
    clean = _mean(sample, sample.clean & sample.target, sample.rows)
    parts = np.stack(
        [
            _closeness(_mean(sample, sample.invariant & sample.target, sample.recognised), clean),
            _closeness(_mean(sample, sample.adversarial & sample.target, sample.recognised), clean),
        ]
    )
    there = ~np.isnan(parts)
    number = there.sum(axis=0)
    value = np.where(there, parts, 0).sum(axis=0) / np.maximum(number, 1)
    return result(
        value,
        [
            (np.isnan(clean), 0.0, "no clean rows of the concept"),
            (number == 0, 0.0, "no recognised degraded rows of the concept"),
        ],
    )


def _mean(sample: Sample, images: Flags, rows: Floats) -> Floats:
    return counted_mean(np.abs(sample.activation[:, images]), sample.times[:, images] * rows[images])


def _closeness(degraded: Floats, clean: Floats) -> Floats:
    ratio = (degraded + EPSILON) / (clean + EPSILON)
    return np.minimum(ratio, 1 / ratio)
