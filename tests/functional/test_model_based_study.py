"""A study of clean, blurred and attacked pictures and of dreams, from the pictures to the report."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from experiment_server.settings import Settings
from manage import cli
from tests.functional.answering import unlimited
from tests.functional.server_fixture import environment, running_server

pytestmark = [pytest.mark.model, pytest.mark.slow]

CONCEPTS, EXTRA, EACH, STEPS = ("dog", "fire", "key"), ("cat", "rocket"), 4, 4
UNITS = {"212": "dog", "3": "fire", "27": "key"}
TEST_TRIALS = len(CONCEPTS) * 4

CONDITIONS = """
size = 64
clean_only = ["cat", "rocket"]
[[condition]]
perturbation = "gaussian_blur"
severity = 2
"""

STUDY = f"""
format_version = 1
name = "dreamt"
title = "What is in the picture?"
manifest = "all"
concepts = ["dog", "fire", "key"]
places = 20
seed = 3
[[condition]]
perturbation = "clean"
level = 5
role = "clean"
[[condition]]
perturbation = "gaussian_blur"
severity = 2
level = 1
role = "invariant"
[[condition]]
perturbation = "pgd"
severity = 8
level = 3
role = "adversarial"
[[condition]]
perturbation = "dream"
severity = {STEPS}
level = 8
role = "dream"
[response]
form = "free_text"
[trials]
test = {TEST_TRIALS}
per_concept = 4
[practice]
concepts = ["cat"]
trials = 1
[catch]
concepts = ["rocket"]
trials = 1
[texts]
consent = "Do you agree?"
instructions = "Type what you see."
debrief = "Thank you."
[completion_codes]
completed = "DONE"
no_consent = "NO"
withdrawn = "STOP"
"""


@dataclass(frozen=True)
class Done:
    """The folder of a study that was run, and its settings."""

    folder: Path
    settings: Settings

    def manage(self, *words: object) -> str:
        """Run a command of ``manage.py`` and return what it says."""
        said = CliRunner(env=environment(self.settings)).invoke(
            cli, [*map(str, words)], standalone_mode=False
        )
        if said.exception is not None:
            raise said.exception
        return said.stdout

    def results(self, name: str, *words: object) -> pd.DataFrame:
        """Score without draws and read the results."""
        out = self.folder / name
        self.manage("score", *words, self.folder / "units.json", out, "--resamples", 0, "--quiet")
        return pd.read_csv(out)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """All the commands of docs/model-based-stimuli.md, in their order."""
    folder = tmp_path_factory.mktemp("study")
    done = Done(folder, unlimited(folder / "data", f"sqlite:///{folder / 'test.sqlite3'}"))
    _build(done)
    (folder / "study.toml").write_text(STUDY)
    done.manage("study", "create", folder / "study.toml")
    done.manage("study", "rehearse", "dreamt")
    with running_server(done.settings) as server:
        done.manage("simulate", "dreamt", "--participants", 4, "--dropout", 0, "--url", server.url)
    store, units = folder / "all.zarr", folder / "units.json"
    done.manage("activations", "extract", folder / "all", "--out", store, "--quiet")
    given = ("--store", store, "--neuron-map", units, "--manifest", folder / "all", "--quiet")
    done.manage("export", "dreamt", "--out", folder / "dataset", *given)
    done.manage("report", "dreamt", "--out", folder / "report.html", *given)
    return done


def _build(done: Done) -> None:
    folder = done.folder
    done.manage("stimuli", "demo-pictures", "--out", folder / "demo", "--quiet")
    for concept in (*CONCEPTS, *EXTRA):
        (folder / "pictures" / concept).mkdir(parents=True)
        for picture in sorted((folder / "demo" / concept).iterdir())[:EACH]:
            shutil.copy(picture, folder / "pictures" / concept)
    (folder / "conditions.toml").write_text(CONDITIONS)
    (folder / "units.json").write_text(json.dumps(UNITS))
    build, attacked, dreams = (folder / name for name in ("stimuli", "attacked", "dreams"))
    how = ("--conditions", folder / "conditions.toml", "--quiet")
    done.manage("stimuli", "build", folder / "pictures", "--out", build, *how)
    done.manage("stimuli", "attack", build, "--out", attacked, "--epsilon", 8, "--steps", 2, "--quiet")
    climb = ("--starts", "grey,perlin", "--steps", STEPS, "--size", 64, "--quiet")
    done.manage("stimuli", "dream", "--units", folder / "units.json", "--out", dreams, *climb)
    done.manage("stimuli", "merge", build, attacked, dreams, "--out", folder / "all", "--quiet")


def test_each_participant_sees_each_concept_once_in_each_condition(done: Done) -> None:
    trials = pd.read_csv(done.folder / "dataset" / "trials.csv")
    tests = trials[trials["trial_category"] == "experiment"]
    shown = Counter(zip(tests["participant"], tests["concept"], tests["perturbation"], strict=True))
    assert len(tests) == len(shown) == 4 * TEST_TRIALS
    assert not tests.duplicated(["participant", "source"]).any()
    assert set(tests["perturbation"]) == {"clean", "gaussian_blur", "pgd", "dream"}


def test_a_dream_has_no_measures_against_a_clean_picture(done: Done) -> None:
    stimuli = pd.read_csv(done.folder / "dataset" / "stimuli.csv")
    dreams, others = stimuli[stimuli["role"] == "dream"], stimuli[stimuli["role"] != "dream"]
    assert len(dreams) == 2 * len(CONCEPTS)
    assert dreams[["psnr_db", "ssim"]].isna().all(axis=None)
    assert dreams["rms_contrast"].notna().all()
    assert others["ssim"].notna().all()
    assert not set(dreams["source"]) & set(others["source"])


def test_no_dream_is_in_a_score(done: Done) -> None:
    """Neither where the study tells its levels' roles, nor where the dataset tells the perturbations."""
    folder = done.folder
    study = ("--study", "dreamt", "--store", folder / "all.zarr", "--manifest", folder / "all")
    asked = done.manage("score", *study, folder / "units.json", folder / "said.csv", "--resamples", 0)
    sentence = f"6 dreams ({4 * len(CONCEPTS)} rows) are left out of every component."
    assert sentence in re.sub(r"\s+", " ", asked)
    assert set(pd.read_csv(folder / "said.csv")["n_sources"]) == {EACH}
    table = done.results("table.csv", folder / "dataset" / "trials.csv")
    left = done.results("left.csv", "--dream-level", 8, folder / "dataset" / "trials.csv")
    pd.testing.assert_frame_equal(table, left)
    assert (table["n_sources"] <= EACH).all()


def test_the_report_tells_dreams_from_degraded_pictures(done: Done) -> None:
    page = (done.folder / "report.html").read_text()
    assert 'alt="dog, dream 4 steps"' in page
    assert "the hardest condition, dream" not in page
    assert "Of a dream, right is the concept of the unit that it was made for" in page
    assert "Units have no point at dreams, which were made to drive them." in page
    assert re.search(r'alt="dog, unit 212: clean [^"]*; dream 4 – "', page)
