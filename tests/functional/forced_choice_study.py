"""A simulated study whose answers are known: people and units name noisy pictures among eight words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

CONCEPTS = ["apple", "bicycle", "cactus", "dog", "fire", "hand", "key", "umbrella"]
SEVERITIES = [0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6]
#: severity at which half of what guessing and lapses leave is recognised
THRESHOLD = 0.25
LAPSE = 0.03


@dataclass(frozen=True)
class Files:
    """What ``align`` reads: a trial table with activations, a neuron map, and decisions of a model."""

    table: Path
    neuron_map: Path
    choices: Path


def trial_table(people: int = 12, sources: int = 6, seed: int = 3, *, typed: bool = False) -> pd.DataFrame:
    """One row for each person and source, at a severity that goes round; ``typed`` offers no words."""
    rng = np.random.default_rng(seed)
    pictures = [(concept, number) for concept in CONCEPTS for number in range(sources)]
    difficulty = dict(zip(pictures, rng.normal(0, 0.8, len(pictures)), strict=True))
    units = {
        (concept, number, severity): _activation(concept, severity, difficulty[concept, number], rng)
        for concept, number in pictures
        for severity in SEVERITIES
    }
    rows = []
    for person in range(people):
        ability = rng.normal(0, 0.4)
        for place, (concept, number) in enumerate(pictures):
            severity = SEVERITIES[(person + 3 * number + CONCEPTS.index(concept)) % len(SEVERITIES)]
            right = rng.random() < _chance(severity, ability + difficulty[concept, number])
            others = [name for name in CONCEPTS if name != concept]
            answer = concept if right else str(rng.choice(others))
            rows.append(
                _row(person, place, concept, number, severity, answer, typed=typed)
                | {f"activation_{unit}": value for unit, value in enumerate(units[concept, number, severity])}
            )
    return pd.DataFrame(rows)


def write(folder: Path, table: pd.DataFrame) -> Files:
    """Write the table, the map of its units, and a model that is right about clean pictures alone."""
    files = Files(folder / "trials.csv", folder / "map.json", folder / "choices.csv")
    table.to_csv(files.table, index=False)
    files.neuron_map.write_text(json.dumps({str(unit): name for unit, name in enumerate(CONCEPTS)}))
    shown = table.drop_duplicates("stimulus")
    chosen = shown["concept"].where(shown["severity"] < 0.25, "apple")
    decisions = pd.DataFrame({"observer": "net", "stimulus": shown["stimulus"], "chosen": chosen})
    decisions.to_csv(files.choices, index=False)
    return files


def _activation(concept: str, severity: float, ease: float, rng: np.random.Generator) -> np.ndarray:
    values = np.abs(rng.normal(0, 0.6, len(CONCEPTS)))
    values[CONCEPTS.index(concept)] += max(0.0, 2.2 - 5 * severity + 0.4 * ease)
    return values


def _chance(severity: float, ease: float) -> float:
    z = 3 * (np.log(THRESHOLD) - np.log(max(severity, 1e-3))) + ease
    guess = 1 / len(CONCEPTS)
    return float(guess + (1 - guess - LAPSE) / (1 + np.exp(-z)))


def _row(
    person: int, place: int, concept: str, number: int, severity: float, answer: str, *, typed: bool
) -> dict[str, object]:
    name = f"{concept}_{number}_{severity:g}"
    return {
        "level": 5 if severity == 0 else 1,
        "participant": f"P-{person:02d}",
        "image_basename": f"{name}.png",
        "ground_truth": concept,
        "trial_category": "experiment",
        "hard_correct": answer == concept,
        "soft_correct": float(answer == concept),
        "study": "simulated",
        "session": f"P-{person:02d}-1",
        "trial_index": place,
        "stimulus": name,
        "source": f"{concept}_{number}",
        "concept": concept,
        "perturbation": "clean" if severity == 0 else "gaussian_noise",
        "severity": severity,
        "response": answer,
        "alternatives": None if typed else json.dumps(CONCEPTS),
    }
