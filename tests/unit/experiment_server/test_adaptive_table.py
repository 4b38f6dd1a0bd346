"""Mistakes in ``[adaptive]``, each with its whole sentence; and what a study's answers are held against."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_server.design.definition import Definition
from experiment_server.design.freeze import freeze
from experiment_server.design.study_file import read_study_file
from stimuli.errors import UserError
from tests.functional.adaptive_study import CONTRASTS, make_adaptive_study, study_toml
from tests.functional.study_files import STUDY_TOML


def refusal(tmp_path: Path, old: str, new: str) -> str:
    """What is said of the adaptive study's file with one change; the file's path is left out."""
    text = study_toml()
    assert old in text
    path = tmp_path / "study.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    return str(caught.value).replace(f"the study file {path}: ", "")


TABLE = '[adaptive]\nperturbation = "contrast"\ntrials = 30\naim = "function"\n'
MISTAKES = [
    (
        TABLE,
        TABLE.replace("contrast", "pixelate"),
        "adaptive.perturbation is 'pixelate', which needs two or more [[condition]]",
    ),
    (
        TABLE,
        TABLE.replace("contrast", "clean"),
        "adaptive.perturbation is 'clean', which needs two or more [[condition]]",
    ),
    (
        TABLE,
        TABLE.replace("30", "35"),
        "adaptive.trials is 35, of trials.test = 34; lower it",
    ),
    (TABLE, TABLE.replace("30", "0"), "adaptive.trials is 0; allowed is 1 or more"),
    (
        TABLE,
        TABLE.replace("function", "lapse"),
        "adaptive.aim is 'lapse'; allowed is 'function' or 'threshold'",
    ),
    (TABLE, TABLE + "target = 1.0\n", "adaptive.target is 1.0; allowed is less than 1.0"),
    (
        "severity = 0.06\n",
        "severity = 0.0\n",
        "adaptive.perturbation is 'contrast', with a severity that is not above 0",
    ),
    (
        "per_concept = 5",
        "per_concept = 4",
        "trials.test = 34 with 8 concepts shows a participant 5 pictures of one concept, and naming one "
        "primes the next; lower it to 32, or write trials.per_concept = 5 and let the report estimate the "
        "effect of repetition",
    ),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert refusal(tmp_path, old, new) == said


def test_conditions_without_an_order_cannot_adapt(tmp_path: Path) -> None:
    text = STUDY_TOML.replace("gaussian_noise", "rotation").replace("contrast", "rotation")
    text = text.replace("0.18", "1.0").replace("severity = 0.2", "severity = 2.0")
    path = tmp_path / "study.toml"
    path.write_text(f'{text}[adaptive]\nperturbation = "rotation"\ntrials = 3\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    assert str(caught.value).endswith(
        "adaptive.perturbation is 'rotation', whose severities are not harder or easier"
    )


def test_conditions_that_nobody_would_see_are_named(tmp_path: Path) -> None:
    other = '[[condition]]\nperturbation = "pixelate"\nseverity = 0.25\nlevel = 20\nrole = "invariant"\n'
    table = TABLE.replace("30", "34")
    path = tmp_path / "study.toml"
    path.write_text(study_toml().replace("[response]", f"{other}[response]").replace(TABLE, table))
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    assert str(caught.value).endswith(
        "adaptive.trials are all of the test trials, so that pixelate would never be shown"
    )


def test_severities_go_from_the_mildest_and_chance_is_a_guess(tmp_path: Path) -> None:
    study = make_adaptive_study(tmp_path)
    definition = Definition.parse(freeze(study).definition)
    assert definition.grid.severities == CONTRASTS
    assert (definition.grid.direction, definition.grid.guess) == (-1, 1 / 8)
    assert definition.family is not None
    assert definition.family.conditions == tuple(str(level) for level in range(1, 9))
    study.write_text(study_toml("free_text"))
    assert Definition.parse(freeze(study).definition).grid.guess == 0


def test_a_study_with_too_few_sources_for_both_is_refused(tmp_path: Path) -> None:
    study = make_adaptive_study(tmp_path)
    study.write_text(study_toml().replace("test = 34\nper_concept = 5", "test = 40\nper_concept = 6"))
    with pytest.raises(UserError) as caught:
        freeze(study)
    assert "trials.test = 40 cannot be done with each picture shown at most once" in str(caught.value)
    assert "needs 6 sources that are there in every condition, and has 5" in str(caught.value)
