"""Random views of drawings to train the embedded model on: wider than what it is later shown.

Drawings are recoloured, shaded, turned, sheared, bent, mirrored, put on backgrounds of every kind, and now
and then mildly degraded, so that recognition gives way as a degradation grows, rather than at once.
All functions work on a batch at once, in fractions of full scale, and draw from one generator.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

#: share of the picture's side that a drawing fills; its free space that it may use to be off centre
SCALES, FREEDOM = (0.45, 1.05), 0.8
#: largest turn in degrees, shear, and log of the stretch of one side
ROTATION, SHEAR, STRETCH = 30.0, 0.15, 0.15
#: a drawing is bent by a smooth field of so many cells, and at most so far (half the side is 1)
WARP_CELLS, WARP = 4, (0.0, 0.25)
#: largest turn of hue (of the whole circle), range of saturation, share of views in shades of grey
HUE, SATURATION, GREY_SHARE = 0.15, (0.5, 1.5), 0.2
#: ranges of log gamma, brightness, and depth of an uneven light over the drawing
LOG_GAMMA, BRIGHTNESS, SHADING = (-0.5, 0.5), (0.75, 1.2), (0.0, 0.5)
#: share of views with each degradation, and their ranges: blur SD in pixels, contrast kept, noise SD
DEGRADED_SHARE, BLUR, CONTRAST, NOISE = 0.5, (0.3, 1.8), (0.25, 1.0), (0.0, 0.06)
#: half the width of the blur's kernel, in pixels
BLUR_REACH = 6

#: RGB -> luma and two colour differences (YIQ)
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def augment(drawings: torch.Tensor, side: int, generator: torch.Generator) -> torch.Tensor:
    """Show drawings (n, 4, s, s), RGB and alpha, as random pictures (n, 3, side, side); all in [0, 1]."""
    colours, alpha = drawings[:, :3], drawings[:, 3:]
    lit = _relit(_recoloured(colours, generator), generator)
    grid = functional.affine_grid(_placements(len(lit), generator), [len(lit), 4, side, side], False)
    grid = grid + _bends(len(lit), side, generator)
    placed = functional.grid_sample(torch.cat([lit * alpha, alpha], 1), grid, align_corners=False)
    pictures = placed[:, :3] + _backgrounds(len(lit), side, generator) * (1 - placed[:, 3:])
    return _degraded(pictures, generator)


def _uniform(n: int, bounds: tuple[float, float], generator: torch.Generator) -> torch.Tensor:
    low, high = bounds
    return low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)


def _either_way(n: int, most: float, generator: torch.Generator) -> torch.Tensor:
    return most * (2 * torch.rand(n, generator=generator) - 1)


def _happens(n: int, share: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(n, 1, 1, 1, generator=generator) < share


def _smooth(n: int, channels: int, cells: int, side: int, generator: torch.Generator) -> torch.Tensor:
    coarse = torch.rand(n, channels, cells, cells, generator=generator) - 0.5
    return functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)


def _recoloured(colours: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn the hue and change the saturation, luma staying."""
    n = len(colours)
    angle = _either_way(n, HUE * 2 * math.pi, generator)
    saturation = _uniform(n, SATURATION, generator).flatten()
    saturation = saturation * ~_happens(n, GREY_SHARE, generator).flatten()
    change = torch.zeros(n, 3, 3)
    change[:, 0, 0] = 1
    change[:, 1, 1] = change[:, 2, 2] = angle.cos() * saturation
    change[:, 2, 1] = angle.sin() * saturation
    change[:, 1, 2] = -change[:, 2, 1]
    matrices = torch.linalg.inv(_YIQ) @ change @ _YIQ
    return torch.einsum("nij,njhw->nihw", matrices, colours).clamp(0, 1)


def _relit(colours: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Change gamma and brightness, and let an uneven light fall on the drawing."""
    n, side = len(colours), colours.shape[-1]
    gamma = _uniform(n, LOG_GAMMA, generator).exp()
    light = 1 + 2 * _uniform(n, SHADING, generator) * _smooth(n, 1, 3, side, generator)
    return (colours**gamma * light * _uniform(n, BRIGHTNESS, generator)).clamp(0, 1)


def _placements(n: int, generator: torch.Generator) -> torch.Tensor:
    """Draw affine maps (n, 2, 3) from the picture's coordinates to the drawing's."""
    scale = _uniform(n, SCALES, generator).flatten()
    stretch = _either_way(n, STRETCH, generator).exp()
    angle = _either_way(n, math.radians(ROTATION), generator)
    mirror = 1 - 2 * _happens(n, 0.5, generator).flatten().float()
    rows = (
        torch.stack([angle.cos() * mirror / stretch, _either_way(n, SHEAR, generator) - angle.sin()], -1),
        torch.stack([angle.sin() * mirror, angle.cos() * stretch], -1),
    )
    turn = torch.stack(rows, 1) / scale[:, None, None]
    room = FREEDOM * (1.15 - scale).clamp(min=0.05)
    shift = room[:, None] * torch.stack([_either_way(n, 1, generator), _either_way(n, 1, generator)], -1)
    return torch.cat([turn, -turn @ shift[:, :, None]], -1)


def _bends(n: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """Draw smooth displacements (n, side, side, 2), so that one outline stands for many."""
    field = _uniform(n, WARP, generator) * _smooth(n, 2, WARP_CELLS, side, generator)
    return field.permute(0, 2, 3, 1)


def _backgrounds(n: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """Draw backgrounds (n, 3, side, side): plain colours, grey to vivid, half of them uneven."""
    colour = torch.rand(n, 3, 1, 1, generator=generator)
    grey = colour.mean(1, keepdim=True).expand_as(colour)
    plain = torch.lerp(grey, colour, _uniform(n, (0, 1), generator))
    wide = _uniform(n, (0, 0.8), generator) * _smooth(n, 3, 4, side, generator)
    narrow = _uniform(n, (0, 0.5), generator) * _smooth(n, 1, 12, side, generator)
    return (plain + (wide + narrow) * _happens(n, 0.5, generator)).clamp(0, 1)


def _degraded(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Blur some, take contrast from some, add noise to some."""
    n = len(pictures)
    blurred = _blurred(pictures, _uniform(n, BLUR, generator).flatten())
    pictures = torch.where(_happens(n, DEGRADED_SHARE, generator), blurred, pictures)
    kept = _uniform(n, CONTRAST, generator)
    kept = torch.where(_happens(n, DEGRADED_SHARE, generator), kept, torch.ones_like(kept))
    grey = 0.5 + (1 - kept) * _uniform(n, (-0.3, 0.3), generator)
    noise = _uniform(n, NOISE, generator) * _happens(n, DEGRADED_SHARE, generator)
    noisy = grey + (pictures - 0.5) * kept + noise * torch.randn(pictures.shape, generator=generator)
    return noisy.clamp(0, 1)


def _blurred(pictures: torch.Tensor, deviations: torch.Tensor) -> torch.Tensor:
    """Convolve each picture with a Gaussian of its own standard deviation, edges repeated."""
    n, channels, side, _ = pictures.shape
    offsets = torch.arange(-BLUR_REACH, BLUR_REACH + 1)
    kernels = torch.exp(-(offsets**2) / (2 * deviations[:, None] ** 2))
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = functional.pad(pictures.reshape(1, n * channels, side, side), (BLUR_REACH,) * 4, mode="replicate")
    rows = functional.conv2d(flat, kernels[:, None, None, :], groups=n * channels)
    both = functional.conv2d(rows, kernels[:, None, :, None], groups=n * channels)
    return both.reshape(n, channels, side, side)
