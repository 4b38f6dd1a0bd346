"""A whole build beside what no build can do without, and one process beside two."""

from __future__ import annotations

import hashlib
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import pytest
from PIL import Image
from skimage import data

from stimuli.build_folder import PNG_LEVEL
from stimuli.conditions import DEFAULT_CONDITIONS
from stimuli.generate import build
from stimuli.manifest import read_manifest
from stimuli.pictures import load_picture
from tests.benchmarks.numbers_table import Numbers

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
SIDE = 290
ROUNDS = 3


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[int], Path]:
    """Make so many pictures from each of four photographs."""

    def make(each: int) -> Path:
        for name in PHOTOGRAPHS:
            (tmp_path / "pictures" / name).mkdir(parents=True)
            whole = Image.fromarray(getattr(data, name)())
            for number in range(each):
                left, top = number % (whole.width - SIDE), (7 * number) % (whole.height - SIDE)
                part = whole.crop((left, top, left + SIDE, top + SIDE))
                part.save(tmp_path / "pictures" / name / f"{number}.png")
        return tmp_path / "pictures"

    return make


def test_build_beside_decoding_encoding_and_hashing(
    pictures: Callable[[int], Path], tmp_path: Path, numbers: Numbers
) -> None:
    """CPU time of one thread: the four-family mix, and the same files decoded, encoded and hashed."""
    cv2.setNumThreads(1)
    folder, out = pictures(25), tmp_path / "out"
    shares, rates = [], []
    for _ in range(ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        whole = cpu_seconds(lambda: build(folder, out, DEFAULT_CONDITIONS))
        least = unavoidable(folder, out)
        shares.append(least / whole)
        rates.append(len(read_manifest(out)) / whole)
    numbers.add("build, stimuli a CPU second", "four families at 288 px", f"{median(rates):.0f}")
    numbers.add("build's share of decode+encode+hash", "the same", f"{median(shares):.2f}", ">= 0.6")


def unavoidable(folder: Path, out: Path) -> float:
    """CPU seconds to decode each picture, and to encode and hash each stimulus of a build."""
    rows = read_manifest(out)
    images = [load_picture(out / row.image, row.width) for row in rows]
    sources = sorted({row.source_path for row in rows})

    def work() -> None:
        for source in sources:
            load_picture(folder / source, DEFAULT_CONDITIONS.size)
        for image in images:
            stream = io.BytesIO()
            Image.fromarray(image).save(stream, "PNG", compress_level=PNG_LEVEL)
            hashlib.sha256(stream.getvalue()).hexdigest()

    return cpu_seconds(work)


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_two_processes_beside_one(pictures: Callable[[int], Path], tmp_path: Path, numbers: Numbers) -> None:
    """Wall time of a build, in one process and in two, by turns."""
    folder, out = pictures(80), tmp_path / "out"
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(2):
        for jobs in (1, 2):
            shutil.rmtree(out, ignore_errors=True)
            start = time.perf_counter()
            build(folder, out, DEFAULT_CONDITIONS, jobs=jobs)
            seconds[jobs].append(time.perf_counter() - start)
    gain = min(seconds[1]) / min(seconds[2])
    numbers.add("build, two processes over one", f"{min(seconds[1]):.1f} s in one", f"{gain:.2f}", ">= 1.7")
