from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADER = "concept,response,hard_correct,soft_correct,rule,judge_version\n"
OLD = f"{HEADER}fire,blaze,False,0,no_match,j-1\nfire,blaze,False,0,no_match,j-1\nkey,key,True,1,exact,j-1\n"
NEW = f"{HEADER}fire,blaze,False,1,synonym,j-2\nfire,blaze,False,1,synonym,j-2\nkey,key,True,1,exact,j-2\n"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "answers", "diff", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return write(tmp_path / "old.csv", OLD), write(tmp_path / "new.csv", NEW)


def test_what_changed_is_shown_and_written(tmp_path: Path, files: tuple[Path, Path]) -> None:
    out = tmp_path / "changes.csv"
    done = run(*files, "--out", out)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["fire", "2", "2", "0.000", "1.000", "0", "0"] in lines
    assert ["no_match", "synonym", "2"] in lines
    assert ["fire", "blaze", "2", "0", "1", "synonym"] in lines
    assert "2 of 3 rows have another score (1 different answers), from j-1 to j-2." in done.stdout
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["response"], row["n"], row["soft_before"], row["soft_after"]) for row in rows] == [
        ("blaze", "2", "0", "1")
    ]


def test_json_and_quiet(files: tuple[Path, Path]) -> None:
    found = json.loads(run(*files, "--json").stdout)
    assert (found["rows"], found["unjudged"], found["changed"], found["changed_answers"]) == (3, 0, 2, 1)
    assert found["rules"] == [{"before": "no_match", "after": "synonym", "rows": 2}]
    assert found["concepts"][0] == {
        **{"concept": "fire", "n": 2, "changed": 2, "soft_before": 0.0, "soft_after": 1.0},
        **{"hard_gained": 0, "hard_lost": 0},
    }
    assert found["out"] is None
    quiet = run(*files, "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")


def test_nothing_changed_and_no_score(tmp_path: Path, files: tuple[Path, Path]) -> None:
    other = write(tmp_path / "other.csv", OLD.replace("True,1", ","))
    done = run(files[0], other)
    assert done.stdout == (
        "0 of 2 rows have another score (0 different answers), from j-1 to j-1. "
        "1 rows without a score in one of them are left out.\n"
    )


def test_other_answers_are_refused_and_nothing_is_written(tmp_path: Path, files: tuple[Path, Path]) -> None:
    other = write(tmp_path / "other.csv", NEW.replace("fire,blaze", "fire,flame", 1))
    done = run(files[0], other, "--out", tmp_path / "changes.csv")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {files[0]} has another answer in line 2 than {other} in line 2; "
        "give two judgements of the same answers in the same order\n",
    )
    assert not (tmp_path / "changes.csv").exists()


def test_the_changes_do_not_replace_a_judged_file(files: tuple[Path, Path]) -> None:
    done = run(*files, "--out", files[1], "--force")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: {files[1]} is named twice; give each file a name of its own\n",
    )
    assert files[1].read_text() == NEW
