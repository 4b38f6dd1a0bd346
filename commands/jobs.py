"""``manage.py jobs``: commands for the worker to run."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from click.core import ParameterSource

from commands.database import study_database
from commands.options import json_option, quiet_option, say
from experiment_server.context import utc_now
from experiment_server.job_process import OUTPUTS, JobsFolder
from experiment_server.models.database import reading, writing
from experiment_server.models.job import JOB_KINDS
from experiment_server.services import jobs as service
from experiment_server.services import studies
from experiment_server.services.jobs import JobRow
from experiment_server.settings import load_settings
from stimuli.errors import UserError

#: the largest id that a database can hold
LARGEST_ID = 2**63 - 1


@click.group()
def jobs() -> None:
    """Let the worker make exports, reports and scores.

    \b
    Example:
      python manage.py jobs add export demo
    """


@jobs.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("kind", type=click.Choice(JOB_KINDS))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@quiet_option
@json_option
def add(kind: str, arguments: tuple[str, ...], quiet: bool, as_json: bool) -> None:
    """Let a command wait for the worker: export, report or score, with its ARGUMENTS but without an output.

    The output gets a folder of its own in the data directory.

    \b
    Example:
      python manage.py jobs add export demo --format csv
      python manage.py jobs add score --study demo neuron_map.json --store activations.zarr
    """
    service.check(kind, arguments)
    context = _parsed(kind, arguments)
    with study_database(load_settings()) as engine:
        if context.params["study"]:
            with reading(engine) as connection:
                studies.status(connection, context.params["study"])
        with writing(engine) as connection:
            job_id = service.add(connection, kind, _canonical(context), utc_now())
    done = f"Job {job_id} waits for the worker; see: python manage.py jobs show {job_id}"
    say({"id": job_id}, done, quiet=quiet, as_json=as_json)


def _parsed(kind: str, arguments: Sequence[str]) -> click.Context:
    """The command's own reading of its arguments. Raises click's errors of usage."""
    command: click.Command = getattr(importlib.import_module(f"commands.{kind}"), kind)
    output = [OUTPUTS[kind]] if kind == "score" else ["--out", OUTPUTS[kind]]
    ours = click.get_current_context()
    name = f"{ours.command_path} {kind}"
    context = command.make_context(name, [*arguments, *output], help_option_names=ours.help_option_names)
    if kind == "score" and len(context.params["paths"]) != (2 if context.params["study"] else 3):
        raise UserError("a job of score takes NEURON_MAP with --study, else DATA NEURON_MAP, and no RESULTS")
    return context


def _canonical(context: click.Context) -> list[str]:
    """What was given to a command but its output, as the worker can give it from any folder."""
    options = [parameter for parameter in context.command.params if isinstance(parameter, click.Option)]
    arguments = [parameter for parameter in context.command.params if isinstance(parameter, click.Argument)]
    words: list[str] = []
    for argument in arguments:
        given = context.params[argument.name]
        words += _texts(argument, given[:-1] if argument.name == "paths" else [given])
    for option in options:
        if context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE and option.name != "out":
            words += _option(option, context.params[option.name])
    return words


def _option(option: click.Option, value: Any) -> Iterator[str]:
    if option.is_flag:
        yield option.opts[0]
    elif option.multiple:
        yield from (word for one in value for word in (option.opts[0], *_texts(option, [one])))
    elif option.nargs > 1:
        yield from (option.opts[0], *_texts(option, value))
    else:
        joined = ",".join(map(str, value)) if isinstance(value, tuple) else value
        yield from (option.opts[0], *_texts(option, [joined]))


def _texts(parameter: click.Parameter, values: Sequence[Any]) -> list[str]:
    is_path = isinstance(parameter.type, click.Path)
    return [str(value.absolute() if is_path else value) for value in values]


@jobs.command("list")
@quiet_option
@json_option
def list_jobs(quiet: bool, as_json: bool) -> None:
    """List the jobs, the oldest first.

    \b
    Example:
      python manage.py jobs list
    """
    settings = load_settings()
    folder = JobsFolder.of(settings)
    with study_database(settings) as engine, reading(engine) as connection:
        found = service.every(connection)
    lines = "\n".join(f"{job.id}  {job.state}  {job.kind} {' '.join(job.arguments)}" for job in found)
    summary = {"jobs": [_summary(job, folder) for job in found]}
    say(summary, lines or "There is no job yet.", quiet=quiet, as_json=as_json)


@jobs.command()
@click.argument("job_id", type=click.IntRange(1, LARGEST_ID), metavar="ID")
@quiet_option
@json_option
def show(job_id: int, quiet: bool, as_json: bool) -> None:
    """Say how far a job is, and where its output is.

    \b
    Example:
      python manage.py jobs show 1
    """
    settings = load_settings()
    folder = JobsFolder.of(settings)
    with study_database(settings) as engine, reading(engine) as connection:
        job = service.by_id(connection, job_id)
    say(_summary(job, folder), _sentence(job, folder), quiet=quiet, as_json=as_json)


def _summary(job: JobRow, folder: JobsFolder) -> dict[str, Any]:
    """A job as one JSON object; times in UTC."""
    row = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(job).items()
    }
    return {**row, "output": str(_output(job, folder)) if job.state == "done" else None}


def _sentence(job: JobRow, folder: JobsFolder) -> str:
    told = {
        "queued": "waits for the worker (python manage.py worker)",
        "running": f"runs, attempt {job.attempts}",
        "done": f"is done: {_output(job, folder)}",
        "failed": f"has failed: {job.error}",
    }
    return f"Job {job.id} ({job.kind}) {told[job.state]}"


def _output(job: JobRow, folder: JobsFolder) -> Any:
    return folder.output(job) / OUTPUTS[job.kind]
