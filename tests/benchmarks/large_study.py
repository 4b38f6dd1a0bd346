"""A study of a real size: photographs of 224 pixels, ten concepts, forty trials, places for all."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from skimage import data

from stimuli.conditions import Condition
from stimuli.files import sha256_of_bytes
from stimuli.manifest import Stimulus, write_manifest
from tests.functional.study_files import STUDY_TOML

SIZE = 224
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
CONCEPTS = tuple(f"concept {number}" for number in range(10))
PRACTICE, CATCH = ("teapot",), ("umbrella",)
CONDITIONS = (Condition("clean"), Condition("gaussian_noise", 0.18), Condition("contrast", 0.2))
SOURCES = 8
MASKS = 16

TOML = (
    STUDY_TOML.replace('["sailboat", "raised hand", "umbrella"]', str(list(CONCEPTS)).replace("'", '"'))
    .replace('["rocket"]', '["umbrella"]')
    .replace("places = 20", "places = 1000000")
    .replace("test = 6", "test = 38\nper_concept = 100")
)


def make_large_study(folder: Path) -> Path:
    """Write stimuli, masks and a study file; returns the study file."""
    stimuli = folder / "stimuli"
    (stimuli / "images").mkdir(parents=True)
    (stimuli / "masks").mkdir()
    whole = [getattr(data, name)() for name in PHOTOGRAPHS]
    write_manifest(stimuli, list(_stimuli(stimuli, whole)))
    for number in range(MASKS):
        (stimuli / "masks" / f"{number:02}.png").write_bytes(_photograph(whole, f"mask {number}"))
    path = folder / "study.toml"
    path.write_text(TOML, encoding="utf-8")
    return path


def _stimuli(folder: Path, whole: list[np.ndarray]) -> Iterator[Stimulus]:
    for concept in (*CONCEPTS, *PRACTICE, *CATCH):
        for number in range(SOURCES):
            for condition in CONDITIONS if concept in CONCEPTS else CONDITIONS[:1]:
                yield _stimulus(folder, whole, concept, number, condition)


def _stimulus(
    folder: Path, whole: list[np.ndarray], concept: str, number: int, condition: Condition
) -> Stimulus:
    source = hashlib.sha256(f"{concept} {number}".encode()).hexdigest()
    name = hashlib.sha256(f"{source} {condition.key}".encode()).hexdigest()[:16]
    picture = _photograph(whole, name)
    (folder / "images" / f"{name}.png").write_bytes(picture)
    return Stimulus(
        stimulus=name,
        image=f"images/{name}.png",
        image_sha256=sha256_of_bytes(picture),
        source=source[:12],
        source_sha256=source,
        source_path=f"{concept}/{number}.png",
        concept=concept,
        cluster=concept,
        perturbation=condition.perturbation,
        severity=condition.severity,
        severity_unit=condition.unit,
        condition=condition.key,
        replicate=0,
        seed=number,
        width=SIZE,
        height=SIZE,
        clipped_fraction=0.0,
        rms_contrast=0.2,
        mean_luminance=0.5,
        psnr_db=math.nan,
        ssim=1.0,
        parameters="{}",
        versions="{}",
        licence="CC0-1.0",
        credit="scikit-image",
        credit_url="https://scikit-image.org",
    )


def _photograph(whole: list[np.ndarray], name: str) -> bytes:
    """A part of a photograph, in the PNG that stimuli are written in."""
    rng = Random(name)
    pixels = rng.choice(whole)
    top, left = (rng.randrange(length - SIZE) for length in pixels.shape[:2])
    stream = io.BytesIO()
    part = Image.fromarray(pixels[top : top + SIZE, left : left + SIZE])
    part.save(stream, "PNG", compress_level=4)
    return stream.getvalue()
