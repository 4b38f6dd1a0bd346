"""One loaded model for all tests of a folder: loading takes longer than most tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scoring.activations.model import LoadedModel, load_model
from stimuli.files import sha256_of_file


@pytest.fixture(scope="session")
def loaded() -> LoadedModel:
    return load_model(device="cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Path]:
    """Five small pictures of noise, by their SHA-256."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
        paths.append(path)
    return {sha256_of_file(path): path for path in paths}
