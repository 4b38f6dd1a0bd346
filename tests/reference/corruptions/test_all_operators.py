"""What holds for all operators: the order of published levels, threads, and the largest picture."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stimuli.corruptions import LONGEST, apply, elastic
from stimuli.measures import distance
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation
from tests.reference.corruptions.twins import Pixels, mean_distances, whole_photograph

ROOT = Path(__file__).parents[3]
OPERATORS = [row for row in PERTURBATIONS.values() if not row.needs_model and row.name != CLEAN]
ORDERED = [row.name for row in OPERATORS if row.name.endswith("_published") and row.direction]
UNORDERED = {f"{name}_published" for name in ("glass_blur", "fog", "saturate", "elastic_transform")}
#: fetch pixels from places, which OpenCV counts in 16 bits
FETCHING = ("eidolon_i", "eidolon_ii", "eidolon_iii", "elastic_transform", "elastic_transform_published")


def test_published_forms_without_an_order() -> None:
    published = {row.name for row in OPERATORS if row.name.endswith("_published")}
    assert published - set(ORDERED) == UNORDERED


def test_rough_fog_is_not_further_from_clean_than_smooth_fog() -> None:
    """Of the same amount, at levels 3 and 4: the same pictures, behind veils of their own each time."""
    image = whole_photograph("astronaut", 64)
    distances = [
        [distance(apply("fog_published", image, level, np.random.default_rng(seed)), image) for seed in seeds]
        for level, seeds in ((3.0, range(100)), (4.0, range(100, 200)))
    ]
    further = np.mean(np.greater.outer(distances[1], distances[0]))
    assert 0.35 < further < 0.65


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("side", [64, 224, 288])
@pytest.mark.parametrize("name", ORDERED)
def test_published_levels_go_further_from_clean(name: str, side: int, legacy: bool) -> None:
    """As the gate of a build demands of every perturbation whose severities have an order."""
    assert np.all(np.diff(mean_distances(name, PERTURBATIONS[name].levels, side, legacy)) > 0)


@pytest.fixture
def thread_count() -> Iterator[int]:
    before = cv2.getNumThreads()
    yield before
    cv2.setNumThreads(before)


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.name)
def test_pixels_do_not_hang_on_the_number_of_threads(row: Perturbation, thread_count: int) -> None:
    image = whole_photograph("coffee", 288)
    pictures = []
    for threads in (1, 2, 5):
        cv2.setNumThreads(threads)
        pictures.append(apply(row.name, image, row.levels[-1], np.random.default_rng(0)))
    assert np.array_equal(pictures[0], pictures[1])
    assert np.array_equal(pictures[0], pictures[2])


@pytest.mark.parametrize("name", FETCHING)
@pytest.mark.parametrize("shape", [(1, LONGEST), (LONGEST, 1)])
def test_the_largest_picture_will_do(name: str, shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    for rng in (np.random.default_rng(0), np.random.RandomState(0)):
        assert apply(name, image, PERTURBATIONS[name].levels[-1], rng).shape == image.shape


@pytest.mark.parametrize("shape", [(1, LONGEST + 1, 3), (LONGEST + 1, 1), (40_000, 1, 4)])
def test_a_larger_picture_is_refused(shape: tuple[int, ...]) -> None:
    said = f"^a picture has at most 16384 pixels along a side, not {max(shape)}$"
    with pytest.raises(ValueError, match=said):
        apply("contrast", np.zeros(shape, np.uint8), 0.5, np.random.default_rng(0))


SUMS = """
from tests.reference.corruptions.test_all_operators import pixel_sums
print(pixel_sums())
"""


def pixel_sums() -> list[str]:
    """Digests of what once hung on the linear-algebra library's order of sums."""
    image = whole_photograph("astronaut")
    noise = np.random.default_rng(1).random((224, 224), dtype=np.float32) - np.float32(0.5)
    parts: list[Pixels] = [
        apply("phase_scrambling", image, 0.0, np.random.RandomState(0)),
        *(apply("elastic_transform", image, level, np.random.default_rng(3)) for level in (0.0085, 0.0131)),
    ]
    exact = elastic._smoothed(noise, 170.8).tobytes(), elastic._power(noise).hex().encode()
    return [digest(part) for part in (*(one.tobytes() for one in parts), *exact)]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kernels", ["Haswell", "Prescott"])
def test_pixels_do_not_hang_on_the_library_of_sums(kernels: str) -> None:
    """OpenBLAS chooses its way of adding up by the processor, or by this variable."""
    environment = {**os.environ, "OPENBLAS_CORETYPE": kernels}
    other = subprocess.run(
        [sys.executable, "-c", SUMS], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() == str(pixel_sums())
