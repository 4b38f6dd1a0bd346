"""``manage.py stimuli ladder``: a conditions file that says what it does, and that a build reads."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from commands.stimuli import stimuli as command
from stimuli.conditions_file import load_conditions
from stimuli.errors import UserError
from stimuli.generate import build
from stimuli.perturbations import PERTURBATIONS

PHOTOGRAPHS = {
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "astronaut": "astronaut.png",
}
ANCHORED = [name for name, row in PERTURBATIONS.items() if row.human is not None]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ladder") / "pictures"
    for concept, name in PHOTOGRAPHS.items():
        path = folder / concept / name
        path.parent.mkdir(parents=True)
        path.write_bytes(files("skimage").joinpath("data", name).read_bytes())
    return folder


def run(pictures: Path, out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        command, ["ladder", str(pictures), "--out", str(out), "--size", "96", *arguments]
    )


def levels_of(result: Result) -> list[dict[str, float]]:
    assert result.exit_code == 0, result.output
    (ladder,) = json.loads(result.stdout)["ladders"]
    levels: list[dict[str, float]] = ladder["levels"]
    return levels


def test_a_build_reads_the_file_and_finds_what_it_says(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "noise.toml"
    arguments = (
        "--perturbation",
        "gaussian_noise",
        "--by",
        "similarity",
        "--levels",
        "4",
        "--seed",
        "2",
        "--json",
    )
    levels = levels_of(run(pictures, out, *arguments))
    conditions = load_conditions(out)
    assert conditions.size == 96
    assert [one.severity for one in conditions.conditions[1:]] == [row["severity"] for row in levels]
    rows = build(pictures, tmp_path / "out", conditions, seed=2).stimuli
    for row in levels:
        mean = np.mean([one.ssim for one in rows if one.severity == row["severity"]])
        assert mean == pytest.approx(row["ssim"], abs=1e-12)
        assert row["ssim"] == pytest.approx(row["wanted"], abs=0.01)
        assert row["ssim_low"] < row["ssim"] < row["ssim_high"]
        assert (row["n"], row["clusters"]) == (4, 4)


def test_the_file_says_in_comments_how_it_came_about(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "contrast.toml"
    done = run(
        pictures, out, "--perturbation", "contrast", "--by", "physical", "--scale", "log", "--levels", "3",
        "--from", "0.4", "--to", "0.1",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# contrast: equal steps in severity on a logarithmic scale.\n")
    assert 'perturbation = "contrast"\nseverity = [0.4, 0.2, 0.1]\n' in text
    assert "Means over 4 pictures of the folder pictures, at 96 px, build seed 0;" in text
    assert "95% t intervals over pictures." in text
    assert done.stdout.endswith(f"Written: {out}\n")


def test_several_families_make_one_file_in_their_order(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "both.toml"
    families = ("--perturbation", "gaussian_blur", "--perturbation", "contrast")
    done = run(pictures, out, *families, "--by", "similarity", "--levels", "2", "--json")
    assert done.exit_code == 0, done.output
    told = [(one["perturbation"], row["severity"]) for one in json.loads(done.stdout)["ladders"]
            for row in one["levels"]]  # fmt: skip
    conditions = load_conditions(out)
    assert [(one.perturbation, one.severity) for one in conditions.conditions[1:]] == told
    assert [name for name, _ in told] == ["gaussian_blur"] * 2 + ["contrast"] * 2
    text = out.read_text(encoding="utf-8")
    assert text.startswith("size = 96\n\n# gaussian_blur: ")
    assert text.count("# Means over 4 pictures") == text.count("[[condition]]") == 2
    assert text.index("# contrast: ") > text.index('"gaussian_blur"')
    for number, name in enumerate(("gaussian_blur", "contrast")):
        alone = tmp_path / f"{name}.toml"
        levels = levels_of(run(pictures, alone, "--perturbation", name, "--by", "similarity", "--levels",
                               "2", "--json"))  # fmt: skip
        assert levels == json.loads(done.stdout)["ladders"][number]["levels"]


def test_one_family_without_a_ladder_refuses_all(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "no.toml"
    done = run(
        pictures, out, "--perturbation", "low_pass", "--perturbation", "pixelate", "--by", "human",
        "--levels", "2",
    )  # fmt: skip
    assert str(done.exception).startswith(
        "nothing is written for want of a ladder of pixelate: no human thresholds are known of pixelate; "
        "use --by similarity, measure them, or take a family that has them: grey_contrast"
    )
    assert not out.exists()


def test_similarities_can_be_named(pictures: Path, tmp_path: Path) -> None:
    arguments = ("--perturbation", "gaussian_blur", "--by", "similarity", "--measure", "rms", "--json")
    levels = levels_of(run(pictures, tmp_path / "b.toml", *arguments, "--at", "0.9", "--at", "0.95"))
    assert [row["wanted"] for row in levels] == [0.95, 0.9]
    assert [1 - row["rms_distance"] for row in levels] == pytest.approx([0.95, 0.9], abs=1e-3)


@pytest.mark.parametrize("name", ANCHORED)
def test_peoples_thresholds_are_met(name: str, pictures: Path, tmp_path: Path) -> None:
    human = PERTURBATIONS[name].human
    assert human is not None
    out = tmp_path / "people.toml"
    side = "256" if name.startswith("eidolon") else "224"
    arguments = ("--perturbation", name, "--by", "human", "--size", side, "--levels", "2", "--pictures", "2")
    levels = levels_of(run(pictures, out, *arguments, "--json"))
    assert [row["severity"] for row in levels] == [human.at_75_percent, human.at_35_percent]
    assert [row["wanted"] for row in levels] == [0.75, 0.35]
    text = out.read_text(encoding="utf-8")
    assert "16 alternatives" in text
    assert f"grey pictures of {side} px, seen about 3 degrees wide" in text


def test_a_ladder_that_leads_nowhere_is_refused(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "no.toml"
    done = run(
        pictures, out, "--perturbation", "gaussian_blur", "--by", "physical", "--from", "0", "--to", "2"
    )
    assert str(done.exception) == (
        "gaussian_blur-0 is on average no further from clean (0.0000) than clean (0.0000); "
        "choose other severities"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--perturbation", "pixelate", "--by", "human"], "no human thresholds are known of pixelate"),
        (["--perturbation", "no", "--by", "physical"],
         "'no' is not a perturbation with levels; `stimuli list` names them all"),
        (["--perturbation", "fgsm", "--by", "physical"], "fgsm is made against a model"),
        (["--perturbation", "contrast", "--by", "similarity", "--from", "0.2", "--to", "0.9"],
         "similarity is to fall, not to go from 0.2 to 0.9"),
        (["--perturbation", "contrast", "--by", "human", "--from", "0.4", "--to", "0.6"],
         "proportions correct are to fall, not to go from 0.4 to 0.6; name others by --from and --to"),
        (["--perturbation", "high_pass", "--by", "human", "--at", "0.35", "--size", "64"],
         "a proportion correct of 0.35 takes severity 0.162857 of high_pass at 64 px"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_said(
    pictures: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    error = run(pictures, tmp_path / "no.toml", *arguments).exception
    assert isinstance(error, UserError)
    assert said in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--by", "physical", "--at", "0.5"],
        ["--by", "similarity", "--at", "0.5", "--from", "0.9"],
        ["--by", "similarity", "--at", "0.5", "--at", "0.5"],
        ["--by", "similarity", "--at", "0.5", "--levels", "5"],
        ["--by", "similarity", "--scale", "linear"],
        ["--by", "human", "--scale", "log"],
        ["--by", "physical", "--measure", "ssim"],
        ["--by", "human", "--measure", "rms"],
        ["--by", "physical", "--perturbation", "contrast"],
        ["--by", "physical", "--perturbation", "pixelate", "--from", "0.5"],
        ["--by", "similarity", "--from", "nan"],
        ["--by", "similarity", "--to", "-inf"],
        ["--by", "physical", "--from", "inf"],
        ["--by", "human", "--at", "inf"],
        ["--by", "human", "--linear-light"],
        ["--by", "chance"],
        ["--by", "physical", "--levels", "1"],
    ],
)
def test_wrong_usage_exits_with_2(pictures: Path, tmp_path: Path, arguments: list[str]) -> None:
    assert run(pictures, tmp_path / "no.toml", "--perturbation", "contrast", *arguments).exit_code == 2


def test_thresholds_of_encoded_values_are_not_for_linear_light(pictures: Path, tmp_path: Path) -> None:
    arguments = ("--perturbation", "low_pass", "--by", "human", "--linear-light")
    done = run(pictures, tmp_path / "no.toml", *arguments)
    assert done.exit_code == 2
    assert "The thresholds of --by human were measured on encoded values; leave --linear-light" in done.output


def test_similarities_that_are_missed_are_said(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.toml"
    arguments = ("--perturbation", "pixelate", "--by", "similarity", "--levels", "4")
    done = run(pictures, out, *arguments)
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# pixelate: severities at which mean SSIM comes nearest to equal steps.\n")
    said = [line for line in text.splitlines() if "the nearest to" in line]
    assert said
    assert all(line.removeprefix("# ") in done.stdout for line in said)
    levels = levels_of(run(pictures, out, *arguments, "--force", "--json"))
    missed = [row for row in levels if abs(row["reached"] - row["wanted"]) > 5e-4]
    assert [f"# Severity {row['severity']:g} came to {row['reached']:.4f}" for row in missed] == [
        line.partition(",")[0] for line in said
    ]
    assert len(load_conditions(out).conditions) == 5


def test_the_folders_name_cannot_break_the_file(pictures: Path, tmp_path: Path) -> None:
    odd = tmp_path / 'severity\nsize = "no"'
    odd.mkdir()
    for concept in pictures.iterdir():
        (odd / concept.name).mkdir()
        for path in concept.iterdir():
            (odd / concept.name / path.name).write_bytes(path.read_bytes())
    out = tmp_path / "b.toml"
    done = run(odd, out, "--perturbation", "contrast", "--by", "physical", "--levels", "2")
    assert done.exit_code == 0, done.output
    assert load_conditions(out).size == 96


def test_nothing_is_overwritten_unasked(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.toml"
    arguments = ("--perturbation", "gaussian_blur", "--by", "physical", "--levels", "2")
    assert run(pictures, out, *arguments, "--quiet").output == ""
    assert isinstance(run(pictures, out, *arguments).exception, UserError)
    assert run(pictures, out, *arguments, "--force").exit_code == 0


def test_a_ladder_in_linear_light_is_built_in_linear_light(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "light.toml"
    arguments = (
        "--perturbation",
        "contrast",
        "--by",
        "physical",
        "--levels",
        "2",
        "--linear-light",
        "--json",
    )
    levels = levels_of(run(pictures, out, *arguments))
    conditions = load_conditions(out)
    assert conditions.linear_light
    rows = build(pictures, tmp_path / "out", conditions).stimuli
    for row in levels:
        mean = np.mean([one.ssim for one in rows if one.severity == row["severity"]])
        assert mean == pytest.approx(row["ssim"], abs=1e-12)
