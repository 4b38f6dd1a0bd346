"""The operators beside imagecorruptions 1.1.2: speed, and how far the published pixels are from ours.

Each side runs in a process of its own, on one thread, and the two take turns. Rates are images per
CPU-second, medians over the turns.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import geometric_mean, median

import numpy as np
import pytest

from stimuli.perturbations import CLEAN, PERTURBATIONS
from tests.benchmarks.corruption_peer.environment import NoPeerError, peer_python
from tests.benchmarks.corruption_peer.side import Side
from tests.benchmarks.numbers_table import Numbers
from tests.reference.corruptions.twins import whole_photograph

#: what both sides have, by the name that both know it by
SHARED = [
    name
    for name in (
        "gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "gaussian_blur", "defocus_blur",
        "glass_blur", "motion_blur", "zoom_blur", "fog", "brightness", "saturate", "contrast",
        "elastic_transform", "pixelate", "jpeg_compression",
    )
    if name in PERTURBATIONS
]  # fmt: skip
#: imagecorruptions has an elastic_transform of its own; ours of ImageNet-C is another one
NOT_ITS_OWN = {"elastic_transform_published"}
SIZES = (224, 288)
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")
LEVEL, LEVELS = 3, 5
TURNS, SECONDS = 5, 0.15
#: slowest that a family may be, images per CPU-second at 224 px
SLOWEST = {"eidolon": 10, "": 50}


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[Side, Side]]:
    """Ours and theirs, with the photographs."""
    try:
        python = peer_python()
    except NoPeerError as error:
        pytest.skip(str(error))
    with ExitStack() as stack:
        both = (
            stack.enter_context(Side("ours", sys.executable)),
            stack.enter_context(Side("imagecorruptions", python)),
        )
        for side in both:
            for size in SIZES:
                for name in PHOTOGRAPHS:
                    side.keep(f"{name} {size}", whole_photograph(name, size))
        yield both


def forms(name: str) -> list[str]:
    """The corrected form and, where there is one, the published."""
    return [form for form in (name, f"{name}_published") if form in PERTURBATIONS]


def in_turns(runs: list[tuple[Side, str]], size: int) -> list[float]:
    """Median rate of each, one after the other and again."""
    turns = [
        [side.rate(name, f"astronaut {size}", LEVEL, SECONDS) for side, name in runs] for _ in range(TURNS)
    ]
    return [median(rates) for rates in zip(*turns, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_speed_beside_imagecorruptions(sides: tuple[Side, Side], numbers: Numbers, size: int) -> None:
    ours, theirs = sides
    ratios: dict[str, float] = {}
    where = f"{size} px, level {LEVEL}"
    for name in SHARED:
        own = forms(name)
        *rates, peer = in_turns([*((ours, form) for form in own), (theirs, name)], size)
        ratios |= {form: rate / peer for form, rate in zip(own, rates, strict=True)}
        for form, rate in zip(own, rates, strict=True):
            measured = f"{rate:8,.0f} / {peer:8,.1f} = {rate / peer:7.1f}"
            numbers.add(f"images/s / imagecorruptions: {form}", where, measured, ">= 1.0")
    plain = {name: ratios[name] for name in SHARED}
    least = min(ratios, key=lambda form: ratios[form])
    numbers.add(
        f"  geometric mean of the ratios, {len(plain)} families", where,
        f"{geometric_mean(plain.values()):.1f}", ">= 5",
    )  # fmt: skip
    numbers.add(f"  smallest ratio: {least}", where, f"{ratios[least]:.2f}", ">= 1.0")
    bandwidth = in_turns([(ours, "")], size)[0]
    numbers.add("  bytes to floats, scaled, clipped and back", where, f"{bandwidth:8,.0f}")


@pytest.mark.slow
def test_speed_of_every_family(sides: tuple[Side, Side], numbers: Numbers) -> None:
    ours, _ = sides
    rates = {}
    for name, row in PERTURBATIONS.items():
        if name == CLEAN or row.needs_model:
            continue
        level = (len(row.levels) + 1) // 2
        rates[name] = median(ours.rate(name, "astronaut 224", level, SECONDS) for _ in range(3))
        target = next(least for start, least in SLOWEST.items() if name.startswith(start))
        numbers.add(
            f"images/s: {name}", f"224 px, {row.levels[level - 1]:g} {row.unit}",
            f"{rates[name]:8,.0f}", f">= {target}",
        )  # fmt: skip
    slowest = min(rates, key=lambda name: rates[name])
    numbers.add(f"  slowest of {len(rates)}: {slowest}", "224 px", f"{rates[slowest]:8,.0f}")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_pixels_beside_imagecorruptions(sides: tuple[Side, Side], numbers: Numbers, name: str) -> None:
    """With the published draws; of a corrected form the published one is compared."""
    ours, theirs = sides
    form = next(one for one in reversed(forms(name)) if one not in NOT_ITS_OWN)
    apart: list[list[np.ndarray]] = [[] for _ in range(LEVELS)]
    for level in range(1, LEVELS + 1):
        for photograph in PHOTOGRAPHS:
            key = f"{photograph} 224"
            one, other = ours.pixels(form, key, level), theirs.pixels(name, key, level)
            apart[level - 1].append(np.abs(one.astype(int) - other))
    most = " ".join(str(max(int(one.max()) for one in level)) for level in apart)
    share = " ".join(f"{100 * float(np.mean([np.mean(one > 0) for one in level])):.3g}" for level in apart)
    numbers.add(
        f"legacy pixels apart from imagecorruptions: {form}", "levels 1 to 5, 3 photographs",
        f"at most {most}; differing {share} %",
    )  # fmt: skip
