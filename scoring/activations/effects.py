"""What changes of single channels do to one image: to its concepts' logits and to its embedding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.activations.concept_logits import ConceptLogits
from scoring.activations.suffix import Look, Readout, relative_change


class Effects(NamedTuple):
    """Of K changes of J channels of one image."""

    #: (K, J, C): z_c before minus z_c after
    fall: NDArray[np.float32]
    #: (K, J): ||e' - e|| / ||e||
    change: NDArray[np.float32]


def effects(
    reader: Readout,
    look: Look,
    channels: torch.Tensor,
    deltas: torch.Tensor,
    logits: ConceptLogits | None = None,
) -> Effects:
    """Measure the effects of ``deltas`` (K, J, tokens) on ``channels`` (J,); exactly 0 where a delta is 0.

    Without ``logits`` there are no concepts, C = 0.
    """
    moved = reader.moved(look, channels, deltas)
    fall = moved.new_empty(*moved.shape[:2], 0)
    if logits is not None:
        fall = logits(look.embedding) - logits(moved)
        fall[~deltas.any(-1)] = 0.0
    change = relative_change(moved, look.embedding)
    return Effects(fall.float().cpu().numpy(), change.float().cpu().numpy())
