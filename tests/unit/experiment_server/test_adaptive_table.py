"""Mistakes in ``[adaptive]``, each with its whole sentence; and what a study's answers are held against."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from experiment_server.design.definition import Definition
from experiment_server.design.freeze import FrozenStudy, freeze
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
        "adaptive.perturbation is 'pixelate', which has no [[condition]]; add some until there are two or "
        "more, or name another",
    ),
    (
        TABLE,
        TABLE.replace("contrast", "contrst"),
        "adaptive.perturbation: 'contrst' is not a perturbation; is contrast meant? `stimuli list` names "
        "them all",
    ),
    (
        TABLE,
        TABLE.replace("contrast", "clean"),
        "adaptive.perturbation is 'clean', which has 1 [[condition]]; add some until there are two or more, "
        "or name another",
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
        "condition[6] is contrast with the severity 0, and [adaptive] chooses by its logarithm; leave this "
        "condition out",
    ),
    (
        "per_concept = 5",
        "per_concept = 4",
        "trials.test = 34 with 8 concepts shows a participant 5 pictures of one concept, 4 of them adaptive, "
        "and naming one primes the next; lower adaptive.trials to 24 and trials.test to 28, or write "
        "trials.per_concept = 5 and let the report estimate the effect of repetition",
    ),
    (
        "per_concept = 5",
        "per_concept = 1",
        "trials.test = 34 with 8 concepts shows a participant 5 pictures of one concept, 4 of them adaptive, "
        "and naming one primes the next; write trials.per_concept = 5 and let the report estimate the effect "
        "of repetition",
    ),
    (
        TABLE,
        TABLE + "target = 0.1\n",
        "adaptive.target is 0.1, and guessing among 8 gets 0.125 right; raise it",
    ),
    (
        TABLE,
        TABLE + "target = 0.125\n",
        "adaptive.target is 0.125, and guessing among 8 gets 0.125 right; raise it",
    ),
    (
        TABLE,
        TABLE + "target = 0.995\n",
        "adaptive.target is 0.995, and who hardly ever errs still gets no more than 0.99 right; lower it",
    ),
    (
        "dont_know = false\n",
        "",
        "response.dont_know is true with 8 alternatives, where the threshold of [adaptive] depends on who "
        "guesses and who does not; write dont_know = false, or offer 16 or more",
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
        "adaptive.perturbation is 'rotation', whose severities are not harder or easier; name another"
    )


@pytest.mark.parametrize(
    ("perturbation", "severities", "said"),
    [
        (
            "zoom_blur",
            ("1.1", "2.0"),
            "adaptive.perturbation is 'zoom_blur', whose severity (times) does not start from 0, so that its "
            "logarithm means nothing; name another",
        ),
        (
            "saturate",
            ("2.0", "20.0"),
            "adaptive.perturbation is 'saturate', whose severity (factor) does not start from 0, so that its "
            "logarithm means nothing; name another",
        ),
        (
            "gaussian_blur",
            ("2.0", "7.9"),
            "adaptive.perturbation is 'gaussian_blur', with severities from 2 to 7.9 only; add [[condition]] "
            "until the largest is 4 times the smallest or more",
        ),
    ],
)
def test_severities_that_cannot_tell_a_threshold_are_refused(
    tmp_path: Path, perturbation: str, severities: tuple[str, str], said: str
) -> None:
    text = STUDY_TOML.replace("gaussian_noise", perturbation).replace("contrast", perturbation)
    text = text.replace("0.18", severities[0]).replace("severity = 0.2\n", f"severity = {severities[1]}\n")
    path = tmp_path / "study.toml"
    path.write_text(f'{text}[adaptive]\nperturbation = "{perturbation}"\ntrials = 3\n', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    assert str(caught.value) == f"the study file {path}: {said}"


def test_what_is_advised_against_too_many_of_a_concept_is_then_allowed(tmp_path: Path) -> None:
    """Every combination, followed to the letter."""
    for test, adaptive, allowed in product((8, 15, 20, 34), (1, 4, 9, 20), (1, 2, 3, 4)):
        if adaptive > test:
            continue
        parts = {"test = 34": f"test = {test}", "per_concept = 5": f"per_concept = {allowed}"}
        text = study_toml().replace(TABLE, TABLE.replace("30", str(adaptive)))
        for old, new in parts.items():
            text = text.replace(old, new)
        said = refused(tmp_path, text)
        if not said:
            continue
        most = re.findall(r"trials.per_concept = (\d+)", said)[-1]
        assert not refused(tmp_path, text.replace(f"per_concept = {allowed}", f"per_concept = {most}"))
        if found := re.search(r"lower adaptive.trials to (\d+) and trials.test to (\d+)", said):
            text = text.replace(f"trials = {adaptive}\n", f"trials = {found[1]}\n")
            assert not refused(tmp_path, text.replace(f"\ntest = {test}\n", f"\ntest = {found[2]}\n"))


def refused(tmp_path: Path, text: str) -> str:
    """What is said of a study file; empty if nothing."""
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    try:
        read_study_file(path)
    except UserError as error:
        return str(error)
    return ""


def test_dont_know_may_be_offered_with_many_alternatives_and_with_typed_answers(tmp_path: Path) -> None:
    names = ", ".join(f'"word {number}"' for number in range(6))
    offered = 'alternatives = ["sailboat", "fire", "dog", "cactus", "umbrella", "key", "cup", "chair", '
    offered += f'"teapot", "rocket", {names}]\n'
    many = study_toml().replace("choices = 8\ndont_know = false\n", offered)
    assert refused(tmp_path, many) == ""
    assert refused(tmp_path, many.replace('"word 5"', '"word 5", "word 6"')) == ""
    assert "with 15 alternatives" in refused(tmp_path, many.replace(', "word 5"', ""))
    assert refused(tmp_path, study_toml("free_text")) == ""


def test_a_study_without_the_table_has_the_hash_that_it_had_before_there_was_one(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(STUDY_TOML, encoding="utf-8")
    without_pictures = FrozenStudy(read_study_file(path), (), {}, None)
    assert without_pictures.sha256 == "f1e04ae9877a515cddcc81ed23f19de11cd2e271314c7a420b91ae6ce3c7cd7c"


def test_conditions_that_nobody_would_see_are_named(tmp_path: Path) -> None:
    other = '[[condition]]\nperturbation = "pixelate"\nseverity = 0.25\nlevel = 20\nrole = "invariant"\n'
    table = TABLE.replace("30", "34")
    path = tmp_path / "study.toml"
    path.write_text(study_toml().replace("[response]", f"{other}[response]").replace(TABLE, table))
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    assert str(caught.value).endswith(
        "adaptive.trials are all of the test trials, so that pixelate would never be shown; lower "
        "adaptive.trials, or leave out its conditions"
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
