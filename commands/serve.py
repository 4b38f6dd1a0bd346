"""``manage.py serve``: the participants' pages."""

from __future__ import annotations

import click

from commands.options import quiet_option
from experiment_server.migrations import schema
from experiment_server.models.database import connect, explaining, reading
from experiment_server.services import studies
from experiment_server.services.identities import seal_all, vault_of
from experiment_server.settings import Settings, load_settings
from scoring.answers import wordnet


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@quiet_option
def serve(host: str, port: int, workers: int, quiet: bool) -> None:
    """Serve the participants' pages until told to stop (Ctrl-C, or a TERM signal).

    The database's schema is brought up to date first. Requests under way are finished before it stops.

    \b
    Example:
      python manage.py serve --port 8000
    """
    from experiment_server.serving import Serving, address_of, listen

    wordnet.require()
    settings = load_settings()
    listener = listen(host, port)
    found = _prepare(settings)
    lines = [] if quiet else _links(address_of(listener), found)
    Serving(settings, listener, workers, lambda: click.echo("\n".join(lines), nl=bool(lines))).run()


def _prepare(settings: Settings) -> dict[str, str]:
    """Set up the database, once, before any worker is forked; returns the studies' statuses by name."""
    with explaining(settings):
        engine = connect(settings)
        schema.upgrade(engine)
        seal_all(engine, vault_of(settings))
        with reading(engine) as connection:
            found = studies.statuses(connection)
        engine.dispose()
    _ = settings.key
    return found


def _links(address: str, found: dict[str, str]) -> list[str]:
    """What to tell once the server answers."""
    links = [
        f"Study {name}{'' if status == 'open' else f' ({status})'}: {address}/s/{name}"
        for name, status in found.items()
    ]
    return links or [
        f"Serving at {address}; there is no study yet, make one with: manage.py study create FILE"
    ]
