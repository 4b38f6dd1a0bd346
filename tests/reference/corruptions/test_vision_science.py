"""Each family of vision science against a slow, plain twin that follows its definition."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from stimuli.corruptions import apply, false_colour, opponent_colour, phase_scrambling, power_equalisation
from stimuli.corruptions.greys import exact_grey
from stimuli.corruptions.light import BY_LIGHT, SHOWN
from stimuli.corruptions.pixels import Rng
from stimuli.measures import clipped_fraction
from stimuli.perturbations import PERTURBATIONS
from tests.reference.corruptions.twins import (
    PATCHES,
    Pixels,
    Twin,
    cases,
    data,
    differences,
    whole_photograph,
)

Grey = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]


def grey(image: Pixels) -> Grey:
    """Grey of 0 to 1 from the definition, pixel by pixel."""
    return np.array(
        [[(0.2125 * int(r) + 0.7154 * int(g) + 0.0721 * int(b)) / 255 for r, g, b in row] for row in image]
    )


def shown(values: Grey) -> Pixels:
    """Three equal channels, halves rounded up."""
    levels = [[int(min(1.0, max(0.0, v)) * 255 + 0.5) for v in row] for row in values.tolist()]
    return np.array([[[level] * 3 for level in row] for row in levels], np.uint8)


def uniform(rng: Rng, count: int) -> list[float]:
    """Uniform draws of 0 to 1, in float64 one by one from the published generator."""
    if isinstance(rng, np.random.RandomState):
        return [float(rng.uniform()) for _ in range(count)]
    return [float(draw) for draw in rng.random(count, dtype=np.float32)]


def slow_greyscale(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return shown(grey(image)) if severity else image.copy()


def slow_grey_contrast(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return shown(np.array([[(1 - severity) / 2 + v * severity for v in row] for row in grey(image)]))


def slow_uniform_noise(image: Pixels, severity: float, rng: Rng) -> Pixels:
    draws = iter(uniform(rng, image[:, :, 0].size))
    return shown(
        np.array([[0.35 + 0.3 * v + severity * (2 * next(draws) - 1) for v in row] for row in grey(image)])
    )


def slow_salt_and_pepper(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """As published: 1 is added or taken away, and what leaves the range is clipped."""
    draws = iter(uniform(rng, image[:, :, 0].size))

    def speckled(value: float) -> float:
        draw = next(draws)
        return 0.35 + 0.3 * value + (draw >= 1 - severity / 2) - (draw < severity / 2)

    return shown(np.array([[speckled(v) for v in row] for row in grey(image)]))


def blurred(values: Grey, sd: float) -> Grey:
    """Weighted sums along columns, then rows, on the published background."""
    if not sd:
        return values
    reach = int(4 * sd + 0.5)
    weights = np.array([math.exp(-0.5 * (k / sd) ** 2) for k in range(-reach, reach + 1)])
    weights /= math.fsum(weights)
    for _ in range(2):
        padded = np.pad(values, ((reach, reach), (0, 0)), constant_values=0.4423)
        rows = [weights @ padded[y : y + weights.size] for y in range(values.shape[0])]
        values = np.array(rows).T
    return values


def slow_low_pass(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return shown(blurred(grey(image), severity))


def slow_high_pass(image: Pixels, severity: float, rng: Rng) -> Pixels:
    fine = grey(image) - blurred(grey(image), severity)
    return shown(fine + 0.4423 - math.fsum(fine.ravel()) / fine.size)


def signed(side: int) -> list[int]:
    """Frequencies of a side in cycles, lowest first; the highest of an even side is the first."""
    return list(range(-(side // 2), (side + 1) // 2))


def waves(side: int) -> Complex:
    """Row k: the wave of the k-th of ``signed`` frequencies at each pixel."""
    return np.array(
        [[cmath.exp(-2j * math.pi * f * x / side) for x in range(side)] for f in signed(side)], np.complex128
    )


def transform(values: Grey) -> Complex:
    """Fourier transform from its definition, at ``signed`` frequencies."""
    height, width = values.shape
    found: Complex = waves(height) @ values @ waves(width).T
    return found


def back(spectrum: Complex) -> Grey:
    height, width = spectrum.shape
    values: Complex = waves(height).conj().T @ spectrum @ waves(width).conj() / (height * width)
    return values.real


def slow_shifts(
    height: int, width: int, half: float, rng: Rng, partners: bool
) -> dict[tuple[int, int], float]:
    """Radians for each frequency that has a partner, by (vertical, horizontal) frequency."""
    paired = [(v, h) for v in signed(height) for h in signed(width) if 2 * v != -height and 2 * h != -width]
    middle = len(paired) // 2
    assert paired[middle] == (0, 0)
    draws = [(2 * draw - 1) * math.radians(half) for draw in uniform(rng, middle)]
    shifts = dict(zip(paired[:middle], draws, strict=True))
    second = [(-v, -h) for v, h in paired[:middle]] if partners else paired[middle + 1 :]
    return shifts | {frequency: -draw for frequency, draw in zip(second, draws, strict=True)}


def slow_scrambled(image: Pixels, severity: float, rng: Rng, partners: bool) -> Grey:
    height, width = image.shape[:2]
    spectrum = transform(grey(image))
    for (v, h), shift in slow_shifts(height, width, severity, rng, partners).items():
        size, phase = cmath.polar(spectrum[v + height // 2, h + width // 2])
        spectrum[v + height // 2, h + width // 2] = cmath.rect(size, phase + shift)
    return back(spectrum)


def slow_phase_scrambling(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return shown(slow_scrambled(image, severity, rng, partners=True))


def slow_phase_scrambling_published(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return shown(slow_scrambled(image, severity, rng, partners=False))


def slow_power_equalisation(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """The gain comes from the energy of the two spectra, by Parseval's theorem."""
    if not severity:
        return image.copy()
    height, width = image.shape[:2]
    old = transform(grey(image))
    new = np.zeros_like(old)
    for i, v in enumerate(signed(height)):
        for j, h in enumerate(signed(width)):
            if (v, h) != (0, 0):
                new[i, j] = cmath.rect(1 / math.hypot(v / height, h / width), cmath.phase(old[i, j]))
    mean = old[height // 2, width // 2]
    energy = np.sum(np.abs(old) ** 2) - abs(mean) ** 2
    new *= math.sqrt(energy / max(np.sum(np.abs(new) ** 2), 1e-300))
    new[height // 2, width // 2] = mean
    return shown(back(new))


def slow_rotation(image: Pixels, severity: float, rng: Rng) -> Pixels:
    """Anticlockwise: the right column becomes the top row. The middle on the published background."""
    pixels = shown(grey(image))[:, :, 0].tolist()
    for _ in range(int(severity)):
        pixels = [[row[x] for row in pixels] for x in reversed(range(len(pixels[0])))]
    height, width = image.shape[:2]
    down, right = (len(pixels) - height) // 2, (len(pixels[0]) - width) // 2
    out = np.full(image.shape, 113, np.uint8)
    for y in range(height):
        for x in range(width):
            if 0 <= y + down < len(pixels) and 0 <= x + right < len(pixels[0]):
                out[y, x] = pixels[y + down][x + right]
    return out


def light_of(value: int) -> float:
    encoded = value / 255
    return encoded / 12.92 if encoded <= 0.04045 else ((encoded + 0.055) / 1.055) ** 2.4


TABLE = [light_of(value) for value in range(256)]


def value_of(light: float) -> int:
    """The pixel value that shows light best; the darker of two that are as near."""
    light = min(1.0, max(0.0, light))
    return min(range(256), key=lambda value: abs(TABLE[value] - light))


#: cone activations of the published display's primaries, and opponent axes of cone activations
CONES = np.array(
    [
        [0.1619982647, 0.208049264, 0.0389347448],
        [0.0330275785, 0.2496504557, 0.0618343518],
        [0.0015524055, 0.0198861001, 0.1890224274],
    ]
)
AXES = np.array(
    [[9.27590805, 9.27590805, 0], [7.86421647, -9.33587662, 0], [-3.39709047, -3.39709047, 12.16230246]]
)


def each_pixel(image: Pixels, change: Callable[[list[float]], Any]) -> Pixels:
    """``change`` takes and gives the light of a pixel's three channels."""
    known: dict[tuple[int, ...], list[int]] = {}
    for pixel in {tuple(map(int, pixel)) for row in image for pixel in row}:
        known[pixel] = [value_of(float(light)) for light in change([TABLE[v] for v in pixel])]
    return np.array([[known[tuple(map(int, pixel))] for pixel in row] for row in image], np.uint8)


def opposite(light: list[float]) -> npt.NDArray[np.float64]:
    white = CONES @ [0.5, 0.5, 0.5]
    luminance, red_green, blue_yellow = AXES @ (CONES @ light - white)
    cones = np.linalg.solve(AXES, [luminance, -red_green, -blue_yellow]) + white
    return np.asarray(np.linalg.solve(CONES, cones))


def slow_opponent_colour(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return each_pixel(image, opposite) if severity else image.copy()


RGB_TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
WHITE = [sum(row) for row in RGB_TO_XYZ]


def lab(light: list[float]) -> tuple[float, float, float]:
    xyz = [sum(m * v for m, v in zip(row, light, strict=True)) for row in RGB_TO_XYZ]
    ratios = [value / white for value, white in zip(xyz, WHITE, strict=True)]
    x, y, z = (r ** (1 / 3) if r > (6 / 29) ** 3 else r / (3 * (6 / 29) ** 2) + 4 / 29 for r in ratios)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def light_of_lab(lightness: float, a: float, b: float) -> list[float]:
    y = (lightness + 16) / 116
    responses = (y + a / 500, y, y - b / 200)
    ratios = [f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29) for f in responses]
    return list(np.linalg.solve(RGB_TO_XYZ, [r * white for r, white in zip(ratios, WHITE, strict=True)]))


def hue_turned(light: list[float]) -> list[float]:
    """Mixed with grey by halving the search for the largest share that can be shown."""
    lightness, a, b = lab(light)
    turned, middle = light_of_lab(lightness, -b, a), light_of_lab(lightness, 0, 0)

    def mixed(share: float) -> list[float]:
        return [grey + share * (value - grey) for value, grey in zip(turned, middle, strict=True)]

    low, high = 0.0, 1.0
    if all(-1e-9 <= value <= 1 + 1e-9 for value in turned):
        return turned
    for _ in range(40):
        share = (low + high) / 2
        low, high = (share, high) if all(0 <= value <= 1 for value in mixed(share)) else (low, share)
    return mixed(low)


def slow_false_colour(image: Pixels, severity: float, rng: Rng) -> Pixels:
    return each_pixel(image, hue_turned) if severity else image.copy()


TWINS: dict[str, Twin] = {
    "grey_contrast": slow_grey_contrast,
    "uniform_noise": slow_uniform_noise,
    "salt_and_pepper": slow_salt_and_pepper,
    "low_pass": slow_low_pass,
    "high_pass": slow_high_pass,
    "phase_scrambling": slow_phase_scrambling,
    "phase_scrambling_published": slow_phase_scrambling_published,
    "power_equalisation": slow_power_equalisation,
    "rotation": slow_rotation,
    "greyscale": slow_greyscale,
    "opponent_colour": slow_opponent_colour,
    "false_colour": slow_false_colour,
}


@pytest.mark.parametrize("legacy", [False, True], ids=["usual", "legacy"])
@pytest.mark.parametrize("patch", list(PATCHES))
@pytest.mark.parametrize(("name", "severity"), cases(TWINS))
def test_it_does_what_its_definition_says(name: str, severity: float, patch: str, legacy: bool) -> None:
    """A level apart at most, and that where a value lies between two levels and the last digits decide."""
    apart = differences(TWINS[name], name, PATCHES[patch], severity, legacy)
    assert apart.max() <= 1
    assert (apart > 0).mean() < (0.002 if legacy else 0.005)


@pytest.mark.parametrize("legacy", [False, True], ids=["usual", "legacy"])
@pytest.mark.parametrize("name", list(TWINS))
@pytest.mark.parametrize("shape", [(33, 17), (17, 32), (1, 9), (1, 1)], ids=str)
def test_odd_sides_will_do_as_well(name: str, shape: tuple[int, int], legacy: bool) -> None:
    image = np.ascontiguousarray(data.coffee()[60 : 60 + shape[0], 260 : 260 + shape[1]])
    levels = PERTURBATIONS[name].levels
    assert differences(TWINS[name], name, image, levels[len(levels) // 2], legacy).max() <= 1


PHOTOGRAPHS = ("astronaut", "chelsea", "coffee")


def rngs() -> list[Rng]:
    return [np.random.default_rng(3), np.random.RandomState(0)]


def amplitudes(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    return np.abs(np.fft.fft2(values.astype(np.float64)))


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_scrambled_phases_leave_amplitudes_and_contrast_alone(photograph: str) -> None:
    clean = exact_grey(whole_photograph(photograph))
    for rng in rngs():
        scrambled = phase_scrambling.scrambled(clean, 90, rng)
        assert scrambled.std() == pytest.approx(clean.std(), rel=1e-6)
        assert scrambled.mean() == pytest.approx(clean.mean(), rel=1e-6)
        assert np.abs(amplitudes(scrambled) - amplitudes(clean)).max() < 1e-3
        assert np.corrcoef(scrambled.ravel(), clean.ravel())[0, 1] < 0.8


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_only_clipping_takes_contrast_from_the_corrected_form(photograph: str) -> None:
    """Up to 9% of it from a picture that is dark and contrasty as a whole, none from one that is not."""
    clean = exact_grey(whole_photograph(photograph))
    for rng in rngs():
        scrambled = apply("phase_scrambling", whole_photograph(photograph), 90, rng)
        lost = 1 - scrambled.std() / 255 / clean.std()
        assert lost < (0.001 if clipped_fraction(scrambled) < 0.01 else 0.09)


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
@pytest.mark.parametrize("width", [90.0, 180.0])
def test_the_published_form_loses_contrast(photograph: str, width: float) -> None:
    """Two partners with independent shifts keep (1 + sinc(w)^2) / 2 of their energy on average."""
    clean = exact_grey(whole_photograph(photograph))
    expected = (1 + np.sinc(width / 180) ** 2) / 2
    rng = np.random.default_rng(0)
    scrambled = [phase_scrambling.half_scrambled(clean, width, rng) for _ in range(40)]
    kept = [values.var() / clean.var() for values in scrambled]
    assert np.mean(kept) == pytest.approx(expected, abs=0.05)
    assert max(kept) < 0.95


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_equalised_power_falls_as_one_over_f_and_sums_to_the_same(photograph: str) -> None:
    clean = exact_grey(whole_photograph(photograph))
    equalised = power_equalisation.equalised(clean)
    before, after = amplitudes(clean), amplitudes(equalised)
    assert np.sum(after**2) == pytest.approx(np.sum(before**2))
    assert after[0, 0] == pytest.approx(before[0, 0])
    frequency = np.hypot(np.fft.fftfreq(224)[:, None], np.fft.fftfreq(224)[None])
    products = (after * frequency)[frequency > 0]
    assert products.max() == pytest.approx(products.min(), rel=1e-6)


def test_pictures_without_contrast_have_no_power_to_equalise() -> None:
    flat = np.full((24, 20, 3), 90, np.uint8)
    for rng in rngs():
        assert np.array_equal(apply("power_equalisation", flat, 1, rng), flat)


def test_the_published_code_s_blur_is_the_same_filter_in_scipy() -> None:
    """On the published background, cut at 4 standard deviations."""
    image = whole_photograph("chelsea")
    for sd in (1.0, 5.0, 15.0):
        blurred_values = ndimage.gaussian_filter(
            exact_grey(image), sd, mode="constant", cval=0.4423, truncate=4
        )
        apart = apply("low_pass", image, sd, np.random.default_rng(0))[:, :, 0] - 255 * blurred_values
        assert np.abs(apart).max() <= 0.5 + 1e-3


def test_low_and_high_frequencies_add_up() -> None:
    """The picture less its mean is what the two have, each less its mean, where nothing is clipped."""
    image = whole_photograph("coffee")
    clean = exact_grey(image)
    parts = [
        apply(name, image, 3.0, np.random.default_rng(0))[:, :, 0] / 255 for name in ("low_pass", "high_pass")
    ]
    inside = (parts[1] > 0) & (parts[1] < 1)
    rest = clean - parts[0] - parts[1]
    assert inside.mean() > 0.99
    assert np.ptp(rest[inside]) < 2.5 / 255


def test_wide_uniform_noise_clips_as_it_must() -> None:
    for width, share in ((0.35, 0.0), (0.6, 0.178), (0.9, 0.449)):
        noisy = apply("uniform_noise", whole_photograph("astronaut"), width, np.random.default_rng(1))
        assert clipped_fraction(noisy) == pytest.approx(share, abs=0.005)


def test_salt_and_pepper_hits_as_many_pixels_as_it_says() -> None:
    noisy = apply("salt_and_pepper", whole_photograph("astronaut"), 0.35, np.random.default_rng(1))
    assert (noisy == 0).mean() == pytest.approx(0.175, abs=0.006)
    assert (noisy == 255).mean() == pytest.approx(0.175, abs=0.006)


@pytest.mark.parametrize(
    ("name", "severity", "at_most"),
    [("grey_contrast", 0.05, 14), ("grey_contrast", 0.01, 4), ("high_pass", 0.4, 45)],
)
def test_few_grey_levels_are_left_at_the_ends_of_the_ladders(
    name: str, severity: float, at_most: int
) -> None:
    for photograph in PHOTOGRAPHS:
        left = np.unique(apply(name, whole_photograph(photograph), severity, np.random.default_rng(0))).size
        assert 1 < left <= at_most


@pytest.mark.parametrize("name", ["opponent_colour", "false_colour"])
def test_turned_colours_are_as_light_as_before(name: str) -> None:
    """In luminance as each defines it, but for what opposite colours lose to clipping."""
    weights = opponent_colour.LUMINANCE if name == "opponent_colour" else false_colour.XYZ[1]
    image = whole_photograph("astronaut")
    turned = apply(name, image, 1, np.random.default_rng(0))
    inside = ((turned > 0) & (turned < 255)).all(axis=2)
    assert inside.mean() > 0.5
    compared = inside if name == "opponent_colour" else slice(None)
    assert np.abs((SHOWN[turned] - SHOWN[image]) @ weights)[compared].max() < 0.005


def test_opposite_colours_of_opposite_colours_are_the_first_ones() -> None:
    """Within 1% of full light, which is what 8 bits leave of it, where no light was clipped."""
    image = whole_photograph("astronaut")
    for rng in rngs():
        once = apply("opponent_colour", image, 1, rng)
        twice = apply("opponent_colour", once, 1, rng)
        inside = ((once > 0) & (once < 255)).all(axis=2)
        assert inside.mean() > 0.5
        assert np.abs(SHOWN[twice] - SHOWN[image])[inside].max() < 0.01


def test_the_matrices_come_to_a_reflection_about_grey() -> None:
    axes = AXES @ CONES
    whole = np.linalg.solve(axes, np.diag([1, -1, -1]) @ axes)
    assert np.allclose(opponent_colour.REFLECTION, whole, atol=1e-8, rtol=0)
    assert np.allclose(opponent_colour.REFLECTION @ opponent_colour.REFLECTION, np.eye(3), atol=1e-8)


def test_the_nearest_pixel_value_is_found_without_a_search() -> None:
    """Near the middle between two values too, but for the last digit of a float32."""
    between = (SHOWN[1:] + SHOWN[:-1]) / 2
    light = np.concatenate([SHOWN, np.linspace(-0.1, 1.1, 100_003), between - 1e-6, between + 1e-6])
    decided = np.abs(light[:, None] - between).min(axis=1) > 1e-7
    assert np.array_equal(BY_LIGHT(light.astype(np.float32))[decided], BY_LIGHT.exactly(light)[decided])
    assert [value_of(v) for v in light[::977]] == BY_LIGHT.exactly(light[::977]).tolist()
