"""``manage.py simulate``: simulated participants over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import click

from commands.database import study_database
from commands.options import NumberRange, json_option, progress, quiet_option, say
from experiment_server.design.observer import Population
from experiment_server.settings import load_settings
from experiment_server.simulate.pictures import StudyPictures, load_pictures
from experiment_server.simulate.run import Run, summarise
from experiment_server.simulate.run import simulate as run_simulation
from stimuli.errors import UserError

DEFAULT_URL = "http://127.0.0.1:8000"


@click.command()
@click.argument("study")
@click.option("--participants", required=True, type=click.IntRange(1), help="How many take part.")
@click.option("--url", default=DEFAULT_URL, show_default=True, help="Address of the server.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same answers.")
@click.option("--concurrency", default=4, show_default=True, type=click.IntRange(1, 64), help="At a time.")
@click.option(
    "--dropout",
    default=Population.dropout,
    show_default=True,
    type=NumberRange(0, 1),
    help="Probability that a participant vanishes in the middle.",
)
@click.option("--inattentive", default=0, type=click.IntRange(0), help="Of them, who look away a lot.")
@click.option("--clickers", default=0, type=click.IntRange(0), help="Of them, who answer at random, at once.")
@click.option("--pasters", default=0, type=click.IntRange(0), help="Of them, who let a model answer.")
@quiet_option
@json_option
def simulate(
    study: str,
    participants: int,
    url: str,
    seed: int,
    concurrency: int,
    dropout: float,
    inattentive: int,
    clickers: int,
    pasters: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Let simulated participants do STUDY on a running server.

    They speak the participants' HTTP contract as a browser does: some slip, some reload the page, some
    never finish. What they recognise follows the observer model in docs/simulate.md. Of the careless kinds
    none takes part unless asked for; the seed draws which of the participants they are.

    \b
    Examples:
      python manage.py simulate demo --participants 40 --url http://127.0.0.1:8000
      python manage.py simulate demo --participants 40 --inattentive 3 --clickers 2 --pasters 2
    """
    _check_address(url)
    careless = {"inattentive": inattentive, "clicker": clickers, "paster": pasters}
    if sum(careless.values()) > participants:
        raise UserError(
            f"{sum(careless.values())} careless participants are more than --participants {participants}; "
            "they are among them, so raise it or ask for fewer"
        )
    pictures = _read_pictures(study)
    population = Population(width=pictures.width, dropout=dropout)
    run = Run(url.rstrip("/"), pictures, population, participants, seed, concurrency, careless)
    visits = list(progress(run_simulation(run), "participants", participants, quiet=quiet or as_json))
    summary = {"study": study, "url": run.url, "seed": seed, **summarise(visits)}
    say(summary, _sentences(summary), quiet=quiet, as_json=as_json)


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/"):
        raise UserError(f"--url {url} is no address of a server; write it like {DEFAULT_URL}, without a path")


def _read_pictures(study: str) -> StudyPictures:
    with study_database(load_settings()) as engine:
        return load_pictures(engine, study)


def _sentences(summary: dict[str, Any]) -> str:
    head = (
        f"{summary['finished']} of {summary['participants']} participants finished, "
        f"{summary['dropped']} dropped out, {summary['turned_away']} were turned away; "
        f"{summary['responses']} responses."
    )
    return "\n".join([head, *_table(summary["conditions"])])


def _table(conditions: dict[str, dict[str, float]]) -> list[str]:
    if not conditions:
        return []
    lines = [f"{'condition':<24}{'n':>6}{'named':>8}{'recognised':>12}"]
    return lines + [
        f"{key:<24}{row['n']:>6}{row['correct']:>8.3f}{row['recognised']:>12.3f}"
        for key, row in conditions.items()
    ]
