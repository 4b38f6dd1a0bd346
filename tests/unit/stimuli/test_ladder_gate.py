"""A ladder that chance turned round passes the gate, and one that is turned round does not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stimuli.conditions import Condition, ConditionsFile
from stimuli.ladder_gate import falls
from stimuli.matching import CannotMatchError
from stimuli.measures import distance
from stimuli.perturbations import PERTURBATIONS
from stimuli.picture_sample import Picture
from stimuli.sources.folder import Source

FOG = PERTURBATIONS["fog"]
NOISE = PERTURBATIONS["gaussian_noise"]


def picture(number: int, size: int = 64) -> Picture:
    """A made-up picture: a colour that changes from side to side."""
    rng = np.random.default_rng(number)
    ramp = np.linspace(rng.uniform(0, 120, 3), rng.uniform(80, 255, 3), size)
    pixels = np.broadcast_to(ramp, (size, size, 3)).astype(np.uint8)
    name = f"{number + 1:x}".ljust(64, "0")
    return Picture(Source(f"ramp/{number}.png", name, "ramp", name[:12]), ConditionsFile(size), pixels)


PICTURES = [picture(0), picture(1)]


def apart(severity: float, seed: int) -> float:
    """Mean distance from clean of the stimuli that a build writes."""
    condition = Condition("fog", severity)
    return float(np.mean([distance(one.stimulus(condition, seed), one.clean) for one in PICTURES]))


def test_fogs_that_chance_turned_round_pass_and_a_ladder_that_is_turned_round_does_not() -> None:
    turned = 0
    for seed in range(20):
        means = {severity: apart(severity, seed) for severity in FOG.levels}
        for milder, stronger in pairwise(FOG.levels):
            if means[stronger] <= means[milder]:
                turned += 1
                assert not falls(FOG, milder, stronger, PICTURES, seed)
            assert falls(FOG, stronger, milder, PICTURES, seed)
    assert turned > 10


def test_a_step_that_changes_nothing_falls() -> None:
    assert falls(NOISE, 0.1, 0.1, PICTURES, 0)
    assert not falls(NOISE, 0.1, 0.11, PICTURES, 0)


def test_without_chance_there_is_nothing_to_ask() -> None:
    assert falls(PERTURBATIONS["pixelate"], 0.1, 0.2, [], 0)


def test_a_picture_that_cannot_be_matched_again_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not falls(FOG, 1.5, 4, PICTURES, 0)
    in_common = Picture.in_common

    def refused(one: Picture, condition: Condition, seed: int, draw: int = 0) -> np.ndarray:
        if one is PICTURES[0]:
            raise CannotMatchError("ramp/0.png is too flat")
        return in_common(one, condition, seed, draw)

    monkeypatch.setattr(Picture, "in_common", refused)
    assert not falls(FOG, 1.5, 4, PICTURES, 0)
    assert falls(FOG, 1.5, 4, PICTURES[:1], 0)
