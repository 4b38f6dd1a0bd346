"""``manage.py stimuli preview``: a sheet of the very stimuli that a build writes."""

from __future__ import annotations

import base64
import io
import json
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from commands.stimuli import stimuli as command
from stimuli import contact_sheet
from stimuli.conditions_file import load_conditions
from stimuli.errors import UserError
from stimuli.generate import build
from stimuli.perturbations import PERTURBATIONS

PHOTOGRAPHS = {"cat": "chelsea.png", "cup_of_coffee": "coffee.png", "coins": "coins.png"}
CONDITIONS = """
size = 64
clean_only = ["coins"]
[[condition]]
perturbation = "gaussian_noise"
severity = [0.38, 0.18]
[[condition]]
perturbation = "contrast"
severity = 0.1
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for concept, name in PHOTOGRAPHS.items():
        path = tmp_path / "pictures" / concept / name
        path.parent.mkdir(parents=True)
        path.write_bytes(files("skimage").joinpath("data", name).read_bytes())
    return tmp_path / "pictures"


@pytest.fixture
def conditions(tmp_path: Path) -> Path:
    path = tmp_path / "conditions.toml"
    path.write_text(CONDITIONS, encoding="utf-8")
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, ["preview", *(str(argument) for argument in arguments)])


def images_of(page: Path) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_it_shows_what_a_build_writes(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    html = tmp_path / "sheet.html"
    done = run(
        pictures, "--html", html, "--conditions", conditions, "--pictures", "9", "--seed", "4", "--json"
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "written": [str(html)],
        "size": 64,
        "seed": 4,
        "pictures": ["cat/chelsea.png", "cup_of_coffee/coffee.png"],
        "conditions": ["clean", "gaussian_noise-0.38", "gaussian_noise-0.18", "contrast-0.1"],
    }
    built = {
        (row.source_path, row.condition): np.asarray(Image.open(tmp_path / "out" / row.image))
        for row in build(pictures, tmp_path / "out", load_conditions(conditions), seed=4).stimuli
    }
    shown = [
        (path, key)
        for keys in (("clean", "gaussian_noise-0.18", "gaussian_noise-0.38"), ("clean", "contrast-0.1"))
        for path in ("cat/chelsea.png", "cup_of_coffee/coffee.png")
        for key in keys
    ]
    images = images_of(html)
    assert len(images) == len(shown) == 10
    for one, image in zip(shown, images, strict=True):
        assert np.array_equal(built[one], image)


def test_both_sheets_are_written_and_nothing_unasked(pictures: Path, tmp_path: Path) -> None:
    png, html = tmp_path / "sheet.png", tmp_path / "sheet.html"
    done = run(pictures, "--out", png, "--html", html, "--size", "64")
    assert done.stdout == f"4 perturbations of 1 picture: {png} and {html}\n"
    first = png.read_bytes()
    again = run(pictures, "--out", png, "--size", "64")
    assert str(again.exception) == (
        f"{png} exists already; name another output, or add --force to replace it"
    )
    assert run(pictures, "--out", png, "--size", "64", "--force", "--quiet").output == ""
    assert png.read_bytes() == first
    untouched = run(pictures, "--out", tmp_path / "other.png", "--html", html, "--size", "64")
    assert isinstance(untouched.exception, UserError)
    assert not (tmp_path / "other.png").exists()


@pytest.mark.parametrize("name", ["s.png", "s.html"])
def test_a_sheet_is_written_whole_or_not_at_all(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / name).write_text("before", encoding="utf-8")
    monkeypatch.setattr(contact_sheet, "draw" if name == "s.png" else "page", fail)
    option = "--out" if name == "s.png" else "--html"
    assert isinstance(run(pictures, option, folder / name, "--size", "64", "--force").exception, RuntimeError)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text(encoding="utf-8") == "before"


def test_a_perturbation_is_shown_at_its_levels(pictures: Path, tmp_path: Path) -> None:
    done = run(pictures, "--out", tmp_path / "s.png", "--perturbation", "contrast", "--size", "64", "--json")
    levels = PERTURBATIONS["contrast"].levels
    assert json.loads(done.stdout)["conditions"] == ["clean", *(f"contrast-{level:g}" for level in levels)]


@pytest.mark.slow
def test_all_perturbations_can_be_shown(pictures: Path, tmp_path: Path) -> None:
    done = run(pictures, "--html", tmp_path / "s.html", "--all", "--size", "64", "--json")
    assert done.exit_code == 0, done.output
    shown = {key.rpartition("-")[0] for key in json.loads(done.stdout)["conditions"][1:]}
    assert shown == {name for name, row in PERTURBATIONS.items() if name != "clean" and not row.needs_model}


def test_so_many_pictures_of_each_concept(pictures: Path, tmp_path: Path) -> None:
    with Image.open(pictures / "cat" / "chelsea.png") as image:
        image.rotate(90).save(pictures / "cat" / "turned.png")
    arguments = (pictures, "--out", tmp_path / "s.png", "--size", "64", "--json", "--force")
    one = json.loads(run(*arguments, "--per-concept").stdout)["pictures"]
    assert one == ["cat/chelsea.png", "coins/coins.png", "cup_of_coffee/coffee.png"]
    two = json.loads(run(*arguments, "--per-concept", "--pictures", "2").stdout)["pictures"]
    assert two == [*one, "cat/turned.png"]
    cats = json.loads(run(*arguments, "--concept", "cat", "--pictures", "5").stdout)["pictures"]
    assert cats == ["cat/chelsea.png", "cat/turned.png"]


def test_a_broken_picture_is_named_and_the_next_one_shown(pictures: Path, tmp_path: Path) -> None:
    (pictures / "cat" / "a.png").write_bytes(b"no picture")
    done = run(pictures, "--out", tmp_path / "s.png", "--size", "64", "--json")
    assert done.exit_code == 0
    assert done.stderr.startswith("Left out: cat/a.png is not a PNG, JPEG or WebP picture")
    assert json.loads(done.stdout)["pictures"] == ["coins/coins.png"]


def test_a_concept_that_is_kept_clean_is_not_shown_degraded(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.png"
    error = run(pictures, "--out", out, "--conditions", conditions, "--concept", "coins").exception
    assert isinstance(error, UserError)
    assert str(error).startswith("coins is kept clean, so that there is no more of it to show;")
    assert not out.exists()


def test_a_picture_that_cannot_be_matched_is_left_out_and_named(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    conditions.write_text(
        "size = 64\n[match]\nluminance = 0.5\ncontrast = 0.1\nstage = 'stimulus'\n"
        "[[condition]]\nperturbation = 'gaussian_blur'\nseverity = 2\n",
        encoding="utf-8",
    )
    fine = 60 + 140 * (np.indices((64, 64)).sum(axis=0) % 2).astype(np.uint8)
    Image.fromarray(fine).save(pictures / "cat" / "a.png")
    out = tmp_path / "s.png"
    done = run(pictures, "--out", out, "--conditions", conditions, "--pictures", "9", "--json")
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("Left out: cat/a.png in gaussian_blur-2 cannot be given mean luminance 0.5")
    assert json.loads(done.stdout)["pictures"] == [
        "coins/coins.png",
        "cup_of_coffee/coffee.png",
        "cat/chelsea.png",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "s.jpg"], "this sheet is written as PNG; name s.jpg with .png"),
        (["--out", "s.png", "--concept", "dog"], "has no concept dog; it has cat, coins, cup of coffee"),
        (["--out", "s.png", "--perturbation", "no"],
         "'no' is not a perturbation; `stimuli list` names them all"),
        (["--out", "s.png", "--perturbation", "fgsm"],
         "fgsm is made against a model, so that there is no preview of it"),
        (["--out", "s.png", "--perturbation", "clean"],
         "there is no condition but clean to show; name others"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = run(pictures, *arguments).exception
    assert isinstance(error, UserError)
    assert said in str(error)


def test_wrong_usage_exits_with_2(pictures: Path) -> None:
    assert run(pictures).exit_code == 2
    assert run(pictures, "--out", "s.png", "--all", "--perturbation", "contrast").exit_code == 2
    assert run(pictures, "--out", "s.png", "--size", "8").exit_code == 2
