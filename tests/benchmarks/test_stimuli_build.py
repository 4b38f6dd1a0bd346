"""Building stimuli with one job beside two."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture
from skimage import data

from stimuli.conditions import DEFAULT_CONDITIONS
from stimuli.generate import build

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four photographs, each cut into four pictures."""
    for name in PHOTOGRAPHS:
        (tmp_path / "pictures" / name).mkdir(parents=True)
        whole = Image.fromarray(getattr(data, name)())
        for number in range(4):
            left, top = 30 * (number % 2), 30 * (number // 2)
            part = whole.crop((left, top, left + 260, top + 260))
            part.save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


@pytest.mark.benchmark(group="build 16 pictures in 9 conditions")
@pytest.mark.parametrize("jobs", [1, 2])
def test_build(benchmark: BenchmarkFixture, pictures: Path, tmp_path: Path, jobs: int) -> None:
    def once() -> None:
        build(pictures, tmp_path / "out", DEFAULT_CONDITIONS, jobs=jobs, force=True)

    benchmark(once)
