"""What a dream begins with; where it ends depends on it, so that several show more of a unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stimuli.dreams.parametrisation import COLOURS
from stimuli.masks import pink_noise

Floats = npt.NDArray[np.float64]

#: the luminance ramp's ends, as a fraction of full scale
RAMP = (0.2, 0.8)
#: cells of the coarsest Perlin noise along a side; each octave has twice as many and half the amplitude
PERLIN_CELLS, PERLIN_OCTAVES = 3, 5
#: standard deviations of the noises, as a fraction of full scale; white noise is kept faint
CONTRAST, FAINT = 0.15, 0.05


def gradient(side: int, rng: np.random.Generator) -> Floats:
    """A linear luminance ramp, dark on the left."""
    return _grey(np.broadcast_to(np.linspace(*RAMP, side), (side, side)))


def grey(side: int, rng: np.random.Generator) -> Floats:
    """Mid-grey everywhere."""
    return np.full((3, side, side), 0.5)


def perlin(side: int, rng: np.random.Generator) -> Floats:
    """Grey Perlin noise (Perlin 1985, with the smoother fade of 2002) of several octaves."""
    octaves = [
        0.5**octave * perlin_noise(side, PERLIN_CELLS * 2**octave, rng) for octave in range(PERLIN_OCTAVES)
    ]
    return _grey(0.5 + CONTRAST * _standard(np.sum(octaves, axis=0)))


def structured(side: int, rng: np.random.Generator) -> Floats:
    """Noise with the spectrum (1/f) and the colours of photographs."""
    plain = np.stack([pink_noise(side, side, rng) for _ in range(3)])
    colours = np.asarray(COLOURS)
    colours /= np.linalg.norm(colours, axis=1).max()
    return np.asarray(0.5 + CONTRAST * np.einsum("cd,dhw->chw", colours, plain))


def random(side: int, rng: np.random.Generator) -> Floats:
    """Faint white noise in every channel of every pixel."""
    return 0.5 + FAINT * rng.standard_normal((3, side, side))


#: name -> start; a start's place here is the replicate of a dream
STARTS: dict[str, Callable[[int, np.random.Generator], Floats]] = {
    "gradient": gradient,
    "grey": grey,
    "perlin": perlin,
    "structured": structured,
    "random": random,
}


def perlin_noise(side: int, cells: int, rng: np.random.Generator) -> Floats:
    """One octave of gradient noise, (side, side): 0 at the corners of ``cells`` x ``cells`` cells."""
    angle = rng.uniform(0, 2 * np.pi, (cells + 1, cells + 1))
    place = (np.arange(side) + 0.5) * cells / side
    cell = place.astype(int)
    within = place - cell
    fade = within**3 * (within * (6 * within - 15) + 10)

    def corner(down: int, right: int) -> Floats:
        turn = angle[np.ix_(cell + down, cell + right)]
        return np.asarray(np.cos(turn) * (within[None, :] - right) + np.sin(turn) * (within[:, None] - down))

    above = _between(corner(0, 0), corner(0, 1), fade[None, :])
    below = _between(corner(1, 0), corner(1, 1), fade[None, :])
    return _between(above, below, fade[:, None])


def _between(one: Floats, other: Floats, share: Floats) -> Floats:
    return one + share * (other - one)


def _standard(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / values.std())


def _grey(values: Floats) -> Floats:
    return np.repeat(values[None], 3, axis=0)
