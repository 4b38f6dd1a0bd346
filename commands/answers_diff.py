"""``manage.py answers diff``: what changed between two judgements of the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from commands.options import force_option, json_option, quiet_option, say
from scoring.answers.rescoring import COLUMNS, Rescoring, change_rows, compare_judgements
from scoring.answers.sheets import NewSheet, check_writable, listed, refuse_same, write_sheets

PATH = click.Path(path_type=Path)
#: rows of a table on the screen
LISTED = 20


@click.command()
@click.argument("old", metavar="OLD.csv", type=PATH)
@click.argument("new", metavar="NEW.csv", type=PATH)
@click.option("--out", type=PATH, help="Write all changed answers to this CSV.")
@force_option
@quiet_option
@json_option
def diff(old: Path, new: Path, out: Path | None, force: bool, quiet: bool, as_json: bool) -> None:
    """Say what changed between two judgements of the same answers, row by row in the same order.

    Both are what answers judge wrote, or trial tables. Listed are the concepts with their mean soft score
    before and after, the rules, and the answers that changed, the largest effect first.

    \b
    Example:
      python manage.py answers diff judged.csv judged_again.csv --out changes.csv
    """
    refuse_same(old, new, out)
    check_writable(out, force=force)
    found = compare_judgements(old, new)
    if out:
        write_sheets([NewSheet(out, COLUMNS, change_rows(found.changes))], force=force)
    if not quiet and not as_json:
        for table in _tables(found):
            Console().print(table)
    say(_summary(found, out), _sentence(found, out), quiet=quiet, as_json=as_json)


def _tables(found: Rescoring) -> Iterator[Table]:
    if found.changed:
        yield _concepts(found)
    if found.rules:
        yield _rules(found)
    if found.changes:
        yield _answers(found)


def _concepts(found: Rescoring) -> Table:
    changed = sorted(
        (one for one in found.concepts if one.changed),
        key=lambda one: (-abs(one.soft_after - one.soft_before), -one.changed, one.concept),
    )
    table = Table("concept", title=_title("concepts", len(changed)), box=None)
    for name in ("rows", "changed", "soft before", "after", "hard gained", "lost"):
        table.add_column(name, justify="right")
    for one in changed[:LISTED]:
        means = (f"{one.soft_before:.3f}", f"{one.soft_after:.3f}")
        counts = (str(one.hard_gained), str(one.hard_lost))
        table.add_row(escape(one.concept), str(one.n), str(one.changed), *means, *counts)
    return table


def _rules(found: Rescoring) -> Table:
    table = Table("rule before", "after", title=_title("rules", len(found.rules)), box=None)
    table.add_column("rows", justify="right")
    for (before, after), n in found.rules.most_common(LISTED):
        table.add_row(escape(before or "not told"), escape(after or "not told"), str(n))
    return table


def _answers(found: Rescoring) -> Table:
    table = Table("concept", "response", title=_title("answers", len(found.changes)), box=None)
    for name in ("rows", "soft before", "after"):
        table.add_column(name, justify="right")
    table.add_column("rule after")
    for one in found.changes[:LISTED]:
        scores = (f"{one.before.soft:g}", f"{one.after.soft:g}")
        table.add_row(escape(one.concept), escape(one.response), str(one.n), *scores, escape(one.after.rule))
    return table


def _title(what: str, n: int) -> str:
    return f"changed {what}" if n <= LISTED else f"changed {what}, the first {LISTED} of {n}"


def _summary(found: Rescoring, out: Path | None) -> dict[str, Any]:
    rules = found.rules.most_common()
    return {
        "rows": found.n,
        "unjudged": found.unjudged,
        "uncounted": found.uncounted,
        "changed": found.changed,
        "changed_answers": len(found.changes),
        "versions_before": list(found.versions[0]),
        "versions_after": list(found.versions[1]),
        "concepts": [asdict(one) for one in found.concepts],
        "rules": [{"before": before, "after": after, "rows": n} for (before, after), n in rules],
        "answers": [dict(zip(COLUMNS, row, strict=True)) for row in change_rows(found.changes[:LISTED])],
        "out": str(out) if out else None,
    }


def _sentence(found: Rescoring, out: Path | None) -> str:
    before, after = (listed(versions) or "scores without a version" for versions in found.versions)
    unjudged = (
        f" {found.unjudged} rows without a score in one of them are left out." if found.unjudged else ""
    )
    if found.uncounted:
        unjudged += f" {found.uncounted} practice, catch or excluded rows are left out."
    wrote = f" Wrote {out}." if out else ""
    return (
        f"{found.changed} of {found.n} rows have another score ({len(found.changes)} different answers), "
        f"from {before} to {after}.{unjudged}{wrote}"
    )
