"""Mistakes in a study file, each with its whole sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment_server.design.study_file import StudyFile, read_study_file
from stimuli.errors import UserError
from tests.functional.study_files import STUDY_TOML


def read(tmp_path: Path, text: str) -> StudyFile:
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return read_study_file(path)


def refusal(tmp_path: Path, old: str, new: str) -> str:
    """What is said of the small study file with one change; the file's path is left out."""
    assert old in STUDY_TOML
    with pytest.raises(UserError) as caught:
        read(tmp_path, STUDY_TOML.replace(old, new, 1))
    return str(caught.value).replace(f"the study file {tmp_path / 'study.toml'}: ", "")


def test_a_study_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    file = read(tmp_path, STUDY_TOML)
    assert file.concepts == ("sailboat", "raised hand", "umbrella")
    assert [row.condition.key for row in file.condition] == ["clean", "gaussian_noise-0.18", "contrast-0.2"]
    assert (file.presentation.exposure_ms, file.presentation.mask, file.response.max_words) == (
        500,
        "pink_noise",
        3,
    )
    assert file.alternatives == ()
    assert file.all_concepts == ("sailboat", "raised hand", "umbrella", "teapot", "rocket")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    assert read(tmp_path, f"\ufeff{STUDY_TOML}") == read(tmp_path, STUDY_TOML)


def test_alternatives_are_all_concepts_unless_named(tmp_path: Path) -> None:
    text = STUDY_TOML.replace('"free_text"', '"alternatives"')
    assert read(tmp_path, text).alternatives == ("sailboat", "raised hand", "umbrella", "teapot", "rocket")


CODES = "the three codes must differ, or an outcome cannot be told from another"
TOP = (
    "format_version, name, title, language, concepts, places, seed, condition, response, trials, practice, "
    "catch, adaptive, presentation, calibration, comprehension, instructed, questionnaire, quality, "
    "exclusion, governance, texts, completion_codes, session, manifest, lexicon"
)
MISTAKES = [
    (
        "[texts]",
        '[exclusion]\nflags = ["practice"]\n[texts]',
        "exclusion.flags has 'practice', and the study has no practice.criterion; leave it out",
    ),
    (
        "test = 6",
        "test = 7",
        "trials.test = 7 with 3 concepts shows a participant 3 pictures of one concept, and naming one "
        "primes the next; lower it to 6, or write trials.per_concept = 3 and let the report estimate the "
        "effect of repetition",
    ),
    ("seed = 7", "sed = 7", f"unknown key sed; did you mean seed? allowed are {TOP}"),
    ("seed = 7", "", "the key seed is missing; add it"),
    ("seed = 7", "seed = 7\nplacse = 3", f"unknown key placse; did you mean places? allowed are {TOP}"),
    ("seed = 7", "seed = 7\nqqq = 3", f"unknown key qqq; allowed are {TOP}"),
    (
        "minutes = 30",
        "minuets = 30",
        "unknown key session.minuets; did you mean minutes? allowed are minutes",
    ),
    (
        "severity = 0.2",
        "severty = 0.2",
        "unknown key condition[3].severty; did you mean severity? "
        "allowed are perturbation, severity, level, role",
    ),
    ("format_version = 1", "format_version = 2", "format_version is 2; allowed is 1"),
    (
        'name = "small"',
        'name = "Small"',
        "name is 'Small'; write 1 to 63 lower-case letters, digits and hyphens, a letter or digit first",
    ),
    ("places = 20", "places = 0", "places is 0; allowed is 1 or more"),
    ("places = 20", 'places = "20"', "places is '20'; write a whole number"),
    ("places = 20", "places = 2.5", "places is 2.5; write a whole number"),
    ("seed = 7", "seed = -1", "seed is -1; allowed is 0 or more"),
    ("seed = 7", f"seed = {2**63}", f"seed is {2**63}; allowed is less than {2**63}"),
    (
        'concepts = ["sailboat", "raised hand", "umbrella"]',
        'concepts = ["sailboat"]',
        "concepts is ['sailboat']; write at least 2",
    ),
    (
        'concepts = ["sailboat", "raised hand", "umbrella"]',
        'concepts = "sailboat"',
        "concepts is 'sailboat'; write a list in square brackets",
    ),
    (
        '["teapot"]',
        '["umbrella"]',
        "the list of concepts, practice.concepts and catch.concepts has 'umbrella' twice",
    ),
    (
        'role = "clean"',
        'role = "cleen"',
        "condition[1].role is 'cleen'; allowed is 'clean', 'invariant', 'adversarial' or 'dream'",
    ),
    (
        'role = "clean"',
        'role = "invariant"',
        "condition[1]: the role clean belongs to the perturbation clean, and to no other",
    ),
    (
        'perturbation = "contrast"',
        'perturbation = "qqq"',
        "condition[3]: 'qqq' is not a perturbation; `stimuli list` names them all",
    ),
    ("severity = 0.2\n", "", "condition[3]: contrast needs a severity"),
    (
        "severity = 0.2\n",
        "severity = 7\n",
        "condition[3]: severity 7 of contrast is outside its range; give a number from 0 to 1",
    ),
    ("level = 3", "level = 2", "level has '2' twice"),
    ("level = 3", "level = true", "condition[3].level is True; write a whole number"),
    (
        'perturbation = "contrast"\nseverity = 0.2',
        'perturbation = "gaussian_noise"\nseverity = 0.18',
        "condition has 'gaussian_noise-0.18' twice",
    ),
    (
        'form = "free_text"',
        'form = "speech"',
        "response.form is 'speech'; allowed is 'free_text' or 'alternatives'",
    ),
    (
        'form = "free_text"',
        'form = "free_text"\nalternatives = ["a"]',
        'response.alternatives goes with form = "alternatives" only',
    ),
    (
        'form = "free_text"',
        'form = "alternatives"\nalternatives = ["sailboat", "raised hand", "umbrella", "teapot"]',
        "response.alternatives lacks 'rocket', which a trial may show",
    ),
    ('form = "free_text"', "max_words = 4", "response.max_words is 4; allowed is 3 or less"),
    ("test = 6", "test = 0", "trials.test is 0; allowed is 1 or more"),
    (
        'concepts = ["teapot"]',
        "concepts = []",
        "practice: trials need concepts; name some, or write trials = 0",
    ),
    ('consent = "Do you agree?"\n', "", "the key texts.consent is missing; add it"),
    ('debrief = "That was all."', 'debrief = ""', "texts.debrief is ''; write at least 1 character(s)"),
    ('"NOCON2"', '"DONE1"', f"completion_codes: {CODES}"),
    (
        '"NOCON2"',
        '"NO CONSENT"',
        "completion_codes.no_consent is 'NO CONSENT'; write 1 to 64 letters, digits, hyphens and underscores",
    ),
    ("minutes = 30", "minutes = 0", "session.minutes is 0; allowed is 1 or more"),
]


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES, ids=[new[:40] for _, new, _ in MISTAKES])
def test_a_mistake_is_one_sentence_that_names_the_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert refusal(tmp_path, old, new) == said


def test_clean_is_needed_exactly_once(tmp_path: Path) -> None:
    clean = '[[condition]]\nperturbation = "clean"\nlevel = 1\nrole = "clean"\n'
    assert refusal(tmp_path, clean, "") == "condition must be clean exactly once"


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(UserError) as caught:
        read_study_file(path)
    expected = f"cannot read the study file {path} (No such file or directory); check the name"
    assert str(caught.value) == expected
    path.write_text("a = [", encoding="utf-8")
    with pytest.raises(UserError, match=r"^the study file .*none.toml is not valid TOML \(.*\); correct it"):
        read_study_file(path)
