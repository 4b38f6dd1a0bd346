"""``manage.py answers``: judge typed answers, have the open ones read, and compare judgements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from commands.answers_diff import diff
from commands.answers_review import ratings, review, told_unused
from commands.options import NumberRange, force_option, json_option, progress, quiet_option, say
from scoring.answers.beyond import Beyond
from scoring.answers.judge import JUDGE_VERSION, Judgement
from scoring.answers.judged import (
    ADDED,
    NAMED,
    judge_answers,
    judged_rows,
    names_in_answers,
    refuse_columns,
    unused_concepts,
)
from scoring.answers.lexicon import Lexicon, load_lexicon
from scoring.answers.meaning import ENCODERS, WORDLLAMA, Meaning
from scoring.answers.review import RATED, Rated, read_rated
from scoring.answers.sheets import (
    Answers,
    NewSheet,
    check_writable,
    read_answers,
    refuse_same,
    write_sheets,
)
from scoring.answers.translations import LANGUAGES, Translations
from stimuli.errors import UserError

PATH = click.Path(path_type=Path)


@click.group()
def answers() -> None:
    """Judge typed answers.

    \b
    Example:
      python manage.py answers judge answers.csv judged.csv --lexicon lexicon.toml
    """


@answers.command()
@click.argument("source", metavar="IN.csv", type=PATH)
@click.argument("out", metavar="OUT.csv", type=PATH)
@click.option("--lexicon", "lexicon_file", type=PATH, help="TOML file of further words.")
@click.option(
    "--rated", "rated_file", type=PATH, help="CSV of what raters decided (answers ratings); it goes first."
)
@click.option(
    "--language",
    "languages",
    multiple=True,
    type=click.Choice(list(LANGUAGES)),
    help="Know nouns of this language too; repeatable.",
)
@click.option("--encoder", help=f"Give half credit for nearness in meaning: {', '.join(ENCODERS)}.")
@click.option(
    "--nearness",
    type=NumberRange(0, 1, min_open=True),
    help="Least cosine for it.  [default: 0.5 for wordllama]",
)
@click.option(
    "--against-all", is_flag=True, help="Add the column named: the concept, of all, that an answer names."
)
@click.option(
    "--replace", is_flag=True, help="Judge again: fill columns that are there anew, where they stand."
)
@force_option
@quiet_option
@json_option
def judge(
    source: Path,
    out: Path,
    lexicon_file: Path | None,
    rated_file: Path | None,
    languages: tuple[str, ...],
    encoder: str | None,
    nearness: float | None,
    against_all: bool,
    replace: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Judge the answers of IN.csv (columns concept, response, or a trial table) and write OUT.csv.

    Rows and columns keep their order; hard_correct, soft_correct, rule and judge_version are added.

    \b
    Example:
      python manage.py answers judge answers.csv judged.csv --lexicon lexicon.toml
    """
    refuse_same(out, lexicon_file, rated_file)
    check_writable(out, force=force)
    lexicon = load_lexicon(lexicon_file) if lexicon_file else None
    rated = read_rated(rated_file) if rated_file else None
    beyond = _beyond(languages, encoder, nearness)
    table = read_answers(source)
    if not replace:
        refuse_columns(table, (*ADDED, NAMED))
    judgements = _judge_all(table, lexicon, rated, beyond, quiet=quiet or as_json)
    named = against_all or NAMED in table.sheet.header
    names = list(names_in_answers(table, lexicon, beyond)) if named else None
    write_sheets([NewSheet(out, *judged_rows(table, judgements, names))], force=force)
    summary = _summary(out, judgements, names, rated) | _sources(beyond)
    summary["lexicon_unused"] = None if lexicon is None else unused_concepts(lexicon, table)
    say(summary, _sentence(summary), quiet=quiet, as_json=as_json)


answers.add_command(review)
answers.add_command(ratings)
answers.add_command(diff)


def _beyond(languages: Sequence[str], encoder: str | None, nearness: float | None) -> Beyond | None:
    """What else words are compared by; raises UserError if its parts are not installed or do not fit."""
    if nearness is not None and encoder is None:
        raise UserError("--nearness is of an encoder; name one with --encoder, or leave --nearness out")
    if encoder not in (None, WORDLLAMA) and nearness is None:
        raise UserError(f"cosines of {encoder} have a range of their own; say from which on with --nearness")
    if not languages and encoder is None:
        return None
    return Beyond(
        Translations(languages) if languages else None,
        Meaning(encoder) if encoder else None,
        Beyond.nearness if nearness is None else nearness,
    )


def _sources(beyond: Beyond | None) -> dict[str, Any]:
    """Where words of other languages and nearness are from, with versions."""
    return {
        "languages": beyond.translations.version if beyond and beyond.translations else None,
        "encoder": beyond.meaning.version if beyond and beyond.meaning else None,
    }


def _judge_all(
    table: Answers, lexicon: Lexicon | None, rated: Rated | None, beyond: Beyond | None, *, quiet: bool
) -> list[Judgement | None]:
    judged = judge_answers(table, lexicon, rated, beyond)
    return list(progress(judged, "answers", len(table.sheet.rows), quiet=quiet))


def _summary(
    out: Path, judgements: Sequence[Judgement | None], names: Sequence[str] | None, rated: Rated | None
) -> dict[str, Any]:
    judged = [judgement for judgement in judgements if judgement]
    rules = Counter(judgement.rule for judgement in judged)
    return {
        "out": str(out),
        "rows": len(judgements),
        "kept": len(judgements) - len(judged),
        "hard_correct": sum(judgement.hard for judgement in judged),
        "soft_correct": sum(judgement.soft for judgement in judged),
        "rated": None if rated is None else rules[RATED],
        "named": None if names is None else sum(map(bool, names)),
        "rules": dict(sorted(rules.items())),
        "judge_version": judged[0].version if judged else JUDGE_VERSION,
    }


def _sentence(summary: dict[str, Any]) -> str:
    kept = f" {summary['kept']} rows keep the scores they had." if summary["kept"] else ""
    rated = "" if summary["rated"] is None else f" {summary['rated']} rows have a score of raters."
    no_use = told_unused(summary["lexicon_unused"])
    n, soft = summary["rows"] - summary["kept"], summary["soft_correct"]
    mean = f" (mean {soft / n:.2f})".replace("0.", ".") if n else ""
    return (
        f"Judged {n} answers with {summary['judge_version']}: {summary['hard_correct']} name the concept "
        f"itself, soft credit {soft:g} of {n}{mean}; wrote {summary['out']}.{rated}{kept}{no_use}"
    )
