"""The vocabulary of conditions and the file that names them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stimuli.conditions import DEFAULT_CONDITIONS, Condition, Matching, concept_name
from stimuli.conditions_file import load_conditions
from stimuli.errors import UserError

ROOT = Path(__file__).parents[3]


def write(folder: Path, text: str) -> Path:
    path = folder / "conditions.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("condition", DEFAULT_CONDITIONS.conditions)
def test_a_key_reads_back(condition: Condition) -> None:
    assert Condition.parse(condition.key) == condition


def test_keys() -> None:
    assert Condition("clean").key == "clean"
    assert Condition("gaussian_blur", -0.0).key == "gaussian_blur-0"
    assert Condition("gaussian_noise", 0.18).key == "gaussian_noise-0.18"
    assert Condition("gaussian_blur", 3).key == "gaussian_blur-3"
    assert Condition.parse("gaussian_noise-1e-05").severity == 1e-5
    assert Condition("contrast", 0.5).unit == "fraction"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "gaussian_noise",
            "'gaussian_noise' is not a condition; "
            "write clean or perturbation-severity, as gaussian_noise-0.18",
        ),
        (
            "contrasts-1",
            "'contrasts' is not a perturbation; is contrast meant? `stimuli list` names them all",
        ),
        (
            "contrast-1.5",
            "severity 1.5 of contrast is outside its range; give a number from 0 to 1",
        ),
        (
            "gaussian_noise-nan",
            "severity nan of gaussian_noise is outside its range; give a number from 0 to 10",
        ),
        (
            "contrast-0.12345678",
            "severity 0.12345678 of contrast has too many digits; write six significant ones",
        ),
    ],
)
def test_a_key_that_means_nothing_is_refused(key: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Condition.parse(key)
    assert str(error.value) == message


def test_a_file_is_read(tmp_path: Path) -> None:
    text = """
        size = 64
        clean_only = ["Cat", "space_rocket"]
        [[condition]]
        perturbation = "gaussian_noise"
        severity = [0.08, 1]
        [[condition]]
        perturbation = "clean"
        [[condition]]
        perturbation = "contrast"
        severity = 0.1
    """
    read = load_conditions(write(tmp_path, text))
    assert read.size == 64
    assert read.clean_only == ("cat", "space rocket")
    assert [row.key for row in read.conditions] == [
        "clean",
        "gaussian_noise-0.08",
        "gaussian_noise-1",
        "contrast-0.1",
    ]
    assert [row.key for row in read.of_concept("cat")] == ["clean"]
    assert read.of_concept("dog") == read.conditions


def test_severities_in_degrees_become_pixels(tmp_path: Path) -> None:
    text = """
        size = 288
        degrees = 8.0
        [[condition]]
        perturbation = "gaussian_blur"
        severity_degrees = [0.1, 0.5]
    """
    read = load_conditions(write(tmp_path, text))
    assert read.degrees == 8.0
    assert read.conditions[1:] == (Condition("gaussian_blur", 3.59415), Condition("gaussian_blur", 17.9709))


def test_pictures_can_be_matched_and_the_gate_opened(tmp_path: Path) -> None:
    text = "legacy = true\nladder_gate = false\n[match]\nluminance = 0.5\nstage = 'stimulus'"
    read = load_conditions(write(tmp_path, text))
    assert (read.legacy, read.ladder_gate, read.linear_light) == (True, False, False)
    assert read.matching == Matching(0.5, None, "stimulus")


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    assert load_conditions(write(tmp_path, "\ufeffsize = 96\n")).size == 96


def test_an_empty_file_asks_for_clean_only(tmp_path: Path) -> None:
    assert load_conditions(write(tmp_path, "")).conditions == (Condition("clean"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sise = 3",
            "unknown key sise; allowed are size, degrees, clean_only, linear_light, legacy, ladder_gate, "
            "match, condition",
        ),
        (
            "size = 20",
            "size is 20; give the side of a stimulus, a whole number of pixels from 32 to 2048",
        ),
        (
            "size = true",
            "size is True; give the side of a stimulus, a whole number of pixels from 32 to 2048",
        ),
        ("clean_only = 'cat'", 'clean_only is not a list of concepts; write for example ["cat", "rocket"]'),
        ("condition = 3", "condition is not a list of tables; write each one under [[condition]]"),
        (
            "[[condition]]\nname = 'contrast'",
            "unknown key condition 1.name; allowed are perturbation, severity, severity_degrees",
        ),
        (
            "[[condition]]\nseverity = 1",
            "condition 1 has no perturbation; name one of those that `stimuli list` shows, in quotes",
        ),
        (
            "[[condition]]\nperturbation = 'contrast'",
            "condition 1.severity is None; give a number or a list of numbers",
        ),
        (
            "[[condition]]\nperturbation = 'contrast'\nseverity = ['a']",
            "condition 1.severity is ['a']; give a number or a list of numbers",
        ),
        (
            "[[condition]]\nperturbation = 'contrast'\nseverity = 3",
            "condition 1: severity 3 of contrast is outside its range; give a number from 0 to 1",
        ),
        (
            "degrees = 0",
            "degrees is 0; give the visual angle of a stimulus's side, 0.1 to 120",
        ),
        ("degrees = nan", "degrees is nan; give the visual angle of a stimulus's side, 0.1 to 120"),
        ("legacy = 1", "legacy is 1; write true or false"),
        (
            f"[[condition]]\nperturbation = 'contrast'\nseverity = 1{400 * '0'}",
            f"condition 1.severity is 1{56 * '0'}...; give a number or a list of numbers",
        ),
        (
            "[[condition]]\nperturbation = 'contrast'\nseverity = nan",
            "condition 1.severity is nan; give a number or a list of numbers",
        ),
        (
            "degrees = 8\n[[condition]]\nperturbation = 'gaussian_blur'\nseverity_degrees = 361",
            "condition 1.severity_degrees is 361; give angles from 0 to that of the stimulus's side, 8",
        ),
        (
            "degrees = 8\n[[condition]]\nperturbation = 'gaussian_blur'\nseverity_degrees = inf",
            "condition 1.severity_degrees is inf; give a number or a list of numbers",
        ),
        ("match = 0.5", "match is 0.5; write it as a table, [match]"),
        ("[match]\nstage = 'source'", "match says nothing to match; give luminance, contrast, or both"),
        ("[match]\nmean = 0.5", "unknown key match.mean; allowed are luminance, contrast, stage"),
        (
            "[match]\ncontrast = 0.6",
            "match.contrast is 0.6; give a fraction of full scale between 0 and 0.5",
        ),
        (
            "[match]\ncontrast = 0.2\nstage = 'after'",
            "match.stage is 'after'; write source or stimulus, in quotes",
        ),
        (
            "linear_light = true\n[[condition]]\nperturbation = 'rotation'\nseverity = 1",
            "rotation has no form in linear light; leave it out, or leave linear_light out",
        ),
        (
            "[match]\ncontrast = 0.2\nstage = 'stimulus'\n"
            "[[condition]]\nperturbation = 'contrast'\nseverity = 0.1",
            "matching stimuli undoes contrast; leave it out, or match at the stage of the source",
        ),
        (
            "linear_light = true\nlegacy = true",
            "what was published is not in linear light; leave linear_light or legacy out",
        ),
        (
            "[[condition]]\nperturbation = 'gaussian_blur'\nseverity_degrees = 0.1",
            "condition 1.severity_degrees needs the visual angle of a stimulus's side; "
            "give it as degrees at the top of the file",
        ),
        (
            "degrees = 8\n[[condition]]\nperturbation = 'contrast'\nseverity_degrees = 0.1",
            "condition 1: severities of contrast are not in px; give severity",
        ),
        (
            "degrees = 8\n[[condition]]\nperturbation = 'gaussian_blur'\n"
            "severity_degrees = 0.1\nseverity = 1",
            "condition 1 has severity and severity_degrees; leave one of them out",
        ),
        (
            "[[condition]]\nperturbation = 'contrast'\nseverity = [0.1, 0.1]",
            "condition contrast-0.1 is there twice; remove one of them",
        ),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        load_conditions(path)
    assert str(error.value) == f"{path}: {message}"


def test_a_file_that_is_missing_or_not_toml_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    with pytest.raises(UserError) as error:
        load_conditions(missing)
    assert str(error.value) == (
        f"cannot read the conditions file {missing} (No such file or directory); check the name"
    )
    broken = write(tmp_path, "size = ")
    with pytest.raises(UserError) as error:
        load_conditions(broken)
    assert str(error.value) == (
        f"{broken} is not a TOML file (Invalid value (at end of document)); correct it there"
    )


def test_concept_names() -> None:
    assert concept_name("Ice_Cream") == "ice cream"


def test_the_vocabulary_and_the_manifest_load_no_image_code() -> None:
    code = (
        "import sys, stimuli.conditions, stimuli.manifest;"
        "print([m for m in ('numpy', 'pandas', 'PIL', 'scipy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
