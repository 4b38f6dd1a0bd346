"""``manage.py db``: the database."""

from __future__ import annotations

import click

from commands.options import json_option, quiet_option, say
from experiment_server.migrations import schema
from experiment_server.models.database import connect, explaining
from experiment_server.services.identities import seal_all, vault_of
from experiment_server.settings import load_settings


@click.group()
def db() -> None:
    """Set up the database.

    \b
    Example:
      python manage.py db upgrade
    """


@db.command()
@quiet_option
@json_option
def upgrade(quiet: bool, as_json: bool) -> None:
    """Bring the database to this version's schema; a new one is made. Doing it again changes nothing.

    Where the setting identity_key is new, the Prolific IDs that are there are encrypted. With IDs that are
    encrypted already, it needs the key that they were encrypted with.

    \b
    Example:
      python manage.py db upgrade
    """
    settings = load_settings()
    with explaining(settings):
        engine = connect(settings)
        before, after = schema.upgrade(engine)
        encrypted = seal_all(engine, vault_of(settings))
    done = f"The database is at revision {after}" + (" already." if before == after else ".")
    if encrypted:
        done += f" The Prolific IDs of {encrypted} participant{'s' * (encrypted > 1)} are encrypted now."
    say({"before": before, "after": after, "encrypted": encrypted}, done, quiet=quiet, as_json=as_json)
