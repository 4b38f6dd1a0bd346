"""``manage.py quality``: the flags of a study's sessions, and exclusions from its analysis."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.database import study_database
from commands.options import json_option, quiet_option, say
from experiment_server.context import utc_now
from experiment_server.design.quality import QUALITY_VERSION, Flag, in_words
from experiment_server.models.database import reading, writing
from experiment_server.services import exclude as excluding
from experiment_server.services import studies
from experiment_server.services.quality import Assessed, CatchPicture, assess_study, catch_pictures
from experiment_server.services.studies import Catalogue
from experiment_server.settings import load_settings
from stimuli.errors import UserError

#: share of attentive participants from which on a catch picture is one that everybody names
EVERYBODY = 0.9
#: participants who must have seen it before that is said
FEWEST_SEEN = 10
PAY = "Neither flags nor exclusions change anybody's completion code or pay."

study_argument = click.argument("study")


@click.group()
def quality() -> None:
    """Look at a study's quality signals, and record exclusions from its analysis.

    Neither flags nor exclusions change anybody's completion code or pay.

    \b
    Example:
      python manage.py quality show demo
    """


@quality.command()
@study_argument
@quiet_option
@json_option
def show(study: str, quiet: bool, as_json: bool) -> None:
    """Show the flags of every session of STUDY, with their evidence; nothing is stored.

    Sessions with an answer to a test or catch trial are listed. Then comes how often each catch picture was
    named by those who are not otherwise flagged. docs/quality.md says what each flag means.

    \b
    Example:
      python manage.py quality show demo
    """
    catalogue = Catalogue()
    with study_database(load_settings()) as engine, reading(engine) as connection:
        study_id = studies.known(connection, study).id
        assessed = assess_study(connection, catalogue, study_id)
        pictures = catch_pictures(connection, catalogue, study_id, assessed)
    if not quiet and not as_json and assessed:
        Console().print(_table(assessed))
    found = summary(study, assessed, pictures)
    say(found, "\n".join(_sentences(assessed, pictures)), quiet=quiet, as_json=as_json)


@quality.command()
@study_argument
@quiet_option
@json_option
def apply(study: str, quiet: bool, as_json: bool) -> None:
    """Record whom the rules in STUDY's own file keep out of its analysis.

    The rules ([exclusion] in the study file) were frozen before there were data. They judge sessions that
    ended or answered their last trial; what is on record stays, and doing it again adds what is new.

    \b
    Example:
      python manage.py quality apply demo
    """
    catalogue = Catalogue()
    with study_database(load_settings()) as engine, writing(engine) as connection:
        study_id = studies.known(connection, study).id
        rules = catalogue.definition(connection, study_id).design.exclusion.flags
        new = excluding.apply_rules(connection, catalogue, study_id, utc_now())
        out = len(excluding.excluded(connection, study_id))
    by = f"by the rules {', '.join(rules)}" if rules else "since its file names no rule"
    done = f"{new} new exclusions {by}; {out} participants of {study} are excluded. {PAY}"
    say(
        {"study": study, "rules": list(rules), "new": new, "excluded": out},
        done,
        quiet=quiet,
        as_json=as_json,
    )


@quality.command()
@study_argument
@click.argument("pseudonym")
@click.option("--reason", required=True, help="Why, so that others can judge it.")
@click.option("--by", "who", help="Who decides.  [default: your login name]")
@quiet_option
@json_option
def exclude(study: str, pseudonym: str, reason: str, who: str | None, quiet: bool, as_json: bool) -> None:
    """Record a decision of your own to keep a participant, PSEUDONYM, out of the analysis of STUDY.

    The dataset's exclusions.csv names it as such, with the reason, who decided and when.

    \b
    Example:
      python manage.py quality exclude demo P-1a2b3c4d --reason "wrote to us that a child took part"
    """
    decided_by = who or _login_name()
    with study_database(load_settings()) as engine, writing(engine) as connection:
        new = excluding.by_hand(connection, study, pseudonym, reason, decided_by, utc_now())
    done = (
        f"{pseudonym} is excluded from the analysis of {study}."
        if new
        else f"{pseudonym} is excluded already."
    )
    decided = {"study": study, "participant": pseudonym, "new": new}
    say(decided, f"{done} {PAY}", quiet=quiet, as_json=as_json)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UserError("this system does not tell your login name; say who decides with --by") from error


def _table(assessed: Sequence[Assessed]) -> Table:
    table = Table("participant", "outcome", "catch", "flags, with their evidence", "excluded by", box=None)
    for one in assessed:
        evidence = "\n".join(in_words(flag) for flag in one.raised)
        row = (one.pseudonym, _outcome(one), _catch(one.flags), evidence, ", ".join(one.excluded_by))
        table.add_row(*map(escape, row))
    return table


def _outcome(one: Assessed) -> str:
    return one.outcome or "going on"


def _catch(flags: Sequence[Flag]) -> str:
    found = [f"{flag.evidence['right']}/{flag.evidence['of']}" for flag in flags if flag.name == "catch"]
    return "".join(found)


def _sentences(assessed: Sequence[Assessed], pictures: Sequence[CatchPicture]) -> Iterator[str]:
    if not assessed:
        yield "There is no session with an answer yet."
        return
    flagged = sum(bool(one.raised) for one in assessed)
    out = sum(bool(one.excluded_by) for one in assessed)
    yield f"{len(assessed)} sessions, {flagged} with a flag, {out} excluded. {PAY}"
    counts = _counts(assessed)
    if counts:
        yield "Flags: " + ", ".join(f"{name} {number}" for name, number in counts.items()) + "."
    yield from map(about, pictures)


def about(picture: CatchPicture) -> str:
    """One catch picture; it measures attention only if nearly everybody names it."""
    said = f"Catch picture {picture.concept} ({picture.stimulus}): named by {picture.named} of {picture.seen}"
    few = _everybody(picture) is False
    return f"{said}: fewer than {EVERYBODY:.0%}, so it is none that everybody names." if few else f"{said}."


def _everybody(picture: CatchPicture) -> bool | None:
    """Whether nearly everybody named it; None if too few have seen it to tell."""
    return picture.named / picture.seen >= EVERYBODY if picture.seen >= FEWEST_SEEN else None


def _counts(assessed: Sequence[Assessed]) -> dict[str, int]:
    counts = Counter(flag.name for one in assessed for flag in one.raised)
    return dict(sorted(counts.items()))


def summary(study: str, assessed: Sequence[Assessed], pictures: Sequence[CatchPicture]) -> dict[str, Any]:
    """What ``quality show --json`` prints."""
    return {
        "study": study,
        "version": QUALITY_VERSION,
        "sessions": [_session(one) for one in assessed],
        "flags": _counts(assessed),
        "catch_pictures": [{**vars(one), "everybody": _everybody(one)} for one in pictures],
    }


def _session(one: Assessed) -> dict[str, Any]:
    return {
        "participant": one.pseudonym,
        "outcome": one.outcome,
        "flags": [vars(flag) for flag in one.flags],
        "excluded_by": list(one.excluded_by),
    }
