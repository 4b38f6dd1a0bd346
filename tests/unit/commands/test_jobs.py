"""``manage.py jobs``: what is stored of a command, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from experiment_server.migrations import schema
from experiment_server.models import Job
from experiment_server.models.database import connect, writing
from experiment_server.settings import Settings
from manage import cli
from stimuli.errors import UserError
from tests.functional.server_fixture import create_study


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation with the small study; the working directory is empty."""
    settings = Settings.model_validate({"data_dir": tmp_path / "data"})
    create_study(settings, tmp_path / "study")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(settings.data_dir))
    return settings


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["jobs", *arguments])


def run_json(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def change(settings: Settings, **values: Any) -> None:
    engine = connect(settings)
    with writing(engine) as connection:
        connection.execute(update(Job).values(**values))
    engine.dispose()


def test_added_listed_and_shown(settings: Settings) -> None:
    assert run("list").stdout == "There is no job yet.\n"
    assert run("add", "--quiet", "export", "small").stdout == ""
    assert (
        run("add", "report", "small").stdout
        == "Job 2 waits for the worker; see: python manage.py jobs show 2\n"
    )
    assert run("list").stdout == "1  queued  export small\n2  queued  report small\n"
    assert run("show", "2").stdout == "Job 2 (report) waits for the worker (python manage.py worker)\n"
    change(settings, state="running", attempts=1)
    assert run("show", "2").stdout == "Job 2 (report) runs, attempt 1\n"
    change(settings, state="failed", error="the disk is full; free some space")
    assert run("show", "2").stdout == "Job 2 (report) has failed: the disk is full; free some space\n"
    change(settings, state="done")
    made = settings.data_dir / "jobs" / "2" / "report.html"
    assert run("show", "2").stdout == f"Job 2 (report) is done: {made}\n"
    shown = run_json("show", "2")
    assert (shown["id"], shown["kind"], shown["arguments"]) == (2, "report", ["small"])
    assert (shown["state"], shown["output"], shown["started_at"]) == ("done", str(made), None)
    assert run_json("list")["jobs"][1] == shown


GIVEN = {
    "export small --format csv --unit 2 --unit 7 --store s.zarr": (
        "small --format csv --store {here}/s.zarr --unit 2 --unit 7"
    ),
    "export --format=csv small": "small --format csv",
    "report small --cluster a --results ../r.csv": "small --results {here}/../r.csv --cluster a",
    "score t.csv map.json --reference": "{here}/t.csv {here}/map.json --reference",
    "score --study small map.json --store s --recognizable-levels 1 2 --weights 1 0 1 1 --reference": (
        "{here}/map.json --reference --study small --store {here}/s --recognizable-levels 1,2 "
        "--weights 1.0 0.0 1.0 1.0"
    ),
}


@pytest.mark.parametrize("given", GIVEN)
def test_arguments_are_stored_so_that_they_mean_the_same_anywhere(settings: Settings, given: str) -> None:
    done = run("add", "--json", *given.split())
    assert done.exit_code == 0, done.output
    (job,) = run_json("list")["jobs"]
    assert job["arguments"] == GIVEN[given].format(here=Path.cwd()).split()


REFUSED = {
    "export small --out elsewhere": "the worker decides where a job's output goes; leave --out out",
    "export small --out=elsewhere": "the worker decides where a job's output goes; leave --out=elsewhere out",
    "report small --force": "a job's output has a folder of its own and replaces nothing; leave --force out",
    "report small --quiet": "nobody reads what a job's command prints; leave --quiet out",
    "export small --json": "nobody reads what a job's command prints; leave --json out",
    "export none": "there is no study called 'none'; there are: small",
    "score --study none map.json": "there is no study called 'none'; there are: small",
    "score t.csv map.json results.csv": (
        "a job of score takes NEURON_MAP with --study, else DATA NEURON_MAP, and no RESULTS"
    ),
    "score map.json": "a job of score takes NEURON_MAP with --study, else DATA NEURON_MAP, and no RESULTS",
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_cannot_be_a_job_is_refused_and_not_stored(settings: Settings, given: str) -> None:
    done = run("add", *given.split())
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == REFUSED[given]
    assert run_json("list") == {"jobs": []}


@pytest.mark.parametrize("given", ["demo", "export", "export small --no-such-option", "export small more"])
def test_wrong_usage_is_clicks_to_say(settings: Settings, given: str) -> None:
    assert run("add", *given.split()).exit_code == 2
    assert run_json("list") == {"jobs": []}


def test_a_job_that_is_not_there(settings: Settings) -> None:
    done = run("show", "7")
    assert str(done.exception) == "there is no job 7; see: python manage.py jobs list"
    done = run("show", str(2**63 - 1))
    assert str(done.exception) == f"there is no job {2**63 - 1}; see: python manage.py jobs list"


def test_an_id_that_no_database_can_hold(settings: Settings) -> None:
    done = run("show", str(2**63))
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == (
        f"Error: Invalid value for 'ID': {2**63} is not in the range 1<=x<={2**63 - 1}."
    )


def test_help_names_the_command_that_was_typed() -> None:
    done = CliRunner().invoke(cli, ["jobs", "add", "export", "--help"], prog_name="manage.py")
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage: manage.py jobs add export [OPTIONS] STUDY\n")


def test_wrong_usage_names_the_command_that_was_typed() -> None:
    done = CliRunner().invoke(cli, ["jobs", "add", "report", "small", "more"], prog_name="manage.py")
    assert done.exit_code == 2
    assert done.stderr == (
        "Usage: manage.py jobs add report [OPTIONS] STUDY\n"
        "Try 'manage.py jobs add report --help' for help.\n\n"
        "Error: Got unexpected extra argument (more)\n"
    )


def test_a_database_that_is_not_set_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERPSCORE_DATA_DIR", str(tmp_path))
    engine = connect(Settings.model_validate({"data_dir": tmp_path}))
    schema.upgrade(engine, "0001")
    engine.dispose()
    done = run("list")
    assert str(done.exception) == (
        "the database is not set up for this version; run: python manage.py db upgrade"
    )
