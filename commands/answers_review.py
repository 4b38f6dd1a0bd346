"""``manage.py answers review`` and ``ratings``: open answers to two raters, and their scores back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.options import force_option, json_option, quiet_option, say
from scoring.answers.judged import unused_concepts
from scoring.answers.lexicon import load_lexicon
from scoring.answers.review import (
    CONVENTIONS,
    QUEUE,
    RATED_COLUMNS,
    SCORES,
    Decision,
    decide,
    disputed,
    names_another,
    open_items,
    queue_rows,
    rated_rows,
    read_rated,
)
from scoring.answers.sheets import NewSheet, check_writable, listed, read_answers, refuse_same, write_sheets

if TYPE_CHECKING:
    from scoring.alignment.estimate import Estimate

PATH = click.Path(path_type=Path)
#: a score from which on an answer counts as right, for κ of right and wrong
RIGHT_FROM = 0.5
#: items listed on the screen
LISTED = 20


@click.command()
@click.argument("source", metavar="IN.csv", type=PATH)
@click.argument("first", metavar="QUEUE_1.csv", type=PATH)
@click.argument("second", metavar="QUEUE_2.csv", type=PATH)
@click.option("--lexicon", "lexicon_file", type=PATH, help="TOML file of further words.")
@click.option("--rated", "rated_file", type=PATH, help="CSV of earlier decisions; what it has is left out.")
@click.option("--concept", "concepts", multiple=True, help="Only answers to this concept; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Answers that the judge decides too, to check it.")
@click.option(
    "--skip-named", is_flag=True, help="Leave out answers that name another of the file's concepts."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random draws."
)
@force_option
@quiet_option
@json_option
def review(
    source: Path,
    first: Path,
    second: Path,
    lexicon_file: Path | None,
    rated_file: Path | None,
    concepts: tuple[str, ...],
    everything: bool,
    skip_named: bool,
    seed: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the answers of IN.csv that the judge leaves open as two queues, one for each rater.

    Each distinct answer to a concept is there once, without condition, participant, count or the judge's
    score, in an order of its own in each file. Raters fill in the column score, each alone: 1 = names it, a
    synonym, a misspelling, a translation, or a subordinate that fits only if it was recognised; 0.5 = the
    right superordinate or a strongly related thing; 0 = neither.

    \b
    Example:
      python manage.py answers review answers.csv queue_1.csv queue_2.csv
    """
    refuse_same(source, first, second, lexicon_file, rated_file)
    check_writable(first, second, force=force)
    answers = read_answers(source)
    lexicon = load_lexicon(lexicon_file) if lexicon_file else None
    rated = read_rated(rated_file) if rated_file else None
    items = open_items(answers, lexicon, everything=everything, only=concepts, rated=rated)
    left = [item for item in items if not (skip_named and names_another(item, answers, lexicon))]
    paths = (first, second) if left else ()
    write_sheets(
        [
            NewSheet(path, QUEUE, queue_rows(left, rater, seed), for_spreadsheets=True)
            for rater, path in enumerate(paths, start=1)
        ],
        force=force,
    )
    summary = {
        "queues": [str(path) for path in paths],
        "items": len(left),
        "skipped_named": len(items) - len(left) if skip_named else None,
        "rows": len(answers.sheet.rows),
        "uncounted": answers.counted.count(False),
        "lexicon_unused": None if lexicon is None else unused_concepts(lexicon, answers),
    }
    say(summary, _queued(summary), quiet=quiet, as_json=as_json)


def told_unused(concepts: Sequence[str] | None) -> str:
    """Say which concepts of a lexicon the answers do not have; empty if there are none."""
    return f" The lexicon has no use here for {listed(concepts)}." if concepts else ""


def _queued(summary: dict[str, Any]) -> str:
    named, uncounted = summary["skipped_named"], summary["uncounted"]
    left_out = (
        f" {named} that name another concept are left out." if named else "",
        f" {uncounted} practice, catch or excluded rows are left out." if uncounted else "",
    )
    no_use = told_unused(summary["lexicon_unused"])
    if not summary["queues"]:
        return (
            f"No answer of {summary['rows']} rows is left to read; wrote nothing.{''.join(left_out)}{no_use}"
        )
    wrote = f"Wrote {summary['items']} answers to read to {' and '.join(summary['queues'])}."
    return f"{wrote}{''.join(left_out)} Fill in the scores: {CONVENTIONS}.{no_use}"


@click.command()
@click.argument("first", metavar="QUEUE_1.csv", type=PATH)
@click.argument("second", metavar="QUEUE_2.csv", type=PATH)
@click.argument("out", metavar="OUT.csv", type=PATH)
@click.option("--disputed", "queue", type=PATH, help="Write items on which they differ as a third's queue.")
@click.option("--third", type=PATH, help="That queue, filled in: its scores decide.")
@click.option(
    "--draws", type=click.IntRange(100), default=2000, show_default=True, help="Draws of the bootstrap."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the random draws."
)
@force_option
@quiet_option
@json_option
def ratings(
    first: Path,
    second: Path,
    out: Path,
    queue: Path | None,
    third: Path | None,
    draws: int,
    seed: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Put two filled queues together, say how far the raters agree, and write OUT.csv.

    OUT.csv has concept, response and score, the mean of the two or the third rater's; answers judge takes it
    as --rated. Agreement is of the two, with 95% intervals: as a share, as Cohen's kappa of right (from 0.5
    on) and wrong, and as kappa with quadratic weights over the three scores.

    \b
    Example:
      python manage.py answers ratings queue_1.csv queue_2.csv rated.csv --disputed queue_3.csv
    """
    refuse_same(first, second, out, queue, third)
    check_writable(out, queue, force=force)
    decisions = decide(first, second, third)
    left = disputed(decisions)
    agreement = agreement_of(decisions, draws, seed)
    sheets = [NewSheet(out, RATED_COLUMNS, rated_rows(decisions))]
    if queue and left:
        rows = queue_rows([found.item for found in left], 3, seed)
        sheets.append(NewSheet(queue, QUEUE, rows, for_spreadsheets=True))
    write_sheets(sheets, force=force)
    if left and not quiet and not as_json:
        Console().print(_table(left))
    sentence = _sentence(decisions, left, agreement, out)
    if queue and not left:
        sentence += f" They differ on none, so {queue} was not written."
    say(_summary(decisions, left, agreement, out), sentence, quiet=quiet, as_json=as_json)


def agreement_of(decisions: Sequence[Decision], draws: int, seed: int) -> dict[str, Estimate]:
    """Agreement of the two raters: as a share, as κ of right and wrong, as quadratic κ of the scores.

    Items are what was resampled. A κ is missing where both raters gave one score only.
    """
    from scoring.alignment.rater_agreement import kappa_estimate

    one, other = [found.first for found in decisions], [found.second for found in decisions]
    first_right, second_right = ([score >= RIGHT_FROM for score in scores] for scores in (one, other))
    return {
        "agreement": _share([found.agreed for found in decisions]),
        "kappa": kappa_estimate(first_right, second_right, draws=draws, seed=seed),
        "quadratic_kappa": kappa_estimate(one, other, "quadratic", categories=SCORES, draws=draws, seed=seed),
    }


def _share(same: Sequence[bool]) -> Estimate:
    """The share of items with one score, with Wilson's 95% interval."""
    from scoring.alignment.estimate import Estimate
    from scoring.alignment.rater_agreement import NO_ITEMS
    from scoring.naming import wilson_interval

    n = len(same)
    if not n:
        return Estimate(unit="items", reason=NO_ITEMS)
    low, high = map(float, wilson_interval(sum(same), n))
    return Estimate(sum(same) / n, low, high, n, "items", method="Wilson")


def _table(left: Sequence[Decision]) -> Table:
    title = (
        f"the first {LISTED} of {len(left)} on which they differ" if len(left) > LISTED else "they differ on"
    )
    table = Table("item", "concept", "response", "first", "second", title=title, box=None)
    for found in left[:LISTED]:
        item = found.item
        row = (item.id, item.concept, item.response, f"{found.first:g}", f"{found.second:g}")
        table.add_row(*map(escape, row))
    return table


def _summary(
    decisions: Sequence[Decision], left: Sequence[Decision], agreement: dict[str, Estimate], out: Path
) -> dict[str, Any]:
    entries = {key: value for name, found in agreement.items() for key, value in found.keys(name).items()}
    return {
        "out": str(out),
        "items": len(decisions),
        "differ": sum(not found.agreed for found in decisions),
        "undecided": [found.item.id for found in left],
        **entries,
    }


def _sentence(
    decisions: Sequence[Decision], left: Sequence[Decision], agreement: dict[str, Estimate], out: Path
) -> str:
    told = "; ".join(
        (
            f"same score for {_told(agreement['agreement'])}",
            f"kappa of right and wrong {_told(agreement['kappa'])}",
            f"quadratic kappa {_told(agreement['quadratic_kappa'])}",
        )
    )
    third = f" On {len(left)} they differ: the mean stands until a third decides." if left else ""
    return f"{len(decisions)} items: {told}. Wrote {out}.{third}"


def _told(found: Estimate) -> str:
    if math.isnan(found.value):
        return f"is missing ({found.reason})"
    if math.isnan(found.low):
        return f"{found.value:.2f} ({found.reason})"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
