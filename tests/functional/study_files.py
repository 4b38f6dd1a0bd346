"""A small set of stimuli and a study of it, for the tests that need a real one."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from PIL import Image

from stimuli.conditions import Condition
from stimuli.files import sha256_of_file
from stimuli.manifest import Stimulus, write_manifest

SIZE = 48
CONCEPTS = ("sailboat", "raised hand", "umbrella")
PRACTICE = ("teapot",)
CATCH = ("rocket",)
CONDITIONS = (Condition("clean"), Condition("gaussian_noise", 0.18), Condition("contrast", 0.2))
SOURCES = 4

STUDY_TOML = """\
format_version = 1
name = "small"
title = "What do you see?"
manifest = "stimuli"
concepts = ["sailboat", "raised hand", "umbrella"]
places = 20
seed = 7
[[condition]]
perturbation = "clean"
level = 1
role = "clean"
[[condition]]
perturbation = "gaussian_noise"
severity = 0.18
level = 2
role = "invariant"
[[condition]]
perturbation = "contrast"
severity = 0.2
level = 3
role = "invariant"
[response]
form = "free_text"
[trials]
test = 6
[practice]
concepts = ["teapot"]
trials = 1
[catch]
concepts = ["rocket"]
trials = 1
[texts]
consent = "Do you agree?"
instructions = "Name what you see."
debrief = "That was all."
[completion_codes]
completed = "DONE1"
no_consent = "NOCON2"
withdrawn = "WITHD3"
[session]
minutes = 30
"""


def make_stimuli(
    folder: Path,
    concepts: Sequence[str] = CONCEPTS,
    conditions: Sequence[Condition] = CONDITIONS,
    sources: int = SOURCES,
) -> Path:
    """Write real pictures, two masks and a manifest; practice and catch concepts are clean only."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    write_manifest(folder, list(_stimuli(folder, concepts, conditions, sources)))
    for number in range(2):
        _picture(f"mask {number}").save(folder / "masks" / f"{number:02}.png")
    return folder


def make_study(folder: Path, text: str = STUDY_TOML) -> Path:
    """Stimuli and a study file in a folder; returns the study file."""
    make_stimuli(folder / "stimuli")
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _stimuli(
    folder: Path, concepts: Sequence[str], conditions: Sequence[Condition], sources: int
) -> Iterator[Stimulus]:
    for concept in (*concepts, *PRACTICE, *CATCH):
        for number in range(sources):
            for condition in conditions if concept in concepts else conditions[:1]:
                yield _stimulus(folder, concept, number, condition)


def _stimulus(folder: Path, concept: str, number: int, condition: Condition) -> Stimulus:
    source = hashlib.sha256(f"{concept} {number}".encode()).hexdigest()
    name = hashlib.sha256(f"{source} {condition.key}".encode()).hexdigest()[:16]
    image = folder / "images" / f"{name}.png"
    _picture(name).save(image)
    return Stimulus(
        stimulus=name,
        image=f"images/{name}.png",
        image_sha256=sha256_of_file(image),
        source=source[:12],
        source_sha256=source,
        source_path=f"{concept}/{number}.png",
        concept=concept,
        cluster=f"hand {number % 2}",
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
        credit="the tests",
        credit_url="https://example.org/pictures",
    )


def _picture(name: str) -> Image.Image:
    return Image.frombytes("RGB", (SIZE, SIZE), Random(name).randbytes(SIZE * SIZE * 3))
