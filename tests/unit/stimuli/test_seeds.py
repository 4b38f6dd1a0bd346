"""Each stimulus has its own seed."""

from __future__ import annotations

from stimuli.conditions import Condition
from stimuli.seeds import generator, mask_seed, stimulus_id, stimulus_seed

NOISE = Condition("gaussian_noise", 0.18)


def test_seeds_are_pinned() -> None:
    assert stimulus_seed("ab", NOISE, 0, 0) == 6978549935817922583
    assert stimulus_id("ab", NOISE, 0) == "5be36945b27aca3d"
    assert mask_seed(0, 0) == 5393699908755624020
    assert generator(7).integers(1000, size=3).tolist() == [944, 625, 684]


def test_everything_that_should_change_a_seed_does() -> None:
    seeds = [
        stimulus_seed("ab", NOISE, 0, 0),
        stimulus_seed("ac", NOISE, 0, 0),
        stimulus_seed("ab", Condition("gaussian_noise", 0.19), 0, 0),
        stimulus_seed("ab", Condition("gaussian_blur", 0.18), 0, 0),
        stimulus_seed("ab", NOISE, 1, 0),
        stimulus_seed("ab", NOISE, 0, 1),
        *(mask_seed(number, seed) for number in range(16) for seed in (0, 1)),
    ]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_an_identifier_does_not_depend_on_the_seed_but_on_what_is_shown() -> None:
    identifiers = {stimulus_id("ab", NOISE, 0), stimulus_id("ac", NOISE, 0), stimulus_id("ab", NOISE, 1)}
    assert len(identifiers) == 3
    assert all(len(identifier) == 16 for identifier in identifiers)
