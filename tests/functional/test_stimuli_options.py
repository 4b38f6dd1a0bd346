"""How a build may be made otherwise: matched, in linear light, as published, in degrees; and merged."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from commands.stimuli import stimuli as command
from stimuli.conditions import Condition, ConditionsFile, Matching
from stimuli.corruptions import apply
from stimuli.errors import UserError
from stimuli.files import sha256_of_file
from stimuli.generate import Build, build
from stimuli.manifest import read_manifest
from stimuli.matching import TOLERANCE
from stimuli.merge import merge
from stimuli.perturbations import PERTURBATIONS
from stimuli.pictures import load_picture

CLEAN, NOISE, BLUR = Condition("clean"), Condition("gaussian_noise", 0.18), Condition("gaussian_blur", 4)
BOTH = (CLEAN, NOISE, BLUR)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for concept, name in {"cat": "chelsea.png", "coffee": "coffee.png"}.items():
        path = tmp_path / "pictures" / concept / name
        path.parent.mkdir(parents=True)
        path.write_bytes(files("skimage").joinpath("data", name).read_bytes())
    return tmp_path / "pictures"


def made(pictures: Path, out: Path, wanted: ConditionsFile, seed: int = 0) -> Build:
    return build(pictures, out, wanted, seed)


def test_sources_are_matched_before_they_are_degraded(pictures: Path, tmp_path: Path) -> None:
    wanted = ConditionsFile(96, (), BOTH, matching=Matching(0.5, 0.2))
    done = made(pictures, tmp_path / "out", wanted)
    for row in done.stimuli:
        if row.perturbation == "clean":
            assert row.mean_luminance == pytest.approx(0.5, abs=TOLERANCE)
            assert row.rms_contrast == pytest.approx(0.2, abs=TOLERANCE)
        if row.perturbation == "gaussian_blur":
            assert row.rms_contrast < 0.19
    assert json.loads(done.stimuli[0].parameters)["match"] == {
        "luminance": 0.5,
        "contrast": 0.2,
        "stage": "source",
    }


def test_a_match_that_clips_much_is_told(pictures: Path, tmp_path: Path) -> None:
    conditions = tmp_path / "conditions.toml"
    conditions.write_text("size = 96\n[match]\nluminance = 0.5\ncontrast = 0.3\n", encoding="utf-8")
    result = run("build", pictures, "--out", tmp_path / "out", "--conditions", conditions, "--quiet")
    clipped = {row.source_path: row.clipped_fraction for row in read_manifest(tmp_path / "out")}
    many = [share for share in clipped.values() if share > 0.3]
    worst = max(clipped, key=lambda path: clipped[path])
    assert many
    assert result.stderr == (
        f"Matched: {len(many)} of the pictures have more than 30% of their values at black or white, "
        f"{worst} most ({clipped[worst]:.0%}); match to a lower contrast\n"
    )


def test_severities_in_degrees_are_in_the_manifest(pictures: Path, tmp_path: Path) -> None:
    done = made(pictures, tmp_path / "out", ConditionsFile(96, (), BOTH, degrees=8.0))
    told = {row.perturbation: json.loads(row.parameters) for row in done.stimuli}
    assert told["gaussian_blur"]["severity_degrees"] == pytest.approx(0.3337, abs=1e-3)
    assert "severity_degrees" not in told["gaussian_noise"]


def test_stimuli_are_matched_after_they_were_degraded(pictures: Path, tmp_path: Path) -> None:
    wanted = ConditionsFile(96, (), BOTH, matching=Matching(0.5, 0.15, "stimulus"))
    for row in made(pictures, tmp_path / "out", wanted).stimuli:
        assert row.mean_luminance == pytest.approx(0.5, abs=TOLERANCE)
        assert row.rms_contrast == pytest.approx(0.15, abs=TOLERANCE)
        assert np.isnan(row.psnr_db) == (row.perturbation == "clean")


def test_a_picture_that_cannot_be_matched_is_left_out(pictures: Path, tmp_path: Path) -> None:
    (pictures / "fog").mkdir()
    Image.new("RGB", (80, 80), (90, 90, 90)).save(pictures / "fog" / "flat.png")
    wanted = ConditionsFile(96, (), BOTH, matching=Matching(0.5, 0.2, "stimulus"))
    done = made(pictures, tmp_path / "out", wanted)
    assert [row.path for row in done.left_out] == ["fog/flat.png"]
    assert done.left_out[0].reason.startswith(
        "fog/flat.png cannot be given mean luminance 0.500 and RMS contrast 0.200"
    )
    assert len(done.stimuli) == len(list((tmp_path / "out" / "images").iterdir())) == 6


def test_linear_light_and_legacy_give_their_own_pixels(pictures: Path, tmp_path: Path) -> None:
    usual = made(pictures, tmp_path / "usual", ConditionsFile(96, (), BOTH))
    linear = made(pictures, tmp_path / "linear", ConditionsFile(96, (), BOTH, linear_light=True))
    legacy = made(pictures, tmp_path / "legacy", ConditionsFile(96, (), BOTH, legacy=True))
    for one, two, three in zip(usual.stimuli, linear.stimuli, legacy.stimuli, strict=True):
        clean = load_picture(pictures / one.source_path, 96)
        same = {one.image_sha256, two.image_sha256, three.image_sha256}
        assert len(same) == (1 if one.perturbation == "clean" else 3)
        again = apply(three.perturbation, clean, three.severity, np.random.RandomState(0))
        assert np.array_equal(load_picture(legacy.folder / three.image, 96), again)
        assert three.seed == 0
    assert json.loads(linear.stimuli[1].parameters)["light"] == "linear"
    assert json.loads(legacy.stimuli[1].parameters)["draws"] == "legacy"


def test_the_ladder_gate_can_be_opened(pictures: Path, tmp_path: Path) -> None:
    ladder = (CLEAN, Condition("pixelate", 0.1), Condition("pixelate", 0.1001))
    done = made(pictures, tmp_path / "out", ConditionsFile(96, (), ladder, ladder_gate=False))
    assert len(done.stimuli) == 6
    with pytest.raises(UserError, match="holds something other than a build of these pictures"):
        made(pictures, tmp_path / "out", ConditionsFile(96, (), ladder))
    assert len(read_manifest(tmp_path / "out")) == 6


def test_fogs_that_chance_turned_round_are_built_and_a_ladder_that_falls_is_not(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    severities = (1.5, 2.0, 2.5, 3.0, 4.0)
    wanted = ConditionsFile(96, (), (CLEAN, *(Condition("fog", severity) for severity in severities)))
    done = made(pictures, tmp_path / "out", wanted)
    far = [
        np.mean([10 ** (-row.psnr_db / 20) for row in done.stimuli if row.severity == one])
        for one in severities
    ]
    assert far != sorted(far)
    monkeypatch.setitem(PERTURBATIONS, "fog", replace(PERTURBATIONS["fog"], direction=-1))
    with pytest.raises(UserError) as error:
        made(pictures, tmp_path / "falls", wanted)
    assert str(error.value).startswith("fog-3 is on average no further from clean (0.")
    assert not list((tmp_path / "falls").rglob("*.png"))


def test_a_severity_that_changes_nothing_is_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        made(pictures, tmp_path / "out", ConditionsFile(96, (), (CLEAN, Condition("gaussian_blur", 0))))
    assert str(error.value) == (
        "gaussian_blur-0 changes no picture; "
        "leave it out of the conditions, or write ladder_gate = false there"
    )


def test_options_are_inputs(pictures: Path, tmp_path: Path) -> None:
    made(pictures, tmp_path / "out", ConditionsFile(96, (), BOTH))
    with pytest.raises(UserError, match="holds something other than a build of these pictures"):
        made(pictures, tmp_path / "out", ConditionsFile(96, (), BOTH, linear_light=True))


# Merging


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_builds_are_merged_and_what_they_share_is_taken_once(pictures: Path, tmp_path: Path) -> None:
    one = made(pictures, tmp_path / "one", ConditionsFile(96, (), (CLEAN, NOISE)))
    two = made(pictures, tmp_path / "two", ConditionsFile(96, (), (CLEAN, BLUR)))
    result = run("merge", tmp_path / "one", tmp_path / "two", "--out", tmp_path / "all", "--json")
    assert json.loads(result.stdout) == {"out": str(tmp_path / "all"), "builds": 2, "stimuli": 6}
    rows = {row.stimulus: row for row in read_manifest(tmp_path / "all")}
    assert set(rows) == {row.stimulus for row in (*one.stimuli, *two.stimuli)}
    for row in rows.values():
        assert sha256_of_file(tmp_path / "all" / row.image) == row.image_sha256
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "build.json",
        "images",
        "manifest.csv",
        "manifest.parquet",
        "masks",
    ]
    assert len(json.loads((tmp_path / "all" / "build.json").read_text(encoding="utf-8"))["merged"]) == 2


@pytest.mark.parametrize(
    ("size", "seed", "message"),
    [
        (64, 0, "stimuli of {two} are 64 x 64 pixels and those of {one} 96 x 96; build them at one size"),
        (
            96,
            1,
            "is another picture in {two} than in {one}; "
            "build both with one seed, one version and the same options",
        ),
    ],
)
def test_builds_that_do_not_fit_are_refused(
    pictures: Path, tmp_path: Path, size: int, seed: int, message: str
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    made(pictures, one, ConditionsFile(96, (), (CLEAN, NOISE)))
    made(pictures, two, ConditionsFile(size, (), (CLEAN, NOISE)), seed)
    with pytest.raises(UserError) as error:
        merge([one, two], tmp_path / "all")
    assert message.format(one=one, two=two) in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "pictures", "two"]


def test_one_condition_made_in_two_ways_is_not_merged(pictures: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    made(pictures, one, ConditionsFile(96, (), (CLEAN, BLUR)))
    (pictures / "coffee" / "coffee.png").rename(tmp_path / "coffee.png")
    (pictures / "cat" / "chelsea.png").unlink()
    (pictures / "mug").mkdir()
    (tmp_path / "coffee.png").rename(pictures / "mug" / "coffee.png")
    made(pictures, two, ConditionsFile(96, (), (CLEAN, NOISE)))
    with pytest.raises(UserError) as error:
        merge([one, two], tmp_path / "all")
    source = read_manifest(two)[0].source
    assert str(error.value) == (
        f"source {source} is a picture of mug in {two} and a picture of coffee in {one}; "
        "build both in one way"
    )
    picture = pictures / "mug" / "coffee.png"
    with Image.open(picture) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(picture)
    made(pictures, tmp_path / "three", ConditionsFile(96, (), (CLEAN, BLUR), linear_light=True))
    with pytest.raises(UserError) as error:
        merge([one, tmp_path / "three"], tmp_path / "all")
    assert "condition clean is made with crop centre square, matte 128, resample bicubic" in str(error.value)


def test_merged_images_are_copies_and_masks_come_from_where_they_are(pictures: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    done = made(pictures, one, ConditionsFile(96, (), (CLEAN, NOISE)))
    made(pictures, two, ConditionsFile(96, (), (CLEAN, BLUR)))
    shutil.rmtree(one / "masks")
    merge([one, two], tmp_path / "all")
    assert len(list((tmp_path / "all" / "masks").iterdir())) == 16
    (tmp_path / "all" / done.stimuli[0].image).write_bytes(b"")
    assert sha256_of_file(one / done.stimuli[0].image) == done.stimuli[0].image_sha256
    with pytest.raises(UserError) as error:
        build(pictures, tmp_path / "all", ConditionsFile(96, (), (CLEAN, NOISE)), force=True)
    assert str(error.value) == (
        f"{tmp_path / 'all'} holds no build that --force may replace; name another folder or an empty one"
    )


def test_an_image_outside_its_folder_is_not_merged(pictures: Path, tmp_path: Path) -> None:
    made(pictures, tmp_path / "one", ConditionsFile(96, (), (CLEAN, NOISE)))
    manifest = tmp_path / "one" / "manifest.csv"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace(",images/", ",images/../"), encoding="utf-8"
    )
    with pytest.raises(UserError, match="has a name that no build gives"):
        merge([tmp_path / "one"], tmp_path / "all")


def test_an_altered_image_is_not_merged(pictures: Path, tmp_path: Path) -> None:
    done = made(pictures, tmp_path / "one", ConditionsFile(96, (), (CLEAN, NOISE)))
    image = tmp_path / "one" / done.stimuli[1].image
    image.write_bytes(b"")
    with pytest.raises(UserError) as error:
        merge([tmp_path / "one"], tmp_path / "all")
    assert str(error.value) == f"{image} is missing or was altered; build it again"
    with pytest.raises(UserError) as error:
        merge([tmp_path / "one"], tmp_path / "one")
    assert str(error.value) == f"{tmp_path / 'one'} exists already; name a folder that is not there yet"
    assert not (tmp_path / "all").exists()
