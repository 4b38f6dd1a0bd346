"""``manage.py worker``: what is done without anybody asking."""

from __future__ import annotations

import click

from commands.database import study_database
from commands.options import NumberRange, quiet_option
from experiment_server.settings import load_settings


@click.command()
@click.option(
    "--every",
    type=NumberRange(0.05, 60),
    default=5.0,
    show_default=True,
    help="Seconds from one round to the next; another worker takes over after three rounds without a sign.",
)
@quiet_option
def worker(every: float, quiet: bool) -> None:
    """Give back the places of those who left, and run the jobs.

    It goes on until it is told to stop (Ctrl-C, or a TERM signal). Run as many as you like: one acts, and
    the others wait until it ends.

    \b
    Example:
      python manage.py worker
    """
    from experiment_server.worker import Worker, signals

    settings = load_settings()
    with study_database(settings) as engine, signals() as wait:
        Worker(settings, engine, every, (lambda _line: None) if quiet else click.echo, wait).run()
