"""Options and output that several commands share."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
Command = Callable[..., Any]

#: plain progress lines (where there is no terminal) come at most this often, in seconds
PLAIN_LINE_SECONDS = 5.0


class NumberRange(click.FloatRange):
    """A number between two bounds; unlike for click's own range, NaN is none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the number; what is none, or out of bounds, is click's to refuse."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


def force_option(command: Command) -> Command:
    """Add ``--force``: replace what is there already."""
    return click.option("--force", is_flag=True, help="Replace existing output.")(command)


def quiet_option(command: Command) -> Command:
    """Add ``--quiet``: print errors only."""
    return click.option("--quiet", is_flag=True, help="Print nothing but errors.")(command)


def json_option(command: Command) -> Command:
    """Add ``--json``: print one JSON object instead of sentences."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def say(summary: dict[str, Any], sentence: str, *, quiet: bool, as_json: bool = False) -> None:
    """Tell the outcome of a command: one JSON object, one sentence, or nothing."""
    if as_json:
        click.echo(json.dumps(summary, allow_nan=False, default=str))
    elif not quiet:
        click.echo(sentence)


def progress(items: Iterable[Item], what: str, total: int, *, quiet: bool) -> Iterator[Item]:
    """Yield the items and show how far we are, on standard error.

    A bar on a terminal, a line now and then elsewhere, nothing with ``quiet``.
    """
    if quiet:
        yield from items
    elif sys.stderr.isatty():
        yield from _bar(items, what, total)
    else:
        yield from _lines(items, what, total)


def _bar(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        yield from bar.track(items, total=total, description=what)


def _lines(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if done == total or time.monotonic() - said >= PLAIN_LINE_SECONDS:
            click.echo(f"{what}: {done}/{total}", err=True)
            said = time.monotonic()
