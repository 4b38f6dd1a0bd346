"""A data directory with small studies of drawn pictures, and a real server over it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import requests
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]
APP = ROOT / "experiment_server" / "static" / "app.js"

CONCEPTS = ("sailboat", "lighthouse", "pineapple", "umbrella")
PRACTICE = "teacup"
CATCH = "giraffe"
SOURCES = 5
SIZE = 96

PRACTICE_TRIALS = 2
TEST_TRIALS = 5
CATCH_TRIALS = 1
TRIALS = PRACTICE_TRIALS + TEST_TRIALS + CATCH_TRIALS

CONSENT = "You will see some pictures and say what they show.\n\nYou may stop at any time."
CODES = {"completed": "DONE-7261", "no_consent": "NOTHANKS-3", "withdrawn": "LEFT-99"}

#: how the pictures' files are called, before their number
PICTURE = "exemplar"
LEXICON = """
[sailboat]
accept = ["sailing vessel", "segelboot"]
partial = ["dinghy"]
[umbrella]
accept = ["parasol", "brolly"]
reject = ["mushroom"]
[teacup]
accept = ["crockery"]
"""

CONDITIONS = f"""
size = {SIZE}
clean_only = ["{PRACTICE}", "{CATCH}"]
[[condition]]
perturbation = "gaussian_noise"
severity = 0.2
"""

STUDY = """
format_version = 1
name = "{name}"
title = "Seeing through noise"
manifest = "stimuli"
concepts = ["sailboat", "lighthouse", "pineapple", "umbrella"]
places = {places}
seed = 11
[[condition]]
perturbation = "clean"
level = 2
role = "clean"
[[condition]]
perturbation = "gaussian_noise"
severity = 0.2
level = 1
role = "invariant"
[response]
form = "{form}"
{response_too}
[trials]
test = {test}
{trials_too}
[practice]
concepts = ["teacup"]
trials = {practice}
{practice_too}
[catch]
concepts = ["giraffe"]
trials = {catch}
[presentation]
fixation_ms = 60
exposure_ms = {exposure}
mask = "{mask}"
mask_ms = 50
{presentation_too}
{tables_too}
[texts]
consent = \"\"\"{consent}\"\"\"
instructions = "Each picture shows one thing."
debrief = "You helped us to compare people with a computer model."
[completion_codes]
completed = "{completed}"
no_consent = "{no_consent}"
withdrawn = "{withdrawn}"
[lexicon]
file = "lexicon.toml"
"""

GOVERNANCE = """
[governance]
ethics_reference = "Approval 17/2026 of the committee of a university"
data_controller = "Department of Vision, 1 Long Street, Smalltown"
contact = "A. Researcher, seeing@university.example"
retention = "For ten years, without your name.\\n\\nThe data may be published."
withdrawal = "You can leave at any time, and have your answers deleted."
"""
#: everything that the page does beside the trials
EVERYTHING = f"""
[calibration]
card = true
distance = true
[comprehension]
attempts = 2
[[comprehension.question]]
text = "What do you do after each picture?"
options = ["Name what it showed", "Count its colours", "Nothing"]
answer = "Name what it showed"
[[comprehension.question]]
text = "May you guess?"
options = ["Yes, always", "No, never"]
answer = "Yes, always"
[[instructed]]
text = "Please type the word green."
answer = "green"
[questionnaire]
ask = ["first_language", "fluency", "colour_vision", "device", "country"]
[[questionnaire.question]]
name = "glasses"
text = "Did you wear glasses?"
options = ["Yes", "No", "Contact lenses"]
[[questionnaire.question]]
name = "remarks"
text = "Is there anything that you would like to tell us?"
{GOVERNANCE}
"""

#: name -> what differs from the plainest study
STUDIES: dict[str, dict[str, Any]] = {
    "typed": {},
    "chosen": {"form": "alternatives", "exposure": 0, "mask": "none"},
    "full": {"places": 1},
    "whole": {
        "response_too": "confidence = 4",
        "trials_too": "break_every = 3",
        "practice_too": "criterion = 2\nrounds = 2",
        "presentation_too": "size_degrees = 3.0",
        "tables_too": EVERYTHING,
    },
}
#: created, and never opened
DRAFT = "draft"


#: places of the study file where a study may have more than the plainest
MORE = ("response_too", "trials_too", "practice_too", "presentation_too", "tables_too")


def study_text(name: str) -> str:
    plain = {"places": 50, "form": "free_text", "exposure": 100, "mask": "pink_noise", "consent": CONSENT}
    trials = {"test": TEST_TRIALS, "practice": PRACTICE_TRIALS, "catch": CATCH_TRIALS}
    more = dict.fromkeys(MORE, "")
    return STUDY.format(**{**plain, **trials, **more, **CODES, **STUDIES.get(name, {})}, name=name)


def draw(path: Path, rng: np.random.Generator) -> None:
    """Some shapes in some colours: enough of a picture, and no file like another."""
    image = Image.new("RGB", (SIZE, SIZE), tuple(int(c) for c in rng.integers(90, 200, 3)))
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        left, top, width, height = (int(v) for v in rng.integers(5, 50, 4))
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        pen.ellipse((left, top, left + width, top + height), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


#: commands of manage.py in one process: most of a small command's time goes into its start
ONE_AFTER_ANOTHER = f"""
import json, sys
sys.path.insert(0, {str(ROOT)!r})
from manage import cli
for arguments in json.loads(sys.argv[1]):
    cli(arguments, standalone_mode=False)
"""


class Installation:
    """The studies, the commands run on them, and the rows that they lead to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "data" / "interpscore.sqlite3"
        self.environment = {**os.environ, "INTERPSCORE_DATA_DIR": str(folder / "data")}
        self.server: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def create(self) -> None:
        rng = np.random.default_rng(3)
        for concept in (*CONCEPTS, PRACTICE, CATCH):
            for number in range(SOURCES):
                draw(self.folder / "pictures" / concept / f"{PICTURE}-{number}.png", rng)
        (self.folder / "conditions.toml").write_text(CONDITIONS)
        (self.folder / "lexicon.toml").write_text(LEXICON)
        options = ["--out", "stimuli", "--conditions", "conditions.toml", "--quiet"]
        self.manage("stimuli", "build", "pictures", *options)
        names = (*STUDIES, DRAFT)
        for name in names:
            (self.folder / f"{name}.toml").write_text(study_text(name))
        create = [["study", "create", f"{name}.toml", "--quiet"] for name in names]
        rehearse = [["study", "rehearse", name, "--quiet"] for name in STUDIES]
        self._run("-c", ONE_AFTER_ANOTHER, json.dumps([*create, *rehearse]))

    def manage(self, *arguments: str) -> None:
        self._run(str(ROOT / "manage.py"), *arguments)

    def _run(self, *arguments: str) -> None:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Serve at a free port, or again at the one that was free before."""
        command = [
            sys.executable,
            str(ROOT / "manage.py"),
            "serve",
            "--port",
            str(self.port),
            "--workers",
            "1",
        ]
        self.server = subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        assert self.server.stdout is not None
        line = self.server.stdout.readline()
        assert line.startswith("Study "), line
        self.port = int(line.split("http://127.0.0.1:")[1].split("/")[0])
        self._wait()

    def _wait(self) -> None:
        for _ in range(200):
            try:
                if requests.get(f"{self.url}/healthz", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.server is not None:
            self.server.send_signal(how)
            self.server.wait(30)
            self.server = None

    def wait_for(self, count: int, query: str, *values: object) -> None:
        """Wait until a query returns so many rows."""
        for _ in range(400):
            if len(self.rows(query, *values)) == count:
                return
            time.sleep(0.05)
        raise AssertionError(f"there are {len(self.rows(query, *values))} rows, not {count}")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()
