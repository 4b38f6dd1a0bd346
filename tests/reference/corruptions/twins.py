"""What the tests of definitions share: parts of photographs, and how a twin is compared.

A twin is a slow, plain form of an operator that follows its definition, ``(image, severity, rng) ->
image``. Handed a Generator it is the corrected form, handed a RandomState the published one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import skimage
from PIL import Image

from stimuli.corruptions import apply
from stimuli.corruptions.pixels import Rng
from stimuli.measures import distance
from stimuli.perturbations import PERTURBATIONS

data: Any = skimage.data

Pixels = npt.NDArray[np.uint8]
Twin = Callable[[Pixels, float, Rng], Pixels]

#: sides are powers of two, so that no sample lies on the edge between two of pixelate's cells
PATCHES: dict[str, Pixels] = {
    "face": np.ascontiguousarray(data.astronaut()[80:144, 200:232]),
    "fur": np.ascontiguousarray(data.chelsea()[100:132, 150:214]),
    "cup": np.ascontiguousarray(data.coffee()[50:82, 250:282]),
}
#: six whole photographs, the last two grey
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "camera", "coins")


def whole_photograph(name: str, side: int = 224) -> Pixels:
    """A photograph by the published recipe: centre square, Pillow's bicubic filter, RGB uint8."""
    image = Image.fromarray(getattr(data, name)()).convert("RGB")
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.crop((left, top, left + short, top + short))
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC))


def mean_distances(name: str, severities: Sequence[float], side: int, legacy: bool) -> list[float]:
    """RMS distance from clean at each severity, the mean of PHOTOGRAPHS, as the gate of a build has it."""
    images = [whole_photograph(photograph, side) for photograph in PHOTOGRAPHS]

    def one(seed: int, severity: float) -> float:
        rng: Rng = np.random.RandomState(0) if legacy else np.random.default_rng(seed)
        return distance(apply(name, images[seed], severity, rng), images[seed])

    return [float(np.mean([one(seed, severity) for seed in range(len(images))])) for severity in severities]


def grey_level(value: float) -> int:
    """The nearest grey level, 0 to 255."""
    return int(min(255, max(0, round(value))))


def cases(twins: dict[str, Twin]) -> list[tuple[str, float]]:
    """(perturbation, severity) for each level of each perturbation that has a twin here."""
    return [(name, severity) for name in twins for severity in (PERTURBATIONS[name].levels or (0.0,))]


def differences(twin: Twin, name: str, image: Pixels, severity: float, legacy: bool) -> npt.NDArray[np.int64]:
    """|operator - twin| for each channel value, the same chance given to both."""
    rngs: list[Rng] = [np.random.RandomState(0) if legacy else np.random.default_rng(5) for _ in range(2)]
    fast = apply(name, image, severity, rngs[0]).astype(np.int64)
    apart: npt.NDArray[np.int64] = np.abs(fast - twin(image, severity, rngs[1]))
    return apart


def all_twins() -> dict[str, Twin]:
    """Every twin of the modules beside this one."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))
    found: dict[str, Twin] = {}
    for name in modules:
        found |= getattr(importlib.import_module(f"tests.reference.corruptions.{name}"), "TWINS", {})
    return found
