"""The command line of InterpScore: ``python manage.py COMMAND``.

Each command is imported only when it is called, so that a small command (``db upgrade``) never
pays for a large one's libraries (torch).
"""

from __future__ import annotations

import importlib
import sys

import click

from stimuli.errors import UserError

#: command name -> the module and object that hold it, and its line in ``--help``
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("commands.demo:demo", "Run the whole job on the embedded pictures and model."),
    "stimuli": ("commands.stimuli:stimuli", "Build degraded stimuli from a folder of pictures."),
    "study": ("commands.study:study", "Check, create and look at studies."),
    "serve": ("commands.serve:serve", "Serve the participants' pages."),
    "worker": ("commands.worker:worker", "Give back places that were left; run the jobs."),
    "jobs": ("commands.jobs:jobs", "Let the worker make exports, reports and scores."),
    "simulate": ("commands.simulate:simulate", "Let simulated participants do a study over HTTP."),
    "quality": ("commands.quality:quality", "Show quality signals; record exclusions from the analysis."),
    "answers": ("commands.answers:answers", "Judge typed answers."),
    "activations": ("commands.activations:activations", "Extract unit activations; choose units."),
    "causality": ("commands.causality:causality", "Measure what each unit does to concepts' logits."),
    "demo-model": ("commands.demo_model:demo_model", "Train the small embedded CLIP."),
    "score": ("commands.score:score", "Score units for concepts: S, C, R, H, InterpScore."),
    "compare": ("commands.compare:compare_command", "Compare models and layers on one study."),
    "align": ("commands.align:align_command", "Measure how alike people and models recognise."),
    "export": ("commands.export:export", "Write a study's dataset, without any Prolific ID."),
    "report": ("commands.report:report", "Write a study's report as one HTML file."),
    "db": ("commands.db:db", "Set up the database."),
}


class LazyGroup(click.Group):
    """A click group that knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, or None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Run recognition experiments on people and score the units of a vision model against them.

    \b
    Example:
      python manage.py demo
    """


def main() -> None:
    """Run the command line; a UserError is one line on standard error and exit status 1."""
    try:
        cli()
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
