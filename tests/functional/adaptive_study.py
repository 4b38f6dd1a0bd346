"""An adaptive study of contrast, with pictures of noise: observers know them by their hashes."""

from __future__ import annotations

from pathlib import Path

from stimuli.conditions import Condition
from tests.functional.study_files import STUDY_TOML, make_stimuli

CONCEPTS = ("sailboat", "fire", "dog", "cactus", "umbrella", "key", "cup", "chair")
CONTRASTS = (0.5, 0.25, 0.14, 0.09, 0.06, 0.04, 0.025, 0.015)
#: adaptive trials, and all test trials
ADAPTIVE, TEST = 30, 34
SOURCES = 5


def _condition(level: int, contrast: float) -> str:
    return (
        f'[[condition]]\nperturbation = "contrast"\nseverity = {contrast}\n'
        f'level = {level}\nrole = "invariant"\n'
    )


def study_toml(form: str = "alternatives", places: int = 30, aim: str = "function") -> str:
    """The study file; with alternatives, eight are offered and "I don't know" is not."""
    choices = "choices = 8\ndont_know = false" if form == "alternatives" else ""
    head, _, rest = STUDY_TOML.partition("[[condition]]")
    _, _, tail = rest.partition("[response]")
    head = head.replace('"small"', '"adaptive"').replace("places = 20", f"places = {places}")
    head = head.replace('["sailboat", "raised hand", "umbrella"]', str(list(CONCEPTS)).replace("'", '"'))
    clean = '[[condition]]\nperturbation = "clean"\nlevel = 0\nrole = "clean"\n'
    conditions = "".join(_condition(level, one) for level, one in enumerate(CONTRASTS, start=1))
    tail = tail.replace('form = "free_text"', f'form = "{form}"\n{choices}')
    tail = tail.replace("test = 6", f"test = {TEST}\nper_concept = 5")
    table = f'[adaptive]\nperturbation = "contrast"\ntrials = {ADAPTIVE}\naim = "{aim}"\n'
    return f"{head}{clean}{conditions}[response]{tail}{table}"


def make_adaptive_study(folder: Path, text: str | None = None) -> Path:
    """Stimuli and the study file in a folder; returns the study file."""
    conditions = [Condition("clean"), *(Condition("contrast", one) for one in CONTRASTS)]
    make_stimuli(folder / "stimuli", CONCEPTS, conditions, SOURCES)
    path = folder / "study.toml"
    path.write_text(text or study_toml(), encoding="utf-8")
    return path
