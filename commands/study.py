"""``manage.py study``: check, create and look at studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from commands.database import study_database
from commands.options import json_option, quiet_option, say
from experiment_server.context import utc_now
from experiment_server.design.freeze import FrozenStudy, freeze
from experiment_server.migrations import schema
from experiment_server.models.database import connect, explaining, reading, writing
from experiment_server.services import studies
from experiment_server.settings import load_settings

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def study() -> None:
    """Check, create and look at studies.

    \b
    Example:
      python manage.py study create study.toml
    """


@study.command()
@file_argument
@quiet_option
@json_option
def check(file: Path, quiet: bool, as_json: bool) -> None:
    """Check a study file and the stimuli that it names, and store nothing.

    \b
    Example:
      python manage.py study check study.toml
    """
    frozen = freeze(file)
    say(_summary(frozen), f"{file} is in order: {_described(frozen)}.", quiet=quiet, as_json=as_json)


@study.command()
@file_argument
@quiet_option
@json_option
def create(file: Path, quiet: bool, as_json: bool) -> None:
    """Freeze a study and its pictures into the database; it never changes afterwards.

    Creating the same study again does nothing. Another study under the same name is refused.

    \b
    Example:
      python manage.py study create study.toml
    """
    frozen = freeze(file)
    settings = load_settings()
    studies.copy_images(frozen.images, settings.images_dir)
    with explaining(settings):
        engine = connect(settings)
        schema.upgrade(engine)
        with writing(engine) as connection:
            created = studies.create(connection, frozen, utc_now())
    done = (
        f"Created {_described(frozen)}."
        if created
        else f"{frozen.file.name} is there already, just as it is."
    )
    say({**_summary(frozen), "created": created}, done, quiet=quiet, as_json=as_json)


def _summary(frozen: FrozenStudy) -> dict[str, Any]:
    file = frozen.file
    return {
        "name": file.name,
        "sha256": frozen.sha256,
        "concepts": len(file.concepts),
        "conditions": len(file.condition),
        "stimuli": len(frozen.stimuli),
        "trials": file.trials.test + file.practice.trials + file.catch.trials,
        "places": file.places,
    }


def _described(frozen: FrozenStudy) -> str:
    made = _summary(frozen)
    return (
        f"study {made['name']} ({made['sha256'][:8]}), {made['concepts']} concepts in {made['conditions']} "
        f"conditions, {made['stimuli']} stimuli, {made['trials']} trials for each of "
        f"{made['places']} participants"
    )


@study.command()
@click.argument("name")
@quiet_option
@json_option
def status(name: str, quiet: bool, as_json: bool) -> None:
    """Say how far a study is: sessions by outcome, responses, places left.

    \b
    Example:
      python manage.py study status demo
    """
    with study_database(load_settings()) as engine, reading(engine) as connection:
        found = studies.status(connection, name)
    say(vars(found), _status_lines(found), quiet=quiet, as_json=as_json)


def _status_lines(found: studies.Status) -> str:
    counts = ", ".join(f"{n} {outcome.replace('_', ' ')}" for outcome, n in found.sessions.items())
    return (
        f"{found.name} is {found.status}: {found.places_left} of {found.places} places left; "
        f"sessions: {counts}; {found.responses} responses."
    )


@study.command("list")
@quiet_option
@json_option
def list_studies(quiet: bool, as_json: bool) -> None:
    """List the studies in the database, the oldest first.

    \b
    Example:
      python manage.py study list
    """
    with study_database(load_settings()) as engine, reading(engine) as connection:
        found = studies.names(connection)
    say({"studies": found}, "\n".join(found) or "There is no study yet.", quiet=quiet, as_json=as_json)
