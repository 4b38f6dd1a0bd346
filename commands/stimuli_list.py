"""``manage.py stimuli list``: the registry as a table, or all that is known of one perturbation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from commands.options import json_option
from stimuli.errors import UserError
from stimuli.perturbations import CLEAN, PERTURBATIONS, Perturbation

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: marks levels that nobody published
OURS = "*"
#: columns where there is no terminal
_PLAIN_WIDTH = 100
#: the table's columns and their widths, which with the gaps make 100
_COLUMNS = {
    "perturbation": 27,
    "unit": 13,
    "stronger": 8,
    "range": 10,
    "levels": 17,
    "needs": 8,
    "light": 5,
}


@click.command("list")
@click.argument("name", required=False)
@click.option("--group", help="List this group only.")
@json_option
def list_command(name: str | None, group: str | None, as_json: bool) -> None:
    """List the perturbations: what a severity means, its range, its levels, and what each needs.

    With NAME, everything that is known of one: what it does, its levels with all their parameters, at which
    severities people recognise so much, where it comes from, what to mind.

    \b
    Example:
      python manage.py stimuli list gaussian_blur
    """
    rows = _chosen(name, group)
    if as_json:
        click.echo(json.dumps({"perturbations": [asdict(row) for row in rows]}))
        return
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else _PLAIN_WIDTH, highlight=False)
    if name:
        _print_one(console, rows[0])
    else:
        _print_groups(console, rows)


def groups() -> list[str]:
    """Names of the groups, in the registry's order."""
    return list(dict.fromkeys(row.group for row in PERTURBATIONS.values() if row.name != CLEAN))


def _chosen(name: str | None, group: str | None) -> list[Perturbation]:
    rows = [row for row in PERTURBATIONS.values() if row.name != CLEAN]
    if name is not None and name not in {row.name for row in rows}:
        raise UserError(f"{name!r} is not a perturbation; `stimuli list` names them all")
    if group is not None and group not in groups():
        raise UserError(f"{group!r} is not a group; choose one of {', '.join(groups())}")
    return [row for row in rows if name in (None, row.name) and group in (None, row.group)]


# What is said of one, on this page and in the documentation


def stronger_is(row: Perturbation) -> str:
    """Which severities are the stronger ones."""
    return {1: "larger", -1: "smaller", 0: "no order"}[row.direction]


def span(row: Perturbation) -> str:
    """The allowed range."""
    whole = ", whole" if row.whole else ""
    return f"{row.low:g} to {row.high:g}{whole}"


def levels(row: Perturbation) -> str:
    """The levels, marked where they are ours."""
    text = " ".join(f"{level:g}" for level in row.levels)
    return text if row.published_levels else f"{text} {OURS}"


def needs(row: Perturbation) -> str:
    """What it needs besides a picture: colour in it, chance, a model."""
    words = (("colour", row.colour), ("chance", row.random), ("a model", row.needs_model))
    return ", ".join(word for word, needed in words if needed) or "–"


def parameters_at_levels(row: Perturbation) -> list[str]:
    """A line for each companion parameter: its values at the published levels."""
    return [
        f"{one.name}{f' ({one.unit})' if one.unit else ''}: {' '.join(f'{value:g}' for value in one.values)}"
        for one in row.companions
    ]


# Tables


def _print_groups(console: Console, rows: Sequence[Perturbation]) -> None:
    console.print(_table(rows))
    console.print(
        f"\nLevels run from mild to strong, as published, or ours where marked {OURS}. light: there is a "
        "form in linear light.\nAll about one: python manage.py stimuli list NAME",
        markup=False,
    )


def _table(rows: Sequence[Perturbation]) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, width in _COLUMNS.items():
        table.add_column(name, width=width, overflow="fold")
    for group in dict.fromkeys(row.group for row in rows):
        table.add_row(f"[bold]{escape(group)}[/bold]")
        for row in rows:
            if row.group == group:
                cells = (row.name, row.unit, stronger_is(row), span(row), levels(row), needs(row))
                table.add_row(*map(escape, cells), "yes" if row.linear_light else "–")
        table.add_section()
    return table


def _print_one(console: Console, row: Perturbation) -> None:
    from rich.markup import escape
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in _facts(row):
        grid.add_row(name, escape(text))
    console.print(f"[bold]{row.name}[/bold]")
    console.print(grid)


def _facts(row: Perturbation) -> list[tuple[str, str]]:
    return [
        ("group", row.group),
        ("does", row.does),
        ("severity", f"{row.parameter}, {row.unit}"),
        ("stronger is", stronger_is(row)),
        ("range", span(row)),
        ("changes nothing", "at no severity" if row.identity is None else f"at {row.identity:g}"),
        ("published levels" if row.published_levels else "our levels", levels(row).removesuffix(OURS)),
        *(("with them", line) for line in parameters_at_levels(row)),
        ("needs", needs(row)),
        ("linear light", "there is a form in linear light" if row.linear_light else "no"),
        *([("people", people(row))] if row.human else []),
        ("source", row.source),
        *([("mind", row.mind)] if row.mind else []),
    ]


def people(row: Perturbation) -> str:
    """At which severities people are right so often."""
    if row.human is None:
        return ""
    return (
        f"75% correct at {row.human.at_75_percent:g}, halfway to chance at {row.human.midpoint:g}, 35% at "
        f"{row.human.at_35_percent:g} (16 alternatives, 200 ms, mask; Geirhos et al. 2018)"
    )
