"""How often a stimulus may be given: what docs/allocation.md promises, written out a second time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping

#: stimulus -> its concept and condition
Cells = Mapping[int, Hashable]


def shares(cells: Cells, trials: int) -> dict[int, float]:
    """Each stimulus's part of a number of test trials, spread evenly over cells and within each."""
    size = Counter(cells.values())
    return {stimulus: trials / len(size) / size[cell] for stimulus, cell in cells.items()}


def quotas(cells: Cells, trials: int) -> dict[int, int]:
    """How often each stimulus is given at most: its share rounded up, and one."""
    return {stimulus: math.ceil(share - 1e-9) + 1 for stimulus, share in shares(cells, trials).items()}


def over_quota(cells: Cells, counts: Mapping[int, int], trials: int) -> dict[int, int]:
    """The stimuli that were given more often than that, and by how much."""
    allowed = quotas(cells, trials)
    return {one: counts[one] - allowed[one] for one in cells if counts[one] > allowed[one]}
