"""The main job, start to finish, as ``make demo`` does it, with fewer participants."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PARTICIPANTS = 6
SCORES = ("results.csv", "results_controls.csv")

pytestmark = [pytest.mark.slow, pytest.mark.model]


def command(out: Path, *options: str) -> list[str]:
    """``manage.py demo`` as one types it."""
    start = [sys.executable, "manage.py", "demo", "--participants", str(PARTICIPANTS), "--out", str(out)]
    return [*start, *options]


def run_demo(out: Path, *options: str, settings: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``manage.py demo`` as a process of its own; ``settings``: a researcher's own, not to be used."""
    environment = {**os.environ, **({"INTERPSCORE_SETTINGS_FILE": str(settings)} if settings else {})}
    return subprocess.run(
        command(out, *options), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def scores_before(out: Path) -> dict[str, bytes]:
    """Scores of a run that is killed as soon as it has written them: what follows reads them only."""
    paths = [out / name for name in SCORES]
    run = subprocess.Popen(command(out, "--quiet"), cwd=ROOT, start_new_session=True)
    try:
        while not all(path.exists() for path in paths):
            assert run.poll() is None, "the demo ended before it had written its scores"
            time.sleep(0.1)
        return {path.name: path.read_bytes() for path in paths}
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@pytest.fixture(scope="module")
def demo(out: Path, scores_before: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo, which started over."""
    assert scores_before
    other = tmp_path_factory.mktemp("other")
    settings = other / "interpscore.toml"
    settings.write_text(f'database_url = "sqlite:///{other}/production.sqlite3"\n', encoding="utf-8")
    done = run_demo(out, "--force", settings=settings)
    assert list(other.iterdir()) == [settings]
    assert done.returncode == 0, done.stderr
    assert "InterpScore of each concept's unit" in done.stdout
    assert "Controls, mean InterpScore: shuffled 0." in done.stdout
    assert "Participants are simulated" in done.stdout
    return out


def test_the_scores_cover_every_concept(demo: Path) -> None:
    results = pd.read_csv(demo / "results.csv")
    assert list(results.columns[:8]) == ["Neuron", "Concept", "S", "C", "R", "H", "InterpScore", "Notes"]
    assert len(results) == 12
    assert results[["S", "C", "R", "InterpScore"]].apply(lambda column: column.between(0, 1)).all(axis=None)
    assert (results["H"].notna() | results["Notes"].str.contains("H: ")).all()
    assert (results["n_sources"] == 8).all()
    assert (results["n_ctrl"] > 400).all()


def test_units_chosen_on_other_hands_stand_out_from_the_controls(demo: Path) -> None:
    """S and R of the embedded model's units, whatever few simulated participants answered."""
    results = pd.read_csv(demo / "results.csv")
    assert (results["S"] > 0.8).all()
    assert (results["q_S"] < 0.05).all()
    controls = pd.read_csv(demo / "results_controls.csv")
    assert controls.loc[controls["Control"] == "constant", "E"].isna().all()
    assert abs(controls.loc[controls["Control"] == "shuffled", "E"].mean()) < 0.05
    overall = controls[controls["Concept"] == "all"].iloc[0]
    assert overall["E"] < 0.1
    assert overall["labelled_E"] > overall["E"] + 0.4


def test_the_dataset_holds_every_answer(demo: Path) -> None:
    trials = pd.read_csv(demo / "dataset" / "trials.csv")
    assert trials["participant"].nunique() <= PARTICIPANTS
    finished = trials.groupby("session")["trial_category"].value_counts().unstack(fill_value=0)
    assert (finished["experiment"] <= 60).all()
    assert (finished["experiment"] == 60).any()
    assert not trials.duplicated(["session", "trial_index"]).any()


def test_the_report_is_one_file_that_names_the_weights(demo: Path) -> None:
    report = (demo / "report.html").read_text(encoding="utf-8")
    assert "<script src" not in report
    assert pd.read_csv(demo / "results.csv")["weights"].iloc[0] in report
    assert "Controls: what should get nothing" in report


def test_alignment_is_measured_and_what_these_data_do_not_tell_is_refused(demo: Path) -> None:
    summary = json.loads((demo / "alignment" / "summary.json").read_text(encoding="utf-8"))
    assert summary["n_observers"] == PARTICIPANTS
    assert summary["human_accuracy_low"] < summary["human_accuracy"] < summary["human_accuracy_high"]
    refused = pd.read_csv(demo / "alignment" / "refused.csv")
    assert "shifts" in set(refused["measure"])
    assert "<script src" not in (demo / "alignment" / "report.html").read_text(encoding="utf-8")


def test_starting_over_repeats_the_numbers(demo: Path, scores_before: dict[str, bytes]) -> None:
    assert {name: (demo / name).read_bytes() for name in SCORES} == scores_before


def test_a_second_run_shows_the_finished_demo(demo: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo.iterdir()}
    shown = run_demo(demo)
    assert shown.returncode == 0, shown.stderr
    assert "InterpScore of each concept's unit" in shown.stdout
    quiet = run_demo(demo, "--quiet")
    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in demo.iterdir()} == before


def test_other_inputs_are_refused_without_force(demo: Path) -> None:
    refused = run_demo(demo, "--participants", "7")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"Error: {demo.resolve()} holds a demo with {PARTICIPANTS} participants; "
        "name another --out, or add --force to run it again\n"
    )


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious.txt").write_text("mine", encoding="utf-8")
    refused = run_demo(tmp_path, "--force")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"Error: {tmp_path.resolve()} is not empty and holds no demo; name another folder with --out\n"
    )
    assert (tmp_path / "data" / "precious.txt").read_text(encoding="utf-8") == "mine"
