"""``manage.py stimuli``: from photographs to stimuli, whatever happens on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from commands.stimuli import stimuli as command
from manage import cli
from stimuli.conditions import Condition, ConditionsFile
from stimuli.conditions_file import load_conditions
from stimuli.corruptions import apply
from stimuli.errors import UserError
from stimuli.files import sha256_of_bytes, sha256_of_file
from stimuli.generate import RECIPE_VERSION, Build, build
from stimuli.manifest import COLUMNS, read_manifest
from stimuli.measures import mean_luminance, rms_contrast
from stimuli.perturbations import PERTURBATIONS
from stimuli.pictures import load_picture
from stimuli.seeds import generator

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = {
    "cat": "chelsea.png",
    "cup_of_coffee": "coffee.png",
    "rocket": "rocket.jpg",
    "astronaut": "astronaut.png",
    "motorcycle": "motorcycle_left.png",
    "coins": "coins.png",
}
CONDITIONS = """
size = 96
clean_only = ["coins"]
[[condition]]
perturbation = "gaussian_noise"
severity = [0.18, 0.38]
[[condition]]
perturbation = "gaussian_blur"
severity = [2, 6]
[[condition]]
perturbation = "contrast"
severity = 0.1
[[condition]]
perturbation = "pixelate"
severity = 0.1
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A user's folder: a photograph for each of six concepts."""
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


def contents(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix(): sha256_of_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def build_them(pictures: Path, out: Path, conditions: Path, jobs: int = 1, force: bool = False) -> Build:
    return build(pictures, out, load_conditions(conditions), jobs=jobs, force=force)


def test_a_folder_of_photographs_becomes_stimuli(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("build", pictures, "--out", out, "--conditions", conditions, "--seed", "3", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "out": str(out),
        "pictures": 6,
        "rendered": 6,
        "stimuli": 36,
        "left_out": [],
    }
    rows = read_manifest(out)
    assert Counter(row.condition for row in rows) == {
        "clean": 6,
        "gaussian_noise-0.18": 5,
        "gaussian_noise-0.38": 5,
        "gaussian_blur-2": 5,
        "gaussian_blur-6": 5,
        "contrast-0.1": 5,
        "pixelate-0.1": 5,
    }
    assert {row.concept for row in rows} == {
        "cat",
        "cup of coffee",
        "rocket",
        "astronaut",
        "motorcycle",
        "coins",
    }
    assert len({row.seed for row in rows}) == len({row.stimulus for row in rows}) == 36
    assert tuple(pd.read_parquet(out / "manifest.parquet").columns) == COLUMNS


def test_every_row_describes_its_image(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    for row in build_them(pictures, tmp_path / "out", conditions).stimuli:
        path = tmp_path / "out" / row.image
        assert sha256_of_file(path) == row.image_sha256
        with Image.open(path) as image:
            assert image.size == (row.width, row.height) == (96, 96)
            assert image.mode == "RGB"
            assert not image.info
        assert row.source == row.cluster == sha256_of_file(pictures / row.source_path)[:12]
        shown = load_picture(path, 96)
        assert rms_contrast(shown) == row.rms_contrast
        assert mean_luminance(shown) == row.mean_luminance
        assert (row.psnr_db != row.psnr_db) == (row.condition == "clean")
        assert json.loads(row.parameters)["size"] == 96
        assert set(json.loads(row.versions)) == {
            "interpscore",
            "numpy",
            "opencv-python-headless",
            "pillow",
            "scipy",
        }


def test_any_one_stimulus_can_be_rebuilt_alone(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    done = build_them(pictures, tmp_path / "out", conditions)
    row = next(row for row in done.stimuli if row.condition == "gaussian_noise-0.38" and row.concept == "cat")
    clean = load_picture(pictures / row.source_path, row.width)
    again = apply(row.perturbation, clean, row.severity, generator(row.seed))
    assert (again == load_picture(done.folder / row.image, row.width)).all()


def test_no_name_that_a_participant_sees_contains_the_concept(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    done = build_them(pictures, tmp_path / "out", conditions)
    names = [path.name for path in (tmp_path / "out").rglob("*.png")]
    assert len(names) == len(done.stimuli) + 16
    for word in ("cat", "coffee", "rocket", "astronaut", "motorcycle", "coin", "chelsea"):
        assert not [name for name in names if word in name]


def test_masks_match_the_average_clean_stimulus(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    clean = [
        row for row in build_them(pictures, tmp_path / "out", conditions).stimuli if row.condition == "clean"
    ]
    masks = sorted((tmp_path / "out" / "masks").iterdir())
    assert [path.name for path in masks] == [f"{number:02d}.png" for number in range(16)]
    assert len({sha256_of_file(path) for path in masks}) == 16
    for path in masks:
        mask = load_picture(path, 96)
        assert mean_luminance(mask) == pytest.approx(sum(row.mean_luminance for row in clean) / 6, abs=0.002)
        assert rms_contrast(mask) == pytest.approx(sum(row.rms_contrast for row in clean) / 6, abs=0.002)


def test_two_jobs_give_the_same_bytes_as_one(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    build_them(pictures, tmp_path / "one", conditions)
    build_them(pictures, tmp_path / "two", conditions, jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_changes_the_noise_and_nothing_else(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    settings = load_conditions(conditions)
    one = build(pictures, tmp_path / "one", settings, seed=1).stimuli
    two = build(pictures, tmp_path / "two", settings, seed=2).stimuli
    assert [row.stimulus for row in one] == [row.stimulus for row in two]
    changed = {a.perturbation for a, b in zip(one, two, strict=True) if a.image_sha256 != b.image_sha256}
    assert changed == {"gaussian_noise"}


def test_the_same_inputs_again_do_nothing(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    build_them(pictures, tmp_path / "out", conditions)
    before = contents(tmp_path / "out")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images").iterdir()}
    result = run("build", pictures, "--out", tmp_path / "out", "--conditions", conditions)
    assert result.exit_code == 0
    assert result.stdout == f"36 stimuli of 6 pictures (6 of them were there already) in {tmp_path / 'out'}\n"
    assert contents(tmp_path / "out") == before
    assert written == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "images").iterdir()}


def test_images_that_were_lost_or_altered_are_made_again(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    build_them(pictures, tmp_path / "out", conditions)
    before = contents(tmp_path / "out")
    lost, altered, *_ = sorted((tmp_path / "out" / "images").iterdir())
    lost.unlink()
    altered.write_bytes(b"scribble")
    assert build_them(pictures, tmp_path / "out", conditions).rendered in (1, 2)
    assert contents(tmp_path / "out") == before


def test_a_build_that_was_killed_leaves_no_worker_and_goes_on_to_the_same_bytes(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    build_them(pictures, tmp_path / "whole", conditions)
    out = tmp_path / "killed"
    arguments = ["stimuli", "build", pictures, "--out", out, "--conditions", conditions, "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "manage.py", *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE
    )
    finished = out / ".partial.jsonl"
    deadline = time.monotonic() + 60
    while not (finished.is_file() and finished.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # returns once the last worker has let go of standard error
    assert process.returncode == -signal.SIGKILL
    assert not (out / "manifest.csv").exists()
    with finished.open("a", encoding="utf-8") as stream:
        stream.write('[{"stimulus": "torn')
    (out / "images" / ".0123-half.png").write_bytes(b"half")
    done = build_them(pictures, out, conditions)
    assert done.rendered < 6
    assert contents(out) == contents(tmp_path / "whole")


def test_other_inputs_are_refused_without_force(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_them(pictures, out, conditions)
    before = contents(out)
    (pictures / "cat" / "chelsea.png").unlink()
    with pytest.raises(UserError) as error:
        build_them(pictures, out, conditions)
    assert str(error.value) == (
        f"{out} holds something other than a build of these pictures, conditions, seed and versions; "
        "name another folder, or add --force to replace a former build in it"
    )
    assert contents(out) == before
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    build_them(pictures, out, conditions, force=True)
    (out / "notes.txt").unlink()
    build_them(pictures, tmp_path / "fresh", conditions)
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.parametrize("former", [None, '{"scripts": "mine"}', "not json"])
def test_force_replaces_nothing_but_a_build(
    pictures: Path, conditions: Path, tmp_path: Path, former: str | None
) -> None:
    out = tmp_path / "project"
    out.mkdir()
    (out / "manifest.csv").write_text("mine", encoding="utf-8")
    if former is not None:
        (out / "build.json").write_text(former, encoding="utf-8")
    before = contents(out)
    with pytest.raises(UserError) as error:
        build_them(pictures, out, conditions, force=True)
    assert str(error.value) == (
        f"{out} holds no build that --force may replace; name another folder or an empty one"
    )
    assert contents(out) == before


def test_a_folder_among_the_images_is_left_alone(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    build_them(pictures, tmp_path / "out", conditions)
    (tmp_path / "out" / "images" / ".ipynb_checkpoints").mkdir()
    assert build_them(pictures, tmp_path / "out", conditions).rendered == 0


def spoil(pictures: Path) -> None:
    """Add files that give no stimulus, one of each kind."""
    (pictures / "cat" / "broken.png").write_bytes((pictures / "cat" / "chelsea.png").read_bytes()[:30_000])
    (pictures / "cat" / "notes.png").write_text("not a picture", encoding="utf-8")
    Image.new("1", (10_000, 10_000)).save(pictures / "cat" / "huge.png")
    Image.new("RGB", (1, 1)).save(pictures / "cat" / "dot.png")
    (pictures / "cat" / "readme.txt").write_text("hello", encoding="utf-8")


def test_bad_files_are_named_and_the_rest_goes_on(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    build_them(pictures, tmp_path / "good", conditions)
    spoil(pictures)
    arguments = ("build", pictures, "--out", tmp_path / "out", "--conditions", conditions, "--quiet")
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Left out: cat/readme.txt is not a picture; give a file in .png, .jpg, .jpeg, .webp",
        "Left out: cat/broken.png is broken or cut short; replace or remove it",
        "Left out: cat/dot.png is 1 x 1 pixels; give a picture of at least 32 on its short side",
        "Left out: cat/huge.png has more than 89478485 pixels, too many to decode safely; make it smaller",
        "Left out: cat/notes.png is not a PNG, JPEG or WebP picture; replace or remove it",
    ]
    assert contents(tmp_path / "out")["manifest.csv"] == contents(tmp_path / "good")["manifest.csv"]
    assert len(json.loads((tmp_path / "out" / "build.json").read_text(encoding="utf-8"))["left_out"]) == 5
    assert run(*arguments, "--skip-broken").exit_code == 0


def test_a_folder_without_one_readable_picture(tmp_path: Path, conditions: Path) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    (pictures / "cat").mkdir(parents=True)
    (pictures / "cat" / "cat.png").write_text("not a picture", encoding="utf-8")
    with pytest.raises(UserError) as error:
        build(pictures, out, ConditionsFile(96))
    assert str(error.value) == (
        "no picture could be used, the first because "
        "cat/cat.png is not a PNG, JPEG or WebP picture; replace or remove it"
    )
    assert not out.exists()


def test_a_former_build_stays_if_no_picture_can_be_read(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    build_them(pictures, tmp_path / "out", conditions)
    before = contents(tmp_path / "out")
    for picture in pictures.rglob("*.*"):
        picture.write_text(f"not a picture: {picture.name}", encoding="utf-8")
    with pytest.raises(UserError, match="no picture could be used"):
        build_them(pictures, tmp_path / "out", conditions, force=True)
    assert contents(tmp_path / "out") == before


def test_a_concept_that_is_not_there_cannot_be_kept_clean(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        build(pictures, tmp_path / "out", ConditionsFile(96, ("coin",)))
    assert str(error.value) == (
        f"clean_only names 'coin', of which {pictures} has no picture; is 'coins' meant?"
    )


def test_rows_that_are_no_longer_true_are_made_again(
    pictures: Path, conditions: Path, tmp_path: Path
) -> None:
    build_them(pictures, tmp_path / "out", conditions)
    before = contents(tmp_path / "out")
    manifest = tmp_path / "out" / "manifest.csv"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(",cat,", ",dog,"), encoding="utf-8")
    assert build_them(pictures, tmp_path / "out", conditions).rendered == 1
    assert contents(tmp_path / "out") == before


def test_pixels_change_only_with_the_recipes_version(pictures: Path, tmp_path: Path) -> None:
    """Where this fails though nothing was to change, it was changed; else raise RECIPE_VERSION."""
    assert RECIPE_VERSION == 3
    ladder = (Condition("clean"), Condition("gaussian_noise", 0.18), Condition("pixelate", 0.25))
    build(pictures, tmp_path / "out", ConditionsFile(64, (), ladder), seed=4)
    rows = [row for row in read_manifest(tmp_path / "out") if row.concept == "astronaut"]
    pixels = [load_picture(tmp_path / "out" / row.image, 64) for row in rows]
    assert [sha256_of_bytes(image.tobytes())[:12] for image in pixels] == [
        "c9987b063be4",
        "0d5b479bd6b8",
        "4d2a35b679b1",
    ]


def test_a_ladder_that_does_not_climb_is_refused(pictures: Path, tmp_path: Path) -> None:
    ladder = (Condition("clean"), Condition("pixelate", 0.1), Condition("pixelate", 0.1001))
    with pytest.raises(UserError) as error:
        build(pictures, tmp_path / "out", ConditionsFile(96, (), ladder))
    assert str(error.value).startswith("pixelate-0.1 is on average no further from clean (0.")
    assert str(error.value).endswith(
        "); leave one of them out of the conditions, or write ladder_gate = false there"
    )
    assert contents(tmp_path / "out") == {}


def test_a_folder_that_cannot_be_written_to(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    out = tmp_path / "file" / "out"
    arguments = ["stimuli", "build", pictures, "--out", out, "--conditions", conditions]
    done = subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: cannot write to the folder {out} (Not a directory); "
        "choose another one or change its permissions\n"
    )


def test_the_output_must_not_lie_among_the_pictures(pictures: Path, conditions: Path) -> None:
    with pytest.raises(UserError) as error:
        build_them(pictures, pictures / "cat", conditions)
    assert str(error.value) == (
        f"the output {pictures / 'cat'} lies inside the folder of pictures {pictures}; name another one"
    )
    assert len(list(pictures.rglob("*.*"))) == 6


def test_default_conditions_are_four_families_at_two_severities(pictures: Path, tmp_path: Path) -> None:
    result = run("build", pictures, "--out", tmp_path / "out", "--quiet")
    assert result.exit_code == 0
    assert Counter(row.perturbation for row in read_manifest(tmp_path / "out")) == {
        "clean": 6,
        "gaussian_noise": 12,
        "gaussian_blur": 12,
        "contrast": 12,
        "pixelate": 12,
    }


def test_list_names_every_perturbation() -> None:
    listed = run("list")
    assert listed.exit_code == 0
    names = [name for name in PERTURBATIONS if name != "clean"]
    for name in names:
        assert f"{name} " in listed.stdout
    table = json.loads(run("list", "--json").stdout)["perturbations"]
    assert [row["name"] for row in table] == names
    assert table[0]["published_levels"] == [0.08, 0.12, 0.18, 0.26, 0.38]


def test_wrong_usage_exits_with_2() -> None:
    assert CliRunner().invoke(cli, ["stimuli", "build", "somewhere"]).exit_code == 2
    assert run("build", "somewhere", "--out", "there", "--jobs", "0").exit_code == 2


def test_pictures_that_are_one_file_are_refused(pictures: Path, conditions: Path, tmp_path: Path) -> None:
    content = (pictures / "cat" / "chelsea.png").read_bytes()
    (pictures / "rocket" / "copy.png").write_bytes(content)
    with pytest.raises(UserError) as error:
        build_them(pictures, tmp_path / "out", conditions)
    assert str(error.value) == "cat/chelsea.png and rocket/copy.png are the same picture; remove one of them"
    assert not (tmp_path / "out").exists()
