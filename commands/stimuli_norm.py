"""``manage.py stimuli norm``: which pictures people can name, from a pilot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from commands.options import NumberRange, force_option, json_option, quiet_option
from stimuli.errors import UserError
from stimuli.files import refuse_to_overwrite, replacing

if TYPE_CHECKING:
    import pandas as pd

PATH = click.Path(path_type=Path)
#: what a folder that ``export`` wrote holds, the more exact one first
TABLES = ("trials.parquet", "trials.csv")


@click.command("norm")
@click.argument("trials", type=PATH)
@click.option("--out", type=PATH, help="CSV file for the norms of every source.")
@click.option("--manifest", type=PATH, help="Manifest of the stimuli, to name the files of the pictures.")
@click.option(
    "--threshold",
    type=NumberRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Naming agreement below which a source is flagged.",
)
@click.option(
    "--fewest",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Answers that a source needs; with fewer it has no norms.",
)
@force_option
@quiet_option
@json_option
def norm(
    trials: Path,
    out: Path | None,
    manifest: Path | None,
    threshold: float,
    fewest: int,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Say how well people agree on the name of each undegraded picture, and flag those below a threshold.

    TRIALS is a pilot's trial table (CSV or Parquet), or the folder that `export` wrote. Only test trials of
    clean stimuli count that no rule excludes, and of each participant the first answer to a source. With
    --manifest, pictures that nobody saw are listed too.

    \b
    Example:
      python manage.py stimuli norm dataset --manifest stimuli-v1 --out norms.csv
    """
    if out is not None:
        if out.suffix.lower() != ".csv":
            raise UserError(f"the norms are written as CSV; name {out.name} with the ending .csv")
        refuse_to_overwrite(out, force)
    path = _table_of(trials)
    table, notes = _norms(path, threshold, fewest)
    if manifest is not None:
        table = _with_files(table, manifest)
    if out is not None:
        with replacing(out, force=force) as temporary:
            table.to_csv(temporary, index=False, lineterminator="\n")
    if as_json:
        click.echo(json.dumps(_summary(table, threshold, path, out) | {"notes": notes}, allow_nan=False))
    elif not quiet:
        _tell(table, threshold, path, out, notes)


def _table_of(trials: Path) -> Path:
    """The trial table that was named, or that of a folder: its Parquet file where it has both."""
    if not trials.is_dir():
        return trials
    there = [trials / name for name in TABLES if (trials / name).is_file()]
    if not there:
        raise UserError(f"{trials} has neither {' nor '.join(TABLES)}; name a folder that export wrote")
    return there[0]


def _norms(path: Path, threshold: float, fewest: int) -> tuple[pd.DataFrame, list[str]]:
    from scoring.naming import naming_norms
    from scoring.trial_table import read_trials

    frame = read_trials(path, units=())
    return naming_norms(frame, str(path), threshold=threshold, fewest=fewest), list(frame.attrs["notes"])


def _with_files(table: pd.DataFrame, manifest: Path) -> pd.DataFrame:
    """Add each picture's file after its source, and the clean pictures that nobody was shown."""
    import pandas as pd

    from scoring.naming import as_table
    from stimuli.manifest import read_manifest

    clean = {row.source: row for row in read_manifest(manifest) if row.perturbation == "clean"}
    seen = set(table["source"])
    if not seen & set(clean):
        raise UserError(f"{manifest} has none of the sources that were shown; name the study's own manifest")
    unseen = [
        {"source": row.source, "concept": row.concept, "n": 0, "reason": "no test trial showed it undegraded"}
        for row in clean.values()
        if row.source not in seen
    ]
    if unseen:
        table = pd.concat([table, as_table(pd.DataFrame(unseen))], ignore_index=True)
    files = [clean[source].source_path if source in clean else None for source in table["source"]]
    table.insert(1, "source_path", pd.Series(files, dtype="string"))
    return table


def _summary(table: pd.DataFrame, threshold: float, path: Path, out: Path | None) -> dict[str, Any]:
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return {
        "trials": str(path),
        "out": str(out) if out else None,
        "threshold": threshold,
        "counts": _counts(table),
        "sources": rows,
    }


def _counts(table: pd.DataFrame) -> dict[str, int]:
    flag = table["flag"].fillna(False).astype(bool)
    return {
        "sources": len(table),
        "with_norms": int(table["agreement"].notna().sum()),
        "flagged": int(flag.sum()),
        "surely_below": int(table["verdict"].eq("surely below").sum()),
        "without_norms": int(table["agreement"].isna().sum()),
    }


def _tell(table: pd.DataFrame, threshold: float, path: Path, out: Path | None, notes: list[str]) -> None:
    from rich.console import Console

    console = Console(width=None if Console().is_terminal else 110)
    counts, known = _counts(table), table[table["agreement"].notna()]
    if len(known):
        console.print(
            f"{counts['with_norms']} sources have norms, from {known['n'].min()} to {known['n'].max()} "
            f"answers each; mean naming agreement {known['agreement'].mean():.3f}, mean H {_mean_h(known)}.\n"
            f"{counts['flagged']} lie below {threshold:g}, {counts['surely_below']} of them surely "
            "(with their whole 95% interval).",
            highlight=False,
        )
    flagged = table[table["flag"].fillna(False).to_numpy(bool)]
    if len(flagged):
        console.print(_rich_table(flagged))
    for reason, rows in table[table["agreement"].isna()].groupby("reason", sort=True):
        console.print(f"No norms for {_sources(len(rows))}: {reason}.", markup=False, highlight=False)
    for note in notes:
        console.print(note, markup=False, highlight=False)
    console.print(f"Read: {path}", markup=False, highlight=False, soft_wrap=True)
    if out is not None:
        console.print(f"Written: {out}", markup=False, highlight=False)


def _mean_h(known: pd.DataFrame) -> str:
    return f"{known['h'].mean():.2f} bits" if known["h"].notna().any() else "–"


def _sources(count: int) -> str:
    return "1 source" if count == 1 else f"{count} sources"


def _rich_table(flagged: pd.DataFrame) -> Any:
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title="Flagged: naming agreement with its 95% interval", title_justify="left")
    for name, justify in (
        *(("picture", "left"), ("concept", "left"), ("n", "right"), ("agreement", "right")),
        *(("below?", "left"), ("most gave", "left"), ("H", "right")),
    ):
        shown.add_column(name, justify="right" if justify == "right" else "left", overflow="fold")
    for row in flagged.to_dict("records"):
        path = row.get("source_path")
        shown.add_row(
            escape(path if isinstance(path, str) else str(row["source"])),
            escape(str(row["concept"])),
            str(row["n"]),
            f"{row['agreement']:.2f} ({row['agreement_low']:.2f} to {row['agreement_high']:.2f})",
            str(row["verdict"]).removesuffix(" below"),
            escape(f"{row['modal_answer']} ({row['modal_share']:.2f})") if row["h"] == row["h"] else "–",
            f"{row['h']:.2f}" if row["h"] == row["h"] else "–",
        )
    return shown
