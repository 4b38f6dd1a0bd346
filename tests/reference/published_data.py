"""Made-up data in the published form: its columns, file names, levels and shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

CONCEPTS = ("trump", "arabic alphabet", "puppies", "sailboat", "fire", "australia")
UNITS = (89, 479, 355, 363, 297, 513)
STARTS = ("grey", "perlin", "noise", "gradient")
COLUMNS = (
    *("level", "batch", "PROLIFIC_PID", "image_filename", "image_basename", "response", "response_clean"),
    *("ground_truth", "trial_category", "hard_correct", "soft_correct", "annotation", "annotation_string"),
)


def published(
    seed: int,
    *,
    concepts: Sequence[str] = CONCEPTS,
    units: Sequence[int] = UNITS,
    sources: int = 6,
    levels: Sequence[int] = (1, 2, 3, 5),
    dreams: bool = True,
    raters: int = 3,
) -> pd.DataFrame:
    """Make a table of the published form: ``raters`` rows an image, zeros and ties in the activations.

    The k-th unit prefers the k-th concept. Participants answer one level each, as the published ones did.
    """
    rng = np.random.default_rng(seed)
    images = [(c, k, _name(c, k, i)) for c in concepts for k in levels for i in range(1, sources + 1)]
    if dreams:
        pairs = list(zip(concepts, units, strict=False))
        images += [(c, 4, f"neuron_{unit}_{start}.jpg") for c, unit in pairs for start in STARTS]
    rows = [
        _row(concept, level, name, person, rng) for concept, level, name in images for person in range(raters)
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    for place, unit in enumerate(units):
        frame[f"activation_{unit}"] = _activations(frame, concepts[place % len(concepts)], rng)
    catch = frame.iloc[:2].assign(trial_category="catch", image_basename="cat.jpg", ground_truth="cat")
    return pd.concat([frame, catch], ignore_index=True)


def of_published_shape(seed: int) -> pd.DataFrame:
    """Make 110 participants' responses to 270 sources in four levels and to 40 dreams, 10 concepts."""
    concepts = [*CONCEPTS, "droplets", "raised hand", "mushrooms", "fashion model"]
    units = [*UNITS, 967, 1116, 1157, 1424]
    frame = published(seed, concepts=concepts, units=units, sources=27, raters=6)
    first = frame.groupby("image_basename", sort=False).ngroup() * 37 % 110
    rater = frame.groupby("image_basename").cumcount() * 16
    return frame.assign(PROLIFIC_PID=[_person(number) for number in (first + rater) % 110])


def write(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV and give its path back."""
    frame.to_csv(path, index=False)
    return path


def _name(concept: str, level: int, number: int) -> str:
    kind = "clean" if level == 5 else f"noisy_level{level}"
    return f"{concept.replace(' ', '_')}_{kind}_{number}.jpg"


def _person(number: int) -> str:
    return f"{number:024x}"


def _row(concept: str, level: int, name: str, person: int, rng: np.random.Generator) -> tuple[object, ...]:
    soft = bool(rng.random() < {1: 0.5, 2: 0.6, 3: 0.45, 4: 0.15, 5: 0.65}[level])
    words = f"{concept},thing" if soft else "dog,NA"
    filename = f"https://example.org/level{level}/{name}"
    hard = soft and bool(rng.random() < 0.5)
    identity = (level, 0, _person(10 * level + person), filename, name)
    return (*identity, 0, words, concept, "experiment", hard, soft, f'["{words}"]', words.upper())


def _activations(frame: pd.DataFrame, preferred: str, rng: np.random.Generator) -> list[float]:
    """Draw one value an image: about a third exactly 0, rounded so that images tie, the preferred larger."""
    values: dict[str, float] = {}
    for name, concept in zip(frame["image_basename"], frame["ground_truth"], strict=True):
        if name not in values:
            drawn = rng.exponential(1.5 if concept == preferred else 0.4)
            values[name] = 0.0 if rng.random() < 0.3 else round(drawn, 1)
    return [values[name] for name in frame["image_basename"]]
