"""e_C: whether silencing the unit harms the concept's logit more than silencing channels like it does."""

from __future__ import annotations

import numpy as np

from scoring.metrics.sample import CONSTANT, Causal, Flags, Metric, Result, Sample, result
from scoring.metrics.selectivity import constant
from scoring.statistics import Floats, Integers

NOT_MEASURED = "not_measured_it_needs_images_and_a_model"
FEW_IMAGES = "fewer_than_2_images_with_a_measured_effect_on_a_side"
NO_CONTROLS = "no_control_channels"
NOT_THIS_UNIT = "unit_not_measured"
SILENT = "silent_on_every_clean_image"


def causality(sample: Sample) -> Result:
    """Give e_C = 2·P(the unit's specific effect > a control's) - 1, ties counting one half.

    The specific effect is the mean fall of the concept's logit, z(1) - z(0), over the concept's images minus
    that over the others'. Controls are the channels nearest in mean activation over all clean images. In
    [-1, 1]. Undefined without measured effects, with fewer than two images on a side, without controls, and
    for a unit with one activation everywhere.
    """
    shape = (sample.concepts, sample.columns)
    if sample.causal is None:
        return result(np.full(shape, np.nan), {NOT_MEASURED: np.ones(shape, bool)})
    measured, few = measured_places(sample.causal.effect), measured_sources(sample) < 2
    alone = sample.causal.controls.shape[1] == 0
    value = np.full(shape, np.nan)
    if not alone:
        for concept in np.flatnonzero(~few):
            value[concept] = _above_controls(sample, sample.causal, int(concept), measured)
    missing = {
        CONSTANT: constant(sample),
        SILENT: _silent(sample.causal),
        FEW_IMAGES: few[:, None],
        NO_CONTROLS: np.full((1, 1), alone),
    }
    return result(value, missing | {NOT_THIS_UNIT: np.isnan(value)})


def measured_sources(sample: Sample) -> Integers:
    """How many sources (C,) with a measured effect the smaller side has."""
    if sample.causal is None:
        return np.zeros(sample.concepts, np.intp)
    counts = np.bincount(sample.concept[measured_places(sample.causal.effect)], minlength=sample.concepts)
    return np.asarray(np.minimum(counts, counts.sum() - counts))


def controls(sample: Sample) -> Integers:
    """How many control channels a unit is compared with, for each concept (C,)."""
    number = 0 if sample.causal is None else sample.causal.controls.shape[1]
    return np.full(sample.concepts, number, np.intp)


def measured_places(effect: Floats) -> Flags:
    """Mark the sources (S,) whose image was measured; units that were not are missing in all of them."""
    there: Flags = ~np.isnan(effect[0]).all(axis=1)
    return there


def _silent(causal: Causal) -> Flags:
    """Mark the columns (1, m or 1) whose unit changes nothing in any image, since it is silent in all."""
    effect = causal.effect[:, :, causal.unit]
    missing = np.isnan(effect)
    still: Flags = ((effect == 0) | missing).all(axis=(0, 1)) & ~missing.all(axis=(0, 1))
    return still[None, :]


def specific(effect: Floats, own: Floats, times: Floats) -> Floats:
    """Mean effect over the concept's images minus that over the others: (units, m).

    ``effect`` (images, units), ``own`` (images,) 1 for the concept's images, else 0, ``times`` (images, m).
    """
    sides = [share[:, None] * times for share in (own, 1 - own)]
    ours, others = (effect.T @ side / side.sum(axis=0) for side in sides)
    return np.asarray(ours - others)


def _above_controls(sample: Sample, causal: Causal, concept: int, measured: Flags) -> Floats:
    """Mean sign of the unit's specific effect less a control's, (m,)."""
    own = (sample.concept[measured] == concept).astype(np.float64)
    effect, times = causal.effect[concept][measured], sample.times[measured]
    if times.shape[1] == 1:
        every = specific(effect, own, times)[:, 0]
        return np.asarray(np.sign(every[causal.unit][:, None] - every[causal.controls]).mean(axis=1))
    compared = specific(effect[:, [causal.unit[0], *causal.controls[0]]], own, times)
    return np.asarray(np.sign(compared[0] - compared[1:]).mean(axis=0))


METRIC = Metric(
    symbol="C",
    name="causality",
    compute=causality,
    bounds=(-1, 1),
    higher_is_better=True,
    unit_of_analysis="source",
    from_noise=False,
    citation=(
        "Cliff (1993), Dominance statistics: ordinal analyses to answer ordinal questions, Psychological "
        "Bulletin 114(3), 494-509"
    ),
    sources=measured_sources,
    bound=controls,
)
