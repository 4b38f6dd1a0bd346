"""Samples made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scoring.published.sample import Sample

#: whether it shows the concept, level, activation, score of its one response
Image = tuple[bool, int, float, float]


def sample_of(images: Sequence[Image], percentile: float = 0.95) -> Sample:
    """Make a sample of images with one response each; clean is level 5, benign 1 and 2, adversarial 3."""
    target, level, activation, score = (np.array(column) for column in zip(*images, strict=True))
    return Sample(
        activation=activation[None, :].astype(float),
        times=np.ones((1, len(images))),
        target=target,
        clean=level == 5,
        invariant=np.isin(level, (1, 2)),
        adversarial=level == 3,
        rows=np.ones(len(images)),
        credit=score.astype(float),
        recognised=(score == 1).astype(float),
        percentile=percentile,
    )
