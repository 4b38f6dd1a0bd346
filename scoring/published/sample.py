"""What a metric is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """The images of one study as one unit sees them, in D draws at once (D is 1 for the data themselves).

    ``activation`` (D or 1, n) and ``times`` (D or 1, n): how often an image counts in a draw. All others
    are (n,): ``target`` (shows the concept), ``clean``, ``invariant``, ``adversarial`` (the role of its
    level), ``rows`` (its responses), ``credit`` (sum of their human scores, each in [0, 1]) and
    ``recognised`` (how many of them scored exactly 1). ``percentile`` in [0, 1] is the threshold of H.
    ``embedding_change`` (images, scales) is what C needs, None where no images were given.
    """

    activation: Floats
    times: Floats
    target: Flags
    clean: Flags
    invariant: Flags
    adversarial: Flags
    rows: Floats
    credit: Floats
    recognised: Floats
    percentile: float = 0.95
    embedding_change: Floats | None = None

    def of(self, images: Flags) -> tuple[Floats, Floats]:
        """Give activations and response counts (each (D or 1, k)) of some images."""
        return self.activation[:, images], self.times[:, images] * self.rows[images]


@dataclass(frozen=True)
class Result:
    """A metric's value in each draw: NaN where it is undefined, with the reason and the published fallback.

    ``value`` and ``fallback`` are (D,); ``reason`` (D,) is "" where the value is defined.
    """

    value: Floats
    fallback: Floats
    reason: NDArray[np.str_]

    @property
    def published(self) -> Floats:
        """The value with the published method's stand-in where it is undefined."""
        return np.where(self.reason == "", self.value, self.fallback)


def result(value: Floats, undefined: Sequence[tuple[Flags, float | Floats, str]] = ()) -> Result:
    """Make a Result; of the undefined cases (where, published fallback, reason) the first one holds."""
    if not undefined:
        return Result(value, value, np.full(value.shape, "", dtype=np.str_))
    masks = [np.broadcast_to(mask, value.shape) for mask, _, _ in undefined]
    fallback = np.select(masks, [np.broadcast_to(given, value.shape) for _, given, _ in undefined], value)
    reason = np.select(masks, [np.full(value.shape, why) for _, _, why in undefined], "")
    return Result(np.where(reason == "", value, np.nan), fallback, reason)


def counted_mean(values: Floats, counts: Floats) -> Floats:
    """Average values (D or 1, k) with counts (D or 1, k) by draw; NaN where nothing is counted."""
    total = (values * counts).sum(axis=1)
    number = np.broadcast_to(counts.sum(axis=1), total.shape)
    mean: Floats = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return mean
