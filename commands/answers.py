"""``manage.py answers``: judge typed answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from commands.options import force_option, json_option, progress, quiet_option, say
from scoring.answers.judge import JUDGE_VERSION, Judgement
from scoring.answers.lexicon import Lexicon, load_lexicon
from scoring.answers.tables import AnswerTable, judge_rows, read_answers, write_judged
from stimuli.files import refuse_to_overwrite


@click.group()
def answers() -> None:
    """Judge typed answers.

    \b
    Example:
      python manage.py answers judge answers.csv judged.csv --lexicon lexicon.toml
    """


@answers.command()
@click.argument("source", metavar="IN.csv", type=click.Path(path_type=Path))
@click.argument("out", metavar="OUT.csv", type=click.Path(path_type=Path))
@click.option(
    "--lexicon", "lexicon_file", type=click.Path(path_type=Path), help="TOML file of further words."
)
@force_option
@quiet_option
@json_option
def judge(
    source: Path, out: Path, lexicon_file: Path | None, force: bool, quiet: bool, as_json: bool
) -> None:
    """Judge the answers of IN.csv (columns concept, response) and write OUT.csv.

    Rows and columns keep their order; hard_correct, soft_correct, rule and judge_version are added.

    \b
    Example:
      python manage.py answers judge answers.csv judged.csv --lexicon lexicon.toml
    """
    refuse_to_overwrite(out, force)
    lexicon = load_lexicon(lexicon_file) if lexicon_file else None
    table = read_answers(source)
    judgements = _judge_all(table, lexicon, quiet=quiet or as_json)
    write_judged(out, table, judgements, force=force)
    summary = _summary(out, judgements)
    say(summary, _sentence(summary), quiet=quiet, as_json=as_json)


def _judge_all(table: AnswerTable, lexicon: Lexicon | None, *, quiet: bool) -> list[Judgement]:
    return list(progress(judge_rows(table, lexicon), "answers", len(table.rows), quiet=quiet))


def _summary(out: Path, judgements: Sequence[Judgement]) -> dict[str, Any]:
    rules = Counter(judgement.rule for judgement in judgements)
    return {
        "out": str(out),
        "rows": len(judgements),
        "hard_correct": sum(judgement.hard for judgement in judgements),
        "soft_correct": sum(judgement.soft for judgement in judgements),
        "rules": dict(sorted(rules.items())),
        "judge_version": judgements[0].version if judgements else JUDGE_VERSION,
    }


def _sentence(summary: dict[str, Any]) -> str:
    return (
        f"Judged {summary['rows']} answers with {summary['judge_version']}: {summary['hard_correct']} name "
        f"the concept itself, soft credit {summary['soft_correct']:g}; wrote {summary['out']}."
    )
