"""``manage.py stimuli norm``: from a pilot's table to the pictures that people cannot name."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from commands.stimuli import stimuli as command
from scoring.trial_table import conform, write_trials
from stimuli.conditions import Condition, ConditionsFile
from stimuli.errors import UserError
from stimuli.generate import build
from stimuli.manifest import read_manifest

PHOTOGRAPHS = {"cat": "chelsea.png", "cup_of_coffee": "coffee.png", "rocket": "rocket.jpg"}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """Stimuli of three photographs."""
    for concept, name in PHOTOGRAPHS.items():
        path = tmp_path / "pictures" / concept / name
        path.parent.mkdir(parents=True)
        path.write_bytes(files("skimage").joinpath("data", name).read_bytes())
    conditions = ConditionsFile(64, (), (Condition("clean"), Condition("contrast", 0.2)))
    build(tmp_path / "pictures", tmp_path / "stimuli", conditions)
    return tmp_path / "stimuli"


@pytest.fixture
def pilot(tmp_path: Path, manifest: Path) -> Path:
    """Twenty people: all name the cat, half the coffee, and nobody saw the rocket."""
    rows = [
        {
            "level": 0 if stimulus.perturbation == "clean" else 1,
            "participant": f"p{person:02d}",
            "session": f"s{person:02d}",
            "trial_index": place,
            "image_basename": Path(stimulus.image).name,
            "response_clean": stimulus.concept
            if (right := stimulus.concept == "cat" or person % 2)
            else "tea",
            "ground_truth": stimulus.concept,
            "trial_category": "experiment",
            "hard_correct": bool(right),
            "soft_correct": float(bool(right)),
            "source": stimulus.source,
            "perturbation": stimulus.perturbation,
        }
        for person in range(20)
        for place, stimulus in enumerate(read_manifest(manifest))
        if stimulus.concept != "rocket"
    ]
    path = tmp_path / "dataset" / "trials.csv"
    path.parent.mkdir()
    write_trials(conform(pd.DataFrame(rows)), path)
    return path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, ["norm", *(str(argument) for argument in arguments)])


def test_it_flags_what_people_cannot_name(pilot: Path, manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "norms.csv"
    result = run(pilot.parent, "--manifest", manifest, "--out", out)
    assert result.exit_code == 0, result.output
    assert "2 sources have norms, from 20 to 20 answers each; mean naming agreement 0.750" in result.stdout
    assert "1 lie below 0.8, 1 of them surely" in result.stdout
    assert "cup_of_coffee/coffee.png" in result.stdout
    assert "No norms for 1 source: no test trial showed it undegraded." in result.stdout
    table = pd.read_csv(out).set_index("source_path")
    coffee = table.loc["cup_of_coffee/coffee.png"]
    assert (coffee["agreement"], coffee["flag"], coffee["verdict"], coffee["h"]) == (
        0.5,
        True,
        "surely below",
        1,
    )
    assert not table.loc["cat/chelsea.png", "flag"]
    assert table.loc["rocket/rocket.jpg", "reason"] == "no test trial showed it undegraded"


def test_parquet_and_csv_say_the_same(pilot: Path, tmp_path: Path) -> None:
    other = tmp_path / "trials.parquet"
    write_trials(conform(pd.read_csv(pilot)), other)
    one, two = (json.loads(run(path, "--json").stdout) for path in (pilot, other))
    assert (one.pop("trials"), two.pop("trials")) == (str(pilot), str(other))
    assert one == two
    assert one["counts"] == {
        "sources": 2,
        "with_norms": 2,
        "flagged": 1,
        "surely_below": 1,
        "without_norms": 0,
    }
    assert one["sources"][0]["modal_answer"] in {"cup of coffee", "tea"}


def test_it_says_which_table_of_a_folder_it_read(pilot: Path) -> None:
    def read() -> tuple[str, str]:
        lines = run(pilot.parent).stdout.splitlines()
        return lines[-1], json.loads(run(pilot.parent, "--json").stdout)["trials"]

    assert read() == (f"Read: {pilot}", str(pilot))
    other = pilot.with_suffix(".parquet")
    write_trials(conform(pd.read_csv(pilot)), other)
    assert read() == (f"Read: {other}", str(other))


def test_what_has_no_norm_is_null_with_a_reason(pilot: Path) -> None:
    found = json.loads(run(pilot, "--json", "--fewest", "21").stdout)["sources"]
    assert {row["reason"] for row in found} == {"20 answers; norms take 21 at least"}
    assert {row["agreement"] for row in found} == {row["flag"] for row in found} == {None}


def test_the_threshold_can_be_moved(pilot: Path) -> None:
    assert json.loads(run(pilot, "--json", "--threshold", "0.4").stdout)["counts"]["flagged"] == 0
    assert run(pilot, "--threshold", "1").exit_code == 2


def test_nothing_is_overwritten_unasked(pilot: Path, tmp_path: Path) -> None:
    out = tmp_path / "norms.csv"
    assert run(pilot, "--out", out, "--quiet").stdout == ""
    again = run(pilot, "--out", out)
    assert isinstance(again.exception, UserError)
    assert run(pilot, "--out", out, "--force").exit_code == 0


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError) as error:
        CliRunner().invoke(command, ["norm", str(tmp_path / "empty")], catch_exceptions=False)
    assert str(error.value) == (
        f"{tmp_path / 'empty'} has neither trials.parquet nor trials.csv; name a folder that export wrote"
    )


def test_another_studys_manifest_is_refused(pilot: Path, manifest: Path) -> None:
    text = (manifest / "manifest.csv").read_text(encoding="utf-8")
    for row in read_manifest(manifest):
        text = text.replace(f",{row.source},", f",{row.source[::-1]},")
    (manifest / "manifest.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as error:
        CliRunner().invoke(command, ["norm", str(pilot), "--manifest", str(manifest)], catch_exceptions=False)
    assert str(error.value) == (
        f"{manifest} has none of the sources that were shown; name the study's own manifest"
    )
