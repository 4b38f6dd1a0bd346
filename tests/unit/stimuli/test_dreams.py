"""The parts of a dream, against plain forms of them, and climbs on units that can be written down."""

from __future__ import annotations

import doctest
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from stimuli.dreams import dream as dream_module
from stimuli.dreams.dream import Climb, Dream, climbing_side, dream
from stimuli.dreams.objective import Drives, Unit, loss, total_variation
from stimuli.dreams.parametrisation import COLOURS, MARGIN, FourierPictures, amplitudes, enlarged
from stimuli.dreams.starts import RAMP, STARTS, perlin_noise
from stimuli.dreams.transformations import Views, random_maps, viewed
from stimuli.seeds import generator

pytestmark = pytest.mark.model


def noise(count: int, side: int, seed: int = 0) -> torch.Tensor:
    values = np.random.default_rng(seed).uniform(0.1, 0.9, (count, 3, side, side))
    return torch.from_numpy(values.astype(np.float32))


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(dream_module).failed == 0


# Parametrisation


@pytest.mark.parametrize("side", [8, 9, 121, 288])
def test_amplitudes_fall_as_one_over_the_frequency(side: int) -> None:
    factors = amplitudes(side).numpy()
    assert factors[0, 0] == pytest.approx(factors[0, 1])
    assert factors[0, 1] / factors[0, 3] == pytest.approx(3)
    assert factors[2, 2] / factors[1, 1] == pytest.approx(0.5)
    both = np.abs(np.fft.fftfreq(side)[:, None]), np.abs(np.fft.fftfreq(side)[None, :])
    plain = 1 / np.maximum(np.hypot(*both), 1 / side)
    assert factors == pytest.approx((plain / np.sqrt((plain**2).mean()))[:, : side // 2 + 1], rel=1e-5)


@pytest.mark.parametrize("side", [16, 17])
def test_it_begins_with_the_picture_that_it_is_given(side: int) -> None:
    start = noise(2, side)
    torch.testing.assert_close(FourierPictures(start).pictures(), start, atol=1e-4, rtol=0)
    black = torch.zeros(1, 3, side, side)
    torch.testing.assert_close(FourierPictures(black).pictures(), black + MARGIN, atol=1e-4, rtol=0)


def test_more_pixels_show_the_same_waves() -> None:
    state = FourierPictures(noise(2, 21))
    for factor in (2, 3):
        larger = state.pictures(21 * factor)
        torch.testing.assert_close(larger[..., ::factor, ::factor], state.pictures(), atol=1e-4, rtol=0)
    spectrum = torch.zeros(1, 3, 8, 5, dtype=torch.complex64)
    with pytest.raises(ValueError, match="waves of 8 pixels are shown on more if their number is odd"):
        enlarged(spectrum, 8, 16)


def test_every_coefficient_can_be_climbed() -> None:
    state = FourierPictures(noise(1, 15))
    (state.pictures() * noise(1, 15, 1)).sum().backward()  # type: ignore[no-untyped-call]
    assert state.coefficients.grad is not None
    assert (state.coefficients.grad[..., 0] != 0).all()


def test_the_colours_are_those_of_the_photographs() -> None:
    data = pytest.importorskip("skimage.data")
    values = [
        getattr(data, name)().reshape(-1, 3) / 255 for name in ("astronaut", "chelsea", "coffee", "rocket")
    ]
    sizes, axes = np.linalg.eigh(np.mean([np.cov(one.T) for one in values], axis=0))
    columns = (axes * np.sqrt(sizes / sizes[-1]))[:, ::-1]
    own = np.asarray(COLOURS)
    assert own * np.sign(own.sum(axis=0)) == pytest.approx(columns * np.sign(columns.sum(axis=0)), abs=6e-5)


# Starts


@pytest.mark.parametrize("name", STARTS)
def test_a_start_is_a_picture_that_its_seed_decides(name: str) -> None:
    one, again, other = (STARTS[name](40, generator(seed)) for seed in (1, 1, 2))
    assert one.shape == (3, 40, 40)
    assert -0.5 < one.min() <= one.max() < 1.5
    assert one.mean() == pytest.approx(0.5, abs=0.05)
    assert (one == again).all()
    assert (one == other).all() == (name in ("gradient", "grey"))


def test_the_ramp_rises_and_grey_is_grey() -> None:
    ramp = STARTS["gradient"](30, generator(0))
    assert (ramp[0, 0, 0], ramp[2, 9, -1]) == RAMP
    assert np.diff(ramp, axis=2) == pytest.approx(0.6 / 29)
    assert (STARTS["grey"](30, generator(0)) == 0.5).all()


def test_perlin_noise_is_nothing_at_its_corners_and_smooth_between() -> None:
    fine = perlin_noise(400, 4, generator(3))
    assert np.abs(fine[::100, ::100]).max() < 0.02
    assert np.abs(fine).max() > 0.3
    assert np.abs(np.diff(fine, axis=0)).max() < 0.03
    assert np.abs(np.diff(fine, axis=1)).max() < 0.03


# Views


def test_no_change_is_no_change() -> None:
    maps = torch.from_numpy(random_maps(Views(0, 0, 0), [generator(0), generator(1)]))
    torch.testing.assert_close(viewed(noise(2, 15), maps), noise(2, 15))


def test_a_shift_brings_in_grey() -> None:
    right = torch.tensor([[[1.0, 0, 2 / 15], [0, 1, 0]]])
    picture = noise(1, 15)
    shown = viewed(picture, right)
    torch.testing.assert_close(shown[..., :-1], picture[..., 1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(shown[..., -1], torch.full((1, 3, 15), 0.5))


def test_views_are_drawn_from_each_pictures_own_chance() -> None:
    views = Views(shift=0.1, scale=0.2, turn=15)
    maps = random_maps(views, [generator(seed) for seed in range(500)])
    assert (maps[7:8] == random_maps(views, [generator(7)])).all()
    size = np.hypot(maps[:, 0, 0], maps[:, 1, 0])
    assert 0.8 < (1 / size).min() < 0.81
    assert 1.19 < (1 / size).max() < 1.2
    turn = np.rad2deg(np.arctan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert 14.5 < np.abs(turn).max() < 15
    assert 0.195 < np.abs(maps[:, :, 2]).max() < 0.2


# Objective and climb


def test_total_variation_is_the_sum_that_it_says() -> None:
    picture = noise(1, 5)[0].numpy()
    down = [abs(float(p[i + 1, j] - p[i, j])) for p in picture for i in range(4) for j in range(5)]
    across = [abs(float(p[i, j + 1] - p[i, j])) for p in picture for i in range(5) for j in range(4)]
    assert float(total_variation(noise(1, 5))[0]) == pytest.approx(np.mean(down) + np.mean(across), rel=1e-5)


def test_the_loss_falls_when_the_unit_goes_where_it_is_wanted() -> None:
    flat, one = torch.full((2, 3, 8, 8), 0.5), torch.tensor([1.0, 1.0])
    told = loss(torch.tensor([3.0, 3.0]), 2 * one, torch.tensor([1.0, -1.0]), flat)
    assert told.tolist() == [-1.5, 1.5]


class Stripes:
    """Two units that like stripes: channel 0 upright ones, channel 1 lying ones."""

    device = torch.device("cpu")
    input_side = 16

    def drives(self, pictures: torch.Tensor, units: Sequence[Unit]) -> Drives:
        wave = torch.sin(2 * torch.pi * 3 * torch.arange(pictures.shape[-1]) / pictures.shape[-1])
        upright = ((pictures / 255).mean(dim=1) * wave).mean(dim=(1, 2))
        lying = ((pictures / 255).mean(dim=1) * wave[:, None]).mean(dim=(1, 2))
        both = torch.stack([upright, lying], dim=1)
        chosen = both[torch.arange(len(units)), [unit.channel for unit in units]]
        return Drives(chosen, torch.full((len(units),), 0.1))


CLIMB = Climb(steps=40, size=33, rate=1.0, views=Views(0.02, 0.02, 1))


def told(images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], channel: int) -> float:
    values = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return float(Stripes().drives(values, [Unit("layer", channel)] * len(images)).unit.mean())


@pytest.mark.parametrize("start", STARTS)
def test_each_picture_climbs_for_its_own_unit_and_sign(start: str) -> None:
    wanted = [Dream(Unit("layer", channel), start, sign, 5) for channel in (0, 1) for sign in (1, -1)]
    images = dream(Stripes(), wanted, CLIMB)
    assert images.dtype == np.uint8
    assert images.shape == (4, 33, 33, 3)
    for image, one in zip(images, wanted, strict=True):
        own = one.sign * told(image[None], one.unit.channel)
        assert own > 0.08
        assert own > 2 * abs(told(image[None], 1 - one.unit.channel))


def test_a_dream_is_the_same_again_and_in_any_company() -> None:
    wanted = [Dream(Unit("layer", number % 2), "perlin", 1, number) for number in range(3)]
    together = dream(Stripes(), wanted, CLIMB)
    assert (dream(Stripes(), wanted, CLIMB) == together).all()
    alone = dream(Stripes(), wanted[1:2], CLIMB)[0].astype(int)
    assert np.abs(alone - together[1]).max() <= 2
    assert (together[0] != together[2]).any()


def test_the_steps_can_be_watched() -> None:
    seen: list[int] = []

    def track(steps: object, total: int) -> Sequence[int]:
        seen.append(total)
        return range(total)

    dream(Stripes(), [Dream(Unit("layer", 0), "grey", 1, 0)], Climb(steps=2, size=32), track)
    assert seen == [2]


def test_pictures_are_no_finer_than_they_will_be() -> None:
    assert [climbing_side(96, size) for size in (64, 120, 121, 500)] == [64, 120, 121, 121]
