from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from click.testing import CliRunner
from PIL import Image

from commands.simulate import simulate
from commands.study import study
from experiment_server.design.observer import Observer, Population
from experiment_server.simulate.participant import prolific_identity
from stimuli.conditions import Condition
from stimuli.conditions_file import load_conditions
from stimuli.generate import build

ROOT = Path(__file__).parents[2]
CONCEPTS = ("sailboat", "fire", "dog", "cactus")
PRACTICE, CATCH = "cat", "rocket"
SOURCES = 7

STUDY = """
format_version = 1
name = "NAME"
title = "A simulated study"
manifest = "stimuli"
concepts = ["sailboat", "fire", "dog", "cactus"]
places = PLACES
seed = 5
[[condition]]
perturbation = "clean"
level = 5
role = "clean"
[[condition]]
perturbation = "gaussian_noise"
severity = 0.5
level = 1
role = "invariant"
[response]
form = "free_text"
[trials]
test = 24
per_concept = 6
[practice]
concepts = ["cat"]
trials = 1
[catch]
concepts = ["rocket"]
trials = 2
[presentation]
fixation_ms = 300
exposure_ms = 500
mask = "pink_noise"
mask_ms = 200
[texts]
consent = "Do you agree?"
instructions = "Type what you see."
debrief = "Thank you."
[completion_codes]
completed = "DONE"
no_consent = "NO"
withdrawn = "STOP"
"""

CONDITIONS = """
size = 32
clean_only = ["cat", "rocket"]
[[condition]]
perturbation = "gaussian_noise"
severity = 0.5
"""


#: practice, catch and test trials of a participant
TRIALS = 27


class Installation:
    """A data directory with studies of the same pictures, and the commands run on it."""

    def __init__(self, folder: Path, stimuli: Path) -> None:
        self.folder, self.stimuli = folder, stimuli
        self.environment = {**os.environ, "INTERPSCORE_DATA_DIR": str(folder / "data")}

    def create(self, name: str, places: int = 30) -> str:
        path = self.stimuli / f"{name}.toml"
        path.write_text(STUDY.replace("NAME", name).replace("PLACES", str(places)))
        done = CliRunner(env=self.environment).invoke(study, ["create", str(path)])
        assert done.exit_code == 0, (done.output, done.exception)
        done = CliRunner(env=self.environment).invoke(study, ["rehearse", name])
        assert done.exit_code == 0, (done.output, done.exception)
        return name

    def simulate(self, study: str, url: str, *options: str) -> dict[str, Any]:
        done = CliRunner(env=self.environment).invoke(simulate, [study, "--url", url, "--json", *options])
        assert done.exit_code == 0, (done.output, done.exception)
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def rows(self, query: str, study: str) -> list[tuple[Any, ...]]:
        """Rows of a query on the database, in which ``:study`` is the study's id."""
        connection = sqlite3.connect(self.folder / "data" / "interpscore.sqlite3")
        try:
            ((key,),) = connection.execute("SELECT id FROM study WHERE name = ?", (study,)).fetchall()
            return connection.execute(query, {"study": key}).fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stimuli_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stimuli")
    rng = np.random.default_rng(0)
    for concept in (*CONCEPTS, PRACTICE, CATCH):
        for number in range(SOURCES):
            path = folder / "pictures" / concept / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    (folder / "conditions.toml").write_text(CONDITIONS)
    build(folder / "pictures", folder / "stimuli", load_conditions(folder / "conditions.toml"))
    return folder


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, stimuli_folder: Path) -> Installation:
    made = Installation(tmp_path_factory.mktemp("installation"), stimuli_folder)
    made.create("first")
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def url(installation: Installation) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, str(ROOT / "manage.py"), "serve", "--port", str(port), "--quiet"]
    server = subprocess.Popen(command, env=installation.environment)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(server, address)
        yield address
    finally:
        server.terminate()
        server.wait(30)


def wait_for(server: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(200):
        assert server.poll() is None
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("the server did not start")


IN_STUDY = "session_id IN (SELECT id FROM session WHERE study_id = :study)"

ANSWERS = """
SELECT dense_rank() OVER (ORDER BY session.participant_id), trial.trial_index, stimulus.stimulus,
response.response, response.rt_ms
FROM response JOIN trial ON trial.id = response.trial_id JOIN session ON session.id = trial.session_id
JOIN stimulus ON stimulus.id = trial.stimulus_id WHERE session.study_id = :study ORDER BY 1, 2
"""


def test_a_run_is_in_the_database_as_the_summary_says(installation: Installation, url: str) -> None:
    study = installation.create("counted")
    options = ("--participants", "6", "--dropout", "0.4", "--seed", "3")
    summary = installation.simulate(study, url, *options)
    assert summary["finished"] + summary["dropped"] == 6
    assert summary["kinds"] == {"attentive": 6}
    assert 0 < summary["dropped"] < 6
    assert summary["turned_away"] == 0
    outcomes = installation.rows("SELECT outcome FROM session WHERE study_id = :study", study)
    assert Counter(outcomes) == {("completed",): summary["finished"], (None,): summary["dropped"]}
    stored = installation.rows(f"SELECT count(*) FROM response WHERE {IN_STUDY}", study)
    assert stored == [(summary["responses"],)]
    assert TRIALS * summary["finished"] <= summary["responses"] < TRIALS * 6
    pids = installation.rows("SELECT prolific_pid FROM identity WHERE study_id = :study", study)
    assert set(pids) == {(prolific_identity(study, 3, number)["prolific_pid"],) for number in range(6)}


def test_accuracy_is_the_observers_and_a_reload_repeats_a_picture(
    installation: Installation, url: str
) -> None:
    study = installation.create("accurate")
    summary = installation.simulate(study, url, "--participants", "16", "--dropout", "0", "--seed", "1")
    clean, noise = summary["conditions"]["clean"], summary["conditions"]["gaussian_noise-0.5"]
    assert (clean["n"], noise["n"]) == (16 * 14, 16 * 12)
    expected = expected_rate(installation, study, Condition("gaussian_noise", 0.5))
    assert noise["recognised"] == pytest.approx(expected, abs=0.12)
    assert clean["recognised"] > 0.88
    assert noise["recognised"] > noise["correct"]
    assert clean["recognised"] > clean["correct"]
    assert summary["reloads"] > 0
    counts = f"SELECT count(*), count(DISTINCT trial_id), sum(presented_again) FROM response WHERE {IN_STUDY}"
    assert installation.rows(counts, study) == [(16 * TRIALS, 16 * TRIALS, summary["reloads"])]


def expected_rate(installation: Installation, study: str, condition: Condition) -> float:
    """What a participant of average ability recognises over the study's pictures in a condition."""
    query = "SELECT DISTINCT concept, source FROM stimulus WHERE kind = 'test' AND study_id = :study"
    observer = Observer(Population(width=32))
    pictures = installation.rows(query, study)
    rates = [observer.probability(concept, condition, source) for concept, source in pictures]
    return sum(rates) / len(rates)


def test_the_same_seed_gives_the_same_answers_however_many_at_a_time(
    installation: Installation, url: str
) -> None:
    answers: list[Sequence[tuple[Any, ...]]] = []
    for concurrency in ("1", "4"):
        study = installation.create(f"by-{concurrency}")
        options = ("--participants", "5", "--concurrency", concurrency, "--dropout", "0.2")
        installation.simulate(study, url, *options)
        answers.append(installation.rows(ANSWERS, study))
    assert answers[0] == answers[1]
    assert len(answers[0]) > TRIALS


def test_a_second_run_resumes_and_adds_nothing_twice(installation: Installation, url: str) -> None:
    study = installation.create("twice")
    first = installation.simulate(study, url, "--participants", "2", "--dropout", "1")
    second = installation.simulate(study, url, "--participants", "2", "--dropout", "0")
    third = installation.simulate(study, url, "--participants", "2", "--dropout", "0")
    assert (first["dropped"], second["finished"], third["finished"]) == (2, 2, 2)
    assert first["responses"] + second["responses"] == 2 * TRIALS
    assert third["responses"] == 0
    assert third["conditions"] == {}
    assert installation.rows(f"SELECT count(*) FROM response WHERE {IN_STUDY}", study) == [(2 * TRIALS,)]


def test_no_more_than_the_places_are_taken(installation: Installation, url: str) -> None:
    study = installation.create("small", places=2)
    summary = installation.simulate(study, url, "--participants", "4", "--dropout", "0")
    assert (summary["finished"], summary["turned_away"]) == (2, 2)


def test_the_sentences(installation: Installation, url: str) -> None:
    done = installation.manage("simulate", "first", "--url", url, "--participants", "1", "--dropout", "0")
    lines = done.stdout.splitlines()
    assert lines[0] == "1 of 1 participants finished, 0 dropped out, 0 were turned away; 27 responses."
    assert lines[1].split() == ["condition", "n", "named", "recognised"]
    assert [line.split()[:2] for line in lines[2:]] == [["clean", "14"], ["gaussian_noise-0.5", "12"]]
    assert done.stderr.splitlines()[-1] == "participants: 1/1"


def test_more_careless_participants_than_there_are(installation: Installation) -> None:
    done = installation.manage(
        "simulate", "first", "--participants", "2", "--clickers", "2", "--pasters", "1"
    )
    assert (done.returncode, done.stderr) == (
        1,
        "Error: 3 careless participants are more than --participants 2; "
        "they are among them, so raise it or ask for fewer\n",
    )


def test_no_server(installation: Installation) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = installation.manage("simulate", "first", "--url", url, "--participants", "2")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: no server answers at {url}; start one with python manage.py serve, "
        "or give its address with --url\n",
    )


def test_an_unknown_study(installation: Installation) -> None:
    done = installation.manage("simulate", "other", "--participants", "2")
    assert (done.returncode, done.stderr) == (
        1,
        "Error: there is no study other in the database; see python manage.py study list\n",
    )


def test_a_server_on_another_database(tmp_path: Path, stimuli_folder: Path, url: str) -> None:
    other = Installation(tmp_path, stimuli_folder)
    other.create("elsewhere")
    done = other.manage("simulate", "elsewhere", "--url", url, "--participants", "2", "--quiet")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: the server at {url} does not know study elsewhere; "
        "let serve and simulate use the same data directory and database\n",
    )


def test_a_database_that_is_not_set_up(tmp_path: Path) -> None:
    done = Installation(tmp_path, tmp_path).manage("simulate", "simulated", "--participants", "1")
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: there is no study database at sqlite:///{tmp_path}/data/interpscore.sqlite3; "
        "name the right one with INTERPSCORE_DATA_DIR or INTERPSCORE_DATABASE_URL, or make it with: "
        "python manage.py study create FILE\n",
    )


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://127.0.0.1:8000/s/simulated", "ftp://x"])
def test_an_address_that_is_none(tmp_path: Path, url: str) -> None:
    done = Installation(tmp_path, tmp_path).manage(
        "simulate", "simulated", "--participants", "1", "--url", url
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"Error: --url {url} is no address of a server; "
        "write it like http://127.0.0.1:8000, without a path\n",
    )
