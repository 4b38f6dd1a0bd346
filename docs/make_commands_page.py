"""Write docs/commands.md from the commands' own help: ``python docs/make_commands_page.py``."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from manage import cli  # noqa: E402

INTRODUCTION = """# The command line

Every command takes `--help`. It exits with 0 when done, 1 after one clear line about what is wrong,
and 2 for wrong usage. Nothing is overwritten without `--force`. This page is made from the commands'
own help by `python docs/make_commands_page.py`.
"""


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Yield (full name, command) for every command that does something itself."""
    if not isinstance(command, click.Group):
        yield " ".join(path), command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        if child is not None:
            yield from leaves(child, (*path, name))


def option_line(option: click.Option, context: click.Context) -> str:
    """One list item: the option's names, what it does, and its default where help shows one."""
    names = ", ".join(f"`{name}`" for name in option.opts)
    record = option.get_help_record(context)
    text = record[1] if record else option.help or ""
    return f"- {names}: {' '.join(text.split())}"


def section(name: str, command: click.Command) -> str:
    """The section of one command: usage, its help, and its options."""
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    text, _, example = inspect.cleandoc(command.help or "").partition("\b\n")
    options = [option_line(p, context) for p in command.params if isinstance(p, click.Option)]
    lines = "\n".join(line for line in example.splitlines() if line.strip() != "Example:")
    return (
        f"\n## `manage.py {name}`\n\n    python manage.py {name} {usage}\n\n{text.strip()}\n\n"
        f"Example:\n\n{textwrap.indent(inspect.cleandoc(lines), '    ')}\n\n" + "\n".join(options) + "\n"
    )


def page() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(section(name, command) for name, command in leaves(cli, ()))


if __name__ == "__main__":
    (ROOT / "docs" / "commands.md").write_text(page(), encoding="utf-8")
