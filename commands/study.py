"""``manage.py study``: check, create, open, close and look at studies."""

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
from experiment_server.services import adapt, studies
from experiment_server.services import launch as launching
from experiment_server.settings import load_settings

#: a study's status in words
STATUSES = {"draft": "a draft", "open": "open", "rehearsal": "open as a rehearsal", "closed": "closed"}

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def study() -> None:
    """Check, create, open, close and look at studies.

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
    done = f"{file} is in order: {_described(frozen)}.{_notes(frozen)}"
    say({**_summary(frozen), "launch_lacks": _lacking(frozen)}, done, quiet=quiet, as_json=as_json)


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
        f"Created {_described(frozen)}. It is a draft: open it with study rehearse or study launch."
        f"{_notes(frozen)}"
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
        "trials": file.trials.test + file.practice.trials * file.practice.rounds + file.catch.trials,
        "places": file.places,
    }


def _lacking(frozen: FrozenStudy) -> list[str]:
    """What a launch would ask for and not find."""
    return list(launching.lacks(frozen.file))


def _notes(frozen: FrozenStudy) -> str:
    """What a researcher should know before it is too late, each on a line of its own."""
    from experiment_server.languages import of_study

    lacking, language = _lacking(frozen), frozen.file.language
    notes = [f"It can be rehearsed and not launched; it lacks {'; '.join(lacking)}."] if lacking else []
    if of_study(language).mixed:
        notes.append(f"The page's own words are in English: there is no catalogue for {language!r}.")
    return "".join(f"\n{note}" for note in notes)


def _described(frozen: FrozenStudy) -> str:
    made = _summary(frozen)
    most = "at most " if frozen.file.practice.rounds > 1 else ""
    return (
        f"study {made['name']} ({made['sha256'][:8]}), {made['concepts']} concepts in {made['conditions']} "
        f"conditions, {made['stimuli']} stimuli, {most}{made['trials']} trials for each of "
        f"{made['places']} participants"
    )


name_argument = click.argument("name")


@study.command()
@name_argument
@quiet_option
@json_option
def launch(name: str, quiet: bool, as_json: bool) -> None:
    """Open a study to participants.

    Refused without [governance] in its file, four catch trials, and the rule for those who fail them.

    \b
    Example:
      python manage.py study launch demo
    """
    _open(name, rehearsal=False, quiet=quiet, as_json=as_json)


@study.command()
@name_argument
@quiet_option
@json_option
def rehearse(name: str, quiet: bool, as_json: bool) -> None:
    """Open a study to try it out, without what a launch asks for; its responses are no data.

    \b
    Example:
      python manage.py study rehearse demo
    """
    _open(name, rehearsal=True, quiet=quiet, as_json=as_json)


def _open(name: str, *, rehearsal: bool, quiet: bool, as_json: bool) -> None:
    with study_database(load_settings()) as engine, writing(engine) as connection:
        opened = launching.launch(connection, name, utc_now(), rehearsal=rehearsal)
    state = "open as a rehearsal" if rehearsal else "open"
    done = f"{name} is {state} at /s/{name}." if opened else f"{name} is {state} already."
    say({"name": name, "rehearsal": rehearsal, "opened": opened}, done, quiet=quiet, as_json=as_json)


@study.command()
@name_argument
@quiet_option
@json_option
def close(name: str, quiet: bool, as_json: bool) -> None:
    """Let nobody else begin a study; those who did can go on. Launching opens it again.

    \b
    Example:
      python manage.py study close demo
    """
    with study_database(load_settings()) as engine, writing(engine) as connection:
        before = studies.status(connection, name).status
        closed = launching.close(connection, name)
    done = f"{name} takes nobody else." if closed else f"{name} is {STATUSES[before]} and takes nobody."
    say({"name": name, "closed": closed}, done, quiet=quiet, as_json=as_json)


@study.command()
@name_argument
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
        f"{found.name} is {STATUSES[found.status]}: {found.places_left} of {found.places} places left; "
        f"sessions: {counts}; {found.responses} responses."
    )


@study.command()
@name_argument
@quiet_option
@json_option
def threshold(name: str, quiet: bool, as_json: bool) -> None:
    """Estimate each participant's threshold from the answers to an adaptive study's trials.

    A line has the pseudonym, the number of answers, the threshold, and the severity at the study's target
    proportion of right answers, each with its 95% credible interval as far as the severities shown can tell.

    \b
    Example:
      python manage.py study threshold demo
    """
    from commands.study_threshold import lines, rows

    with study_database(load_settings()) as engine, reading(engine) as connection:
        found = adapt.thresholds(connection, name)
    say(rows(found), lines(found), quiet=quiet, as_json=as_json)


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
