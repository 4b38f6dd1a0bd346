"""Each command is documented and shows an example."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from docs.make_commands_page import leaves, page
from manage import cli

COMMANDS_PAGE = Path(__file__).parents[3] / "docs" / "commands.md"


LEAVES = list(leaves(cli, ()))


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=[name for name, _ in LEAVES])
def test_each_command_has_an_example_and_help_for_every_option(name: str, command: click.Command) -> None:
    assert f"python manage.py {name}" in (command.help or "")
    unexplained = [
        option.name for option in command.params if isinstance(option, click.Option) and not option.help
    ]
    assert not unexplained


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=[name for name, _ in LEAVES])
def test_each_command_and_option_stands_on_the_commands_page(name: str, command: click.Command) -> None:
    written = COMMANDS_PAGE.read_text(encoding="utf-8")
    assert f"## `manage.py {name}`" in written
    section = written.split(f"## `manage.py {name}`")[1].split("\n## ")[0]
    missing = [
        option.opts[0]
        for option in command.params
        if isinstance(option, click.Option) and f"`{option.opts[0]}`" not in section
    ]
    assert not missing


def test_the_commands_page_is_the_commands_own_help() -> None:
    assert COMMANDS_PAGE.read_text(encoding="utf-8") == page()
