"""The climb: many pictures at once, each for a unit of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from stimuli.dreams.objective import Unit, Units, loss
from stimuli.dreams.parametrisation import FourierPictures
from stimuli.dreams.starts import STARTS
from stimuli.dreams.transformations import Views, random_maps, viewed
from stimuli.seeds import generator

#: how much finer than the model's input the pictures are that are climbed on; views may shrink them
FINER = 1.25

#: what a unit is divided by where mid-grey leaves its layer silent
SMALLEST = 1e-6

Pixels = npt.NDArray[np.uint8]
Track = Callable[[Iterable[int], int], Iterable[int]]


@dataclass(frozen=True)
class Dream:
    """What to dream of: a unit, a start's name, 1 for the most active and -1 for the least, and a seed."""

    unit: Unit
    start: str
    sign: int
    seed: int


@dataclass(frozen=True)
class Climb:
    """How to climb: steps of Adam of a rate, on pictures of a side in pixels, through random views."""

    steps: int = 256
    size: int = 288
    rate: float = 0.05
    views: Views = field(default_factory=Views)


def untracked(steps: Iterable[int], total: int) -> Iterable[int]:
    """Yield the steps on, and show nothing."""
    del total
    return steps


def dream(units: Units, dreams: Sequence[Dream], climb: Climb, track: Track = untracked) -> Pixels:
    """Make dreams together; returns (n, size, size, 3).

    The climb is on pictures a little finer than the model's input, which sees no finer waves; the result
    shows the same waves on ``size`` pixels. Each dream has chance of its own, so that it does not matter,
    but for the last digits of sums, which others it is made with. ``track`` is handed the steps and their
    number and yields them on.
    """
    chances = [generator(one.seed) for one in dreams]
    side = climbing_side(units.input_side, climb.size)
    starts = [STARTS[one.start](side, rng) for one, rng in zip(dreams, chances, strict=True)]
    state = FourierPictures(torch.from_numpy(np.stack(starts).astype(np.float32)).to(units.device))
    signs = torch.tensor([float(one.sign) for one in dreams], device=units.device)
    wanted = [one.unit for one in dreams]
    with torch.no_grad():
        grey = torch.full_like(state.pictures(), 127.5)
        sizes = units.drives(grey, wanted).layer.clamp(min=SMALLEST)
    adam = torch.optim.Adam([state.coefficients], lr=climb.rate)
    for _ in track(range(climb.steps), climb.steps):
        adam.zero_grad()
        pictures = state.pictures()
        maps = torch.from_numpy(random_maps(climb.views, chances)).to(units.device)
        drive = units.drives(255 * viewed(pictures, maps), wanted).unit
        loss(drive, sizes, signs, pictures).sum().backward()  # type: ignore[no-untyped-call]
        adam.step()
    return _pixels(state, climb.size)


def climbing_side(input_side: int, size: int) -> int:
    """Side of the pictures that are climbed on: odd and a quarter finer than the input, or ``size`` if less.

    >>> climbing_side(96, 288), climbing_side(288, 288)
    (121, 288)
    """
    return min(size, int(FINER * input_side) // 2 * 2 + 1)


def _pixels(state: FourierPictures, side: int) -> Pixels:
    with torch.no_grad():
        values = (255 * state.pictures(side)).permute(0, 2, 3, 1).cpu().numpy()
    pixels: Pixels = np.rint(values).astype(np.uint8)
    return pixels
