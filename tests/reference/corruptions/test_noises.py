"""Each noise against a slow, plain twin that follows its definition, and the laws that its draws follow."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from stimuli.corruptions import apply, draws, shot_noise, values_operator
from stimuli.corruptions.impulse_noise import impulse_noise
from stimuli.corruptions.pixels import Rng
from stimuli.corruptions.shot_noise import shot_noise_values
from stimuli.perturbations import PERTURBATIONS
from tests.reference.corruptions.twins import PATCHES, Pixels, Twin, cases, data, differences, grey_level


def bits(rng: np.random.Generator, width: int, many: int) -> Iterator[int]:
    """``many`` draws of ``width`` bits, from the lowest bits of each 64 to the highest."""
    each = 64 // width
    words = rng.integers(0, 2**64, size=math.ceil(many / each), dtype=np.uint64).tolist()
    return iter([(word >> (width * place)) % 2**width for word in words for place in range(each)][:many])


def deviates(rng: Rng, many: int) -> Iterator[float]:
    if isinstance(rng, np.random.RandomState):
        return iter([rng.normal() for _ in range(many)])
    return iter([NormalDist().inv_cdf((draw + 0.5) / 2**16) for draw in bits(rng, 16, many)])


def by_value(image: Pixels, rng: Rng, noisy: Callable[[int], float]) -> Pixels:
    """Each channel value in reading order, made noisy, and its way to 8 bits."""
    level = (lambda v: int(min(max(v, 0), 1) * 255)) if isinstance(rng, np.random.RandomState) else to_level
    return np.array([level(noisy(int(v))) for v in image.ravel()], np.uint8).reshape(image.shape)


def to_level(value: float) -> int:
    return grey_level(255 * value)


def slow_clean(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return np.array([[[int(v) for v in pixel] for pixel in row] for row in image], np.uint8)


def slow_gaussian_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    noise = deviates(rng, image.size)
    return by_value(image, rng, lambda v: v / 255 + severity * next(noise))


def slow_speckle_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    noise = deviates(rng, image.size)
    return by_value(image, rng, lambda v: v / 255 + v / 255 * (severity * next(noise)))


def slow_impulse_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    if isinstance(rng, np.random.RandomState):
        kinds = [0.0 if rng.random_sample() < severity else math.nan for _ in range(image.size)]
        salted = [rng.random_sample() < 0.5 for _ in range(image.size)]
        kinds = [kind + salt for kind, salt in zip(kinds, salted, strict=True)]
    else:
        drawn = list(bits(rng, 16, image.size))
        edge = severity / 2 * 2**16
        pepper = [draw + rng.random() < edge if draw == int(edge) else draw < edge for draw in drawn]
        salt = [
            65535 - draw + rng.random() < edge if 65535 - draw == int(edge) else 65535 - draw < edge
            for draw in drawn
        ]
        kinds = [
            0.0 if dark else 1.0 if light else math.nan for dark, light in zip(pepper, salt, strict=True)
        ]
    each = iter(kinds)
    return by_value(image, rng, lambda v: v / 255 if math.isnan(kind := next(each)) else kind)


def slow_shot_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    if isinstance(rng, np.random.RandomState):
        return by_value(image, rng, lambda v: rng.poisson(v / 255 * severity) / severity)
    parts, within = bits(rng, 8, image.size), bits(rng, 16, image.size)
    return by_value(
        image,
        rng,
        lambda v: (
            poisson_quantile((next(parts) * 2**16 + next(within) + 0.5) / 2**24, v / 255 * severity)
            / severity
        ),
    )


def poisson_quantile(chance: float, mean: float) -> int:
    """The smallest number of events that are at most so many with more than a chance."""
    term = total = math.exp(-mean)
    for events in count(1):
        if total > chance or term < 1e-15 * total:
            return events - 1
        term *= mean / events
        total += term
    raise AssertionError


TWINS: dict[str, Twin] = {
    "clean": slow_clean,
    "gaussian_noise": slow_gaussian_noise,
    "shot_noise": slow_shot_noise,
    "impulse_noise": slow_impulse_noise,
    "speckle_noise": slow_speckle_noise,
}


@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str) -> None:
    """A quantile within rounding of an edge may fall to either side: one value in a thousand."""
    apart = differences(TWINS[name], name, PATCHES[patch], severity, legacy=False)
    assert (apart > 0).mean() < 0.001
    assert apart.max() <= 1 or name == "shot_noise"


@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_legacy_gives_the_published_pixels(name: str, severity: float) -> None:
    assert differences(TWINS[name], name, PATCHES["cup"], severity, legacy=True).max() == 0


# The laws of the draws


def test_normal_draws_are_normal_and_independent() -> None:
    drawn = draws.normals(np.random.default_rng(3), (400, 500)).astype(float).ravel()
    assert stats.kstest(drawn, "norm").pvalue > 0.01
    assert drawn.mean() == pytest.approx(0, abs=0.006)
    assert drawn.std() == pytest.approx(1, abs=0.005)
    assert stats.kurtosis(drawn) == pytest.approx(0, abs=0.04)
    for lag in range(1, 9):
        assert np.corrcoef(drawn[lag:], drawn[:-lag])[0, 1] == pytest.approx(0, abs=0.009)
        assert np.corrcoef(drawn[lag:] ** 2, drawn[:-lag] ** 2)[0, 1] == pytest.approx(0, abs=0.009)


@pytest.mark.parametrize("severity", PERTURBATIONS["gaussian_noise"].levels)
def test_the_cells_of_normal_draws_are_fine_enough_for_grey_levels(severity: float) -> None:
    """Rounded noise has its exact law but for a total variation of 1 in 400."""
    noise = np.rint(draws.normal_quantiles() * 255.0 * severity).astype(int)
    levels = np.arange(-2000, 2001)
    cells = np.bincount(noise + 2000, minlength=4001) / noise.size
    exact = np.diff(stats.norm.cdf(np.append(levels - 0.5, 2000.5), scale=255 * severity))
    assert np.abs(cells - exact).sum() / 2 < 0.0025
    assert (cells @ levels**2) ** 0.5 == pytest.approx((exact @ levels**2) ** 0.5, rel=2e-4)


def shot_law(level: int, severity: float) -> npt.NDArray[np.float64]:
    """Probabilities of grey levels by SciPy's Poisson law."""
    photons = np.arange(int(severity + 40 * severity**0.5 + 60))
    greys = np.minimum(255, np.rint(255 * photons / severity)).astype(int)
    chances = stats.poisson.pmf(photons, level / 255 * severity)
    return np.array([chances[greys == grey].sum() for grey in range(256)])


@pytest.mark.parametrize("severity", [*PERTURBATIONS["shot_noise"].levels, 0.3, 17.3, 1000.0])
@pytest.mark.parametrize("level", [0, 1, 90, 255])
def test_shot_noise_is_poisson_over_every_possible_draw(
    level: int, severity: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Total variation, each 64th of the 2**24 quantiles drawn once."""
    quantiles = np.arange(31, 1 << 24, 64)
    monkeypatch.setattr(shot_noise, "uniform8", lambda rng, shape: (quantiles >> 16).astype(np.uint8))
    monkeypatch.setattr(shot_noise, "uniform16", lambda rng, shape: quantiles.astype(np.uint16))
    image = np.full((len(quantiles), 1, 1), level, np.uint8)
    drawn = shot_noise.shot_noise(image, severity, np.random.default_rng(0))
    achieved = np.bincount(drawn.ravel(), minlength=256) / drawn.size
    assert np.abs(achieved - shot_law(level, severity)).sum() / 2 < 1e-4


@pytest.mark.parametrize("severity", PERTURBATIONS["shot_noise"].levels)
def test_shot_noise_as_drawn_follows_the_law(severity: float) -> None:
    for level in (5, 128, 255):
        image = np.full((200, 200, 3), level, np.uint8)
        drawn = apply("shot_noise", image, severity, np.random.default_rng(level))
        expected = shot_law(level, severity) * image.size
        common = expected > 5
        rare = expected[~common].sum()
        seen = np.bincount(drawn.ravel(), minlength=256)
        statistic = ((seen - expected)[common] ** 2 / expected[common]).sum()
        assert stats.chi2.sf(statistic, common.sum() - 1) > 0.001
        assert seen[~common].sum() <= rare + 5 * rare**0.5 + 5


def test_shot_noise_of_light_has_the_variance_of_counts() -> None:
    values = np.full((300, 300, 3), 51.0, np.float32)
    noisy = shot_noise_values(values, 12.0, np.random.default_rng(1)).astype(float)
    assert noisy.mean() == pytest.approx(51, rel=0.01)
    assert noisy.var() == pytest.approx(51 * 255 / 12, rel=0.02)


@pytest.mark.parametrize("severity", [1e-5, *PERTURBATIONS["impulse_noise"].levels, 0.99999, 1.0])
def test_impulses_have_their_exact_probability(severity: float) -> None:
    image = np.full((1000, 1000, 3), 100, np.uint8)
    noisy = impulse_noise(image, severity, np.random.default_rng(4))
    assert set(np.unique(noisy)) <= {0, 100, 255}
    for kind in (0, 255):
        seen = int((noisy == kind).sum())
        assert stats.binomtest(seen, image.size, severity / 2).pvalue > 0.001
    left = int((noisy == 100).sum())
    assert stats.binomtest(left, image.size, 1 - severity).pvalue > 0.001


def test_impulses_hit_each_channel_on_its_own() -> None:
    hit = apply("impulse_noise", np.full((400, 400, 3), 100, np.uint8), 0.27, np.random.default_rng(0)) != 100
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.corrcoef(hit[:, :, one].ravel(), hit[:, :, other].ravel())[0, 1] == pytest.approx(
            0, abs=0.01
        )


def test_strong_noise_clips_as_published() -> None:
    noisy = apply("gaussian_noise", data.astronaut(), 0.38, np.random.default_rng(0))
    achieved = (noisy.astype(float) - data.astronaut()).std() / 255
    assert achieved == pytest.approx(0.29, abs=0.01)


@pytest.mark.parametrize("name", ["gaussian_noise", "speckle_noise", "shot_noise"])
def test_noise_of_float_values_has_the_spread_of_noise_of_pixels(name: str) -> None:
    """At half of white, far from clipping, in either precision."""
    image = np.full((300, 300, 3), 128, np.uint8)
    severity = PERTURBATIONS[name].levels[0]
    spread = apply(name, image, severity, np.random.default_rng(0)).std()
    for rng in (np.random.default_rng(1), np.random.RandomState(1)):
        values = values_operator(name)(image.astype(np.float32), severity, rng)
        assert values.dtype == np.float32
        assert values.std() == pytest.approx(spread, rel=0.02)
        assert values.mean() == pytest.approx(128, abs=0.5)
