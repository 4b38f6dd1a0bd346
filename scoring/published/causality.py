"""C: how much the image embedding moves when the unit is silenced or doubled."""

from __future__ import annotations

import numpy as np

from scoring.published.sample import Floats, Result, Sample, result

#: the factors by which the unit's channel map is multiplied, as published
SCALES = (0.0, 2.0)

NO_IMAGES = "not measured, it needs images and a model (--manifest and --model)"


def causality(sample: Sample) -> Result:
    """Give C = 1 − exp(−C_raw), C_raw the mean over the concept's clean images of ½(Δ_0 + Δ_2).

    Δ_λ = ‖e_λ − e‖/‖e‖ is the relative change of the image embedding when the unit's channel map at the
    last block's output is multiplied by λ. It has one value, the same in every draw. Undefined without
    images; the published method has no fallback for that.
    """
    change = sample.embedding_change
    if change is None:
        return result(np.full(1, np.nan), [(np.array([True]), np.nan, NO_IMAGES)])
    if not len(change):
        return result(np.full(1, np.nan), [(np.array([True]), np.nan, "no clean images of the concept")])
    return result(saturate(change.mean(keepdims=True)[0]))


def saturate(raw: Floats) -> Floats:
    """Map mean relative embedding changes, each at least 0, to [0, 1)."""
    return -np.expm1(-raw)
