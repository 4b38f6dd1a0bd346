"""What is done to a channel of a layer, as the change (delta) that it makes to the channel's map.

Maps are (channels, tokens): the tokens are the places of a convolution's map, or those of a transformer.
A delta is added to one channel alone; one kernel (``attention_pool``) or one suffix (``suffix``) then
serves every intervention.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


def scaled(maps: torch.Tensor, scales: Sequence[float]) -> torch.Tensor:
    """Multiply each channel by each scale: deltas (scales, channels, tokens); scale 1 gives exactly 0."""
    factors = torch.tensor([scale - 1 for scale in scales], dtype=maps.dtype, device=maps.device)
    return factors[:, None, None] * maps


def mean_ablated(maps: torch.Tensor, mean_maps: torch.Tensor) -> torch.Tensor:
    """Put each channel's mean map over the clean images in its place: deltas (1, channels, tokens)."""
    return (mean_maps - maps)[None]


def resampled(maps: torch.Tensor, donor: torch.Tensor) -> torch.Tensor:
    """Put each channel's map on another image in its place: deltas (1, channels, tokens)."""
    return (donor - maps)[None]


def patched(degraded: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Put each channel's map on the clean image into the degraded image's pass: (1, channels, tokens)."""
    return (clean - degraded)[None]
