"""What a dream climbs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch

#: weight of the total variation against the unit, whose drive is measured in the layer's size on mid-grey
SMOOTHNESS = 2.0


@dataclass(frozen=True, order=True)
class Unit:
    """A channel of a layer, by the layer's own name in the model."""

    layer: str
    channel: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.channel}"


class Drives(NamedTuple):
    """What goes into a unit, for each picture.

    ``unit`` (n,), differentiable; ``layer`` (n,), the root-mean-square over all units of its layer, which
    says what is much there.
    """

    unit: torch.Tensor
    layer: torch.Tensor


class Units(Protocol):
    """A model's units, as dreams need them; ``scoring.activations.gradients`` makes one of a model."""

    @property
    def device(self) -> torch.device:
        """Where pictures have to be."""

    @property
    def input_side(self) -> int:
        """Side of the model's input in pixels."""

    def drives(self, pictures: torch.Tensor, units: Sequence[Unit]) -> Drives:
        """The drive of each picture's own unit, for pictures (n, 3, h, w) of 0 to 255."""


def loss(drive: torch.Tensor, size: torch.Tensor, signs: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
    """Loss of each picture (n,): total variation minus the drive, in units of ``size``, times its sign."""
    return SMOOTHNESS * total_variation(shown) - signs * drive / size


def total_variation(pictures: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference between neighbours (n,), down plus across, values 0 to 1.

    The anisotropic form of Rudin, Osher & Fatemi (1992).
    """
    down = pictures.diff(dim=2).abs().mean(dim=(1, 2, 3))
    across = pictures.diff(dim=3).abs().mean(dim=(1, 2, 3))
    return down + across
